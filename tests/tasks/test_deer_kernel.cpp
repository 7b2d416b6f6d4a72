#include "descrambler/deer_kernel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data.hpp"
#include "descrambler/hdf5.hpp"

namespace descrambler {
namespace {

// Computed with 40 digits.
constexpr struct {
    double z, c, s;
} fresnel_values[] = {
    {0.1, 0.0999975326270850736, 0.000523589547612210687},   {0.5, 0.492344225871446393, 0.0647324328599992776},
    {1, 0.779893400376822829, 0.438259147390354766},         {1.25, 0.680090741075455084, 0.658655511636679131},
    {1.4999999, 0.445261268427783857, 0.697504998350414504}, {1.5, 0.445261176039821535, 0.697504960082093013},
    {1.75, 0.32193504614953786, 0.499384674590674552},       {2.2, 0.636286044903319502, 0.455704612124657065},
    {3, 0.60572078929768563, 0.496312998967375036},          {4.2, 0.541719203163415132, 0.563198888396611399},
    {5, 0.563631188704012231, 0.499191381917116887},         {7.5, 0.516018250152336346, 0.460701232946830611},
    {10, 0.499898694205515724, 0.46816997858488224},         {31.4, 0.500639789742796051, 0.510117045299589998},
    {100.1, 0.500049846990341861, 0.496820471778720405},     {1234.5678, 0.50013374928879836, 0.500220426784297774},
    {1e5, 0.499999999999999899, 0.499996816901138162},       {1e9, 0.5, 0.499999999681690114},
};

TEST(Fresnel, IsWithin1e15OfReferenceValues) {
    for (const auto& [z, c, s] : fresnel_values) {
        EXPECT_NEAR(fresnel(z).c, c, 1e-15) << z;
        EXPECT_NEAR(fresnel(z).s, s, 1e-15) << z;
    }
}

TEST(Fresnel, IsOddAndHasLimits) {
    for (const double z : {0.3, 1.49, 1.51, 77.0}) {
        EXPECT_EQ(fresnel(-z).c, -fresnel(z).c);
        EXPECT_EQ(fresnel(-z).s, -fresnel(z).s);
    }
    EXPECT_EQ(fresnel(0).c, 0);
    EXPECT_EQ(fresnel(0).s, 0);
    for (const double z : {1e17, 1e200, HUGE_VAL}) {
        EXPECT_EQ(fresnel(z).c, 0.5);
        EXPECT_EQ(fresnel(-z).s, -0.5);
    }
    EXPECT_TRUE(std::isnan(fresnel(std::nan("")).c));
    EXPECT_NEAR(fresnel(1e-6).s, std::numbers::pi / 6 * 1e-18, 1e-32);  // small numbers keep their digits
}

// int_0^1 cos(w t (1 - 3 x^2)) dx by Gauss-Legendre with 10 points on panels so narrow that the phase changes by less
// than one within each: the rule errs by less than 1e-20 of a panel.
double orientation_average(double phase) {
    constexpr double node[] = {0.1488743389816312, 0.4333953941292472, 0.6794095682990244, 0.8650633666889845,
                               0.9739065285171717};
    constexpr double weight[] = {0.2955242247147529, 0.2692667193099963, 0.2190863625159820, 0.1494513491505806,
                                 0.0666713443086881};
    const int panels = 1 + static_cast<int>(6 * phase);
    double sum = 0;
    for (int p = 0; p < panels; ++p)
        for (int k = 0; k < 5; ++k)
            for (const double sign : {-1.0, 1.0}) {
                const double x = (p + 0.5 + 0.5 * sign * node[k]) / panels;
                sum += weight[k] / (2 * panels) * std::cos(phase * (1 - 3 * x * x));
            }
    return sum;
}

TEST(DipolarKernel, IsTheOrientationAverage) {
    for (const double r : {1.1775, 1.5, 2.0, 3.3, 5.9265, 8.0})
        for (const double t : {1e-6, 0.0078, 0.05, 0.2, 0.77, 1.3, 2.0, 5.0}) {
            const double phase = 2 * std::numbers::pi * dipolar_constant_mhz_nm3 / (r * r * r) * t;
            // nodes and weights are given to 16 digits; both sides sum a few hundred terms
            EXPECT_NEAR(dipolar_kernel(t, r), orientation_average(phase), 1e-12) << t << " " << r;
        }
}

TEST(DipolarKernel, IsOneAtZeroTimeAndEven) {
    for (const double r : {1.0, 2.5, 6.0}) {
        EXPECT_EQ(dipolar_kernel(0, r), 1);
        EXPECT_NEAR(dipolar_kernel(1e-9, r), 1, 1e-10);
        EXPECT_EQ(dipolar_kernel(-0.7, r), dipolar_kernel(0.7, r));
    }
}

// Time multiplied by a corresponds to distance multiplied by a^(1/3).
TEST(DipolarKernel, ScalesWithTheCubeRootOfTime) {
    for (const double t : {0.1, 0.5, 1.9})
        EXPECT_NEAR(dipolar_kernel(8 * t, 2 * 1.7), dipolar_kernel(t, 1.7), 1e-13);
}

TEST(DipolarKernel, MatrixHoldsTimesByDistances) {
    const std::vector<double> t = time_grid_us(2, 5), r = distance_grid_nm(2, 256, 3);
    const Matrix<double> K = dipolar_kernel(t, r);
    ASSERT_EQ(K.rows(), 5);
    ASSERT_EQ(K.cols(), 3);
    EXPECT_EQ(K(3, 1), dipolar_kernel(t[3], r[1]));
    EXPECT_THROW(static_cast<void>(dipolar_kernel(1, 0)), std::invalid_argument);
}

// Single precision, so half a unit in the last place of 1 at least; the rest is rounding in its making.
TEST(DipolarKernel, AgreesWithThePublishedOne) {
    if (!test::has_data("deernet/nets.h5"))
        GTEST_SKIP() << test::no_data("deernet/nets.h5");
    const Hdf5File file = Hdf5File::open(test::data("deernet/nets.h5").string());
    const Matrix<double> published = file.root().read_matrix<double>("parameters/kernel");
    ASSERT_EQ(published.rows(), 512);
    const Matrix<double> K = dipolar_kernel(time_grid_us(2, 512), distance_grid_nm(2, 512, 512));
    double most = 0;
    for (Index j = 0; j < 512; ++j)
        for (Index i = 1; i < 512; ++i)  // its row 0 is 0 / 0
            most = std::max(most, std::abs(K(i, j) - published(i, j)));
    EXPECT_LT(most, 2e-6);
    EXPECT_GT(most, 0);
}

TEST(DipolarKernel, GridsHaveThePublishedEnds) {
    const std::vector<double> t = time_grid_us(2, 256), r = distance_grid_nm(2, 256, 256);
    EXPECT_EQ(t.front(), 0);
    EXPECT_EQ(t.back(), 2);
    EXPECT_DOUBLE_EQ(t[1], 2.0 / 255);
    ASSERT_EQ(r.size(), 256u);
    EXPECT_NEAR(r.front(), 1.1775, 5e-5);  // as printed, four digits
    EXPECT_NEAR(r.back(), 5.9265, 5e-5);
    EXPECT_NEAR(r[128] - r[127], (r.back() - r.front()) / 255, 1e-14);
    const std::vector<double> fine = distance_grid_nm(2, 512, 512);
    EXPECT_NEAR(fine.front(), 0.93398, 5e-6);  // the axis of the published networks
    EXPECT_NEAR(fine.back(), 5.92655, 5e-6);
}

}  // namespace
}  // namespace descrambler
