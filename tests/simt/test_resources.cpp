// What the heads of the kernel files state in lines
//   // resources KERNEL PRECISION SIZES: shared S bytes, R registers, F flops
// against the launch (shared memory) and cost.hpp (flops, of one item); ptxas's registers: tests/cuda/check_kernels.py.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>

#include "cuda/device.hpp"
#include "descrambler/cost.hpp"
#include "engine.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler {
namespace {

struct Stated {
    double shared = 0, registers = 0, flops = 0;
};
// By "KERNEL PRECISION SIZES".
std::map<std::string, Stated> statements() {
    const std::regex line(R"(// resources (.*): shared (\d+) bytes, (\d+) registers, (\d+) flops)");
    std::map<std::string, Stated> result;
    for (const auto& entry : std::filesystem::directory_iterator(DESCRAMBLER_KERNEL_SOURCES)) {
        std::ifstream file(entry.path());
        std::smatch match;
        for (std::string text; std::getline(file, text);)
            if (std::regex_match(text, match, line))
                result[match[1]] = {std::stod(match[2]), std::stod(match[3]), std::stod(match[4])};
    }
    return result;
}

// Launches the kernel at its size and says what cost.hpp counts.
template <class T>
std::vector<T> zeros(Index n) {
    return std::vector<T>(static_cast<std::size_t>(n));
}

double tikhonov(Index n) {
    const auto on = device<double>();
    const Index packed = n * (n - 1) / 2;
    const OnDevice<double> mu(*on, n, 1, 1, zeros<double>(n)), L(*on, n, n, 1, zeros<double>(n * n)),
        q(*on, packed, 1, 1, zeros<double>(packed)), eta(*on, 1, 1), dq(*on, packed, 1);
    on->tikhonov(mu.view(), L.view(), q.view(), eta.view(), dq.view());
    return cost::tikhonov(n, n, 8).flops;
}
double cayley(Index n) {
    const auto on = device<double>();
    const Index packed = n * (n - 1) / 2;
    const OnDevice<double> q(*on, packed, 1, 1, zeros<double>(packed)), P(*on, n, n);
    on->cayley(q.view(), P.view());
    return cost::cayley(n, 8).flops;
}
template <class T>
double dense_gram(Index n, Index d, Index samples) {
    const auto on = device<T>();
    const OnDevice<T> W(*on, n, d, 1, normals<T>(n * d)), x(*on, d, samples, 1, normals<T>(d * samples)), G(*on, n, n);
    on->dense_gram(Activation::tanh, W.view(), {}, x.view(), T{0}, G.view());
    return cost::dense_gram(n, d, samples, sizeof(T)).flops;
}
template <class T>
double qr(Index m, Index n) {
    const auto on = device<T>();
    const OnDevice<T> A(*on, m, n, 1, normals<T>(m * n)), R(*on, n, n);
    on->qr(A.view(), R.view());
    return cost::qr(m, n, sizeof(T)).flops;
}
template <class T>
double svd(Index m, Index n) {
    const auto on = device<T>();
    const Index k = std::min(m, n);
    const OnDevice<T> A(*on, m, n, 1, normals<T>(m * n)), U(*on, m, k), s(*on, k, 1), V(*on, n, k);
    on->svd(A.view(), U.view(), s.view(), V.view());
    return cost::svd(m, n, sizeof(T)).flops;
}
template <class T>
double randomized_svd(Index m, Index n, int k, int l, int q) {
    const auto on = device<T>();
    const OnDevice<T> A(*on, m, n, 1, normals<T>(m * n)), U(*on, m, k), s(*on, k, 1), V(*on, n, k);
    on->randomized_svd(A.view(), k, l - k, q, 1, U.view(), s.view(), V.view());
    return cost::randomized_svd(m, n, k, l, q, sizeof(T)).flops;
}
double deer_trace(Index points) {
    const auto on = device<float>();
    DeerDatabase database = deer_preset("pnas");
    database.times = database.distances = points;
    const DeerTables tables = make_deer_tables(database);
    const OnDevice<float> input(*on, points, 4);
    DeerSource<float>(tables).traces(*on, 1, 1, 0, {.input = input.view()});
    return cost::deer_trace(points, points, 4).flops;
}
double dense_forward(Index outputs, Index inputs, Index samples) {
    const auto on = device<float>();
    const OnDevice<float> W(*on, outputs, inputs, 1, normals<float>(outputs * inputs)),
        x(*on, inputs, samples, 1, normals<float>(inputs * samples)), y(*on, outputs, samples);
    on->dense_forward(Activation::tanh, W.view(), {}, x.view(), y.view());
    return cost::dense_forward(outputs, inputs, samples, 4).flops;
}
template <class T>
double convolve(Index channels, Index outputs, Index side) {
    const auto on = device<T>();
    const Convolution s{1,         channels,  outputs,   1,        {1, side, side}, {1, side, side},
                        {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 1, 1}};
    const OnDevice<T> W(*on, normals<T>(s.depth() * outputs), s.depth(), outputs),
        x(*on, normals<T>(s.inputs()), s.inputs(), 1), y(*on, s.outputs(), 1);
    on->convolve(s, W.cview(), x.cview(), 0, y.view());
    return cost::convolve(s, 1, sizeof(T)).flops;
}

const std::map<std::string, std::function<double()>> launches{
    {"tikhonov_kernel double n = 80", [] { return tikhonov(80); }},
    {"tikhonov_kernel double n = 96", [] { return tikhonov(96); }},
    {"cayley_kernel double n = 80", [] { return cayley(80); }},
    {"qr_kernel double m 256, n 40", [] { return qr<double>(256, 40); }},
    {"qr_kernel float m 256, n 40", [] { return qr<float>(256, 40); }},
    {"svd_kernel double m 80, n 256", [] { return svd<double>(80, 256); }},
    {"svd_kernel float m 80, n 256", [] { return svd<float>(80, 256); }},
    {"slice_kernel double n 128, d 256, 2048 samples", [] { return dense_gram<double>(128, 256, 2048); }},
    {"slice_kernel float n 128, d 256, 2048 samples", [] { return dense_gram<float>(128, 256, 2048); }},
    {"sketch_kernel double m 256, n 256, rank 32, l 40, q 1",
     [] { return randomized_svd<double>(256, 256, 32, 40, 1); }},
    {"sketch_kernel float m 256, n 256, rank 32, l 40, q 1", [] { return randomized_svd<float>(256, 256, 32, 40, 1); }},
    {"trace_kernel float 256 times, 256 distances", [] { return deer_trace(256); }},
    {"forward_kernel float 80 outputs, 256 inputs, 64 samples", [] { return dense_forward(80, 256, 64); }},
    {"gather_kernel double 64 channels, 64 outputs, 3 x 3, 16 x 16", [] { return convolve<double>(64, 64, 16); }},
    {"gather_kernel float 64 channels, 64 outputs, 3 x 3, 16 x 16", [] { return convolve<float>(64, 64, 16); }},
    {"direct_kernel double 64 channels, 3 outputs, 3 x 3, 16 x 16", [] { return convolve<double>(64, 3, 16); }},
    {"direct_kernel float 64 channels, 3 outputs, 3 x 3, 16 x 16", [] { return convolve<float>(64, 3, 16); }},
};

TEST(Resources, AreWhatTheHeadsOfTheKernelsSay) {
    const std::map<std::string, Stated> stated = statements();
    for (const auto& [name, launch] : launches) {
        (void)simt::take_shared_bytes();
        const double flops = launch(), shared = static_cast<double>(simt::take_shared_bytes());
        if (!stated.contains(name)) {
            ADD_FAILURE() << "no line '// resources " << name << ": shared " << shared << " bytes, R registers, "
                          << std::lround(flops) << " flops'";
            continue;
        }
        EXPECT_EQ(stated.at(name).shared, shared) << name;
        EXPECT_EQ(stated.at(name).flops, std::round(flops)) << name;
    }
    for (const auto& [name, numbers] : stated)
        EXPECT_TRUE(launches.contains(name)) << "no launch for '" << name << "'";
}

}  // namespace
}  // namespace descrambler
