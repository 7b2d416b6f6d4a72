#include "tasks/deer_traces.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "cpu/random.hpp"
#include "descrambler/deer_kernel.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

constexpr std::uint64_t seed = 1234;

template <class T>
struct Drawn {
    Matrix<T> input, target, trace, clean, form_factor, background, distribution;

    Drawn(const DeerDatabase& d, Index n)
        : input(d.times, n),
          target(d.distances, n),
          trace(d.times, n),
          clean(d.times, n),
          form_factor(d.times, n),
          background(d.times, n),
          distribution(d.distances, n) {}
    [[nodiscard]] DeerSamples<T> columns(Index first, Index count) {
        const auto part = [&](Matrix<T>& m) { return m.view().columns(first, count); };
        return {part(input),       part(target),     part(trace),       part(clean),
                part(form_factor), part(background), part(distribution)};
    }
    bool operator==(const Drawn&) const = default;
};

template <class T>
Drawn<T> draw(const DeerTables& tables, std::uint64_t stream, Index first, Index count) {
    const auto on = make_cpu_backend<T>(1);
    Drawn<T> library(tables.database, count);
    DeerSource<T>(tables).traces(*on, seed, stream, first, library.columns(0, count));
    return library;
}

const DeerTables& pnas() {
    static const DeerTables tables = make_deer_tables(deer_preset("pnas"));
    return tables;
}
const DeerTables& odd() {  // sizes that fill no vector, the other scalings
    static const DeerTables tables = [] {
        DeerDatabase d;
        d.times = 101;
        d.distances = 67;
        d.peaks_min = 2;
        d.peaks_max = deer_peaks_limit;
        d.input = InputScaling::clean;
        d.target = TargetScaling::mean;
        return make_deer_tables(d);
    }();
    return tables;
}

const DeerTables& odd_boxed() {
    static const DeerTables tables = [] {
        DeerDatabase d = odd().database;
        d.input = InputScaling::boxed;
        d.target = TargetScaling::maximum;
        return make_deer_tables(d);
    }();
    return tables;
}

template <class T>
class Deer : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(Deer, Reals);

TYPED_TEST(Deer, SamplesDoNotDependOnHowTheyAreAskedFor) {
    using T = TypeParam;
    for (const DeerTables* tables : {&pnas(), &odd()}) {
        const Drawn<T> whole = draw<T>(*tables, 3, 0, 256);
        Drawn<T> pieces(tables->database, 256);
        const auto on = make_cpu_backend<T>(1);
        const DeerSource<T> source(*tables);
        const Index cuts[] = {0, 1, 2, 63, 64, 65, 130, 192, 255, 256};
        for (std::size_t k = std::size(cuts) - 1; k-- > 0;)  // from the last
            source.traces(*on, seed, 3, cuts[k], pieces.columns(cuts[k], cuts[k + 1] - cuts[k]));
        EXPECT_TRUE(whole == pieces);
        EXPECT_FALSE(whole == draw<T>(*tables, 4, 0, 256));
    }
}

TYPED_TEST(Deer, OneBackendServesSeveralSources) {
    using T = TypeParam;
    const auto on = make_cpu_backend<T>(1);
    for (const DeerTables* tables : {&pnas(), &odd(), &pnas()}) {
        Drawn<T> library(tables->database, 3);
        DeerSource<T>(*tables).traces(*on, seed, 1, 10, library.columns(0, 3));
        EXPECT_TRUE(library == draw<T>(*tables, 1, 10, 3));
    }
}

TYPED_TEST(Deer, SeesAKernelThatWasEditedInPlace) {
    using T = TypeParam;
    const auto on = make_cpu_backend<T>(1);
    DeerTables tables = pnas();
    Drawn<T> before(tables.database, 3), after(tables.database, 3), kept(tables.database, 3);
    const DeerSource<T> first(tables);
    first.traces(*on, seed, 1, 0, before.columns(0, 3));
    for (double& k : tables.kernel.values())
        k *= 0.5;
    DeerSource<T>(tables).traces(*on, seed, 1, 0, after.columns(0, 3));
    EXPECT_NEAR(after.form_factor(9, 1), 0.5 * static_cast<double>(before.form_factor(9, 1)), 2e-6);
    first.traces(*on, seed, 1, 0, kept.columns(0, 3));  // which has taken its tables over
    EXPECT_TRUE(kept == before);
}

TYPED_TEST(Deer, LeavesOutWhatIsNotWanted) {
    using T = TypeParam;
    const Drawn<T> whole = draw<T>(pnas(), 3, 20, 100);
    Drawn<T> some(pnas().database, 100);
    const DeerSamples<T> all = some.columns(0, 100);
    DeerSamples<T> out;
    out.input = all.input;
    out.target = all.target;
    DeerSource<T>(pnas()).traces(*make_cpu_backend<T>(1), seed, 3, 20, out);
    EXPECT_TRUE(some.input == whole.input);
    EXPECT_TRUE(some.target == whole.target);
    EXPECT_TRUE(some.trace == Matrix<T>(256, 100));
}

TYPED_TEST(Deer, SatisfiesItsEquations) {
    using T = TypeParam;
    constexpr double u = std::numeric_limits<T>::epsilon() / 2;
    for (const DeerTables* tables : {&pnas(), &odd(), &odd_boxed()}) {
        const DeerDatabase& d = tables->database;
        const Index n = 100;
        const Drawn<T> x = draw<T>(*tables, 5, 37, n);
        for (Index s = 0; s < n; ++s) {
            double total = 0, most = 0;
            for (const T p : x.distribution.column(s)) {
                ASSERT_GE(p, 0);
                total += p;
                most = std::max<double>(most, p);
            }
            // sixteen running sums of distances / 16 terms, the tree, the division and the product
            EXPECT_NEAR(total, 1, static_cast<double>(d.distances / 16 + 8) * u);
            for (Index j = 0; j < d.distances; ++j) {
                const double p = x.distribution(j, s);
                const double y = d.target == TargetScaling::maximum ? p / most : p * static_cast<double>(d.distances);
                ASSERT_NEAR(x.target(j, s), y, 2 * u * y);
            }
            if (d.target == TargetScaling::maximum) {
                EXPECT_EQ(*std::max_element(x.target.column(s).begin(), x.target.column(s).end()), 1);
            }

            EXPECT_EQ(x.form_factor(0, s), 1);
            EXPECT_EQ(x.background(0, s), 1);
            for (Index i = 1; i < d.times; ++i) {
                double f = 0;
                for (Index j = 0; j < d.distances; ++j)
                    f += tables->kernel(i, j) * static_cast<double>(x.distribution(j, s));
                // a row of Q is not longer than 1 and Q^T K p not longer than sqrt(times), which bounds the rounding;
                // and the truncation 2^-25
                ASSERT_NEAR(x.form_factor(i, s), f,
                            (4 + std::sqrt(static_cast<double>(d.times))) * u + (sizeof(T) == 4 ? 0x1p-25 : 0));
                ASSERT_LT(x.background(i, s), 1 + u);
                ASSERT_LE(x.background(i, s), x.background(i - 1, s));
            }

            const auto trace = x.trace.column(s);
            const auto [low, high] = std::minmax_element(trace.begin(), trace.end());
            for (Index i = 0; i < d.times; ++i) {
                const bool boxed = d.input == InputScaling::boxed;
                const double shift = boxed ? *low : 0, scale = boxed ? static_cast<double>(*high) - *low : 1;
                // x and its extremes are rounded numbers of size 1 or so: differences of two units at most, scaled
                ASSERT_NEAR(x.input(i, s), (x.trace(i, s) - shift) / scale, 3 * u / scale);
            }
            if (d.input == InputScaling::boxed) {
                EXPECT_EQ(*std::min_element(x.input.column(s).begin(), x.input.column(s).end()), 0);
                EXPECT_EQ(*std::max_element(x.input.column(s).begin(), x.input.column(s).end()), 1);
            } else {
                EXPECT_EQ(x.clean(0, s), 1);  // (1 - m + m) B(0)
            }
        }
    }
}

// What the header promises about the words of a sample, evaluated plainly in double precision.
TYPED_TEST(Deer, FollowsTheDocumentedWords) {
    using T = TypeParam;
    for (const DeerTables* tables : {&pnas(), &odd()}) {
        const DeerDatabase& d = tables->database;
        const Index first = 61, n = 8;
        const Drawn<T> x = draw<T>(*tables, 9, first, n);
        for (Index s = 0; s < n; ++s) {
            const std::uint64_t block = static_cast<std::uint64_t>((first + s) * deer_blocks(d.times));
            const auto U = [&](int word) {
                return static_cast<double>(uniform_f32(
                    philox(seed, 9, block + static_cast<std::uint64_t>(word / 4))[static_cast<std::size_t>(word % 4)]));
            };
            const int peaks = d.peaks_min + static_cast<int>(std::floor(U(0) * (d.peaks_max - d.peaks_min + 1)));
            const double m = d.depth_min + (d.depth_max - d.depth_min) * U(1);
            const double k = d.rate_min_mhz + (d.rate_max_mhz - d.rate_min_mhz) * U(2);
            const double dimension = d.dimension_min + (d.dimension_max - d.dimension_min) * U(3);
            const double noise = m * d.noise_max * U(4);
            std::vector<double> p(static_cast<std::size_t>(d.distances));
            const double low_r = tables->distance_nm.front(), high_r = tables->distance_nm.back();
            for (int q = 0; q < peaks; ++q) {
                const int w = 8 + 5 * q;
                const double mu = low_r + (high_r - low_r) * std::abs(U(w) + U(w + 1) - 1);
                const double narrow = d.fwhm_min * mu, wide = d.fwhm_max * (high_r - low_r);
                const double fwhm = narrow + (wide - narrow) * std::abs(U(w + 2) + U(w + 3) - 1);
                const double sigma = fwhm / std::sqrt(8 * std::log(2));
                for (std::size_t j = 0; j < p.size(); ++j)
                    p[j] += U(w + 4) / sigma * std::exp(-std::pow((tables->distance_nm[j] - mu) / sigma, 2) / 2);
            }
            const double total = std::accumulate(p.begin(), p.end(), 0.0);
            // An exponent -y has an absolute error of a few u y, so e^-y is off by a few u y e^-y <= 2 u; the largest p
            // is a bound for what is left. In double precision the nearest grid point is found with an error of 256 u.
            const double tolerance = (sizeof(T) == 4 ? 8 * 0x1p-24 : 2000 * 0x1p-53);
            const double most = *std::max_element(p.begin(), p.end()) / total;
            for (std::size_t j = 0; j < p.size(); ++j)
                ASSERT_NEAR(x.distribution(static_cast<Index>(j), s), p[j] / total, tolerance * most) << s << " " << j;

            std::vector<T> g(static_cast<std::size_t>(d.times));
            cpu::random_normal(seed, 9, block + static_cast<std::uint64_t>(deer_parameter_blocks), g.data(), d.times);
            const auto trace = x.trace.column(s);
            const auto [low, high] = std::minmax_element(trace.begin(), trace.end());
            for (Index i = 0; i < d.times; ++i) {
                const std::size_t at = static_cast<std::size_t>(i);
                const double B = std::exp(-std::pow(k * tables->time_us[at], dimension / 3));
                ASSERT_NEAR(x.background(i, s), B, tolerance);
                double f = 0;
                for (Index j = 0; j < d.distances; ++j)
                    f += tables->kernel(i, j) * p[static_cast<std::size_t>(j)] / total;
                const double v = (1 - m + m * f) * B;
                ASSERT_NEAR(x.trace(i, s), v + noise * static_cast<double>(g[at]), 2 * tolerance);
                const double scaled =
                    d.input == InputScaling::clean ? v : (v - *low) / (static_cast<double>(*high) - *low);
                ASSERT_NEAR(x.clean(i, s), scaled,
                            2 * tolerance / std::min<double>(1, static_cast<double>(*high) - *low));
            }
        }
    }
}

TEST(DeerGenerator, DrawsTheSameSamplesInBothPrecisions) {
    DeerDatabase d = deer_preset("pnas");
    d.noise_max = 0;
    const DeerTables tables = make_deer_tables(d);
    const Drawn<float> x = draw<float>(tables, 2, 0, 256);
    const Drawn<double> y = draw<double>(tables, 2, 0, 256);
    for (Index e = 0; e < x.trace.size(); ++e) {
        ASSERT_NEAR(x.trace.data()[e], y.trace.data()[e], 2e-6);  // 16 units of single precision
        ASSERT_NEAR(x.target.data()[e], y.target.data()[e], 2e-6);
    }
}

double median(std::vector<double> x) {
    std::nth_element(x.begin(), x.begin() + std::ssize(x) / 2, x.end());
    return x[x.size() / 2];
}

// A network that ignores its input predicts the mean target: relative error 0.855 .. 0.88, median 0.79 .. 0.83, as
// measured with an independent implementation of this generator.
TEST(DeerGenerator, PredictingTheMeanHasTheKnownError) {
    for (std::uint64_t stream = 0; stream < 4; ++stream) {
        const Index n = 2000;
        const Drawn<float> x = draw<float>(pnas(), stream::validation + stream, 0, n);
        std::vector<double> mean(256), errors;
        for (Index s = 0; s < n; ++s)
            for (std::size_t j = 0; j < 256; ++j)
                mean[j] += static_cast<double>(x.target(static_cast<Index>(j), s)) / n;
        for (Index s = 0; s < n; ++s) {
            double difference = 0, norm = 0;
            for (std::size_t j = 0; j < 256; ++j) {
                const double y = x.target(static_cast<Index>(j), s);
                difference += (y - mean[j]) * (y - mean[j]);
                norm += y * y;
            }
            errors.push_back(std::sqrt(difference / norm));
        }
        const double average = std::accumulate(errors.begin(), errors.end(), 0.0) / n;
        RecordProperty("mean" + std::to_string(stream), std::to_string(average));
        EXPECT_GT(average, 0.855);
        EXPECT_LT(average, 0.88);
        EXPECT_GT(median(errors), 0.79);
        EXPECT_LT(median(errors), 0.83);
    }
}

// Noise over its largest standard deviation m noise_max: uniform levels give mean square 1/3.
TEST(DeerGenerator, NoiseAndDepthHaveTheirDistributions) {
    DeerDatabase d = deer_preset("pnas");
    d.input = InputScaling::clean;
    d.rate_max_mhz = 0;  // no background
    d.peaks_max = 1;
    const DeerTables tables = make_deer_tables(d);
    const Index n = 2000;
    const Drawn<double> x = draw<double>(tables, 1, 0, n);
    double depth_sum = 0, level_sum = 0, level_squares = 0, lowest = 1, highest = 0, lowest_level = 1,
           highest_level = 0;
    for (Index s = 0; s < n; ++s) {
        for (const double b : x.background.column(s))
            ASSERT_EQ(b, 1);
        const double m = (1 - x.clean(128, s)) / (1 - x.form_factor(128, s));
        double noise = 0;
        for (Index i = 0; i < 256; ++i)
            noise += std::pow(x.trace(i, s) - x.clean(i, s), 2) / 256;
        const double level = std::sqrt(noise) / (m * d.noise_max);
        depth_sum += m / n;
        level_sum += level / n;
        level_squares += level * level / n;
        lowest = std::min(lowest, m);
        highest = std::max(highest, m);
        lowest_level = std::min(lowest_level, level);
        highest_level = std::max(highest_level, level);
    }
    // standard error of the mean of n uniform numbers: range / sqrt(12 n); 4.5 of them
    EXPECT_NEAR(depth_sum, 0.5, 4.5 * 0.8 / std::sqrt(12.0 * n));
    EXPECT_GT(lowest, 0.1 - 1e-12);
    EXPECT_LT(lowest, 0.11);
    EXPECT_LT(highest, 0.9 + 1e-12);
    EXPECT_GT(highest, 0.89);
    EXPECT_NEAR(level_sum, 0.5, 4.5 / std::sqrt(12.0 * n));
    EXPECT_NEAR(level_squares, 1.0 / 3, 4.5 * std::sqrt(4.0 / 45 / n) + 0.002);
    EXPECT_LT(lowest_level, 0.02);
    EXPECT_GT(highest_level, 0.9);
    EXPECT_LT(highest_level, 1 + 4.5 / std::sqrt(512.0));  // of a standard deviation estimated from 256 numbers
}

TEST(DeerGenerator, BackgroundHasItsRanges) {
    const Index n = 2000;
    const Drawn<double> x = draw<double>(pnas(), 8, 0, n);
    double k_low = 1, k_high = 0, d_low = 9, d_high = 0, k_sum = 0, d_sum = 0;
    for (Index s = 0; s < n; ++s) {  // -ln B = (k t)^(d/3), from two times
        const double a = std::log(-std::log(x.background(100, s))), b = std::log(-std::log(x.background(200, s)));
        const double exponent = (b - a) / std::log(2.0);
        const double k = std::exp(b / exponent) / pnas().time_us[200];
        k_low = std::min(k_low, k);
        k_high = std::max(k_high, k);
        k_sum += k / n;
        d_low = std::min(d_low, 3 * exponent);
        d_high = std::max(d_high, 3 * exponent);
        d_sum += 3 * exponent / n;
    }
    EXPECT_GT(k_low, 0);
    EXPECT_LT(k_low, 0.005);
    EXPECT_GT(k_high, 0.495);
    EXPECT_LT(k_high, 0.5 + 1e-6);
    EXPECT_NEAR(k_sum, 0.25, 4.5 * 0.5 / std::sqrt(12.0 * n));
    EXPECT_GT(d_low, 2 - 1e-6);
    EXPECT_LT(d_low, 2.02);
    EXPECT_GT(d_high, 3.48);
    EXPECT_LT(d_high, 3.5 + 1e-6);
    EXPECT_NEAR(d_sum, 2.75, 4.5 * 1.5 / std::sqrt(12.0 * n));
}

// One peak: its centre and width read from the mean and the variance of p.
TEST(DeerGenerator, PeaksHaveTheirRanges) {
    DeerDatabase d = deer_preset("pnas");
    d.peaks_max = 1;
    d.fwhm_max = 0.1;
    const DeerTables tables = make_deer_tables(d);
    const double low = tables.distance_nm.front(), high = tables.distance_nm.back();
    const Index n = 2000;
    const Drawn<double> x = draw<double>(tables, 8, 0, n);
    double sum = 0;
    for (Index s = 0; s < n; ++s) {
        const auto p = x.distribution.column(s);
        const Index peak = std::max_element(p.begin(), p.end()) - p.begin();
        sum += (tables.distance_nm[static_cast<std::size_t>(peak)] - low) / (high - low) / n;
        double mean = 0, variance = 0;
        for (Index j = 0; j < 256; ++j)
            mean += p[static_cast<std::size_t>(j)] * tables.distance_nm[static_cast<std::size_t>(j)];
        for (Index j = 0; j < 256; ++j)
            variance +=
                p[static_cast<std::size_t>(j)] * std::pow(tables.distance_nm[static_cast<std::size_t>(j)] - mean, 2);
        if (peak < 60 || peak > 195)
            continue;  // cut off at an end
        const double fwhm = std::sqrt(8 * std::log(2) * variance);
        EXPECT_GT(fwhm, d.fwhm_min * mean * 0.99);
        EXPECT_LT(fwhm, d.fwhm_max * (high - low) * 1.01);
    }
    EXPECT_NEAR(sum, 1.0 / 3, 4.5 * std::sqrt(1.0 / 18 / n) + 1.0 / 255);  // density 2 (1 - s), variance 1/18; the grid
}

TEST(DeerGenerator, SecondPresetWorks) {
    const DeerTables tables = make_deer_tables(deer_preset("deernet2"));
    const Drawn<float> x = draw<float>(tables, 8, 0, 64);
    for (Index s = 0; s < 64; ++s) {
        double sum = 0;
        for (const float y : x.target.column(s))
            sum += y;
        EXPECT_NEAR(sum / 512, 1, 40 * 0x1p-24);
        EXPECT_EQ(*std::max_element(x.input.column(s).begin(), x.input.column(s).end()), 1);
        EXPECT_EQ(*std::min_element(x.input.column(s).begin(), x.input.column(s).end()), 0);
    }
}

// A trace without noise, background and (nearly) modulation is constant; it must not become NaN.
TEST(DeerGenerator, ConstantTraceIsBoxedToZero) {
    DeerDatabase d = deer_preset("pnas");
    d.depth_min = 0;
    d.depth_max = 1e-12;
    d.rate_max_mhz = 0;
    const Drawn<float> x = draw<float>(make_deer_tables(d), 1, 0, 3);
    for (const float y : x.input.values())
        EXPECT_EQ(y, 0);
}

}  // namespace
}  // namespace descrambler
