// The randomised SVD of operators: their adjoints, their products, and the bound on the error.
#include "descrambler/randomized_svd.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <numbers>

#include "fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

Network deep_network() {
    Network network;
    const Index widths[] = {20, 14, 11, 9};
    for (std::size_t k = 0; k < 3; ++k) {
        const Matrix<double> bias = normal(widths[k + 1], 1, 910 + k);
        network.layers.push_back({scaled(normal(widths[k + 1], widths[k], 900 + k), 0.3),
                                  {bias.values().begin(), bias.values().end()},
                                  k == 2 ? Activation::softplus : Activation::tanh,
                                  k == 2});
    }
    return network;
}

struct Named {
    std::string name;
    LinearOperator A;
};

std::vector<Named> all_operators(Backend<double>& on, const Matrix<double>& X, int threads) {
    const Network network = deep_network();
    std::vector<Named> list{{"matrix", matrix_operator(network.layers[0].weight)}};
    for (const Index layer : {1, 2, 3})
        for (const bool activated : {false, true}) {
            const std::string at = std::to_string(layer) + (activated ? " after" : " before");
            const TapRequest tap{.at = {layer, activated ? Tap::after : Tap::before}, .include_bias = true};
            TapRequest linearised = tap;
            linearised.linearised = true;
            list.push_back({"jacobian " + at, jacobian_operator(jacobian_at(on, network, tap.at, X.column(3)))});
            list.push_back({"signals " + at, signals_operator(network, tap, library_of(X), threads)});
            list.push_back({"linearised " + at, signals_operator(network, linearised, library_of(X), threads)});
        }
    return list;
}

TEST(Operators, AdjointsPassTheDotProductTest) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> X = normal(20, 2 * library_block + 77, 1);
    for (const auto& [name, A] : all_operators(*on, X, 2)) {
        const Matrix<double> x = normal(A.cols, 3, 2), y = normal(A.rows, 3, 3);
        const Matrix<double> Ax = A.apply(*on, x), Aty = A.adjoint(*on, y);
        ASSERT_EQ(Ax.rows(), A.rows) << name;
        ASSERT_EQ(Aty.rows(), A.cols) << name;
        for (Index c = 0; c < 3; ++c) {
            double left = 0, right = 0, size = 0;
            for (Index i = 0; i < A.rows; ++i)
                left += y(i, c) * Ax(i, c);
            for (Index i = 0; i < A.cols; ++i)
                right += x(i, c) * Aty(i, c);
            size = frobenius(y) * frobenius(Ax) + frobenius(x) * frobenius(Aty);
            // two chains of products with at most rows + cols terms a sum
            EXPECT_NEAR(left, right, static_cast<double>(A.rows + A.cols) * u * size) << name;
            EXPECT_GT(std::abs(left), 1e-6 * size) << name << ": a test of nothing";
        }
    }
}

TEST(Operators, SignalsAreThoseOfTheTapForAnyNumberOfThreads) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> X = normal(20, 3 * library_block + 5, 4);
    const TapRequest tap{.at = {2, Tap::after}};
    const Matrix<double> S = forward(*on, deep_network(), X, 2);
    const LinearOperator one = signals_operator(deep_network(), tap, library_of(X), 1),
                         many = signals_operator(deep_network(), tap, library_of(X), 3);
    const Matrix<double> x = normal(X.cols(), 4, 5), y = normal(11, 4, 6);
    EXPECT_EQ(one.apply(*on, x), many.apply(*on, x));
    EXPECT_EQ(one.adjoint(*on, y), many.adjoint(*on, y));
    const double terms = static_cast<double>(X.cols());
    EXPECT_LE(largest_difference(one.apply(*on, x), multiply(*on, Op::none, Op::none, S, x)), terms * u * 10);
    EXPECT_LE(largest_difference(one.adjoint(*on, y), multiply(*on, Op::transpose, Op::none, S, y)), 100 * u);
}

double norm2(Backend<double>& on, const Matrix<double>& A) {
    return svd(on, A).s.front();
}

Matrix<double> error_of(Backend<double>& on, const Matrix<double>& A, const RandomizedSvd& f) {
    Matrix<double> Us = f.U;
    for (Index j = 0; j < Us.cols(); ++j)
        for (double& x : Us.column(j))
            x *= f.s[j];
    Matrix<double> E = multiply(on, Op::none, Op::transpose, Us, f.V);
    for (Index i = 0; i < E.size(); ++i)
        E.data()[i] -= A.data()[i];
    return E;
}

// [rows, cols] with singular values sigma(i), i = 0 ..
Matrix<double> planted(Backend<double>& on, Index rows, Index cols, const std::function<double(double)>& sigma,
                       std::uint64_t number) {
    Svd axes = svd(on, normal(rows, cols, number));
    for (Index j = 0; j < axes.U.cols(); ++j)
        for (double& x : axes.U.column(j))
            x *= sigma(static_cast<double>(j));
    return multiply(on, Op::none, Op::transpose, axes.U, axes.V);
}

TEST(RandomizedSvdOfOperators, BoundHoldsInAllOfAHundredRandomCases) {
    const auto on = make_cpu_backend<double>(1);
    RandomStream random(3, stream::analysis + 5000);
    for (std::uint64_t i = 0; i < 100; ++i) {
        const Index rows = 5 + random.below(90), cols = 5 + random.below(90), small = std::min(rows, cols);
        const double decay = 0.5 + 0.5 * random.uniform(), power = 2 * random.uniform();
        const std::uint32_t kind = random.below(4);
        const Matrix<double> A = planted(
            *on, rows, cols,
            [&](double j) {
                return kind == 0   ? std::pow(decay, j)            // geometric
                       : kind == 1 ? std::pow(1 + j, -power)       // algebraic
                       : kind == 2 ? (j < 5 ? 1.0 : 1e-3 * decay)  // a gap
                                   : (j < 4 ? 1.0 : 0.0);          // rank 4
            },
            6000 + i);
        const RandomizedSvdOptions options{
            .rank = 1 + static_cast<int>(random.below(static_cast<std::uint32_t>(small))),
            .oversampling = static_cast<int>(random.below(12)),
            .power_iterations = static_cast<int>(random.below(3)),
            .seed = i};
        const RandomizedSvd f = randomized_svd(*on, matrix_operator(A), options);
        const double error = norm2(*on, error_of(*on, A, f));
        EXPECT_GE(f.error_bound, error) << "case " << i;
        EXPECT_GE(f.plain_bound, error) << "case " << i;
        // the projector form is the same error, to the rounding of A
        EXPECT_NEAR(exact_spectrum(*on, A, f).error, error, 100 * u) << "case " << i;
        // ... and it is not idle: ||w|| <= sqrt(min(rows, cols)) + 4 on the row space but for a chance of 10 exp(-8),
        // so that c ||B B^T B w|| <= c (sqrt(min) + 4) ||B||^3
        const double c = 10 * std::sqrt(2 / std::numbers::pi);
        const double factor = std::cbrt(c * (std::sqrt(static_cast<double>(small)) + 4));
        EXPECT_LE(f.error_bound, factor * error + 20 * static_cast<double>(std::max(rows, cols)) * u) << "case " << i;
    }
}

TEST(RandomizedSvdOfOperators, AgreesWithThePrimitiveAndFindsPlantedSpectraOfImplicitOperators) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> A = planted(
        *on, 40, 60, [](double j) { return std::pow(.8, j); }, 7000);
    const RandomizedSvd f = randomized_svd(*on, matrix_operator(A), {.rank = 6, .seed = 9});
    Matrix<double> U(40, 6), s(6, 1), V(60, 6);
    on->randomized_svd(A.view(), 6, 10, 1, 9, U.view(), s.view(), V.view());
    for (Index j = 0; j < 6; ++j)
        EXPECT_NEAR(f.s[j], s(j, 0), 60 * u);  // the same sketch: rounding of numbers below 1
    // singular vectors of gaps .2 sigma_j, sigma_5 = .33
    EXPECT_LE(largest_difference(f.U, U), 60 * u / (.2 * .33));
    EXPECT_LE(largest_difference(f.V, V), 60 * u / (.2 * .33));

    // signals of an identity layer are the library: same singular values as the matrix, whatever the operator
    const Matrix<double> X = planted(
        *on, 30, 2500, [](double j) { return std::pow(.5, j); }, 7001);
    Network network;
    network.layers.push_back({identity(30), {}, Activation::identity, false});
    const RandomizedSvd signals = randomized_svd(*on, signals_operator(network, {}, library_of(X), 2), {.rank = 5});
    for (Index j = 0; j < 5; ++j)  // error (sigma_16 / sigma_j)^6, below 1e-17
        EXPECT_NEAR(signals.s[j] / std::pow(.5, j), 1, 2500 * u);
    const Matrix<double> F =
        transpose(tap_grams(std::span(&network, 1), {}, library_of(X), Execution::on_cpu(1)).front().factor);
    const ExactSpectrum exact = exact_spectrum(*on, F, signals);
    EXPECT_NEAR(exact.error, std::pow(.5, 5), 2500 * u);
    for (Index j = 0; j < 30; ++j)
        EXPECT_NEAR(exact.s[j], std::pow(.5, j), 2500 * u);
}

TEST(RandomizedSvdOfOperators, BoundScalesWithTheOperator) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> A = planted(
        *on, 30, 30, [](double j) { return std::pow(1 + j, -1); }, 7500);
    const double bound = randomized_svd(*on, matrix_operator(A), {.rank = 3}).error_bound;
    for (const double scale : {0x1p-600, 0x1p600})  // squares and cubes would leave the range; a power of 2 is exact
        EXPECT_NEAR(randomized_svd(*on, matrix_operator(scaled(A, scale)), {.rank = 3}).error_bound / scale / bound, 1,
                    1000 * u);
    EXPECT_EQ(randomized_svd(*on, matrix_operator(Matrix<double>(5, 4)), {.rank = 2}).error_bound, 0);
}

TEST(RandomizedSvdOfOperators, RefusesRanksSketchesAndNumbersThatDoNotFit) {
    const auto on = make_cpu_backend<double>(1);
    const LinearOperator A = matrix_operator(normal(6, 9, 8000));
    EXPECT_THROW((void)randomized_svd(*on, A, {.rank = 0}), InputError);
    EXPECT_THROW((void)randomized_svd(*on, A, {.rank = 7}), InputError);
    EXPECT_THROW((void)randomized_svd(*on, A, {.rank = 2, .oversampling = -1}), InputError);
    LinearOperator wide = A;
    wide.cols = Index{1} << 40;  // refused before anything is drawn
    EXPECT_THROW((void)randomized_svd(*on, wide, {.rank = 2}), InputError);
    Matrix<double> huge(3, 3);
    std::ranges::fill(huge.values(), 1e308);
    EXPECT_THROW((void)randomized_svd(*on, matrix_operator(huge), {.rank = 2}), InputError);
}

}  // namespace
}  // namespace descrambler
