// The power method with momentum: corrected, and as printed.
#include "descrambler/power_svd.hpp"

#include "descrambler/lanczos.hpp"
#include "linalg/operators.hpp"

namespace descrambler {
namespace {

using namespace test;

// 1, .97, .9, then a fall: the leading gap is what the momentum has to bridge
double near_pair(double k) {
    return k == 1 ? 1 : k == 2 ? 0.97 : 0.9 * std::pow(0.95, k - 3);
}

TEST(PowerMethod, MomentumReachesTheTripletsInFewerPairs) {
    const auto on = make_cpu_backend<double>(1);
    const LinearOperator A = matrix_operator(planted(*on, 60, 80, near_pair, 30));
    const PowerSvd plain = power_svd(*on, A, {.momentum = 0, .tolerance = 1e-7}),
                   best = power_svd(*on, A, {.momentum = std::pow(0.97, 4) / 4, .tolerance = 1e-7}),
                   adapted = power_svd(*on, A, {.tolerance = 1e-7});
    for (const PowerSvd* f : {&plain, &best, &adapted}) {
        EXPECT_TRUE(f->converged);
        EXPECT_NEAR(f->s[0], 1, 1e-11);  // tolerance^2 / gap and rounding
        const TripletResiduals r = triplet_residuals(*on, A, f->U, f->s, f->V);
        EXPECT_LE(r.left[0], 1e-14);
        EXPECT_NEAR(r.right[0], f->residuals[0], 1e-14);
        EXPECT_LE(r.right[0], 1e-7);
    }
    // falls a step: .97^2 = .941 plain, .97^2 / (1 + sqrt(1 - .97^4)) = .70 at best
    EXPECT_GT(plain.pairs, 200) << plain.pairs;
    EXPECT_LT(best.pairs, 75) << best.pairs;
    EXPECT_LT(adapted.pairs, 80) << adapted.pairs << " pairs, at best " << best.pairs << ", plain " << plain.pairs;
    EXPECT_LT(adapted.momentum[0], 0.25);
    EXPECT_NEAR(adapted.momentum[0], std::pow(0.97, 4) / 4, 0.01);
    EXPECT_EQ(plain.momentum[0], 0);
}

TEST(PowerMethod, DeflationKeepsBothSidesOrthogonalAndFindsPairs) {
    const auto on = make_cpu_backend<double>(1);
    const LinearOperator A = matrix_operator(planted(*on, 60, 80, near_pair, 31));
    const PowerSvd f = power_svd(*on, A, {.wanted = 6, .tolerance = 1e-5});
    EXPECT_TRUE(f.converged);
    for (int k = 0; k < 6; ++k)
        EXPECT_NEAR(f.s[k] / near_pair(k + 1), 1, 1e-4);
    EXPECT_LE(skew(*on, f.U), 1e-13);
    EXPECT_LE(skew(*on, f.V), 1e-13);
    const TripletResiduals r = triplet_residuals(*on, A, f.U, f.s, f.V);
    for (Index k = 0; k < 6; ++k) {
        EXPECT_NEAR(r.right[k], f.residuals[k], 1e-14);
        EXPECT_LE(r.left[k], 1e-5);  // what is left along triplets that are not exact
        EXPECT_GT(*std::ranges::max_element(f.V.column(k), {}, [](double x) { return std::abs(x); }), 0) << k;
    }
    const LanczosSvd beside = lanczos_svd(*on, A, {.wanted = 6});
    EXPECT_LT(beside.pairs, f.pairs / 3) << beside.pairs << " pairs beside " << f.pairs;
    // equal pairs come one after the other
    const std::vector<double> filter{0.5, 0.25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.25};
    const PowerSvd circular = power_svd(*on, circular_operator(filter, 15), {.wanted = 5});
    EXPECT_TRUE(circular.converged);
    EXPECT_LE(worst_relative(circular.s, circular_values(filter, 15)), 1e-4);
}

TEST(PowerMethod, ScalesWithTheOperatorAndEndsWithItsRank) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> M = planted(*on, 20, 30, near_pair, 32);
    const PowerSvd f = power_svd(*on, matrix_operator(M), {.wanted = 2});
    for (const double scale : {0x1p-600, 0x1p600}) {
        const PowerSvd g = power_svd(*on, matrix_operator(scaled(M, scale)), {.wanted = 2});
        EXPECT_EQ(g.pairs, f.pairs);
        for (Index i = 0; i < 2; ++i)
            EXPECT_NEAR(g.s[i] / scale / f.s[i], 1, 1e-12);
    }
    const Matrix<double> low = multiply(*on, Op::none, Op::none, normal(8, 2, 33), normal(2, 6, 34));
    const PowerSvd g = power_svd(*on, matrix_operator(low), {.wanted = 6});
    EXPECT_TRUE(g.converged);
    EXPECT_EQ((std::vector<double>{g.s.begin() + 2, g.s.end()}), std::vector<double>(4, 0.0));
    EXPECT_LE(skew(*on, g.U), 1e-12);
    EXPECT_LE(skew(*on, g.V), 1e-12);
    EXPECT_EQ(power_svd(*on, matrix_operator(Matrix<double>(4, 3)), {.wanted = 2}).s, std::vector<double>(2, 0.0));
    const PowerSvd cut = power_svd(*on, matrix_operator(M), {.wanted = 3, .most_pairs = 7});
    EXPECT_FALSE(cut.converged);
    EXPECT_EQ(cut.pairs, 7);
    EXPECT_EQ(cut.s.size(), 1u);
    EXPECT_GT(cut.residuals[0], 1e-6);
}

TEST(PowerMethod, RefusesAMomentumWithWhichNothingConverges) {
    const auto on = make_cpu_backend<double>(1);
    const LinearOperator A = matrix_operator(planted(*on, 40, 40, near_pair, 35));
    EXPECT_NEAR(power_svd(*on, A, {.momentum = 0.249}).s[0], 1, 1e-9);
    EXPECT_THROW((void)power_svd(*on, A, {.momentum = 0.2500001}), InputError);
    EXPECT_THROW((void)power_svd(*on, A, {.momentum = 0.3}), InputError);
    EXPECT_THROW((void)power_svd(*on, A, {.momentum = -0.1}), InputError);
    EXPECT_THROW((void)power_svd(*on, A, {.momentum = std::nan("")}), InputError);
    // enough for the first triplet, too much for the second: .97^4 / 4 = .2213
    EXPECT_THROW((void)power_svd(*on, A, {.wanted = 2, .momentum = 0.23}), InputError);
    EXPECT_THROW((void)power_svd(*on, A, {.wanted = 41}), InputError);
    EXPECT_THROW((void)power_svd(*on, A, {.tolerance = 1}), InputError);
    EXPECT_THROW((void)power_svd(*on, A, {.most_pairs = 0}), InputError);
    Matrix<double> bad(3, 3);
    bad(1, 1) = std::nan("");
    EXPECT_THROW((void)power_svd(*on, matrix_operator(bad), {}), Error);
}

TEST(PublishedPowerMethod, ReturnsNuInThePlaceOfTheSquare) {
    const auto on = make_cpu_backend<double>(1);
    const Matrix<double> start = normal(60, 1, 36);
    const std::vector<double> v0(start.values().begin(), start.values().end());
    for (const double largest : {1.0, 2.5}) {
        const LinearOperator A = matrix_operator(scaled(planted(*on, 40, 60, near_pair, 37), largest));
        const double l = largest * largest;
        for (const double m : {0.0, 0.1 * l * l, std::pow(0.97, 4) / 4 * l * l}) {
            const double nu = (l + std::sqrt(l * l - 4 * m)) / 2;
            const PublishedPower f = published_power(*on, A, m, 1000, v0);
            EXPECT_NEAR(f.square, nu, 1e-8) << "m " << m;
            EXPECT_NEAR(f.square + m / f.square, l, 1e-8);
            // and v, u are right, but for the length of u
            const PowerSvd corrected = power_svd(*on, A, {.tolerance = 1e-10});
            double along = 0;
            for (Index i = 0; i < 60; ++i)
                along += f.v[i] * corrected.V(i, 0);
            EXPECT_NEAR(std::abs(along), 1, 1e-12);
            EXPECT_NEAR(frobenius(multiply(*on, Op::transpose, Op::none, corrected.U,
                                           [&] {
                                               Matrix<double> u(40, 1);
                                               std::ranges::copy(f.u, u.data());
                                               return u;
                                           }())),
                        largest, 1e-10);
        }
    }
    // the value of the notes: l = 1, m = .97^4 / 4
    EXPECT_NEAR((1 + std::sqrt(1 - std::pow(0.97, 4))) / 2, 0.66934, 1e-5);
    // after one step the length of the start is still in it
    const LinearOperator A = matrix_operator(planted(*on, 40, 60, near_pair, 37));
    EXPECT_GT(published_power(*on, A, 0.1, 1, v0).square, 2) << "of an operator of norm 1";
    EXPECT_THROW((void)published_power(*on, A, 0.1, 1, {1.0}), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
