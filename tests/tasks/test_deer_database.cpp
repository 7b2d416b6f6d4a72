#include "descrambler/deer_database.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "descrambler/backend.hpp"
#include "descrambler/deer_kernel.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler {
namespace {

TEST(DeerPreset, HoldsThePublishedSettings) {
    const DeerDatabase pnas = deer_preset("pnas");
    EXPECT_EQ(pnas, DeerDatabase{});
    const DeerDatabase deernet2 = deer_preset("deernet2");
    EXPECT_EQ(deernet2.preset, "deernet2");
    EXPECT_EQ(deernet2.times, 512);
    EXPECT_EQ(deernet2.distances, 512);
    EXPECT_EQ(deernet2.peaks_max, 4);
    EXPECT_EQ(deernet2.fwhm_min, 0.025);
    EXPECT_EQ(deernet2.depth_min, 0.01);
    EXPECT_EQ(deernet2.depth_max, 1.0);
    EXPECT_EQ(deernet2.target, TargetScaling::mean);
    EXPECT_EQ(deernet2.input, InputScaling::boxed);
    EXPECT_NO_THROW(validate(pnas));
    EXPECT_NO_THROW(validate(deernet2));
}

std::string refusal(const std::function<void()>& action) {
    try {
        action();
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

TEST(DeerPreset, UnknownNameListsTheKnown) {
    const std::string message = refusal([] { static_cast<void>(deer_preset("deernet3")); });
    for (const char* part : {"data.preset", "pnas", "deernet2", "deernet3"})
        EXPECT_NE(message.find(part), std::string::npos) << message;
}

TEST(DeerDatabase, RefusalsNameTheField) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const std::pair<const char*, std::function<void(DeerDatabase&)>> faults[] = {
        {"times", [](DeerDatabase& d) { d.times = 3; }},
        {"times", [](DeerDatabase& d) { d.times = -5; }},
        {"times", [](DeerDatabase& d) { d.times = deer_points_limit + 1; }},
        {"distances", [](DeerDatabase& d) { d.distances = 1; }},
        {"distances", [](DeerDatabase& d) { d.distances = Index{1} << 60; }},
        {"span_us", [](DeerDatabase& d) { d.span_us = 0; }},
        {"span_us", [](DeerDatabase& d) { d.span_us = nan; }},
        {"peaks_min", [](DeerDatabase& d) { d.peaks_min = 0; }},
        {"peaks_max", [](DeerDatabase& d) { d.peaks_max = 0; }},
        {"peaks_max", [](DeerDatabase& d) { d.peaks_max = deer_peaks_limit + 1; }},
        {"fwhm_min", [](DeerDatabase& d) { d.fwhm_min = 0; }},
        {"fwhm_min", [](DeerDatabase& d) { d.fwhm_min = nan; }},
        {"fwhm_min", [](DeerDatabase& d) { d.fwhm_min = 1e-3; }},
        {"fwhm_max", [](DeerDatabase& d) { d.fwhm_max = 0.05; }},
        {"fwhm_max", [](DeerDatabase& d) { d.fwhm_max = HUGE_VAL; }},
        {"depth_min", [](DeerDatabase& d) { d.depth_min = -0.1; }},
        {"depth_max", [](DeerDatabase& d) { d.depth_max = 0.05; }},
        {"depth_max", [](DeerDatabase& d) { d.depth_max = 1.5; }},
        {"depth_max", [](DeerDatabase& d) { d.depth_min = d.depth_max = 0; }},
        {"rate_min_mhz", [](DeerDatabase& d) { d.rate_min_mhz = -1; }},
        {"rate_max_mhz", [](DeerDatabase& d) { d.rate_max_mhz = HUGE_VAL; }},
        {"dimension_min", [](DeerDatabase& d) { d.dimension_min = 0; }},
        {"dimension_max", [](DeerDatabase& d) { d.dimension_max = 1; }},
        {"noise_max", [](DeerDatabase& d) { d.noise_max = -0.01; }},
        {"noise_max", [](DeerDatabase& d) { d.noise_max = nan; }},
    };
    for (const auto& [field, spoil] : faults) {
        DeerDatabase database;
        spoil(database);
        const std::string message = refusal([&] { validate(database); });
        EXPECT_EQ(message.rfind(std::string("data.") + field + ": expected", 0), 0u) << field << ": " << message;
        EXPECT_EQ(message.find('\n'), std::string::npos);
        EXPECT_THROW(static_cast<void>(make_deer_tables(database)), InputError);
    }
}

TEST(DeerTables, HoldGridsAndKernel) {
    DeerDatabase database;
    database.times = 48;
    database.distances = 32;
    const DeerTables tables = make_deer_tables(database);
    EXPECT_EQ(tables.database, database);
    EXPECT_EQ(tables.time_us, time_grid_us(2, 48));
    EXPECT_EQ(tables.distance_nm, distance_grid_nm(2, 48, 32));
    ASSERT_EQ(tables.kernel.rows(), 48);
    ASSERT_EQ(tables.kernel.cols(), 32);
    for (Index j = 0; j < 32; ++j) {
        EXPECT_EQ(tables.kernel(0, j), 1);
        EXPECT_EQ(tables.kernel(29, j),
                  dipolar_kernel(tables.time_us[29], tables.distance_nm[static_cast<std::size_t>(j)]));
    }
}

TEST(DeerLibrary, HoldsTheSamplesOfTheBackend) {
    DeerDatabase database;
    database.times = 48;
    database.distances = 32;
    const DeerTables tables = make_deer_tables(database);
    const auto on = make_cpu_backend<float>(1);
    const Index first = 17, count = 5000;  // more than one block
    const DeerLibrary library = make_deer_library(*on, tables, 5, 6, first, count);
    for (const Index sample : {Index{0}, Index{1}, Index{4095}, Index{4096}, count - 1}) {
        const Buffer<float> memory = on->allocate(5 * 48 + 2 * 32);
        DeerSamples<float> out;
        Batch<float>* views[] = {&out.input, &out.trace, &out.clean, &out.form_factor, &out.background};
        for (Index k = 0; k < 5; ++k)
            *views[k] = {memory.data() + k * 48, 48, 1};
        out.target = {memory.data() + 240, 32, 1};
        out.distribution = {memory.data() + 272, 32, 1};
        DeerSource<float>(tables).traces(*on, 5, 6, first + sample, out);
        const auto expect_equal = [&](const Batch<float>& view, const Matrix<float>& matrix) {
            std::vector<float> values(static_cast<std::size_t>(view.rows));
            on->download(view, values.data());
            for (Index i = 0; i < view.rows; ++i)
                ASSERT_EQ(values[static_cast<std::size_t>(i)], matrix(i, sample)) << sample << " " << i;
        };
        expect_equal(out.input, library.input);
        expect_equal(out.trace, library.trace);
        expect_equal(out.clean, library.clean);
        expect_equal(out.form_factor, library.form_factor);
        expect_equal(out.background, library.background);
        expect_equal(out.target, library.target);
        expect_equal(out.distribution, library.distribution);
    }
    const DeerSource<float> source(tables);
    const DeerLibrary again = make_deer_library(*on, source, 5, 6, first, count);
    EXPECT_EQ(again.input, library.input);
    EXPECT_EQ(again.target, library.target);
    const DeerLibrary none = make_deer_library(*on, tables, 5, 6, 0, 0);
    EXPECT_EQ(none.input.cols(), 0);
    EXPECT_THROW(static_cast<void>(make_deer_library(*on, tables, 5, 6, -1, 2)), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
