// Measures of pictures: by hand, of waves that are known, and of noise in its limit.
#include "descrambler/measures.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace descrambler {
namespace {

class MapMeasuresTest : public testing::Test {
protected:
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
};

TEST_F(MapMeasuresTest, OnePixelAndAll) {
    std::vector<double> map(2 * 3 * 4);
    map[static_cast<std::size_t>(ImageShape{2, 3, 4}.at(1, 2, 1))] = -5;
    const MapMeasures one = measure(*on, map, {2, 3, 4});
    EXPECT_DOUBLE_EQ(one.participation, 1. / 12);
    EXPECT_DOUBLE_EQ(one.nonzero, 1. / 12);
    EXPECT_EQ(one.top, 2);
    EXPECT_EQ(one.left, 1);
    EXPECT_EQ(one.height, 1);
    EXPECT_EQ(one.width, 1);
    EXPECT_DOUBLE_EQ(one.constant, 1. / 12);  // of all frequencies alike
    const MapMeasures all = measure(*on, std::vector<double>(24, 3.), {2, 3, 4});
    EXPECT_DOUBLE_EQ(all.participation, 1);
    EXPECT_EQ(all.nonzero, 1);
    EXPECT_DOUBLE_EQ(all.constant, 1);
    EXPECT_NEAR(all.frequency, 0, 1e-15);
    const MapMeasures nothing = measure(*on, std::vector<double>(24), {2, 3, 4});
    EXPECT_EQ(nothing.participation, 0);
    EXPECT_EQ(nothing.height, 0);
    EXPECT_THROW((void)measure(*on, map, {2, 3, 3}), std::invalid_argument);
}

// cos(2 pi (3 i + 4 j) / 32): |f| = 5 / 32, one direction; both layouts.
TEST_F(MapMeasuresTest, AWave) {
    for (const bool last : {false, true}) {
        const ImageShape shape{2, 32, 32, last};
        std::vector<double> map(static_cast<std::size_t>(shape.size()));
        for (Index i = 0; i < 32; ++i)
            for (Index j = 0; j < 32; ++j)
                for (Index c = 0; c < 2; ++c)
                    map[static_cast<std::size_t>(shape.at(c, i, j))] =
                        std::cos(2 * std::numbers::pi * static_cast<double>(3 * i + 4 * j) / 32);
        const MapMeasures wave = measure(*on, map, shape);
        EXPECT_NEAR(wave.frequency, 5. / 32, 1e-12);
        EXPECT_NEAR(wave.bandwidth, 0, 1e-6);  // the root of a difference of rounding
        EXPECT_NEAR(wave.orientation, 1, 1e-12);
        EXPECT_NEAR(wave.constant, 0, 1e-12);
        EXPECT_NEAR(wave.participation, 2. / 3, 1e-12);  // (mean cos^2)^2 / mean cos^4
    }
}

// A factor that is a power of two changes no bit, up to the largest and down to small numbers.
TEST_F(MapMeasuresTest, AnySize) {
    const ImageShape shape{2, 4, 5};
    std::vector<double> map;
    for (Index i = 0; i < shape.size(); ++i)
        map.push_back(1.9 * std::sin(static_cast<double>(3 * i * i + 1)));
    const MapMeasures one = measure(*on, map, shape);
    for (const int power : {1022, 600, -600, -1000}) {
        std::vector<double> large;
        for (const double number : map)
            large.push_back(std::ldexp(number, power));
        const MapMeasures other = measure(*on, large, shape);
        EXPECT_EQ(other.participation, one.participation);
        EXPECT_EQ(other.frequency, one.frequency);
        EXPECT_EQ(other.bandwidth, one.bandwidth);
        EXPECT_EQ(other.orientation, one.orientation);
        EXPECT_EQ(other.constant, one.constant);
        EXPECT_EQ(other.nonzero, 1);
        EXPECT_EQ(energy_within(large, shape, 1, 2, 1.5), energy_within(map, shape, 1, 2, 1.5));
        EXPECT_EQ(energy_radius(large, shape, 1, 2, .5), energy_radius(map, shape, 1, 2, .5));
        EXPECT_EQ(neighbour_signs(large, 5).correlation, neighbour_signs(map, 5).correlation);
        EXPECT_EQ(cosine(large, map), cosine(map, map));
        EXPECT_EQ(cross_correlation(large, map), cross_correlation(map, map));
        std::vector<double> sizes, scaled;
        for (std::size_t i = 0; i < map.size(); ++i) {
            sizes.push_back(std::abs(map[i]));
            scaled.push_back(std::abs(large[i]));
        }
        EXPECT_EQ(concentration(scaled).gini, concentration(sizes).gini);
        Matrix<double> columns(shape.size(), 2), scaled_columns(shape.size(), 2);
        for (Index i = 0; i < shape.size(); ++i)
            for (Index k = 0; k < 2; ++k) {
                columns(i, k) = map[static_cast<std::size_t>((i + k) % shape.size())];
                scaled_columns(i, k) = std::ldexp(columns(i, k), power);
            }
        const std::vector<PixelPlace> centres{{1, 1}, {2, 3}};
        EXPECT_EQ(adaptivity(scaled_columns, shape, centres, 1).overall,
                  adaptivity(columns, shape, centres, 1).overall);
    }
}

// Numbers whose squares are 0 beside the largest are there all the same.
TEST_F(MapMeasuresTest, SmallNumbersAreNotZero) {
    std::vector<double> map(12);
    map[5] = 1;
    map[11] = 1e-200;
    const MapMeasures m = measure(*on, map, {1, 3, 4});
    EXPECT_DOUBLE_EQ(m.nonzero, 2. / 12);
    EXPECT_EQ(m.height, 2);
    EXPECT_EQ(m.width, 3);
    EXPECT_DOUBLE_EQ(m.participation, 1. / 12);
}

// White: |f| over a square, of mean .3826 and deviation .142; (E e)^2 / E e^2 = 1/3 for one channel.
TEST_F(MapMeasuresTest, Noise) {
    const ImageShape shape{1, 64, 64};
    const Buffer<double> numbers = on->allocate(shape.size());
    on->random_normal(3, 0, 0, numbers.view(shape.size(), 1));
    const MapMeasures noise = measure(*on, {numbers.data(), static_cast<std::size_t>(shape.size())}, shape);
    EXPECT_NEAR(noise.frequency, .3826, .01);
    EXPECT_NEAR(noise.bandwidth, .142, .01);
    EXPECT_NEAR(noise.participation, 1. / 3, .03);
    EXPECT_LT(noise.orientation, .06);
}

TEST(MeasuresOfPlaces, EnergyAroundAPlace) {
    const ImageShape shape{1, 1, 5};
    EXPECT_DOUBLE_EQ(energy_within(std::vector<double>{1, 2, 0, 2, 1}, shape, 0, 2, 1), .8);
    EXPECT_DOUBLE_EQ(energy_within(std::vector<double>{1, 2, 0, 2, 1}, shape, 0, 2, .5), 0);
    EXPECT_DOUBLE_EQ(energy_within(std::vector<double>{1, 2, 0, 2, 1}, shape, 0, .5, .5), .5);
}

TEST(MeasuresOfPlaces, OneFilterEverywhereOrAnother) {
    const ImageShape shape{1, 1, 6};
    Matrix<double> columns(6, 2);
    columns(1, 0) = columns(3, 1) = 1;
    columns(2, 0) = columns(4, 1) = 2;
    const std::vector<PixelPlace> centres{{0, 2}, {0, 4}};
    EXPECT_THROW((void)adaptivity(columns, shape, centres, 2), std::invalid_argument);
    const ImageShape tall{1, 3, 6};
    Matrix<double> same(18, 2);
    for (Index i = 0; i < 6; ++i)
        for (Index k = 0; k < 2; ++k)
            same(6 + i, k) = columns(i, k);
    const std::vector<PixelPlace> inner{{1, 2}, {1, 4}};
    EXPECT_EQ(adaptivity(same, tall, inner, 1).overall, 0);
    same(6 + 2, 0) = -2;  // 2 and -2 where one filter has 2: off by 8 of 10
    const Adaptivity found = adaptivity(same, tall, inner, 1);
    EXPECT_DOUBLE_EQ(found.overall, std::sqrt(8. / 10));
    EXPECT_DOUBLE_EQ(found.each[0], std::sqrt(4. / 5));
    same(6 + 2, 0) = 0;  // the mean is 1 there: 1 of 1 and 4
    EXPECT_DOUBLE_EQ(adaptivity(same, tall, inner, 1).each[0], 1);
    EXPECT_DOUBLE_EQ(adaptivity(same, tall, inner, 1).each[1], std::sqrt(1. / 5));
}

TEST(MeasuresOfPlaces, Concentrations) {
    EXPECT_DOUBLE_EQ(concentration(std::vector<double>(200, 1.)).top_hundredth, .01);
    EXPECT_NEAR(concentration(std::vector<double>(200, 1.)).gini, 0, 1e-15);
    std::vector<double> one(200);
    one[7] = 3;
    EXPECT_DOUBLE_EQ(concentration(one).top_hundredth, 1);
    EXPECT_DOUBLE_EQ(concentration(one).gini, 199. / 200);
    EXPECT_EQ(concentration(std::vector<double>(3)).gini, 0);
}

TEST(MeasuresOfPlaces, RadiusOfAShareOfTheEnergy) {
    const ImageShape shape{1, 1, 6};
    const std::vector<double> map{3, 0, 2, 2, 0, std::sqrt(3.)};  // energies 9, 0, 4, 4, 0, 3 of 20
    EXPECT_EQ(energy_radius(map, shape, 0, 0, .45), 0);
    EXPECT_EQ(energy_radius(map, shape, 0, 0, .46), 2);
    EXPECT_EQ(energy_radius(map, shape, 0, 0, .85), 3);
    EXPECT_EQ(energy_radius(map, shape, 0, 0, 1), 5);
    EXPECT_EQ(energy_radius(map, shape, 0, 2.5, .4), .5);
    EXPECT_EQ(energy_radius(std::vector<double>(6), shape, 0, 0, .5), 0);
}

TEST(MeasuresOfSigns, Neighbours) {
    const std::vector<double> stripes{1, -1, 1, 2, -2, 2};  // two lines: the end of one is no neighbour of the next
    EXPECT_EQ(neighbour_signs(stripes, 3).opposite, 1);
    EXPECT_EQ(neighbour_signs(std::vector<double>{1, 2, 0, -3}, 4).opposite, 0);  // what is 0 has no sign
    const std::vector<double> ramp{0, 1, 2, 3};                                   // about 1.5: .75 - .25 + .75 of 5
    EXPECT_DOUBLE_EQ(neighbour_signs(ramp, 4).correlation, 1.25 / 5);
}

TEST(MeasuresOfSigns, Entropy) {
    EXPECT_EQ(normalised_entropy(std::vector<Index>{5, 0, 0}), 0);
    EXPECT_DOUBLE_EQ(normalised_entropy(std::vector<Index>{5, 5, 5, 5}), 1);
    EXPECT_DOUBLE_EQ(normalised_entropy(std::vector<Index>{5, 5, 0, 0}), .5);
    EXPECT_EQ(normalised_entropy(std::vector<Index>{7}), 0);
}

TEST(MeasuresOfSigns, Correlations) {
    const std::vector<double> a{3, 4}, b{4, -3}, c{7, 8};
    EXPECT_EQ(cosine(a, b), 0);
    EXPECT_DOUBLE_EQ(cosine(a, c), 53 / (5 * std::sqrt(113)));
    EXPECT_DOUBLE_EQ(cross_correlation(a, c), 1);  // the same about their means
    EXPECT_EQ(cosine(a, std::vector<double>(2)), 0);
}

TEST(MeasuresOfSigns, ShuffledPixelsKeepTheirColours) {
    const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    std::vector<double> x;
    std::vector<Index> place;
    for (int c = 0; c < 3; ++c)
        for (Index p = 0; p < 20; ++p) {
            x.push_back(static_cast<double>(100 * c + p));
            place.push_back(p);
        }
    const std::vector<double> moved = shuffled_pixels(*on, x, place, 5);
    EXPECT_NE(moved, x);
    EXPECT_EQ(moved, shuffled_pixels(*on, x, place, 5));
    EXPECT_NE(moved, shuffled_pixels(*on, x, place, 6));
    std::vector<double> sorted(moved.begin(), moved.begin() + 20);
    std::ranges::sort(sorted);
    EXPECT_TRUE(std::ranges::equal(sorted, std::span(x).first(20)));
    for (std::size_t p = 0; p < 20; ++p)
        EXPECT_EQ(moved[p + 20] - moved[p], 100);
}

}  // namespace
}  // namespace descrambler
