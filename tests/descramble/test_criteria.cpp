// Requests of every criterion and method, through the one entry point.
#include <gtest/gtest.h>

#include "descrambler/descramble.hpp"
#include "descrambler/diagonal.hpp"
#include "networks.hpp"

namespace descrambler {
namespace {

using namespace test;

const std::vector<Network> networks = {network_of({16, 12, 12, 6}, 1), network_of({16, 12, 12, 6}, 2)};
const Matrix<double> X = inputs(16, 2500, 3);

std::string refusal(const DescrambleRequest& request) {
    try {
        (void)descramble(networks, library_of(X), request, Execution::on_cpu(1));
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

double top_eigenvalue(Backend<double>& on, const Matrix<double>& G) {
    return eigh(on, G).w.back();
}

TEST(Criteria, RecentredDescentArrivesAtTheCanonicalClosedForm) {
    for (const Criterion criterion : {Criterion::smoothness, Criterion::joint})
        for (const Start start : {Start::identity, Start::random}) {
            DescrambleRequest request{.tap = {.at = {2, Tap::after}}, .criterion = criterion};
            const auto closed = descramble(networks, library_of(X), request, Execution::on_cpu(1));
            request.method = Method::riemannian;
            request.start = start;
            const auto found = descramble(networks, library_of(X), request, Execution::on_cpu(2));
            for (std::size_t i = 0; i < networks.size(); ++i) {
                const Solution& s = found[i].solution;
                EXPECT_EQ(s.method, "riemannian");
                EXPECT_TRUE(s.converged);
                EXPECT_LE(s.evaluations, 150);
                EXPECT_GT(s.evaluations_to_gap, 0);
                EXPECT_LE(s.evaluations_to_gap, 100);
                EXPECT_LE(std::abs(s.gap), 1e-10);
                EXPECT_EQ(s.eta_bound, closed[i].solution.eta_bound);
                EXPECT_LE(largest_difference(s.P, closed[i].solution.P), 1e-4);  // 1e-6 off the diagonal, over gaps
                EXPECT_NEAR(s.history.back().eta, s.eta, 1e-9 * s.eta);
            }
        }
}

TEST(Criteria, SinglePrecisionIteratesAreCertifiedInDouble) {
    DescrambleRequest request{.tap = {.at = {1, Tap::after}}};
    request.method = Method::riemannian;
    request.single_precision = true;
    for (const Descrambling& found : descramble(networks, library_of(X), request, Execution::on_cpu(1))) {
        EXPECT_TRUE(found.solution.converged);
        EXPECT_LE(found.solution.gap, 1e-5);
        EXPECT_LE(found.solution.orthogonality, 1e-13);
    }
}

TEST(Criteria, PublishedChartDescendsFromTheIdentityAndIsShownAsItIs) {
    DescrambleRequest request{.tap = {.at = {1, Tap::after}}};
    request.method = Method::cayley;
    request.iterations = 30;
    for (const Descrambling& found : descramble(networks, library_of(X), request, Execution::on_cpu(1))) {
        const Solution& s = found.solution;
        EXPECT_EQ(s.iterations, 30);
        EXPECT_FALSE(s.converged);
        EXPECT_NEAR(s.history.front().eta, s.eta_raw, 1e-11 * s.eta_raw);
        EXPECT_NEAR(s.history.back().eta, s.eta, 1e-9 * s.eta);
        EXPECT_LT(s.eta, s.eta_raw);
        EXPECT_GT(s.gap, 1e-6);
        EXPECT_LE(s.orthogonality, 1e-12);
    }
}

TEST(Criteria, SharedTapsAddTheirBalancedGrams) {
    const auto on = make_cpu_backend<double>(1);
    DescrambleRequest request{.tap = {.at = {1, Tap::before}}};
    const Matrix<double> first = descramble(networks, library_of(X), request, Execution::on_cpu(1))[0].gram;
    const Matrix<double> second =
        descramble(networks, library_of(X), {.tap = {.at = {2, Tap::after}}}, Execution::on_cpu(1))[0].gram;
    request.shared = {{{.at = {2, Tap::after}}, 0.5}};
    for (const Balance balance : {Balance::norm, Balance::trace, Balance::none}) {
        request.balance = balance;
        const auto scale = [&](const Matrix<double>& G) {
            double trace = 0;
            for (Index i = 0; i < G.rows(); ++i)
                trace += G(i, i);
            return balance == Balance::none ? 1 : balance == Balance::trace ? trace : top_eigenvalue(*on, G);
        };
        Matrix<double> sum(12, 12);
        for (Index e = 0; e < sum.size(); ++e)
            sum.data()[e] = first.data()[e] / scale(first) + 0.5 * second.data()[e] / scale(second);
        const Descrambling found = descramble(networks, library_of(X), request, Execution::on_cpu(1))[0];
        EXPECT_LE(largest_difference(found.gram, sum), 1e-12 * largest(sum));
        EXPECT_LE(found.solution.gap, 1e-12);
    }
    request.shared = {{{.at = {3, Tap::before}}, 1}};
    EXPECT_NE(refusal(request).find("6 signals, expected 12"), std::string::npos) << refusal(request);
}

TEST(Criteria, TotalVariationUndoesAPlantedRotation) {
    // steps along the neurons, turned a little by the first layer: the criterion has more than one minimum
    const auto on = make_cpu_backend<double>(1);
    const Index n = 10;
    Matrix<double> S(n, 600), rotation(n, n);
    RandomStream random(5, 6);
    for (Index j = 0; j < S.cols(); ++j) {
        const Index step = static_cast<Index>(random.below(static_cast<std::uint32_t>(n)));
        const double low = random.normal(), high = random.normal();
        for (Index i = 0; i < n; ++i)
            S(i, j) = i < step ? low : high;
    }
    const Matrix<double> q = scaled(normal(n * (n - 1) / 2, 1, 7), 0.05);
    on->cayley(q.view(), rotation.view());
    Network network;
    network.layers.push_back({rotation, {}, Activation::identity, false});
    DescrambleRequest request{.criterion = Criterion::tv, .stencil = StencilKind::dct};
    request.evaluations = request.iterations = 2000;
    request.start = Start::identity;
    const auto found = descramble(std::span(&network, 1), library_of(S), request, Execution::on_cpu(1));
    const double planted =
        total_variation_objective(differentiation_matrix(StencilKind::dct, n), S).evaluate(*on, identity(n), nullptr);
    EXPECT_GT(found[0].solution.eta_raw, 1.3 * planted);
    EXPECT_LE(found[0].solution.eta, 1.01 * planted);
    EXPECT_TRUE(std::isnan(found[0].solution.gap));
    EXPECT_EQ(found[0].solution.method, "riemannian");
    // from the smoothest rotation it ends lower than that
    request.start = Start::closed;
    const auto closed =
        descramble(std::span(&network, 1), library_of(S), {.stencil = StencilKind::dct}, Execution::on_cpu(1));
    const double smoothest = total_variation_objective(differentiation_matrix(StencilKind::dct, n),
                                                       multiply(*on, Op::none, Op::none, rotation, S))
                                 .evaluate(*on, closed[0].solution.P, nullptr);
    EXPECT_LT(descramble(std::span(&network, 1), library_of(S), request, Execution::on_cpu(1))[0].solution.eta,
              smoothest);
}

TEST(Criteria, FourthMomentRowsComeInOrderWithPositiveSkew) {
    const auto on = make_cpu_backend<double>(1);
    const auto found = descramble(networks, library_of(X), {.criterion = Criterion::fourth}, Execution::on_cpu(1));
    const Matrix<double> Y =
        multiply(*on, Op::none, Op::none,
                 multiply(*on, Op::none, Op::none, found[0].solution.P, networks[0].layers[0].weight), X);
    double last = std::numeric_limits<double>::infinity(), sum = 0;
    for (Index i = 0; i < Y.rows(); ++i) {
        double third = 0, fourth = 0;
        for (Index j = 0; j < Y.cols(); ++j) {
            third += std::pow(Y(i, j), 3);
            fourth += std::pow(Y(i, j), 4);
        }
        EXPECT_GE(third, 0);
        EXPECT_LE(fourth, last * (1 + 1e-12));
        last = fourth;
        sum += fourth / static_cast<double>(Y.cols());
    }
    EXPECT_NEAR(found[0].solution.eta, -sum, 1e-10 * sum);
    EXPECT_LT(found[0].solution.eta, found[0].solution.eta_raw);
}

TEST(Criteria, AnObjectiveOfOnesOwnIsMinimisedAndChecked) {
    DescrambleRequest request{.criterion = Criterion::user};
    request.objective = [](const Matrix<double>& S) { return fourth_moment_objective(S); };
    request.check_gradient = true;
    const auto own = descramble(networks, library_of(X), request, Execution::on_cpu(1));
    const auto known = descramble(networks, library_of(X), {.criterion = Criterion::fourth}, Execution::on_cpu(1));
    EXPECT_NEAR(own[0].solution.eta, known[0].solution.eta, 1e-10 * std::abs(known[0].solution.eta));
    request.objective = [](const Matrix<double>& S) {
        Objective wrong = fourth_moment_objective(S);
        wrong.evaluate = [right = wrong.evaluate](Backend<double>& on, const Matrix<double>& P, Matrix<double>* g) {
            const double value = right(on, P, g);
            if (g != nullptr)
                (*g)(0, 1) += 0.1 * std::abs(value);
            return value;
        };
        return wrong;
    };
    EXPECT_NE(refusal(request).find("finite differences"), std::string::npos);
    request.objective = {};
    EXPECT_NE(refusal(request), "");
}

TEST(Criteria, DiagonalCriteriaNeedNoInputs) {
    const auto on = make_cpu_backend<double>(1);
    DescrambleRequest request{.tap = {.at = {2}}, .criterion = Criterion::mds};
    const auto sum = descramble(networks, {}, request, Execution::on_cpu(1));
    EXPECT_EQ(sum[1].solution.P, maximum_diagonal_sum(*on, networks[1].layers[1].weight, Group::O).P);
    EXPECT_LE(std::abs(sum[1].solution.gap), 1e-13);
    request.criterion = Criterion::mdn;
    const auto norm = descramble(networks, {}, request, Execution::on_cpu(1));
    EXPECT_EQ(norm[0].solution.method, "polar");
    EXPECT_TRUE(norm[0].solution.converged);
    EXPECT_LE(norm[0].solution.gap, 1e-6);
    EXPECT_LE(largest_difference(norm[0].descrambled_weight,
                                 multiply(*on, Op::none, Op::none, norm[0].solution.P, networks[0].layers[1].weight)),
              0);
    request.method = Method::cayley;
    EXPECT_LE(descramble(networks, {}, request, Execution::on_cpu(1))[0].solution.eta,
              norm[0].solution.eta_bound * (1 + 1e-12));
    request.tap.at.layer = 1;
    EXPECT_NE(refusal(request).find("12 x 16"), std::string::npos) << refusal(request);
}

TEST(Criteria, SingularWeightsOfTheDiagonalSumAreRefusedWithTheNumbers) {
    Network network = networks[0];
    for (Index j = 0; j < 12; ++j)
        network.layers[1].weight(4, j) = network.layers[1].weight(7, j);
    try {
        (void)descramble(std::span(&network, 1), {}, {.tap = {.at = {2}}, .criterion = Criterion::mds},
                         Execution::on_cpu(1));
        FAIL() << "a singular W passed";
    } catch (const InputError& error) {
        EXPECT_NE(std::string(error.what()).find("layer 2 of network 0"), std::string::npos) << error.what();
        EXPECT_NE(std::string(error.what()).find("e-"), std::string::npos) << error.what();
    }
}

TEST(Criteria, CustomStencilsServeEveryRoute) {
    DescrambleRequest request{.tap = {.at = {1, Tap::after}}};
    const auto known = descramble(networks, library_of(X), request, Execution::on_cpu(1));
    request.stencil = StencilKind::custom;
    request.stencil_matrix = differentiation_matrix(StencilKind::fourier2, 12);
    const auto own = descramble(networks, library_of(X), request, Execution::on_cpu(1));
    EXPECT_NEAR(own[0].solution.eta, known[0].solution.eta, 1e-10 * known[0].solution.eta);
    request.stencil_matrix = differentiation_matrix(StencilKind::fourier2, 13);
    EXPECT_NE(refusal(request).find("13 columns, expected 12"), std::string::npos) << refusal(request);
}

TEST(Criteria, CombinationsThatMeanNothingAreRefused) {
    DescrambleRequest request{.criterion = Criterion::tv};
    request.method = Method::closed;
    EXPECT_NE(refusal(request).find("no closed form"), std::string::npos);
    request = {.criterion = Criterion::tv};
    request.shared = {{{.at = {2}}, 1}};
    EXPECT_NE(refusal(request).find("cannot share"), std::string::npos);
    request = {.tap = {.at = {2, Tap::after}}, .criterion = Criterion::mds};
    EXPECT_NE(refusal(request).find("expected before"), std::string::npos);
    request = {};
    request.special = true;
    EXPECT_NE(refusal(request).find("mds"), std::string::npos);
    request = {};
    request.method = Method::cayley;
    request.start = Start::random;
    EXPECT_NE(refusal(request).find("Q = 0"), std::string::npos);
    request = {};
    request.single_precision = true;
    EXPECT_NE(refusal(request).find("f32"), std::string::npos);
    request = {};
    request.shared = {{{.at = {2}}, -1}};
    EXPECT_NE(refusal(request).find("weight"), std::string::npos);
    request = {.tap = {.at = {4}}, .criterion = Criterion::mdn};
    EXPECT_NE(refusal(request).find("expected 1 to 3"), std::string::npos);
}

TEST(Criteria, NamesGoBothWays) {
    for (const char* name : {"smoothness", "joint", "mds", "mdn", "tv", "fourth"})
        EXPECT_EQ(to_string(criterion_from(name)), name);
    for (const char* name : {"closed", "riemannian", "cayley"})
        EXPECT_EQ(to_string(method_from(name)), name);
    for (const char* name : {"norm", "trace", "none"})
        EXPECT_EQ(to_string(balance_from(name)), name);
    for (const char* name : {"identity", "closed", "random"})
        EXPECT_EQ(to_string(start_from(name)), name);
    try {
        (void)criterion_from("smooth");
        FAIL();
    } catch (const InputError& error) {
        EXPECT_STREQ(error.what(), "criterion 'smooth': unknown, expected smoothness, joint, mds, mdn, tv or fourth");
    }
}

}  // namespace
}  // namespace descrambler
