#include "descrambler/gram.hpp"

#include <gtest/gtest.h>

#include "descramble/sums/library_sum.hpp"
#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

Network network_of(const std::vector<Index>& widths, std::uint64_t number) {
    Network network;
    for (std::size_t k = 1; k < widths.size(); ++k) {
        const Matrix<double> bias = normal(widths[k], 1, 1000 * number + 2 * k + 1);
        network.layers.push_back({scaled(normal(widths[k], widths[k - 1], 1000 * number + 2 * k),
                                         1 / std::sqrt(static_cast<double>(widths[k - 1]))),
                                  {bias.values().begin(), bias.values().end()},
                                  Activation::tanh,
                                  false});
    }
    return network;
}

// The signals of the tap, whole and by hand.
Matrix<double> signals_of(Backend<double>& on, const Network& network, const TapRequest& request,
                          const Matrix<double>& X) {
    if (request.at.side == Tap::after)
        return forward(on, network, X, request.at.layer);
    const DenseLayer& layer = network.layers[request.at.layer - 1];
    Matrix<double> S = multiply(on, Op::none, Op::none, layer.weight, forward(on, network, X, request.at.layer - 1));
    for (Index j = 0; j < S.cols() && request.include_bias; ++j)
        for (Index i = 0; i < S.rows(); ++i)
            S(i, j) += layer.bias[i];
    return S;
}

std::vector<double> mean_of(const Matrix<double>& S) {
    std::vector<double> mean(static_cast<std::size_t>(S.rows()));
    for (Index j = 0; j < S.cols(); ++j)
        for (Index i = 0; i < S.rows(); ++i)
            mean[i] += S(i, j) / static_cast<double>(S.cols());
    return mean;
}

Matrix<double> minus(Matrix<double> S, const std::vector<double>& mean) {
    for (Index j = 0; j < S.cols(); ++j)
        for (Index i = 0; i < S.rows(); ++i)
            S(i, j) -= mean[i];
    return S;
}

const TapRequest requests[] = {
    {{1, Tap::before}, false, false}, {{1, Tap::before}, true, false}, {{1, Tap::before}, false, true},
    {{1, Tap::before}, true, true},   {{1, Tap::after}, false, false}, {{1, Tap::after}, false, true},
    {{2, Tap::before}, false, false}, {{2, Tap::before}, true, true},  {{2, Tap::after}, true, false}};

TEST(Gram, ByHand) {
    // W = [1 2; 0 1; 1 0], X = [1 0; 1 1] (samples (1,1), (0,1)): S = [3 2; 1 1; 1 0]
    Network network;
    network.layers.push_back({Matrix<double>(3, 2), {10, 0, 0}, Activation::tanh, false});
    const double W[3][2] = {{1, 2}, {0, 1}, {1, 0}};
    for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 2; ++j)
            network.layers[0].weight(i, j) = W[i][j];
    Matrix<double> X(2, 2);
    X(0, 0) = X(1, 0) = X(1, 1) = 1;
    const auto grams = tap_grams(std::span(&network, 1), {}, library_of(X), Execution::on_cpu(1));
    ASSERT_EQ(grams.size(), 1u);
    const double G[3][3] = {{13, 5, 3}, {5, 2, 1}, {3, 1, 1}};
    for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 3; ++j)
            EXPECT_NEAR(grams[0].gram(i, j), G[i][j], 100 * u * 13);  // some ten roundings of size ||G||
    EXPECT_EQ(grams[0].samples, 2);
    const double mean[] = {2.5, 1, 0.5};
    for (Index i = 0; i < 3; ++i)
        EXPECT_NEAR(grams[0].mean[i], mean[i], 8 * u);
}

TEST(Gram, IsThePlainSumForEveryTapAndItsFactorIsTriangular) {
    const auto on = make_cpu_backend<double>(1);
    // 20 inputs for 12 outputs: the factor of the inputs is shared; 60 inputs: it is not
    for (const Index inputs : {20, 60}) {
        const std::vector<Network> networks = {network_of({inputs, 12, 9}, 1), network_of({inputs, 12, 9}, 2)};
        const Matrix<double> X = normal(inputs, 2500, 3);
        for (const TapRequest& request : requests) {
            const auto grams = tap_grams(networks, request, library_of(X), Execution::on_cpu(2));
            for (std::size_t k = 0; k < networks.size(); ++k) {
                Matrix<double> S = signals_of(*on, networks[k], request, X);
                const std::vector<double> mean = mean_of(S);
                for (std::size_t i = 0; i < mean.size(); ++i)
                    EXPECT_NEAR(grams[k].mean[i], mean[i], 2500 * u * largest(S));  // a sum of 2500 terms
                if (request.centre)
                    S = minus(std::move(S), mean);
                const Matrix<double> G = gram(*on, S);
                const Matrix<double>& R = grams[k].factor;
                // sums of 2500 products, in two different orders
                EXPECT_LE(largest_difference(grams[k].gram, G), 2500 * u * largest(G));
                EXPECT_LE(largest_difference(multiply(*on, Op::transpose, Op::none, R, R), G), 2500 * u * largest(G));
                for (Index j = 0; j < R.cols(); ++j)
                    for (Index i = j + 1; i < R.rows(); ++i)
                        EXPECT_EQ(R(i, j), 0);
            }
        }
    }
}

TEST(Gram, MatchesTheGoldenGram) {
    if (!has_data("golden"))
        GTEST_SKIP() << no_data("golden");
    for (const Index n : {5, 16, 80}) {
        Network network;
        network.layers.push_back({identity(n), {}, Activation::identity, false});
        const Matrix<double> S = golden(n, "S"), G = golden(n, "G");
        const auto grams = tap_grams(std::span(&network, 1), {}, library_of(S), Execution::on_cpu(1));
        EXPECT_LE(largest_difference(grams[0].gram, G), 1e-13 * frobenius(G)) << n;
    }
}

TEST(Gram, BitsDependNeitherOnThreadsNorOnTheOtherNetworks) {
    const Matrix<double> X = normal(30, 5000, 4);
    const std::vector<Network> networks = {network_of({30, 12, 9}, 1), network_of({30, 12, 9}, 2),
                                           network_of({30, 12, 9}, 3)};
    for (const TapRequest& request : requests) {
        const auto together = tap_grams(networks, request, library_of(X), Execution::on_cpu(1));
        const auto threaded = tap_grams(networks, request, library_of(X), Execution::on_cpu(7));
        for (std::size_t k = 0; k < networks.size(); ++k) {
            const auto alone = tap_grams(std::span(&networks[k], 1), request, library_of(X), Execution::on_cpu(3));
            for (const TapGram& other : {threaded[k], alone[0]}) {
                EXPECT_EQ(together[k].factor, other.factor);
                EXPECT_EQ(together[k].gram, other.gram);
                EXPECT_EQ(together[k].mean, other.mean);
            }
        }
    }
}

TEST(Gram, ReadsEachSampleOnceAndInOrderForAllNetworks) {
    const Matrix<double> X = normal(30, 2 * host_leaf + 5, 5);
    const std::vector<Network> networks = {network_of({30, 4, 9}, 1), network_of({30, 4, 9}, 2)};
    for (const TapRequest request : {TapRequest{{1, Tap::before}}, TapRequest{{2, Tap::after}}}) {
        Index next = 0;
        const Library source = library_of(X);
        const Library watched{X.rows(), X.cols(), [&](Index first, Batch<double> block) {
                                  EXPECT_EQ(first, next);
                                  next += block.cols;
                                  source.read(first, block);
                              }};
        (void)tap_grams(networks, request, watched, Execution::on_cpu(5));
        EXPECT_EQ(next, X.cols());
    }
}

TEST(Gram, SumsAloneAgreeWithTheFactor) {
    // Both are S S^T, summed in another order: N u of the size of the sums.
    const Matrix<double> X = normal(30, 2 * host_leaf + 700, 21);
    const std::vector<Network> networks = {network_of({30, 12, 9}, 1), network_of({30, 12, 9}, 2)};
    for (const TapRequest& request : requests) {
        Streaming alone;
        alone.factor = false;
        const auto with = tap_grams(networks, request, library_of(X), Execution::on_cpu(2));
        const auto without = tap_grams(networks, request, library_of(X), Execution::on_cpu(2), alone);
        for (std::size_t k = 0; k < networks.size(); ++k) {
            EXPECT_EQ(without[k].factor.size(), 0);
            EXPECT_EQ(without[k].samples, X.cols());
            double size = 0;
            for (Index i = 0; i < with[k].gram.rows(); ++i)
                size = std::max(size, with[k].gram(i, i));
            for (Index e = 0; e < with[k].gram.size(); ++e)
                EXPECT_NEAR(without[k].gram.data()[e], with[k].gram.data()[e],
                            static_cast<double>(X.cols()) * u * size);
            for (std::size_t i = 0; i < with[k].mean.size(); ++i)
                EXPECT_NEAR(without[k].mean[i], with[k].mean[i], static_cast<double>(X.cols()) * u);
        }
    }
}

TEST(Gram, CentringKeepsASmallSpreadBesideALargeMean) {
    // mean 1e6, spread 1: around 0 the sums would lose 1e12 u of the spread, around the first block's mean nothing.
    Matrix<double> X = normal(6, 2 * host_leaf, 22);
    for (double& x : X.values())
        x += 1e6;
    Network network;
    network.layers.push_back({identity(6), {}, Activation::identity, false});
    Streaming alone;
    alone.factor = false;
    const auto grams =
        tap_grams(std::span(&network, 1), {{1, Tap::after}, false, true}, library_of(X), Execution::on_cpu(2), alone);
    const Matrix<double> S = minus(X, mean_of(X));
    for (Index i = 0; i < 6; ++i)
        for (Index j = 0; j < 6; ++j) {
            double sum = 0;
            for (Index k = 0; k < S.cols(); ++k)
                sum += S(i, k) * S(j, k);
            EXPECT_NEAR(grams[0].gram(i, j), sum, 1e6 * u * static_cast<double>(X.cols()));  // rounding of the inputs
        }
}

TEST(Gram, FactorKeepsComponentsFarBelowTheRoundingOfG) {
    // Signals with planted singular values 1 .. 1e-9 (gamma to 1e-18): lost in G, present in R.
    const auto on = make_cpu_backend<double>(1);
    const Index n = 12, samples = 3000;
    const Svd noise = svd(*on, normal(n, samples, 6));
    std::vector<double> planted;
    Matrix<double> scaled_axes = noise.U;
    for (Index j = 0; j < n; ++j) {
        planted.push_back(std::pow(10.0, -9.0 * static_cast<double>(j) / static_cast<double>(n - 1)));
        for (double& x : scaled_axes.column(j))
            x *= planted.back();
    }
    const Matrix<double> S = multiply(*on, Op::none, Op::transpose, scaled_axes, noise.V);
    Network direct, shared;  // S as it is, and as a tap that shares the factor of its inputs
    direct.layers.push_back({identity(n), {}, Activation::identity, false});
    shared.layers.push_back({orthogonal(*on, n, 7), {}, Activation::identity, false});
    for (const auto& [network, tap] : {std::pair{direct, Tap::after}, std::pair{shared, Tap::before}}) {
        const auto grams = tap_grams(std::span(&network, 1), {1, tap}, library_of(S), Execution::on_cpu(1));
        const Svd found = svd(*on, grams[0].factor);
        for (Index j = 0; j < n; ++j)  // backward error of QR and SVD: a modest multiple of n u sigma_1, absolute
            EXPECT_NEAR(found.s[j], planted[j], 10 * static_cast<double>(n) * u) << j;
    }
}

TEST(Gram, OneSampleGivesRankOne) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> X = normal(10, 1, 8);
    const Network network = network_of({10, 6}, 9);
    for (const Tap tap : {Tap::before, Tap::after}) {
        const auto grams = tap_grams(std::span(&network, 1), {1, tap}, library_of(X), Execution::on_cpu(1));
        const Svd factors = svd(*on, grams[0].factor);
        EXPECT_GT(factors.s[0], 0.1);
        EXPECT_LE(factors.s[1], 60 * u * factors.s[0]);  // 10 n u
    }
}

TEST(Gram, ThirdMomentsAreThoseOfTheScores) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> X = normal(30, 2200, 10);
    const std::vector<Network> networks = {network_of({30, 12, 9}, 1), network_of({30, 12, 9}, 2)};
    for (const TapRequest& request : requests) {
        const auto grams = tap_grams(networks, request, library_of(X), Execution::on_cpu(1));
        const Index n = grams[0].gram.rows();
        const std::vector<Matrix<double>> U = {orthogonal(*on, n, 11), orthogonal(*on, n, 12)};
        const auto moments = tap_third_moments(networks, request, library_of(X), {grams[0].mean, grams[1].mean}, U,
                                               Execution::on_cpu(3));
        for (std::size_t k = 0; k < 2; ++k) {
            EXPECT_EQ(moments[k], tap_third_moments(*on, networks[k], request, library_of(X), grams[k].mean, U[k]));
            const Matrix<double> S = minus(signals_of(*on, networks[k], request, X), grams[k].mean);
            const Matrix<double> scores = multiply(*on, Op::transpose, Op::none, U[k], S);
            for (Index j = 0; j < n; ++j) {
                double expected = 0, size = 0;
                for (Index i = 0; i < scores.cols(); ++i) {
                    expected += std::pow(scores(j, i), 3);
                    size += std::abs(std::pow(scores(j, i), 3));
                }
                EXPECT_NEAR(moments[k][j], expected, 2200 * u * size);  // a sum of 2200 cubes
            }
        }
    }
}

std::string refusal(std::span<const Network> networks, const TapRequest& request, const Library& library) {
    try {
        (void)tap_grams(networks, request, library, Execution::on_cpu(2));
    } catch (const InputError& e) {
        return e.what();
    }
    return "accepted";
}

TEST(Gram, RefusesWhatDoesNotFitAndSaysBothNumbers) {
    const std::vector<Network> networks = {network_of({30, 12, 9}, 1)};
    const Matrix<double> X = normal(30, 10, 13), narrow = normal(29, 10, 14), none(30, 0);
    EXPECT_NE(refusal(networks, {3, Tap::before}, library_of(X)).find("layer 3: out of range, expected 1 to 2"),
              std::string::npos);
    EXPECT_NE(refusal(networks, {0, Tap::after}, library_of(X)).find("layer 0"), std::string::npos);
    EXPECT_NE(refusal(networks, {1, Tap::before}, library_of(narrow)).find("29 features, expected 30"),
              std::string::npos);
    EXPECT_NE(refusal(networks, {1, Tap::before}, library_of(none)).find("no samples"), std::string::npos);
    const std::vector<Network> mixed = {network_of({30, 12, 9}, 1), network_of({30, 11, 9}, 1)};
    EXPECT_NE(refusal(mixed, {1, Tap::before}, library_of(X)).find("network 1"), std::string::npos);
}

TEST(Gram, RefusesValuesThatAreNotFinite) {
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()})
        for (const TapRequest& request : requests) {
            const std::vector<Network> networks = {network_of({30, 12, 9}, 1)};
            Matrix<double> X = normal(30, 1500, 15);
            X(7, 1234) = bad;
            const std::string message = refusal(networks, request, library_of(X));
            // tanh brings infinity back to 1: nothing to refuse there
            if (std::isnan(bad) || (request.at.layer == 1 && request.at.side == Tap::before)) {
                EXPECT_NE(message.find("not finite"), std::string::npos) << message;
            }
            std::vector<Network> broken = networks;
            broken[0].layers[0].weight(3, 3) = std::nan("");
            const std::string weight = refusal(broken, request, library_of(normal(30, 10, 16)));
            EXPECT_NE(weight.find("not finite"), std::string::npos) << weight;
        }
}

TEST(Gram, StopsSoonAfterAValueThatIsNotFinite) {
    const std::vector<Network> networks = {network_of({30, 12, 9}, 1)};
    Matrix<double> X = normal(30, 4 * host_leaf, 17);
    X(3, host_leaf + 1) = std::nan("");
    for (const TapRequest& request : requests) {
        Index read = 0;
        const Library source = library_of(X);
        const Library watched{X.rows(), X.cols(), [&](Index first, Batch<double> block) {
                                  read = std::max(read, first + block.cols);
                                  source.read(first, block);
                              }};
        EXPECT_THROW((void)tap_grams(networks, request, watched, Execution::on_cpu(1)), InputError);
        EXPECT_EQ(read, 2 * host_leaf);
    }
}

}  // namespace
}  // namespace descrambler
