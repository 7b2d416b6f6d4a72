// Training steps on the device against the CPU, from the same parameters and the same samples.
#include <algorithm>
#include <array>

#include "device.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler::test {
namespace {

template <class T>
struct State {
    std::vector<T> w, m, v, loss;
    bool operator==(const State& other) const {
        const auto same = [](T a, T b) { return a == b || (std::isnan(a) && std::isnan(b)); };
        return w == other.w && m == other.m && v == other.v &&
               std::equal(loss.begin(), loss.end(), other.loss.begin(), other.loss.end(), same);
    }
};

Index parameters(const std::vector<Layer>& layers) {
    Index count = 0;
    for (const Layer& layer : layers)
        count += layer.outputs * (layer.inputs + 1);
    return count;
}

template <class T>
State<T> start(const std::vector<Layer>& layers, Index members) {
    const Index count = parameters(layers) * members;
    State<T> state{normals<T>(count, 1),
                   std::vector<T>(static_cast<std::size_t>(count)),
                   std::vector<T>(static_cast<std::size_t>(count)),
                   {}};
    for (T& w : state.w)
        w *= T(0.3);
    Index end = 0;
    for (Index i = 0; i < members; ++i)
        for (const Layer& layer : layers) {
            end += layer.outputs * (layer.inputs + 1);
            if (!layer.bias)
                std::fill_n(state.w.begin() + end - layer.outputs, layer.outputs, T{0});
        }
    return state;
}

template <class T>
State<T> train(Backend<T>& on, const TrainPlan<T>& plan, const std::vector<MemberPlan>& members, const State<T>& from,
               Index first, Index last) {
    const auto batch = static_cast<Index>(members.size()), count = static_cast<Index>(from.w.size()) / batch;
    OnDevice<T> w(on, from.w, count, 1, batch), m(on, from.m, count, 1, batch), v(on, from.v, count, 1, batch),
        loss(on, last - first, 1, batch);
    on.train(plan, members, first, last, w.view(), m.view(), v.view(), loss.view());
    return {w.download(), m.download(), v.download(), loss.download()};
}

// Smooth samples of a stream, the same on every machine: targets are positive with mean about one.
template <class T>
class Smooth final : public SampleSource<T> {
public:
    explicit Smooth(const std::vector<Layer>& layers) : layers_(layers) {}
    Index inputs() const override { return layers_.front().inputs; }
    Index outputs() const override { return layers_.back().outputs; }
    void draw(Backend<T>& on, std::uint64_t, std::uint64_t stream, Index first, Batch<T> input,
              Batch<T> target) const override {
        EXPECT_TRUE(on.on_host());
        for (Index j = 0; j < input.cols; ++j) {
            RandomStream random(5, stream, static_cast<std::uint64_t>(first + j) << 16);
            for (Index i = 0; i < input.rows; ++i)
                input(i, j) = static_cast<T>(random.normal());
            for (Index i = 0; i < target.rows; ++i)
                target(i, j) = static_cast<T>(0.5 + random.uniform());
        }
    }

private:
    const std::vector<Layer>& layers_;
};

template <class T>
TrainPlan<T> plan_of(const std::vector<Layer>& layers, Loss loss, const SampleSource<T>& source) {
    TrainPlan<T> plan;
    plan.layers = layers;
    plan.batch_size = 70;  // more than one tile of samples, not whole warps
    plan.loss = loss;
    plan.seed = 99;
    plan.samples = &source;
    return plan;
}

// The gradients of a step agree to a few units; Adam divides by their size, so an entry whose gradient is small against
// its rounding moves by up to the rate in another direction, which is why single precision is compared loosely:
// 5 steps of rate 1e-2, of which a thousandth. Double precision: 1e-10 as asked.
template <class T>
void expect_close(const State<T>& found, const State<T>& wanted) {
    const double tolerance = sizeof(T) == 4 ? 1e-4 : 1e-10;
    EXPECT_LE(relative_error(found.w, wanted.w), tolerance);
    EXPECT_LE(relative_error(found.m, wanted.m), tolerance);
    EXPECT_LE(relative_error(found.v, wanted.v), tolerance);
    for (std::size_t i = 0; i < wanted.loss.size(); ++i) {
        EXPECT_EQ(std::isnan(found.loss[i]), std::isnan(wanted.loss[i])) << i;
        if (!std::isnan(wanted.loss[i])) {
            EXPECT_NEAR(found.loss[i], wanted.loss[i], tolerance * static_cast<double>(wanted.loss[i])) << i;
        }
    }
}

const std::vector<Layer> deep{{13, 9, Activation::tanh, false},
                              {9, 12, Activation::softplus, true},
                              {12, 8, Activation::relu, false},
                              {8, 5, Activation::logistic, false},
                              {5, 33, Activation::softplus, true}};
const std::vector<Layer> plain{{13, 34, Activation::tanh, false}, {34, 3, Activation::identity, false}};

std::vector<MemberPlan> members_of(Index count) {
    std::vector<MemberPlan> members;
    for (Index i = 0; i < count; ++i)
        members.push_back(
            {static_cast<std::uint64_t>(3 * i + 1), i % 2 == 0 ? 7 : 3, 1e-4 * static_cast<double>(i + 1), i % 3 == 1});
    return members;
}

template <class T>
class Train : public testing::Test {
protected:
    std::unique_ptr<Backend<T>> cpu = make_cpu_backend<T>(1);
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(Train, Precisions);

TYPED_TEST(Train, FiveStepsMatchCpu) {
    using T = TypeParam;
    for (const auto& layers : {deep, plain})
        for (const Loss loss : {Loss::mse, Loss::rmse}) {
            const auto members = members_of(3);
            const Smooth<T> source(layers);
            const TrainPlan<T> plan = plan_of<T>(layers, loss, source);
            const State<T> from = start<T>(layers, 3);
            expect_close(train(*device<T>(), plan, members, from, 0, 5), train(*this->cpu, plan, members, from, 0, 5));
        }
}

TYPED_TEST(Train, LayersWithoutBiasMatchCpu) {
    using T = TypeParam;
    std::vector<Layer> layers = deep;
    layers[0].bias = layers[1].bias = layers[4].bias = false;
    const auto members = members_of(3);
    const Smooth<T> source(layers);
    const TrainPlan<T> plan = plan_of<T>(layers, Loss::mse, source);
    const State<T> from = start<T>(layers, 3), found = train(*device<T>(), plan, members, from, 0, 5);
    expect_close(found, train(*this->cpu, plan, members, from, 0, 5));
    const Index first = layers[0].inputs * layers[0].outputs, size = parameters(layers);
    for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < layers[0].outputs; ++j)
            for (const std::vector<T>* values : {&found.w, &found.m, &found.v})
                EXPECT_EQ((*values)[static_cast<std::size_t>(i * size + first + j)], T{0});
}

TYPED_TEST(Train, DeerTracesMatchCpu) {
    using T = TypeParam;
    DeerDatabase d;
    d.times = 40;
    d.distances = 24;
    const DeerTables tables = make_deer_tables(d);
    const std::vector<Layer> layers{{40, 10, Activation::tanh, false}, {10, 24, Activation::logistic, false}};
    const DeerSource<T> source(tables);
    const TrainPlan<T> plan = plan_of<T>(layers, Loss::mse, source);
    const auto members = members_of(2);
    const State<T> from = start<T>(layers, 2);
    expect_close(train(*device<T>(), plan, members, from, 0, 4), train(*this->cpu, plan, members, from, 0, 4));
}

TYPED_TEST(Train, CutsAndCompanyDoNotChangeBits) {
    using T = TypeParam;
    const auto members = members_of(3);
    const Smooth<T> source(deep);
    const TrainPlan<T> plan = plan_of<T>(deep, Loss::rmse, source);
    const State<T> from = start<T>(deep, 3);
    const auto gpu = device<T>();
    auto& on = *gpu;
    const State<T> whole = train(on, plan, members, from, 0, 4);
    State<T> half = train(on, plan, members, from, 0, 2);
    const State<T> rest = train(on, plan, members, half, 2, 4);
    EXPECT_EQ(rest.w, whole.w);
    EXPECT_EQ(rest.m, whole.m);
    EXPECT_EQ(rest.v, whole.v);

    const auto size = parameters(deep);
    for (Index i = 0; i < 3; ++i) {
        const auto part = [&](const std::vector<T>& x, Index n) {
            return std::vector<T>(x.begin() + i * n, x.begin() + (i + 1) * n);
        };
        const State<T> alone = train(on, plan, {members[static_cast<std::size_t>(i)]},
                                     {part(from.w, size), part(from.m, size), part(from.v, size), {}}, 0, 4);
        EXPECT_EQ(alone, (State<T>{part(whole.w, size), part(whole.m, size), part(whole.v, size), part(whole.loss, 4)}))
            << i;
    }
}

TYPED_TEST(Train, MembersBeyondTheirScheduleAreLeftAlone) {
    using T = TypeParam;
    const auto members = members_of(2);  // 7 and 3 iterations
    const Smooth<T> source(plain);
    const TrainPlan<T> plan = plan_of<T>(plain, Loss::mse, source);
    const State<T> from = start<T>(plain, 2);
    const State<T> found = train(*device<T>(), plan, members, from, 5, 9);
    for (std::size_t i = 0; i < found.loss.size(); ++i)
        EXPECT_EQ(std::isnan(found.loss[i]), i >= 2) << i;
    const auto half = from.w.size() / 2;
    EXPECT_TRUE(std::equal(found.w.begin() + static_cast<Index>(half), found.w.end(),
                           from.w.begin() + static_cast<Index>(half)));
    EXPECT_NE(found.w[0], from.w[0]);
}

TYPED_TEST(Train, NothingToDo) {
    using T = TypeParam;
    const Smooth<T> source(plain);
    const TrainPlan<T> plan = plan_of<T>(plain, Loss::mse, source);
    const State<T> from = start<T>(plain, 2);
    EXPECT_EQ(train(*device<T>(), plan, members_of(2), from, 4, 4).w, from.w);
}

}  // namespace
}  // namespace descrambler::test
