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
double dense_gram(Index n, Index d) {
    const auto on = device<double>();
    const Index samples = 64;
    const OnDevice<double> W(*on, n, d, 1, normals<double>(n * d)), x(*on, d, samples, 1, normals<double>(d * samples)),
        G(*on, n, n);
    on->dense_gram(Activation::tanh, W.view(), {}, x.view(), 0.0, G.view());
    return cost::dense_gram(n, d, samples, 8).flops / static_cast<double>(samples);  // a sample
}
double randomized_svd(Index m, Index n, int k) {
    const auto on = device<double>();
    const OnDevice<double> A(*on, m, n, 1, normals<double>(m * n)), U(*on, m, k), s(*on, k, 1), V(*on, n, k);
    on->randomized_svd(A.view(), k, 10, 1, 1, U.view(), s.view(), V.view());
    return cost::randomized_svd(m, n, k, k + 10, 1, 8).flops;
}
double deer_trace(Index points) {
    const auto on = device<float>();
    DeerDatabase database = deer_preset("pnas");
    database.times = database.distances = points;
    const DeerTables tables = make_deer_tables(database);
    const OnDevice<float> input(*on, points, 4);
    on->deer_traces(tables, 1, 1, 0, {.input = input.view()});
    return cost::deer_trace(points, points, 4).flops;
}
double dense_forward(Index outputs, Index inputs) {
    const auto on = device<float>();
    const Index samples = 64;
    const OnDevice<float> W(*on, outputs, inputs, 1, normals<float>(outputs * inputs)),
        x(*on, inputs, samples, 1, normals<float>(inputs * samples)), y(*on, outputs, samples);
    on->dense_forward(Activation::tanh, W.view(), {}, x.view(), y.view());
    return cost::dense_forward(outputs, inputs, samples, 4).flops / static_cast<double>(samples);
}

const std::map<std::string, std::function<double()>> launches{
    {"tikhonov_kernel double n = 80", [] { return tikhonov(80); }},
    {"tikhonov_kernel double n = 96", [] { return tikhonov(96); }},
    {"cayley_kernel double n = 80", [] { return cayley(80); }},
    {"slice_kernel double n = 80, d = 256", [] { return dense_gram(80, 256); }},
    {"sketch_kernel double m = 80, n = 256, k = 10", [] { return randomized_svd(80, 256, 10); }},
    {"trace_kernel float times = distances = 256", [] { return deer_trace(256); }},
    {"forward_kernel float outputs = 80, inputs = 256", [] { return dense_forward(80, 256); }},
};

TEST(Resources, AreWhatTheHeadsOfTheKernelsSay) {
    const std::map<std::string, Stated> stated = statements();
    for (const auto& [name, launch] : launches) {
        (void)simt::take_shared_bytes();
        const double flops = launch(), shared = static_cast<double>(simt::take_shared_bytes());
        if (!stated.contains(name)) {
            ADD_FAILURE() << "no line '// resources " << name << ": shared " << shared << " bytes, R registers, "
                          << static_cast<long>(flops) << " flops'";
            continue;
        }
        EXPECT_EQ(stated.at(name).shared, shared) << name;
        EXPECT_EQ(stated.at(name).flops, std::floor(flops)) << name;
    }
    for (const auto& [name, numbers] : stated)
        EXPECT_TRUE(launches.contains(name)) << "no launch for '" << name << "'";
}

}  // namespace
}  // namespace descrambler
