#include "descrambler/filters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

#include "descrambler/deer_database.hpp"
#include "descrambler/random.hpp"
#include "descrambler/spectrum.hpp"

using namespace descrambler;

namespace {

using Vector = std::vector<double>;

const std::vector<Band> high_pass{{0, 0.001, 0}, {0.008, 1, 1}};
const std::vector<Band> low_pass{{0, 0.01, 1}, {0.3, 1, 0}};

double decibel(double amplitude) {
    return 20 * std::log10(std::abs(amplitude));
}

struct Ripple {
    double largest = 0;
    Index alternations = 0;  // extrema of alternating sign that reach 99.9 % of the largest
};
Ripple ripple_of(const Vector& taps, const std::vector<Band>& bands) {
    Vector error;
    for (const Band& band : bands) {
        // 200 points per ripple: an extremum is missed by (pi / 200)^2 / 8 = 3e-5 of its height
        const auto points =
            std::max(200.0, std::ceil(100.0 * static_cast<double>(taps.size()) * (band.last - band.first)));
        for (double i = 0; i <= points; ++i)
            error.push_back(band.weight *
                            (band.gain - response(taps, band.first + (band.last - band.first) * i / points)));
    }
    Ripple ripple;
    for (const double e : error)
        ripple.largest = std::max(ripple.largest, std::abs(e));
    double last = 0;
    for (const double e : error)
        if (std::abs(e) > 0.999 * ripple.largest && e * last <= 0) {
            ++ripple.alternations;
            last = e;
        }
    return ripple;
}

struct Set {
    Matrix<double> X, Y;
};
Set deer_set(const DeerTables& tables, std::uint64_t stream, Index count) {
    const auto on = make_cpu_backend<float>(1);
    const DeerLibrary drawn = make_deer_library(*on, tables, 3, stream, 0, count);
    return {to_double(drawn.input), to_double(drawn.target)};
}

Matrix<double> random_matrix(std::uint64_t seed, Index rows, Index cols) {
    RandomStream random(seed, stream::analysis);
    Matrix<double> A(rows, cols);
    for (double& a : A.values())
        a = random.normal();
    return A;
}

}  // namespace

TEST(Equiripple, HasTheGainsOfTheReference) {
    // reference values of an independent design with the same bands, to the digits given
    const Vector high = equiripple(256, high_pass), low = equiripple(32, low_pass);
    ASSERT_EQ(high.size(), 257u);
    ASSERT_EQ(low.size(), 33u);
    EXPECT_NEAR(decibel(response(high, 0)), -25.6, 0.05);
    EXPECT_NEAR(decibel(response(high, 0.008)), -0.7, 0.05);
    EXPECT_NEAR(decibel(response(low, 0.05)), -0.17, 0.005);
    EXPECT_NEAR(decibel(response(low, 0.1)), -2.1, 0.05);
    EXPECT_NEAR(decibel(response(low, 0.2)), -19.5, 0.05);
    EXPECT_NEAR(decibel(response(low, 0.3)), -98.8, 0.05);
}

TEST(Equiripple, IsOptimalByTheAlternationTheorem) {
    // order / 2 + 2 extrema of equal height and alternating sign make the filter the only minimax solution.
    for (const Index order : {2, 10, 32, 100}) {
        const std::vector<Band> bands{{0, 0.2, 1}, {0.26, 0.5, 0.3, 4}, {0.6, 1, 0}};
        const Ripple ripple = ripple_of(equiripple(order, bands), bands);
        EXPECT_GE(ripple.alternations, order / 2 + 2) << "order " << order;
    }
    EXPECT_GE(ripple_of(equiripple(256, high_pass), high_pass).alternations, 130);
    EXPECT_GE(ripple_of(equiripple(32, low_pass), low_pass).alternations, 18);
}

TEST(Equiripple, MatchesAFilterMadeByHand) {
    // Order 2, bands mirrored about 1/2: h = 1/2 + c cos(pi f), and the errors at 0 and at 0.4 are equal and opposite.
    const Vector taps = equiripple(2, {{0, 0.4, 1}, {0.6, 1, 0}});
    const double c = 1 / (1 + std::cos(0.4 * std::numbers::pi));
    EXPECT_NEAR(taps[1], 0.5, 1e-12);  // the convergence threshold is 1e-9 of a deviation that the taps feel squared
    EXPECT_NEAR(taps[0], c / 2, 1e-12);
    EXPECT_EQ(taps[0], taps[2]);
}

TEST(Equiripple, ConvergesForNarrowTransitionBands) {
    for (const Index order : {64, 128, 256})
        for (const double transition : {0.001, 0.002, 0.004, 0.008}) {
            const std::vector<Band> bands{{0, 0.1, 0}, {0.1 + transition, 1, 1}};
            const Vector taps = equiripple(order, bands);
            EXPECT_GE(ripple_of(taps, bands).alternations, order / 2 + 2) << order << " " << transition;
        }
}

TEST(Equiripple, WeightsMoveTheErrorBetweenTheBands) {
    const std::vector<Band> bands{{0, 0.4, 1, 1}, {0.5, 1, 0, 10}};
    const Vector taps = equiripple(40, bands);
    const double pass = ripple_of(taps, {bands[0]}).largest, stop = ripple_of(taps, {{0.5, 1, 0, 1}}).largest;
    EXPECT_NEAR(pass / stop, 10, 1e-3);  // 3e-5 by the grid that looks for the extrema
}

TEST(Equiripple, RefusesWhatIsNoTypeOneFilter) {
    EXPECT_THROW((void)equiripple(33, low_pass), std::invalid_argument);
    EXPECT_THROW((void)equiripple(0, low_pass), std::invalid_argument);
    EXPECT_THROW((void)equiripple(32, {}), std::invalid_argument);
    EXPECT_THROW((void)equiripple(32, {{0, 0.5, 1}, {0.4, 1, 0}}), std::invalid_argument);
    EXPECT_THROW((void)equiripple(32, {{0, 0.5, 1}, {0.6, 1.1, 0}}), std::invalid_argument);
    EXPECT_THROW((void)equiripple(32, {{0, 0.5, 1}, {0.6, 1, 0, 0}}), std::invalid_argument);
}

TEST(Equiripple, SaysWhereItDoesNotConverge) {
    // The deviation of this one lies far below the roundoff of its response.
    EXPECT_THROW((void)equiripple(256, {{0, 0.3, 1}, {0.7, 1, 0}}), Error);
}

TEST(FilterMatrix, IsDiagonalInTheCosinesOfItsExtension) {
    // cos(pi k i / (n - 1)) is its own even extension: an eigenvector, with the response at k / (n - 1) as eigenvalue.
    const Vector taps = equiripple(32, low_pass);
    for (const Index n : {17, 40, 256}) {
        const Matrix<double> M = filter_matrix(taps, n);
        for (const Index k : {Index{0}, Index{1}, Index{5}, n - 1}) {
            const auto wave = [&](Index i) {
                return std::cos(std::numbers::pi * static_cast<double>(k * i) / static_cast<double>(n - 1));
            };
            const double gain = response(taps, static_cast<double>(k) / static_cast<double>(n - 1));
            for (Index i = 0; i < n; ++i) {
                double sum = 0;
                for (Index j = 0; j < n; ++j)
                    sum += M(i, j) * wave(j);
                EXPECT_NEAR(sum, gain * wave(i), 1e-13);  // 33 products of at most 1, and the arguments' roundoff
            }
        }
    }
}

TEST(FilterMatrix, ReflectsByHand) {
    // taps (1, 2, 4, 2, 1) on 3 points: v[-1] = v[1], v[-2] = v[2], v[3] = v[1], v[4] = v[0]
    const Matrix<double> M = filter_matrix({1, 2, 4, 2, 1}, 3);
    const double expected[3][3] = {{4, 4, 2}, {2, 6, 2}, {2, 4, 4}};
    for (Index i = 0; i < 3; ++i)
        for (Index j = 0; j < 3; ++j)
            EXPECT_EQ(M(i, j), expected[i][j]) << i << " " << j;
}

TEST(FilterMatrix, RefusesAFilterLongerThanTheExtension) {
    EXPECT_THROW((void)filter_matrix(Vector(13, 1.0), 3), std::invalid_argument);
    EXPECT_THROW((void)filter_matrix(Vector(4, 1.0), 30), std::invalid_argument);
}

TEST(ReplicaFilter, IsThePositiveControlOfTheFindings) {
    // a first layer without training, W1 = diag(s_1 .. s_80) V_80^T of the filter matrix; reference values of the notch
    // and of the rejection to the digits given
    const auto on = make_cpu_backend<double>(1);
    const Svd s = svd(*on, replica_filter(*on, 256));
    Matrix<double> W(80, 256);
    for (Index i = 0; i < 80; ++i)
        for (Index t = 0; t < 256; ++t)
            W(i, t) = s.s[i] * s.V(t, i);
    const Vector H = column_gain(*on, W);
    ASSERT_EQ(H.size(), 129u);
    Vector tail(H.begin() + 64, H.end());
    std::sort(tail.begin(), tail.end());
    double band = 0;
    for (Index k = 1; k <= 8; ++k)
        band += H[k] * H[k] / 8;
    EXPECT_NEAR(decibel(*std::max_element(H.begin() + 1, H.begin() + 9) / tail[tail.size() / 2]), 40.8, 0.1);
    EXPECT_NEAR(decibel(H[0] / std::sqrt(band)), -25.3, 0.1);
}

TEST(Replica, RecoversAPlantedTransform) {
    // Y = max(T0 A X, 0) with T0 A X positive throughout: linear regression finds it, with the filters and, as T0 A is
    // linear too, without them.
    const auto on = make_cpu_backend<double>(1);
    const Index n = 256, outputs = 6, training = 700, validation = 50;
    const Matrix<double> A = replica_filter(*on, n);
    const Matrix<double> T0 = random_matrix(1, outputs, n);
    const auto make = [&](std::uint64_t seed, Index count) {
        Set set{random_matrix(seed, n, count), {}};
        set.Y = multiply(*on, Op::none, Op::none, T0, multiply(*on, Op::none, Op::none, A, set.X));
        for (Index j = 0; j < count; ++j)  // the sign of a column is free: make its first output positive
            if (set.Y(0, j) < 0)
                for (auto column : {set.X.column(j), set.Y.column(j)})
                    for (double& value : column)
                        value = -value;
        Matrix<double> first(1, count);
        for (Index j = 0; j < count; ++j)
            first(0, j) = set.Y(0, j);
        set.Y = first;
        return set;
    };
    const Set a = make(2, training), b = make(3, validation);
    const Replica replica = fit_replica(*on, a.X, a.Y, b.X, b.Y);
    // the low pass rejects by 99 dB, so the smallest lambda costs 1e-14 of the mean power against 1e-10 of the weakest
    EXPECT_LT(replica.relative_error_mean, 1e-3);
    EXPECT_LT(replica.without_filters_mean, 1e-6);
    EXPECT_LE(replica.relative_error_median, replica.relative_error_mean * 10);
    EXPECT_GT(replica.lambda, 0);
}

TEST(Replica, IsTwiceAsBadAsANetworkOnDeerTraces) {
    // Reference measurement: mean 0.576 (median 0.486) with filters, 0.573 (0.485) without, boxed input, 10 000 traces
    // or more of an easy set; fresh sets and a smaller library cost some percent.
    const auto on = make_cpu_backend<double>(1);
    const DeerTables tables = make_deer_tables(DeerDatabase{});
    const Set training = deer_set(tables, stream::library, 4000),
              validation = deer_set(tables, stream::validation, 1000);
    const Replica replica = fit_replica(*on, training.X, training.Y, validation.X, validation.Y);
    EXPECT_NEAR(replica.relative_error_mean, 0.59, 0.05);
    EXPECT_NEAR(replica.relative_error_median, 0.50, 0.05);
    EXPECT_NEAR(replica.without_filters_mean, replica.relative_error_mean, 0.02);  // the filters add nothing
}

TEST(Replica, RefusesArraysThatDoNotFit) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> X = random_matrix(1, 256, 4), Y = random_matrix(2, 3, 4), shorter = random_matrix(3, 2, 4);
    EXPECT_THROW((void)fit_replica(*on, X, Y, X, shorter), std::invalid_argument);
    EXPECT_THROW((void)fit_replica(*on, X, Y, X, random_matrix(3, 3, 3)), std::invalid_argument);
}
