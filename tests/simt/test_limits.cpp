// What a device does at its limits: little shared memory, no memory, and everything late.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <set>

#include "cuda/device.hpp"
#include "descrambler/frozen.hpp"
#include "divide.cuh"
#include "engine.hpp"
#include "simt.hpp"
#include "staging.hpp"
#include "train/resident.hpp"

namespace descrambler {
namespace {

// Shared memory of a block while one of these lives: the least that is served.
struct SmallCard {
    explicit SmallCard(const char* bytes = "101376") { setenv("DESCRAMBLER_SIMT_SHARED", bytes, 1); }
    ~SmallCard() { unsetenv("DESCRAMBLER_SIMT_SHARED"); }
    SmallCard(const SmallCard&) = delete;
    SmallCard& operator=(const SmallCard&) = delete;
};

using Numbers = std::vector<std::vector<double>>;  // all results of a call

Numbers qr(Index m, Index n) {
    const auto on = device<double>();
    const OnDevice<double> A(*on, normals<double>(m * n), m, n), R(*on, n, n);
    on->qr(A.view(), R.view());
    return {A.download(), R.download()};
}
Numbers svd(Index m, Index n, Index batch = 1) {
    const auto on = device<double>();
    const Index k = std::min(m, n);
    const OnDevice<double> A(*on, normals<double>(m * n * batch), m, n, batch), U(*on, m, k, batch),
        s(*on, k, 1, batch), V(*on, n, k, batch);
    on->svd(A.view(), U.view(), s.view(), V.view());
    return {U.download(), s.download(), V.download()};
}
Numbers randomized_svd(Index m, Index n, int rank, Index batch = 1) {
    const auto on = device<double>();
    const OnDevice<double> A(*on, normals<double>(m * n * batch), m, n, batch), U(*on, m, rank, batch),
        s(*on, rank, 1, batch), V(*on, n, rank, batch);
    on->randomized_svd(A.cview(), rank, 8, 1, 1, U.view(), s.view(), V.view());
    return {U.download(), s.download(), V.download()};
}
Numbers minimise(Minimiser method, Index n, Index iterations, Index batch = 1) {
    const auto on = device<double>();
    std::vector<double> mu, P(static_cast<std::size_t>(n * n * batch)), L = normals<double>(n * n * batch);
    for (Index i = 0; i < n; ++i)
        mu.push_back(static_cast<double>(i * i));
    for (Index e = 0; e < n * n * batch; ++e)
        L[static_cast<std::size_t>(e)] *= std::pow(0.8, static_cast<double>(e / n % n));
    for (Index b = 0; b < batch; ++b)
        for (Index i = 0; i < n; ++i)
            P[static_cast<std::size_t>(b * n * n + i * (n + 1))] = 1;
    const OnDevice<double> m(*on, mu, n, 1), factor(*on, L, n, n, batch), turn(*on, P, n, n, batch);
    std::vector<MinimiseReport> reports(static_cast<std::size_t>(batch));
    MinimiseOptions options;
    options.method = method;
    options.iterations = iterations;
    options.gradient = 1e-14;
    on->minimise(options, m.shared(batch), factor.cview(), turn.view(), reports);
    Numbers out{turn.download()};
    for (const MinimiseReport& report : reports) {
        out.push_back({static_cast<double>(report.iterations), static_cast<double>(report.evaluations),
                       static_cast<double>(report.converged)});
        for (const MinimiseReport::Point& point : report.history)
            out.push_back({point.eta, point.gradient});
    }
    return out;
}
Numbers gram(Index n, Index samples, Index batch) {
    const auto on = device<double>();
    const OnDevice<double> S(*on, normals<double>(n * samples * batch), n, samples, batch),
        G(*on, std::vector<double>(static_cast<std::size_t>(n * n * batch)), n, n, batch);
    on->gram(S.cview(), 0, G.view());
    return {G.download()};
}
Numbers dense_gram(Index n, Index samples) {
    const auto on = device<double>();
    const OnDevice<double> W(*on, normals<double>(n * 20), n, 20), x(*on, normals<double>(20 * samples), 20, samples),
        G(*on, std::vector<double>(static_cast<std::size_t>(n * n)), n, n);
    on->dense_gram(Activation::tanh, W.cview(), {}, x.cview(), 0, G.view());
    return {G.download()};
}
Numbers tikhonov(Index n, Index batch) {
    const auto on = device<double>();
    const Index packed = n * (n - 1) / 2;
    std::vector<double> q = normals<double>(packed * batch, 2);
    for (double& x : q)
        x *= 0.05;
    const OnDevice<double> mu(*on, normals<double>(n * batch), n, 1, batch),
        L(*on, normals<double>(n * n * batch), n, n, batch), Q(*on, q, packed, 1, batch), eta(*on, 1, 1, batch),
        dq(*on, packed, 1, batch);
    on->tikhonov(mu.cview(), L.cview(), Q.cview(), eta.view(), dq.view());
    return {eta.download(), dq.download()};
}
Numbers offset_dot(Index n, Index K) {
    const auto on = device<double>();
    const OnDevice<double> c(*on, normals<double>(n), n, 1), x(*on, normals<double>(n * K), n, K), r(*on, 1, K);
    on->offset_dot({c.view().data, n, 1}, x.cview(), r.view());
    return {r.download()};
}
// Relu of a convolution, and some probes of it.
Numbers frozen() {
    const auto on = device<double>();
    Graph graph;
    graph.values = {{"x", {1, 2, 5, 5}}, {"c", {1, 6, 3, 3}}, {"y", {1, 6, 3, 3}}};
    Convolve convolve;
    convolve.shape = {1, 2, 6, 1, {1, 5, 5}, {1, 3, 3}, {1, 3, 3}};
    convolve.weight = tensor({6, 2, 3, 3}, normals<double>(108));
    convolve.bias = {normals<double>(6, 2), 9};
    graph.nodes = {{"c", "Conv", convolve, {0}, 1}, {"y", "Relu", Pointwise{}, {1}, 2}};
    graph.output = 2;
    graph.output_shape = {1, 6, 3, 3};
    const FrozenNetwork<double> network(*on, graph, normals<double>(50, 3), {});
    const std::vector<Index> outputs{0, 1, 20, 30, 53}, inputs{0, 7, 49};
    const Matrix<double> rows = network.rows(outputs), columns = network.columns(inputs);
    return {network.output(),
            {rows.values().begin(), rows.values().end()},
            {columns.values().begin(), columns.values().end()}};
}

// ---- shared memory -------------------------------------------------------------------------------------------------

// Panels that lie in shared memory on one card and in global memory on the other.
TEST(SmallCards, FactorisationsHaveTheSameBits) {
    for (const std::function<Numbers()>& call :
         {std::function<Numbers()>([] { return qr(250, 60); }), std::function<Numbers()>([] { return svd(80, 80); }),
          std::function<Numbers()>([] { return svd(40, 330); }),
          std::function<Numbers()>([] { return randomized_svd(300, 120, 40); })}) {
        (void)simt::take_shared_bytes();
        const Numbers wanted = call();
        const std::size_t large = simt::take_shared_bytes();
        const SmallCard small;
        EXPECT_EQ(call(), wanted);
        const std::size_t used = simt::take_shared_bytes();
        EXPECT_GT(large, 101376u) << "a case that tests nothing";
        EXPECT_LE(used, 101376u);
    }
}

// There a launch ends after some iterations.
TEST(SmallCards, MinimisationsOfSeveralLaunchesHaveTheSameBits) {
    for (const Minimiser method : {Minimiser::riemannian, Minimiser::cayley}) {
        const Numbers wanted = minimise(method, 20, 50, 2);
        EXPECT_GE(wanted[1][0], 20) << "iterations: too few for several launches";
        const SmallCard small;
        EXPECT_EQ(minimise(method, 20, 50, 2), wanted);
    }
}

TEST(SmallCards, SmallerOnesAreRefused) {
    const SmallCard small("101375");
    try {
        (void)device<double>();
        ADD_FAILURE() << "a device of less than 99 KiB a block";
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(),
                     "--device cuda:0: the test device gives a block 98 KiB of shared memory, expected at least 99");
    }
}

// ---- indices ---------------------------------------------------------------------------------------------------------

TEST(Divisors, AreExactBelowTwoToThe31) {
    static_assert(cuda::Divisor(7).quotient(20) == 2 && cuda::Divisor(7).remainder(20) == 6);
    constexpr std::uint32_t end = std::uint32_t{1} << 31;
    std::vector<std::uint32_t> numbers{1, 2, 3, 5, 6, 7, 9, 10, 641, 65535, 65537, end / 3, end - 1, end};
    for (int bit = 3; bit < 31; ++bit)
        for (const int by : {-1, 0, 1})
            numbers.push_back((std::uint32_t{1} << bit) + static_cast<std::uint32_t>(by));
    for (const std::uint32_t by : numbers) {
        const cuda::Divisor divisor(by);
        for (const std::uint32_t around : numbers)
            for (const std::uint64_t n : {std::uint64_t{around} * by - 1, std::uint64_t{around} * by,
                                          std::uint64_t{around} * by + by - 1, std::uint64_t{end} - around})
                if (n < end) {
                    ASSERT_EQ(divisor.quotient(static_cast<std::uint32_t>(n)), n / by) << n << " / " << by;
                    ASSERT_EQ(divisor.remainder(static_cast<std::uint32_t>(n)), n % by) << n << " / " << by;
                }
    }
}

// ---- grids ---------------------------------------------------------------------------------------------------------

TEST(Grids, MoreItemsThanASecondDimensionHas) {
    constexpr Index items = 65536 + 3;
    const auto gpu = device<float>(), cpu = host<float>();
    const OnDevice<float> x(*gpu, 1, 1, items), y(*cpu, 1, 1, items);
    gpu->random_uniform(5, 7, 0, x.view());
    cpu->random_uniform(5, 7, 0, y.view());
    EXPECT_EQ(x.download(), y.download());
}

// ---- memory --------------------------------------------------------------------------------------------------------

// Every allocation fails once: a call then throws OutOfMemory or, with less at a time, has the same bits.
TEST(Memory, EveryAllocationMayFail) {
    const std::vector<std::pair<const char*, std::function<Numbers()>>> calls{
        {"qr", [] { return qr(40, 9); }},
        {"svd", [] { return svd(30, 12, 3); }},
        {"randomized_svd", [] { return randomized_svd(30, 20, 3, 3); }},
        {"riemannian", [] { return minimise(Minimiser::riemannian, 5, 8, 3); }},
        {"cayley", [] { return minimise(Minimiser::cayley, 5, 8, 3); }},
        {"gram", [] { return gram(9, 5000, 2); }},
        {"dense_gram", [] { return dense_gram(130, 2100); }},
        {"tikhonov", [] { return tikhonov(98, 2); }},
        {"offset_dot", [] { return offset_dot(9000, 3); }},
        {"frozen", [] { return frozen(); }}};
    std::set<std::string> recovered;
    for (const auto& [name, call] : calls) {
        (void)simt::fail_allocation(0);
        const Numbers wanted = call();
        const std::uint64_t count = simt::fail_allocation(0);
        ASSERT_GT(count, 0u) << name;
        const std::size_t before = simt::memory_in_use();
        for (std::uint64_t k = 1; k <= count; ++k) {
            (void)simt::fail_allocation(k);
            try {
                EXPECT_EQ(call(), wanted) << name << ", allocation " << k;
                recovered.insert(name);
            } catch (const OutOfMemory&) {
            }
            EXPECT_EQ(simt::memory_in_use(), before) << name << ", allocation " << k;
        }
        (void)simt::fail_allocation(0);
    }
    EXPECT_EQ(recovered, (std::set<std::string>{"svd", "randomized_svd", "riemannian", "cayley", "gram", "dense_gram",
                                                "tikhonov", "frozen"}))
        << "calls that went on with less at a time";
}

// Noise, drawn on the device by a source that wants memory of its own for it.
class Greedy final : public SampleSource<float> {
public:
    explicit Greedy(std::size_t bytes) : bytes_(bytes) {}
    [[nodiscard]] Index inputs() const override { return 4; }
    [[nodiscard]] Index outputs() const override { return 2; }
    [[nodiscard]] bool on_device() const override { return true; }
    [[nodiscard]] std::size_t bytes_on_device() const override { return bytes_; }
    void draw(Backend<float>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<float> input,
              Batch<float> target) const override {
        on.random_normal(seed, stream, static_cast<std::uint64_t>(first), input);
        on.random_normal(seed, stream, static_cast<std::uint64_t>(first), target);
    }
    void draw_all(Backend<float>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                  Batch<float> input, Batch<float> target) const override {
        most_at_once = std::max(most_at_once, std::ssize(streams));
        SampleSource<float>::draw_all(on, seed, streams, first, input, target);
    }
    mutable Index most_at_once = 0;

private:
    std::size_t bytes_;
};

// Twelve members fit together, twelve and what their samples want besides do not.
TEST(Memory, MembersThatGoTogetherLeaveRoomForTheirSamples) {
    constexpr std::size_t room = 1 << 20;
    constexpr Index members = 12, batch = 32, count = 6 * 4 + 6 + 2 * 6 + 2;
    const std::vector<Layer> layers{{4, 6, Activation::tanh, false}, {6, 2, Activation::identity, false}};
    const auto trained = [&](const Greedy& source) {
        const auto on = device<float>();
        const OnDevice<float> w(*on, normals<float>(count * members), count, 1, members),
            m(*on, std::vector<float>(static_cast<std::size_t>(count * members)), count, 1, members),
            v(*on, std::vector<float>(static_cast<std::size_t>(count * members)), count, 1, members),
            loss(*on, 2, 1, members);
        std::vector<MemberPlan> plans(members);
        for (std::size_t i = 0; i < plans.size(); ++i)
            plans[i] = {.member = i, .iterations = 2};
        TrainPlan<float> plan;
        plan.layers = layers;
        plan.batch_size = batch;
        plan.samples = &source;
        simt::set_memory(simt::memory_in_use() + room);
        on->train(plan, plans, 0, 2, w.view(), m.view(), v.view(), loss.view());
        simt::set_memory(std::size_t{4} << 30);
        return w.download();
    };
    const Greedy modest(0), greedy(4096);
    const std::vector<float> wanted = trained(modest);
    EXPECT_EQ(modest.most_at_once, members);
    EXPECT_EQ(trained(greedy), wanted);
    EXPECT_GT(greedy.most_at_once, 1);
    EXPECT_LE(static_cast<std::size_t>(greedy.most_at_once * batch) * 4096, room);
}

// A member is held when all have their memory, or not at all.
TEST(Memory, MembersThatFindNoRoomKeepTheirNumbers) {
    const auto on = device<double>();
    const auto member_of = [](double value) {
        MemberState member;
        member.parameters = member.first_moment = member.second_moment = {value, -value};
        return member;
    };
    MemberState a = member_of(1), b = member_of(2);
    for (std::uint64_t k = 1; k <= 6; ++k) {  // two for each of three vectors
        Resident<double> resident(*on, 2);
        resident.hold(std::array{&a});
        (void)simt::fail_allocation(k);
        EXPECT_THROW(resident.hold(std::array{&a, &b}), OutOfMemory) << k;
        (void)simt::fail_allocation(0);
        resident.begin();
        resident.fetch_all();
        EXPECT_EQ(a.parameters, member_of(1).parameters) << k;
        EXPECT_EQ(b.second_moment, member_of(2).second_moment) << k;
        resident.hold(std::array{&a, &b});
        resident.begin();
        resident.fetch_all();
        EXPECT_EQ(a.second_moment, member_of(1).second_moment) << k;
        EXPECT_EQ(b.parameters, member_of(2).parameters) << k;
    }
}

// ---- late ----------------------------------------------------------------------------------------------------------

struct Deferred : testing::Test {
    Deferred() { simt::set_deferred(true); }
    ~Deferred() override { simt::set_deferred(false); }
};

__global__ void add_one_kernel(double* x, Index n) {
    for (Index e = threadIdx.x; e < n; e += blockDim.x)
        x[e] += 1;
}

TEST_F(Deferred, WorkWaitsForSomebodyWhoWaits) {
    cuda::Context on(0);
    bool done = false;
    simt::enqueue([&] { done = true; });
    EXPECT_FALSE(done);
    on.synchronise();
    EXPECT_TRUE(done);
}

// A copy of page-locked memory reads it late: who changes it before is seen.
TEST_F(Deferred, TheSourceOfACopyIsReadLate) {
    double source = 1, target = 0;
    simt::enqueue([&] { target = source; });
    source = 2;
    simt::wait_for_all();
    EXPECT_EQ(target, 2);
}

// to_device promises that the source may change; several times round the ring, in sizes that leave gaps.
TEST_F(Deferred, TheSourceOfAnUploadMayChange) {
    cuda::Context on(0);
    for (const Index n : {1, 7, 511, 512, 513, 5000, 40000}) {
        const cuda::Memory<double> x(on, n);
        std::vector<double> from(static_cast<std::size_t>(n)), back(from.size());
        for (int round = 0; round < 3; ++round) {
            for (std::size_t i = 0; i < from.size(); ++i)
                from[i] = static_cast<double>(i) + round;
            const std::vector<double> wanted = from;
            on.to_device(x.data(), from.data(), from.size() * sizeof(double));
            std::ranges::fill(from, -1.0);
            cuda::launch(on, add_one_kernel, dim3(1), 64, 0, x.data(), n);
            x.download(back.data());
            for (std::size_t i = 0; i < back.size(); ++i)
                ASSERT_EQ(back[i], wanted[i] + 1) << n << " numbers, number " << i;
        }
    }
}

TEST_F(Deferred, ScratchMemoryLivesUntilItsKernelHasRun) {
    cuda::Context on(0);
    const std::size_t before = simt::memory_in_use();
    const cuda::Memory<double> x(on, 64);
    {
        cuda::Memory<double> scratch(on, 64);
        scratch.zero();
        cuda::launch(on, add_one_kernel, dim3(1), 64, 0, scratch.data(), Index{64});
        on.copy(x.data(), scratch.data(), 64 * sizeof(double));
    }
    std::vector<double> back(64);
    x.download(back.data());
    EXPECT_EQ(back, std::vector<double>(64, 1.0));
    EXPECT_LE(simt::memory_in_use(), before + 64 * sizeof(double) + 256);
}

TEST_F(Deferred, ManySmallUploadsAndOneLarge) {
    cuda::Context on(0);
    constexpr Index n = 3000;
    const cuda::Memory<int> x(on, n);
    std::vector<int> wanted;
    for (int i = 0; i < static_cast<int>(n); ++i) {
        on.to_device(x.data() + i, &i, sizeof i);
        wanted.push_back(i);
    }
    std::vector<int> back(static_cast<std::size_t>(n));
    x.download(back.data());
    EXPECT_EQ(back, wanted);
}

}  // namespace
}  // namespace descrambler
