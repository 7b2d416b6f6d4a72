#include "descrambler/descramble.hpp"

#include <gtest/gtest.h>

#include "networks.hpp"

namespace descrambler {
namespace {

using namespace test;

// The same network with the neurons of its first layer in another order.
Network permuted(const Network& network, const std::vector<Index>& order) {
    Network other = network;
    for (std::size_t i = 0; i < order.size(); ++i) {
        const Index from = order[i], to = static_cast<Index>(i);
        for (Index j = 0; j < network.layers[0].weight.cols(); ++j)
            other.layers[0].weight(to, j) = network.layers[0].weight(from, j);
        other.layers[0].bias[i] = network.layers[0].bias[from];
        for (Index k = 0; k < network.layers[1].weight.rows(); ++k)
            other.layers[1].weight(k, to) = network.layers[1].weight(k, from);
    }
    return other;
}

const std::vector<Index> order = {5, 2, 9, 0, 7, 3, 1, 8, 6, 4};

TEST(Descramble, ReordersNeuronsBackWhateverTheirOrder) {
    const Network network = network_of({16, 10, 6}, 1);
    const std::vector<Network> pair = {network, permuted(network, order)};
    const Matrix<double> X = inputs(16, 3000, 2);
    for (const StencilKind stencil : {StencilKind::fourier2, StencilKind::dct, StencilKind::diff2})
        for (const Tap tap : {Tap::before, Tap::after})
            for (const Criterion criterion : {Criterion::smoothness, Criterion::joint}) {
                if (criterion == Criterion::joint && tap == Tap::before)
                    continue;
                const auto found =
                    descramble(pair, library_of(X), {{1, tap}, criterion, stencil}, Execution::on_cpu(2));
                const std::vector<double>& gamma = found[0].solution.gamma;
                double smallest = gamma[0];
                for (std::size_t i = 0; i + 1 < gamma.size(); ++i)
                    smallest = std::min(smallest, std::sqrt(gamma[i]) - std::sqrt(gamma[i + 1]));
                // axes are right to n u sigma_1 over the smallest gap of sigma
                const double tolerance = 100 * 10 * u * std::sqrt(gamma[0]) / smallest;
                EXPECT_LT(tolerance, 1e-6);
                EXPECT_LE(largest_difference(found[0].descrambled_weight, found[1].descrambled_weight), tolerance)
                    << to_string(stencil) << " " << to_string(tap) << " " << to_string(criterion);
                EXPECT_GT(largest_difference(found[0].solution.P, found[1].solution.P), 0.1);
            }
}

TEST(Descramble, SolvesWhatItSaysAndWeightsAreRewrittenByP) {
    const auto on = make_cpu_backend<double>(1);
    const std::vector<Network> networks = {network_of({16, 10, 6}, 3), network_of({16, 10, 6}, 4)};
    const Matrix<double> X = inputs(16, 2000, 5);
    for (const TapRequest tap : {TapRequest{{1, Tap::before}}, TapRequest{{1, Tap::after}},
                                 TapRequest{{2, Tap::before}}, TapRequest{{2, Tap::after}}}) {
        const auto found = descramble(networks, library_of(X), {tap}, Execution::on_cpu(2));
        const auto grams = tap_grams(networks, tap, library_of(X), Execution::on_cpu(1));
        for (std::size_t k = 0; k < 2; ++k) {
            const Solution& solution = found[k].solution;
            EXPECT_LE(std::abs(solution.gap), 1e-12);
            EXPECT_LE(solution.orthogonality, 1e-13);
            EXPECT_LE(solution.offdiagonal, 1e-12);  // a few floors, n u sigma_1 / sigma_n
            EXPECT_EQ(found[k].gram, grams[k].gram);
            EXPECT_EQ(found[k].samples, 2000);
            const auto& layers = networks[k].layers;
            if (tap.at.side == Tap::before)
                EXPECT_EQ(found[k].descrambled_weight,
                          multiply(*on, Op::none, Op::none, solution.P, layers[tap.at.layer - 1].weight));
            else if (tap.at.layer == 1)
                EXPECT_EQ(found[k].descrambled_weight,
                          multiply(*on, Op::none, Op::transpose, layers[1].weight, solution.P));
            else
                EXPECT_EQ(found[k].descrambled_weight.size(), 0);
        }
    }
}

TEST(Descramble, FirstLayerFiltersHaveAPositiveSum) {
    const auto on = make_cpu_backend<double>(1);
    const std::vector<Network> networks = {network_of({16, 10, 6}, 6)};
    const auto found = descramble(networks, library_of(inputs(16, 2000, 7)), {{1, Tap::before}}, Execution::on_cpu(1));
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 10);
    const Matrix<double> filters = multiply(*on, Op::transpose, Op::none, stencil.T, found[0].descrambled_weight);
    for (Index i = 0; i < 10; ++i) {  // T^T P W = +- U^T W
        double sum = 0;
        for (Index t = 0; t < 16; ++t)
            sum += filters(i, t);
        EXPECT_GT(sum, 0) << i;
    }
}

TEST(Descramble, FiltersWithoutASumTakeTheNextMoment) {
    // Rows of W with zero sum: the sign comes from sum_t t w(t), for W and for -W alike.
    const auto on = make_cpu_backend<double>(1);
    Network network = network_of({16, 10, 6}, 8);
    Matrix<double>& W = network.layers[0].weight;
    for (Index i = 0; i < 10; ++i) {
        double mean = 0;
        for (Index t = 0; t < 16; ++t)
            mean += W(i, t) / 16;
        for (Index t = 0; t < 16; ++t)
            W(i, t) -= mean;
    }
    const auto found =
        descramble(std::span(&network, 1), library_of(inputs(16, 2000, 9)), {{1, Tap::before}}, Execution::on_cpu(1));
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 10);
    const Matrix<double> filters = multiply(*on, Op::transpose, Op::none, stencil.T, found[0].descrambled_weight);
    for (Index i = 0; i < 10; ++i) {
        double moment = 0;
        for (Index t = 0; t < 16; ++t)
            moment += static_cast<double>(t) * filters(i, t);
        EXPECT_GT(moment, 0) << i;
    }
}

TEST(Descramble, DeeperScoresAreSkewedToThePositiveSide) {
    const auto on = make_cpu_backend<double>(1);
    const std::vector<Network> networks = {network_of({16, 10, 6}, 10), network_of({16, 10, 6}, 11)};
    const Matrix<double> X = inputs(16, 2000, 12);
    for (const TapRequest tap : {TapRequest{{1, Tap::after}}, TapRequest{{2, Tap::before}}}) {
        const auto found = descramble(networks, library_of(X), {tap}, Execution::on_cpu(2));
        const auto grams = tap_grams(networks, tap, library_of(X), Execution::on_cpu(1));
        for (std::size_t k = 0; k < 2; ++k) {
            const Matrix<double>& P = found[k].solution.P;
            const Stencil stencil = make_stencil(*on, StencilKind::fourier2, P.rows());
            const Matrix<double> U = multiply(*on, Op::transpose, Op::none, P, stencil.T);
            for (const double moment : tap_third_moments(*on, networks[k], tap, library_of(X), grams[k].mean, U))
                EXPECT_GT(moment, 0);
        }
    }
}

TEST(Descramble, JointGramAddsTheNextLinkAtEqualNorm) {
    const auto on = make_cpu_backend<double>(1);
    const Network network = network_of({16, 10, 6}, 13);
    const Matrix<double> X = inputs(16, 2000, 14);
    DescrambleRequest request{{1, Tap::after}, Criterion::joint, StencilKind::dct, 0.25};
    const auto found = descramble(std::span(&network, 1), library_of(X), request, Execution::on_cpu(1));
    Matrix<double> G = gram(*on, forward(*on, network, X, 1));
    Matrix<double> link = gram(*on, transpose(network.layers[1].weight));
    const double norm = eigh(*on, G).w.back(), link_norm = eigh(*on, link).w.back();
    for (Index j = 0; j < 10; ++j)
        for (Index i = 0; i < 10; ++i)
            EXPECT_NEAR(found[0].gram(i, j), G(i, j) / norm + 0.25 * link(i, j) / link_norm, 2000 * u);
    EXPECT_LE(std::abs(found[0].solution.gap), 1e-12);
    request.lambda = 0;  // the signals alone: the minimiser of smoothness
    const auto none = descramble(std::span(&network, 1), library_of(X), request, Execution::on_cpu(1));
    request.criterion = Criterion::smoothness;
    const auto plain = descramble(std::span(&network, 1), library_of(X), request, Execution::on_cpu(1));
    EXPECT_LE(largest_difference(none[0].solution.P, plain[0].solution.P), 1e-9);  // gaps of sigma above 1e-5
}

TEST(Descramble, BitsDependNeitherOnThreadsNorOnTheOtherNetworks) {
    const std::vector<Network> networks = {network_of({16, 10, 6}, 15), network_of({16, 10, 6}, 16),
                                           network_of({16, 10, 6}, 17)};
    const Matrix<double> X = inputs(16, 2500, 18);
    for (const DescrambleRequest& request :
         {DescrambleRequest{{1, Tap::before}}, DescrambleRequest{{1, Tap::after}, Criterion::joint},
          DescrambleRequest{{2, Tap::before}, Criterion::smoothness, StencilKind::diff2}}) {
        const auto one = descramble(networks, library_of(X), request, Execution::on_cpu(1));
        const auto many = descramble(networks, library_of(X), request, Execution::on_cpu(5));
        for (std::size_t k = 0; k < networks.size(); ++k) {
            const auto alone = descramble(std::span(&networks[k], 1), library_of(X), request, Execution::on_cpu(2));
            EXPECT_EQ(one[k].solution.P, many[k].solution.P);
            EXPECT_EQ(one[k].solution.P, alone[0].solution.P);
            EXPECT_EQ(one[k].solution.eta, alone[0].solution.eta);
            EXPECT_EQ(one[k].descrambled_weight, alone[0].descrambled_weight);
        }
    }
}

TEST(Descramble, OneSampleIsEnough) {
    const Network network = network_of({16, 10, 6}, 19);
    const auto found =
        descramble(std::span(&network, 1), library_of(inputs(16, 1, 20)), {{1, Tap::after}}, Execution::on_cpu(1));
    EXPECT_EQ(found[0].solution.rank, 1);
    EXPECT_LE(found[0].solution.orthogonality, 1e-13);
    EXPECT_LE(std::abs(found[0].solution.gap), 1e-10);
}

TEST(Descramble, NamesGoBothWays) {
    for (const Criterion c : {Criterion::smoothness, Criterion::joint})
        EXPECT_EQ(criterion_from(to_string(c)), c);
    for (const Tap t : {Tap::before, Tap::after})
        EXPECT_EQ(tap_from(to_string(t)), t);
    EXPECT_THROW((void)criterion_from("smooth"), InputError);
    EXPECT_THROW((void)tap_from("Before"), InputError);
}

std::string refusal(const Network& network, const Matrix<double>& X, const DescrambleRequest& request) {
    try {
        (void)descramble(std::span(&network, 1), library_of(X), request, Execution::on_cpu(1));
    } catch (const InputError& e) {
        return e.what();
    }
    return "accepted";
}

TEST(Descramble, RefusesWhatCannotBeDescrambled) {
    const Network network = network_of({16, 10, 6}, 21);
    const Matrix<double> X = inputs(16, 100, 22);
    EXPECT_NE(refusal(network, X, {{2, Tap::after}, Criterion::joint}).find("joint"), std::string::npos);
    EXPECT_NE(refusal(network, X, {{1, Tap::before}, Criterion::joint}).find("joint"), std::string::npos);
    DescrambleRequest negative{{1, Tap::after}, Criterion::joint};
    negative.lambda = -1;
    EXPECT_NE(refusal(network, X, negative).find("lambda"), std::string::npos);
    EXPECT_NE(refusal(network, X, {{3, Tap::after}}).find("layer 3"), std::string::npos);
    EXPECT_NE(refusal(network, Matrix<double>(16, 5), {{1, Tap::before}}).find("zero"), std::string::npos);
    EXPECT_NE(refusal(network_of({16, 2, 6}, 23), X, {{1, Tap::before}}).find("at least 3"), std::string::npos);
    Network broken = network;
    broken.layers[1].weight(0, 0) = std::nan("");
    EXPECT_NE(refusal(broken, X, {{1, Tap::after}, Criterion::joint}).find("not finite"), std::string::npos);
}

}  // namespace
}  // namespace descrambler
