#include "descrambler/spectral_split.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "data.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/graph_cut.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;

double orthonormality(Backend<double>& on, const Matrix<double>& V) {
    const Matrix<double> G = multiply(on, Op::transpose, Op::none, V, V);
    double worst = 0;
    for (Index i = 0; i < G.rows(); ++i)
        for (Index j = 0; j < G.cols(); ++j)
            worst = std::max(worst, std::abs(G(i, j) - (i == j ? 1 : 0)));
    return worst;
}

// diag(3, 2, 0) with another row of zeros: rank 2, vectors e_0 and e_1.
TEST(RightSpectrum, ByHand) {
    const auto on = make_cpu_backend<double>(1);
    for (const bool tall : {true, false}) {
        Matrix<double> A(tall ? 4 : 3, tall ? 3 : 4);
        A(0, 0) = -3;
        A(1, 1) = 2;
        const RightSpectrum spectrum = right_spectrum(*on, matrix_operator(A), {});
        ASSERT_EQ(spectrum.s.size(), 2U);
        EXPECT_TRUE(spectrum.full);
        EXPECT_NEAR(spectrum.s[0], 3, 1e-14);
        EXPECT_NEAR(spectrum.s[1], 2, 1e-14);
        EXPECT_NEAR(spectrum.V(0, 0), 1, 1e-14);
        EXPECT_NEAR(spectrum.V(1, 1), 1, 1e-14);
        EXPECT_NEAR(left_vectors(*on, matrix_operator(A), spectrum, 1)(0, 0), -1, 1e-14);
    }
}

TEST(RightSpectrum, WhatIsRoundingIsNoRank) {
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> A(3, 3);
    A(0, 0) = 1;
    A(1, 1) = 1e-7;
    A(2, 2) = 1e-17;
    EXPECT_EQ(right_spectrum(*on, matrix_operator(A), {}).s.size(), 2U);
    SplitOptions single;
    single.rounding = 1.2e-7;
    EXPECT_EQ(right_spectrum(*on, matrix_operator(A), single).s.size(), 1U);
    EXPECT_TRUE(right_spectrum(*on, matrix_operator(Matrix<double>(3, 2)), {}).s.empty());
}

TEST(RightSpectrum, BothRoutesAgreeOnTallAndWide) {
    const auto on = make_cpu_backend<double>(1);
    for (const auto& [rows, cols] : {std::pair<Index, Index>{30, 17}, {17, 30}, {20, 20}}) {
        Matrix<double> A = wave(rows, cols, .2);
        for (Index k = 0; k < cols; ++k)
            for (double& number : A.column(k))
                number *= std::pow(.8, k);
        const LinearOperator R = matrix_operator(A);
        const RightSpectrum full = right_spectrum(*on, R, {});
        SplitOptions options;
        options.terms = 3;
        options.largest_full = 0;
        options.lanczos.tolerance = 1e-10;
        const RightSpectrum leading = right_spectrum(*on, R, options);
        ASSERT_EQ(std::ssize(full.s), std::min(rows, cols));
        ASSERT_EQ(leading.s.size(), 3U);
        EXPECT_FALSE(leading.full);
        EXPECT_LE(orthonormality(*on, full.V), 1e-13);
        for (Index k = 0; k < 3; ++k) {
            EXPECT_NEAR(full.s[static_cast<std::size_t>(k)], leading.s[static_cast<std::size_t>(k)], 1e-10);
            for (Index i = 0; i < cols; ++i)
                EXPECT_NEAR(full.V(i, k), leading.V(i, k), 1e-7);
        }
    }
}

TEST(SplitTerms, ByHand) {  // R = diag(3, 2), L = (1, -1), x = (1, 5): y = 3 - 10 + .5
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> A(2, 2);
    A(0, 0) = 3;
    A(1, 1) = 2;
    const std::vector<double> x{1, 5}, row{3, -2};
    const RightSpectrum spectrum = right_spectrum(*on, matrix_operator(A), {});
    const SplitTerms terms = split_terms(spectrum, x, row, -7, .5, -6.5);
    EXPECT_NEAR(terms.psi[0], 1, 1e-14);
    EXPECT_NEAR(terms.psi[1], -1, 1e-14);
    EXPECT_NEAR(terms.alpha[0], 3, 1e-14);
    EXPECT_NEAR(terms.alpha[1], -10, 1e-14);
    EXPECT_NEAR(terms.rest, 0, 1e-14);
    EXPECT_LE(terms.error, 1e-15);
    EXPECT_GT(split_terms(spectrum, x, row, -7, .6, -6.5).error, 1e-3);  // another bias is noticed
    const ToldApart one = tell_apart(spectrum, terms, 1, 0);
    EXPECT_TRUE(one.closes);
    EXPECT_NEAR(one.closing, -10, 1e-14);
    EXPECT_EQ(one.all().size(), 2U);
    EXPECT_FALSE(tell_apart(spectrum, terms, 2, 0).closes);
    EXPECT_NEAR(tell_apart(spectrum, terms, 2, 5).closing, 3, 1e-14);
}

struct Halves {
    GraphCut cut;
    FrozenNetwork<double> before, after;
    Halves(Backend<double>& on, const Graph& graph, const std::string& node, std::span<const double> x,
           const FreezeOptions& options)
        : cut(cut_graph(graph, node)),
          before(on, cut.before, x, options),
          after(on, cut.after, before.output(), options) {}
    [[nodiscard]] SplitTerms terms(const RightSpectrum& spectrum, std::span<const double> x, Index j) const {
        const Matrix<double> L = after.rows(std::vector{j}), row = before.adjoint(L);
        const Parts<double> parts = before.parts();
        double linear = 0, bias = after.residual()[static_cast<std::size_t>(j)];
        for (Index i = 0; i < L.rows(); ++i) {
            linear += L(i, 0) * parts.linear[static_cast<std::size_t>(i)];
            bias += L(i, 0) * parts.residual[static_cast<std::size_t>(i)];
        }
        return split_terms(spectrum, x, row.column(0), linear, bias, after.output()[static_cast<std::size_t>(j)]);
    }
};

// T15: the identity at every split, for all triplets and for some with the closing term, and all splits agree.
TEST(SpectralSplit, IdentityAtEverySplitOfATrainedNetwork) {
    if (!has_data("interpreters/onnx/digits_cnn.onnx"))
        GTEST_SKIP() << no_data("interpreters/onnx/digits_cnn.onnx");
    const Graph graph = import_onnx(read_onnx(data("interpreters/onnx/digits_cnn.onnx")), {});
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = wave(graph.inputs(), 1, .3);
    for (const FreezeRule rule : {FreezeRule::frozen, FreezeRule::taylor}) {
        double sum_before = 0;
        for (const std::string node : {"conv3", "fc1", "relu4", "fc2"}) {
            const Halves halves(*on, graph, node, x.column(0), {rule, NormRule::std});
            const LinearOperator R = operator_of(halves.before);
            SplitOptions top;
            top.terms = 3;
            top.largest_full = 0;
            for (const SplitOptions& options : {SplitOptions{}, top}) {
                const RightSpectrum spectrum = right_spectrum(*on, R, options);
                const SplitTerms terms = halves.terms(spectrum, x.column(0), 4);
                EXPECT_LE(terms.error, 1e-12) << node;
                EXPECT_NEAR(terms.linear + terms.bias, terms.y, 1e-10 * std::abs(terms.y)) << node;
                if (spectrum.full) {
                    EXPECT_LE(std::abs(terms.rest), 1e-12 * terms.size) << node;
                }
                if (sum_before != 0) {
                    EXPECT_NEAR(terms.linear, sum_before, 1e-10 * terms.size) << node;
                }
                sum_before = terms.linear;
            }
        }
    }
}

// Digits of 8 x 8 numbers from 0 to 16, enlarged to 28 x 28 (linear between centres of pixels), as the network takes them.
Matrix<double> digits_as_inputs(Index count) {
    const Scratch scratch("digits");
    const std::string from = data("interpreters/images/digits.csv.gz").string(), to = scratch / "digits.csv";
    const std::string command = "gzip -dc '" + from + "' > '" + to + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    std::ifstream file(to);
    Matrix<double> result(28 * 28, count);
    for (Index k = 0; k < count; ++k) {
        std::array<double, 64> small{};
        char comma = 0;
        for (double& number : small)
            file >> number >> comma;
        file.ignore(9, '\n');
        for (Index p = 0; p < result.rows(); ++p) {
            const auto place = [](Index i) { return std::clamp((static_cast<double>(i) + .5) * 8 / 28 - .5, 0., 7.); };
            const double y = place(p / 28), x = place(p % 28);
            const auto i = std::min<Index>(static_cast<Index>(y), 6), j = std::min<Index>(static_cast<Index>(x), 6);
            const double down = y - static_cast<double>(i), right = x - static_cast<double>(j);
            const auto at = [&](Index a, Index b) { return small[static_cast<std::size_t>(8 * a + b)]; };
            const double seen = (1 - down) * ((1 - right) * at(i, j) + right * at(i, j + 1)) +
                                down * ((1 - right) * at(i + 1, j) + right * at(i + 1, j + 1));
            result(p, k) = (seen / 16 - .1307) / .3081;
        }
    }
    EXPECT_TRUE(file.good());
    return result;
}

// M5: lambda_9 / lambda_0 falls from split to split, and with all triplets or ten and the rest the terms sum to y.
TEST(SpectralSplit, TheSpectrumOfDigitsNarrowsWithDepth) {
    for (const char* const file : {"interpreters/onnx/digits_cnn.onnx", "interpreters/images/digits.csv.gz"})
        if (!has_data(file))
            GTEST_SKIP() << no_data(file);
    const Graph graph = import_onnx(read_onnx(data("interpreters/onnx/digits_cnn.onnx")), {});
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> x = digits_as_inputs(20);
    SplitOptions options;
    options.largest_full = 256;
    for (Index k = 0; k < x.cols(); ++k) {
        double before = .995;  // at conv1, which is linear: that of every input
        for (const std::string node : {"conv2", "conv3", "fc1", "output"}) {
            const Halves halves(*on, graph, node, x.column(k), {});
            const RightSpectrum spectrum = right_spectrum(*on, operator_of(halves.before), options);
            ASSERT_GE(spectrum.s.size(), 10U);
            EXPECT_LT(spectrum.s[9] / spectrum.s[0], before) << node << " of digit " << k;
            before = spectrum.s[9] / spectrum.s[0];
            const SplitTerms terms = halves.terms(spectrum, x.column(k), k % 10);
            EXPECT_LE(terms.error, 1e-12) << node;
        }
        EXPECT_LT(before, .15);
    }
}

TEST(Similarity, OneForTheSameAndSizesOfCosines) {
    const auto on = make_cpu_backend<double>(1);
    Matrix<double> V(2, 3);
    V(0, 0) = 1;
    V(0, 1) = -1;
    V(0, 2) = .6;
    V(1, 2) = .8;
    const Matrix<double> S = similarity(*on, V);
    EXPECT_EQ(S(0, 1), 1);
    EXPECT_EQ(S(2, 0), .6);
    EXPECT_EQ(S(2, 2), 1);
}

}  // namespace
}  // namespace descrambler
