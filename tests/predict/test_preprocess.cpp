#include "predict/preprocess.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

#include "data.hpp"
#include "descrambler/deer_kernel.hpp"
#include "descrambler/random.hpp"

using namespace descrambler;

namespace {

using Vector = std::vector<double>;

struct Planted {
    Index points = 400;
    double step_us = 0.008;
    Index zero = 14;  // point of the zero time
    double depth = 0.3, rate = 0.05, distance_nm = 4;
    double noise = 0;  // per quadrature
    double phase = 0;
    double scale = 1;
    std::uint64_t seed = 1;
};
// (1 - m + m K(|t|, r)) exp(-k |t|), symmetric about its zero time.
Trace make(const Planted& p) {
    Trace trace;
    trace.stem = "planted";
    trace.complex_valued = true;
    RandomStream random(p.seed, stream::analysis);
    for (Index i = 0; i < p.points; ++i) {
        const double t = std::abs(static_cast<double>(i - p.zero)) * p.step_us;
        // three distances, so that there is a wave and a decay
        double form = 0;
        for (const double r : {0.9, 1.0, 1.1})
            form += dipolar_kernel(t, r * p.distance_nm) / 3;
        const double v = (1 - p.depth + p.depth * form) * std::exp(-p.rate * t);
        const std::complex<double> noisy{v + p.noise * random.normal(), p.noise * random.normal()};
        trace.time_us.push_back(static_cast<double>(i) * p.step_us);
        trace.signal.push_back(p.scale * noisy * std::polar(1.0, p.phase));
    }
    return trace;
}

bool has_flag(const PreparedTrace& prepared, const std::string& part) {
    return std::any_of(prepared.flags.begin(), prepared.flags.end(),
                       [&](const std::string& flag) { return flag.find(part) != std::string::npos; });
}

void expect_refused(const Trace& trace, const std::string& part) {
    try {
        (void)prepare(trace);
        FAIL() << "expected InputError about: " << part;
    } catch (const InputError& error) {
        const std::string message = error.what();
        EXPECT_EQ(message.rfind(trace.stem + ": ", 0), 0u) << message;
        EXPECT_NE(message.find(part), std::string::npos) << message;
        EXPECT_NE(message.find("expected"), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
}

Trace measured(const std::string& file) {
    return read_trace(test::data("traces/" + file));
}

}  // namespace

TEST(Phase, IsFoundForEveryAngle) {
    for (int i = -7; i <= 7; ++i) {
        const double angle = 0.43 * i;
        const PreparedTrace prepared = prepare(make({.phase = angle}));
        // noise-free: the closed form is exact up to the roundoff of a sum of 400 squares
        EXPECT_NEAR(std::remainder(prepared.phase_rad + angle, 2 * std::numbers::pi), 0, 1e-13);
        EXPECT_LE(std::abs(prepared.phase_rad), std::numbers::pi);
        EXPECT_GT(prepared.signal.front(), 0.99);
        EXPECT_FALSE(has_flag(prepared, "imaginary"));
    }
}

TEST(Phase, MakesTheRealEnergyLargest) {
    Trace trace = make({.noise = 0.05, .phase = 0.7});
    const double chosen = prepare(trace).phase_rad;
    const auto energy = [&](double angle) {
        double sum = 0;
        for (const auto& v : trace.signal)
            sum += std::pow((v * std::polar(1.0, angle)).real(), 2);
        return sum;
    };
    for (int i = 1; i < 100; ++i)
        EXPECT_GT(energy(chosen), energy(chosen + 2 * std::numbers::pi * i / 100) * (1 - 1e-12) - (i == 50 ? 1e-9 : 0));
}

TEST(Phase, FlagsAnImaginaryRemainder) {
    Trace trace = make({});
    for (std::size_t i = 0; i < trace.signal.size(); ++i)
        trace.signal[i] += std::complex<double>{0, 0.1 * std::sin(0.05 * static_cast<double>(i))};
    EXPECT_TRUE(has_flag(prepare(trace), "imaginary part"));
    EXPECT_FALSE(has_flag(prepare(make({.noise = 0.05})), "imaginary part"));
}

TEST(Phase, TurnsARealTraceOverAndSaysSo) {
    Trace trace = make({.scale = -1});
    trace.complex_valued = false;
    const PreparedTrace prepared = prepare(trace);
    EXPECT_GT(prepared.signal.front(), 0.99);
    EXPECT_TRUE(has_flag(prepared, "sign inverted"));
}

TEST(ZeroTime, IsExactWithoutNoise) {
    for (const Index zero : {0, 2, 5, 14, 40, 100})
        for (const double distance : {2.0, 3.0, 4.0, 6.0}) {
            const PreparedTrace prepared = prepare(make({.zero = zero, .distance_nm = distance}));
            EXPECT_NEAR(prepared.zero_time_us, 0.008 * static_cast<double>(zero), 1e-12) << distance;
            EXPECT_EQ(prepared.time_us.size(), static_cast<std::size_t>(400 - zero));
            EXPECT_EQ(prepared.time_us.front(), 0);
            EXPECT_NEAR(prepared.time_us.back(), 0.008 * static_cast<double>(399 - zero), 1e-12);
            EXPECT_EQ(has_flag(prepared, "first point"), zero == 0);
        }
}

TEST(ZeroTime, HoldsWhereTheGlobalMaximumIsLostInNoise) {
    // The odd part over 14 points with a slope of s per step has a standard deviation of noise / (sqrt(2) s sqrt(14))
    // steps; here noise = m / 16 and s = 0.0025, so 1.4 steps. The maximum of the noisy trace wanders over the whole
    // top.
    constexpr int traces = 40;
    double square = 0, raw_square = 0;
    for (std::uint64_t seed = 0; seed < traces; ++seed) {
        const Trace trace = make({.depth = 0.3, .noise = 0.3 / 16, .seed = seed});
        Index raw = 0;
        for (Index i = 0; i < 400; ++i)
            if (trace.signal[i].real() > trace.signal[raw].real())
                raw = i;
        square += std::pow(prepare(trace).zero_time_us / 0.008 - 14, 2) / traces;
        raw_square += std::pow(static_cast<double>(raw) - 14, 2) / traces;
    }
    EXPECT_LE(std::sqrt(square), 1.4 * (1 + 3 / std::sqrt(2.0 * traces)));  // three standard errors of the root
    EXPECT_GE(std::sqrt(raw_square), 2 * std::sqrt(square));
}

TEST(ZeroTime, IsTheFirstPointWhereNothingDecays) {
    // The start is called the top within 3 standard deviations of the difference. With s that of a mean inside, it has
    // 2 s itself, and the largest of a dozen means is 2 s high: it must lie 4.7 s = 2.4 of its own low, 1 in 100.
    int first = 0;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        const PreparedTrace prepared = prepare(make({.depth = 0, .rate = 0, .noise = 0.01, .seed = seed}));
        EXPECT_TRUE(has_flag(prepared, "no decay visible")) << seed;
        first += prepared.zero_time_us == 0;
    }
    EXPECT_GE(first, 96);
}

TEST(ZeroTime, OfTheSimulatedSetsIsThatOfTheLowNoiseTraces) {
    if (!test::has_data("traces/data_noise"))
        GTEST_SKIP() << test::no_data("traces/data_noise");
    const double low_noise_maximum_ns[] = {104, 104, 112, 112, 104};
    for (int set = 1; set <= 5; ++set) {
        const std::string k = std::to_string(set);
        const auto zero_ns = [&](const std::string& file) {
            return 1e3 * prepare(measured("data_noise/" + file + ".dat")).zero_time_us;
        };
        const double reference = zero_ns("low_noise_" + k);
        EXPECT_NEAR(reference, low_noise_maximum_ns[set - 1], 8 + 1e-9) << set;
        for (const char* level : {"100", "50"})
            EXPECT_NEAR(zero_ns("SNR_" + std::string(level) + "_set_" + k), reference, 8 + 1e-9) << level << " " << set;
        for (const char* level : {"32", "16"})
            EXPECT_NEAR(zero_ns("SNR_" + std::string(level) + "_set_" + k), reference, 16 + 1e-9)
                << level << " " << set;
    }
}

TEST(ZeroTime, OfTheMeasurementsGivesTheKnownLengths) {
    if (!test::has_data("traces/data_deeran"))
        GTEST_SKIP() << test::no_data("traces/data_deeran");
    struct Row {
        const char* file;
        double length_us, step_us;
    };
    // lengths after cropping at the maximum of the raw trace, README of the data; two steps for its noise
    for (const Row& row : {Row{"deer_bi_19_50K", 2.904, 0.008},
                           {"deer_bi_28_50K", 3.904, 0.008},
                           {"deer_bi_36_50K", 3.912, 0.008},
                           {"deer_bi_50_50K", 5.880, 0.008},
                           {"deer_tri_36_50K", 3.904, 0.008},
                           {"dOTP_5nm", 19.840, 0.032},
                           {"CT_DEER_5nm", 5.912, 0.008},
                           {"CT_DEER_mix_28_36", 2.880, 0.008},
                           {"deer_mixture_80K_m_8_5scans", 2.904, 0.008},
                           {"CT_deer_broad", 2.392, 0.008},
                           {"deer_252cl_113scans", 2.148, 0.012}}) {
        const PreparedTrace prepared = prepare(measured("data_deeran/" + std::string(row.file) + ".DTA"));
        EXPECT_NEAR(prepared.time_us.back(), row.length_us, 2 * row.step_us + 1e-9) << row.file;
        EXPECT_FALSE(has_flag(prepared, "no dipolar modulation")) << row.file;
    }
}

TEST(Modulation, SeparatesEmptyTracesFromMeasurements) {
    if (!test::has_data("traces/data_empty"))
        GTEST_SKIP() << test::no_data("traces/data_empty");
    for (int k = 1; k <= 10; ++k) {
        const PreparedTrace prepared =
            prepare(measured("data_empty/" + std::string(k < 10 ? "0" : "") + std::to_string(k) + "_input.dat"));
        EXPECT_TRUE(has_flag(prepared, "no dipolar modulation")) << k;
        EXPECT_LE(prepared.zero_time_us, 0.008 + 1e-9) << k;
    }
    for (const char* sample : {"I", "II", "III", "IV", "V", "VI"}) {
        const PreparedTrace prepared =
            prepare(measured("data_kuprov/sample_" + std::string(sample) + "_DEERNet_input.dat"));
        EXPECT_FALSE(has_flag(prepared, "no dipolar modulation")) << sample;
        EXPECT_EQ(prepared.zero_time_us, 0) << sample;
        EXPECT_GT(prepared.depth, 0.1) << sample;
    }
}

TEST(Modulation, FlagsPlantedBackgroundsAndKeepsPlantedDepths) {
    int empty = 0, modulated = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        const double rate = 0.02 * static_cast<double>(seed);
        empty += has_flag(prepare(make({.depth = 0, .rate = rate, .noise = 0.01, .seed = seed})), "no dipolar");
        modulated += has_flag(prepare(make({.depth = 0.2, .rate = rate, .noise = 0.01, .seed = seed})), "no dipolar");
    }
    // Empty: an excess below 0.5 % of the amplitude, half the noise, is asked for: the noise estimate, whose standard
    // deviation is 8 % (a median of 397 correlated differences), may be low by 11 %. 1 in 12 is; allow 1 in 4.
    EXPECT_GE(empty, 30);
    EXPECT_EQ(modulated, 0);
}

TEST(Modulation, DepthNoiseAndAmplitudeAreThoseOfThePlantedTrace) {
    const PreparedTrace prepared = prepare(make({.depth = 0.4, .distance_nm = 3, .noise = 0.01, .scale = 1e6}));
    EXPECT_NEAR(prepared.depth, 0.4, 0.04);          // rough: the tail still oscillates
    EXPECT_NEAR(prepared.noise / 1e4, 1, 0.25);      // four standard deviations of a median of 397 differences
    EXPECT_NEAR(prepared.amplitude / 1e6, 1, 0.03);  // three noises
    EXPECT_FALSE(has_flag(prepared, "modulation depth small"));
    EXPECT_TRUE(has_flag(prepare(make({.depth = 0, .rate = 0, .noise = 0.001})), "no decay visible"));
    EXPECT_TRUE(has_flag(prepare(make({.depth = 0.01, .noise = 0.0005})), "modulation depth small"));
}

TEST(Prepare, KeepsTheFlagsOfTheFile) {
    Trace trace = make({});
    trace.flags = {"time unit taken as ns"};
    EXPECT_TRUE(has_flag(prepare(trace), "time unit taken as ns"));
    EXPECT_EQ(prepare(trace).stem, "planted");
}

TEST(Prepare, RefusesHostileTraces) {
    Trace trace = make({});
    std::fill(trace.signal.begin(), trace.signal.end(), std::complex<double>{2, 1});
    expect_refused(trace, "constant");
    std::fill(trace.signal.begin(), trace.signal.end(), 0.0);
    expect_refused(trace, "constant");

    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        trace = make({});
        trace.signal[7] = {1, bad};
        expect_refused(trace, "signal is not finite at point 8");
        trace = make({});
        trace.time_us[9] = bad;
        expect_refused(trace, "time is not finite at point 10");
    }

    trace = make({});
    trace.time_us[200] += 0.008 * 0.002;
    expect_refused(trace, "not uniform at point 200");
    trace = make({});
    trace.time_us[200] += 0.008 * 0.0004;  // second differences of 0.8e-3
    EXPECT_NO_THROW((void)prepare(trace));

    trace = make({});
    std::reverse(trace.time_us.begin(), trace.time_us.end());
    expect_refused(trace, "does not increase");

    expect_refused(make({.points = 15, .zero = 0}), "points");
    expect_refused(make({.points = 40, .zero = 30}), "from its zero time on");
    expect_refused(make({.points = 400, .step_us = 0.3}), "long");

    trace = make({});
    trace.signal.pop_back();
    expect_refused(trace, "points");
    expect_refused(make({.scale = 1e200}), "between");
}

TEST(Resample, KeepsTheDataOnItsOwnGridAndStraightLinesEverywhere) {
    const Vector time{0, 1, 2, 3, 4}, bumpy{3, -1, 4, 1, 5};
    EXPECT_EQ(resample(time, bumpy, 5), bumpy);
    const Vector line = resample({0, 0.5, 2}, {1, 2, 5}, 9);
    for (std::size_t i = 0; i < 9; ++i)
        EXPECT_NEAR(line[i], 1 + 2 * 0.25 * static_cast<double>(i), 1e-14);
    EXPECT_EQ(resample({0, 2}, {1, 5}, 3), (Vector{1, 3, 5}));
}

TEST(Resample, MatchesOneIntervalByHand) {
    // Slopes 1, 3, 1 on a unit grid. Inner derivatives: weighted harmonic mean 6 / (3/1 + 3/3) = 1.5; the middle of the
    // middle interval: (1 + 4) / 2 + (1.5 - 1.5) / 8 = 2.5. End: ((2+1) 1 - 3) / 2 = 0; the middle of the first
    // interval: 1/2 + (0 - 1.5) / 8 = 0.3125.
    const Vector x = resample({0, 1, 2, 3}, {0, 1, 4, 5}, 7);
    EXPECT_NEAR(x[1], 0.3125, 1e-15);
    EXPECT_NEAR(x[3], 2.5, 1e-15);
}

TEST(Resample, LimitsTheSlopesAtItsEnds) {
    // Slopes 1, 9: the three-point formula gives (3 - 9) / 2 < 0, so 0; inner 6 / (3/1 + 3/9) = 1.8; middle
    // 1/2 - 1.8/8.
    EXPECT_NEAR(resample({0, 1, 2}, {0, 1, 10}, 5)[1], 0.275, 1e-15);
    // Slopes 1, -9: (3 + 9) / 2 is limited to 3; inner 0; middle 1/2 + 3/8. And the same at the other end.
    EXPECT_NEAR(resample({0, 1, 2}, {0, 1, -8}, 5)[1], 0.875, 1e-15);
    EXPECT_NEAR(resample({0, 1, 2}, {-8, 1, 0}, 5)[3], 0.875, 1e-15);
}

TEST(Resample, NeverOvershoots) {
    RandomStream random(2, stream::analysis);
    Vector time{0}, signal{0};
    for (int i = 0; i < 60; ++i) {
        time.push_back(time.back() + 0.05 + random.uniform());
        signal.push_back(random.below(3) == 0 ? signal.back() : random.normal());
    }
    const Index n = 5001;
    const Vector x = resample(time, signal, n);
    std::size_t i = 0;
    for (Index k = 0; k < n; ++k) {
        const double t = time.back() * static_cast<double>(k) / static_cast<double>(n - 1);
        while (i + 2 < time.size() && t > time[i + 1])
            ++i;
        const auto [low, high] = std::minmax(signal[i], signal[i + 1]);
        EXPECT_GE(x[k], low - 1e-14);
        EXPECT_LE(x[k], high + 1e-14);
    }
}

TEST(Resample, IsSecondOrderAccurateAtLeast) {
    // Halving the step of a smooth monotone curve divides the error by 4 or more.
    const auto error = [](Index points) {
        Vector time, signal;
        for (Index i = 0; i < points; ++i) {
            time.push_back(3.0 * static_cast<double>(i) / static_cast<double>(points - 1));
            signal.push_back(std::exp(-time.back()));
        }
        const Vector x = resample(time, signal, 997);
        double worst = 0;
        for (Index k = 0; k < 997; ++k)
            worst = std::max(worst, std::abs(x[k] - std::exp(-3.0 * static_cast<double>(k) / 996)));
        return worst;
    };
    EXPECT_LT(error(41), error(21) / 4);
    EXPECT_LT(error(41), 1e-4);
}

TEST(Resample, RefusesWhatItCannotInterpolate) {
    EXPECT_THROW((void)resample({0}, {1}, 5), std::invalid_argument);
    EXPECT_THROW((void)resample({0, 1}, {1}, 5), std::invalid_argument);
    EXPECT_THROW((void)resample({0, 0}, {1, 2}, 5), std::invalid_argument);
    EXPECT_THROW((void)resample({0, 1}, {1, 2}, 1), std::invalid_argument);
}

TEST(NetworkInput, IsBoxedOrScaledToTheZeroTime) {
    const PreparedTrace prepared = prepare(make({.noise = 0.01, .scale = 1e5}));
    DeerDatabase database;
    const Vector boxed = network_input(prepared, database);
    ASSERT_EQ(boxed.size(), static_cast<std::size_t>(database.times));
    EXPECT_EQ(*std::min_element(boxed.begin(), boxed.end()), 0);
    EXPECT_EQ(*std::max_element(boxed.begin(), boxed.end()), 1);
    database.input = InputScaling::clean;
    const Vector clean = network_input(prepared, database);
    EXPECT_NEAR(clean[0], 1, 0.04);  // four noises
    const Vector plain = resample(prepared.time_us, prepared.signal, database.times);
    for (std::size_t i = 0; i < clean.size(); ++i)
        EXPECT_NEAR(clean[i] * prepared.amplitude, plain[i], 1e-15 * 1e5 * 4);
}

TEST(DistanceAxis, KeepsTimeOverDistanceCubed) {
    DeerDatabase database;
    const DeerTables tables = make_deer_tables(database);
    const PreparedTrace prepared = prepare(make({.points = 514}));  // 4 us minus roundoff: 499 steps of 8 ns
    const Vector axis = distance_axis(prepared, tables);
    ASSERT_EQ(axis.size(), tables.distance_nm.size());
    const double T = prepared.time_us.back();
    for (std::size_t j = 0; j < axis.size(); ++j)
        EXPECT_NEAR(dipolar_kernel(T, axis[j]), dipolar_kernel(database.span_us, tables.distance_nm[j]), 1e-10);
    EXPECT_NEAR(axis.back() / tables.distance_nm.back(), std::cbrt(T / 2), 1e-14);
}
