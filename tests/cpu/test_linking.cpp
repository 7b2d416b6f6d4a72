// A program that links the library is left as it was until it asks for a backend. Every case is a process of its own.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "descrambler/backend.hpp"

extern "C" int openblas_get_num_threads();
extern "C" void openblas_set_num_threads(int threads);
extern "C" void cblas_dgemm(int order, int op_a, int op_b, int m, int n, int k, double alpha, const double* a, int lda,
                            const double* b, int ldb, double beta, double* c, int ldc);
extern "C" char** environ;

namespace descrambler {
namespace {

std::vector<std::string> environment() {
    std::vector<std::string> all;
    for (char** entry = environ; *entry != nullptr; ++entry)
        all.emplace_back(*entry);
    return all;
}

// What the process was given, whatever has changed it since.
std::vector<std::string> environment_at_start() {
    std::ifstream file("/proc/self/environ", std::ios::binary);
    std::vector<std::string> all;
    for (std::string entry; std::getline(file, entry, '\0');)
        all.push_back(entry);
    return all;
}

TEST(Linking, LeavesTheEnvironmentAndTheThreadsOfTheBlasAlone) {
    if (std::thread::hardware_concurrency() < 2 || std::getenv("OPENBLAS_NUM_THREADS") != nullptr ||
        std::getenv("OMP_NUM_THREADS") != nullptr)
        GTEST_SKIP() << "one thread anyway";
    EXPECT_EQ(environment(), environment_at_start());
    EXPECT_GT(openblas_get_num_threads(), 1);
    const std::vector<std::string> before = environment();
    (void)make_cpu_backend<double>();
    EXPECT_EQ(openblas_get_num_threads(), 1);
    EXPECT_EQ(environment(), before);
}

// A program may use the BLAS with several threads beside the library: they are started again.
TEST(Linking, ThreadsOfTheBlasComeBack) {
    (void)make_cpu_backend<double>();
    openblas_set_num_threads(2);
    constexpr int n = 400;
    const std::vector<double> a(n * n, 1), b(n * n, 2);
    std::vector<double> c(n * n);
    cblas_dgemm(102, 111, 111, n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n);  // by columns, not transposed
    openblas_set_num_threads(1);
    EXPECT_EQ(c, std::vector<double>(n * n, 2 * n));
}

}  // namespace
}  // namespace descrambler
