#include "descrambler/bootstrap.hpp"
#include "descrambler/statistics.hpp"

#include <gtest/gtest.h>

#include <set>

#include "descramble/fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

Network one_layer(Index n, Index d, std::uint64_t number) {
    return {{{normal(n, d, number), {}, Activation::identity, false}}};
}

// Independent normal samples with standard deviations ratio^k along the features.
Matrix<double> samples(Index d, Index N, double ratio, std::uint64_t number) {
    Matrix<double> X = normal(d, N, number);
    for (Index j = 0; j < N; ++j)
        for (Index k = 0; k < d; ++k)
            X(k, j) *= std::pow(ratio, static_cast<double>(k));
    return X;
}

double median_distance(const std::vector<Alignment>& pairs) {
    std::vector<double> distance;
    for (const Alignment& pair : pairs)
        distance.push_back(1 - pair.s);
    return lower_quantile(distance, 0.5);
}

TEST(Bootstrap, AReplicateDrawsColumnsWithReplacement) {
    Matrix<double> X(1, 3000);
    for (Index j = 0; j < X.cols(); ++j)
        X(0, j) = static_cast<double>(j);
    const auto drawn = [&](std::uint64_t number, Index first, Index count) {
        Matrix<double> block(1, count);
        resampled_library(X, 5, number).read(first, block.view());
        return block;
    };
    const Matrix<double> whole = drawn(0, 0, 3000), part = drawn(0, 1024, 700);
    for (Index j = 0; j < 700; ++j)  // any block of a replicate can be read by itself
        EXPECT_EQ(part(0, j), whole(0, 1024 + j));
    std::set<double> distinct;
    double sum = 0;
    for (const double x : whole.values()) {
        ASSERT_TRUE(x >= 0 && x < 3000 && x == std::floor(x));
        distinct.insert(x);
        sum += x;
    }
    // a share 1 - 1/e of the columns, variance N (1/e - 2/e^2); the mean of N uniform draws: five deviations each
    EXPECT_NEAR(static_cast<double>(distinct.size()), 3000 * (1 - std::exp(-1.0)), 5 * std::sqrt(3000 * 0.0972));
    EXPECT_NEAR(sum / 3000, 1499.5, 5 * 3000 / std::sqrt(12.0 * 3000));
    EXPECT_FALSE(drawn(1, 0, 3000) == whole);
    EXPECT_TRUE(drawn(0, 0, 3000) == whole);
}

TEST(Bootstrap, ForetellsHowFarIndependentLibrariesLeadApart) {
    // What the bootstrap claims, held against fresh libraries of the same size. One library may be far off (a gap
    // between two sample eigenvalues is too small or too large), so it is the median over nine that is held to a factor
    // of two; replicates against the original would have half the variance.
    const Index n = 8, d = 12;
    const Network network = one_layer(n, d, 1);
    const DescrambleRequest request;
    const Stencil stencil = make_stencil(*make_cpu_backend<double>(1), request.stencil, n);
    double previous = 1;
    for (const Index N : {400, 1600}) {
        std::vector<Matrix<double>> fresh;
        for (std::uint64_t k = 0; k < 24; ++k) {
            const Matrix<double> X = samples(d, N, 0.6, 100 + k);
            fresh.push_back(
                descramble({&network, 1}, library_of(X), request, Execution::on_cpu(1)).front().descrambled_weight);
        }
        const double truth = median_distance(align_all(stencil, fresh, 2, Scores::fine));
        std::vector<double> found;
        for (std::uint64_t k = 0; k < 9; ++k) {
            const Matrix<double> X = samples(d, N, 0.6, 200 + k);
            found.push_back(median_distance(self_alignment({&network, 1}, X, request, 8, 3, 2).front()));
        }
        EXPECT_GT(lower_quantile(found, 0.5), truth / 2) << N;
        EXPECT_LT(lower_quantile(found, 0.5), truth * 2) << N;
        EXPECT_LT(truth, previous / 2) << N;  // of order 1 / N
        previous = truth;
    }
}

TEST(Bootstrap, TiedComponentsMakeAWeakThreshold) {
    // W of orthogonal rows and white samples: every direction has the same variance, so the library decides alone
    const auto on = make_cpu_backend<double>(1);
    Network tied = one_layer(8, 8, 2);
    tied.layers[0].weight = orthogonal(*on, 8, 4);
    const Network distinct = one_layer(8, 8, 2);
    const DescrambleRequest request{.stencil = StencilKind::dct};
    const auto distance = [&](const Network& network, double ratio) {
        const Matrix<double> X = samples(8, 2000, ratio, 7);
        return median_distance(self_alignment({&network, 1}, X, request, 6, 1, 1).front());
    };
    EXPECT_GT(distance(tied, 1), 0.1);
    EXPECT_LT(distance(distinct, 0.5), 0.01);
}

TEST(Bootstrap, DoesNotDependOnThreadsNorOnOtherNetworks) {
    const std::vector<Network> networks{one_layer(6, 10, 11), one_layer(6, 10, 12), one_layer(6, 10, 13)};
    const Matrix<double> X = samples(10, 2500, 0.8, 14);  // three blocks
    const auto one = self_alignment(networks, X, {}, 3, 9, 1), two = self_alignment(networks, X, {}, 3, 9, 2);
    const auto alone = self_alignment({&networks[1], 1}, X, {}, 3, 9, 2);
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t p = 0; p < 3; ++p) {
            EXPECT_EQ(one[i][p].s, two[i][p].s);
            EXPECT_EQ(one[i][p].fft_correlation, two[i][p].fft_correlation);
            if (i == 1) {
                EXPECT_EQ(one[i][p].s, alone[0][p].s);
            }
        }
}

TEST(Bootstrap, ReadsATapAfterByItsColumns) {
    Network two = one_layer(6, 10, 21);
    two.layers[0].activation = Activation::tanh;
    two.layers.push_back({normal(5, 6, 22), {}, Activation::identity, false});
    const Matrix<double> X = samples(10, 3000, 0.5, 23);
    const DescrambleRequest after{.tap = {.at = {1, Tap::after}}};
    EXPECT_GT(self_alignment({&two, 1}, X, after, 2, 1, 1)[0][0].s, 0.9);
    DescrambleRequest last = after;
    last.tap.at.layer = 2;
    EXPECT_THROW((void)self_alignment({&two, 1}, X, last, 2, 1, 1), std::invalid_argument);
    EXPECT_THROW((void)self_alignment({&two, 1}, X, after, 1, 1, 1), std::invalid_argument);
}

TEST(Bootstrap, LowerQuantileByHand) {
    EXPECT_EQ(lower_quantile({3, 1, 2}, 0), 1);
    EXPECT_EQ(lower_quantile({4, 1, 3, 2}, 0.5), 3);  // two of four lie below
    EXPECT_EQ(lower_quantile({5}, 0.99), 5);
    EXPECT_THROW((void)lower_quantile({}, 0.5), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
