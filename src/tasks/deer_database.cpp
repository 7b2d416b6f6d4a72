#include "descrambler/deer_database.hpp"

#include <cmath>

#include "descrambler/backend.hpp"
#include "descrambler/deer_kernel.hpp"
#include "tasks/deer.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler {
namespace {

void expect(bool holds, const std::string& field, const std::string& expected) {
    if (!holds)
        throw InputError("data." + field + ": expected " + expected);
}

}  // namespace

DeerDatabase deer_preset(std::string_view name) {
    DeerDatabase database;
    if (name == "pnas")
        return database;
    if (name == "deernet2") {
        database.preset = "deernet2";
        database.times = database.distances = 512;
        database.peaks_max = 4;
        database.fwhm_min = 0.025;
        database.depth_min = 0.01;
        database.depth_max = 1.0;
        database.target = TargetScaling::mean;
        return database;
    }
    throw InputError("data.preset: expected pnas or deernet2, found '" + std::string(name) + "'");
}

void validate(const DeerDatabase& d) {
    DeerDatabase copy = d;
    check_limits(fields(copy));
    expect(d.peaks_max >= d.peaks_min, "peaks_max", "not below peaks_min, at most " + std::to_string(deer_peaks_limit));

    const std::vector<double> grid = distance_grid_nm(d.span_us, d.times, d.distances);
    const double step = grid[1] - grid[0], range = grid.back() - grid.front();
    // A narrower peak could fall between two points and leave a distribution of zeros.
    expect(d.fwhm_min * grid.front() >= step / 8, "fwhm_min",
           "peaks at least an eighth of a grid step wide, " + std::to_string(step / (8 * grid.front())) + " or more");
    expect(d.fwhm_max * range >= d.fwhm_min * grid.back(), "fwhm_max",
           "the widest peak not narrower than the narrowest, " + std::to_string(d.fwhm_min * grid.back() / range) +
               " or more");

    const std::string above = "a number not below its minimum";
    expect(d.depth_max >= d.depth_min, "depth_max", above);
    expect(d.depth_max > 0, "depth_max", "a positive number");
    expect(d.rate_max_mhz >= d.rate_min_mhz, "rate_max_mhz", above);
    expect(d.dimension_max >= d.dimension_min, "dimension_max", above);
}

DeerTables make_deer_tables(const DeerDatabase& database) {
    validate(database);
    DeerTables tables;
    tables.database = database;
    tables.time_us = time_grid_us(database.span_us, database.times);
    tables.distance_nm = distance_grid_nm(database.span_us, database.times, database.distances);
    tables.kernel = dipolar_kernel(tables.time_us, tables.distance_nm);
    return tables;
}

DeerLibrary make_deer_library(Backend<float>& on, const DeerTables& tables, std::uint64_t seed, std::uint64_t stream,
                              Index first, Index count) {
    return make_deer_library(on, DeerSource<float>(tables), seed, stream, first, count);
}

DeerLibrary make_deer_library(Backend<float>& on, const DeerSource<float>& source, std::uint64_t seed,
                              std::uint64_t stream, Index first, Index count) {
    require(first >= 0 && count >= 0, "samples have indices from 0 on");
    const Index times = source.inputs(), distances = source.outputs();
    DeerLibrary library;
    for (Matrix<float>* m : {&library.input, &library.trace, &library.clean, &library.form_factor, &library.background})
        *m = Matrix<float>(times, count);
    for (Matrix<float>* m : {&library.target, &library.distribution})
        *m = Matrix<float>(distances, count);

    // by blocks, so that the backend holds little
    const Index block = std::min<Index>(count, 4096);
    const Buffer<float> time_memory = on.allocate(5 * times * block);
    const Buffer<float> distance_memory = on.allocate(2 * distances * block);
    for (Index done = 0; done < count; done += block) {
        const Index n = std::min(block, count - done);
        const auto part = [n](const Buffer<float>& memory, Index rows, Index k) {
            return Batch<float>(memory.data() + k * rows * n, rows, n);
        };
        DeerSamples<float> out;
        out.input = part(time_memory, times, 0);
        out.trace = part(time_memory, times, 1);
        out.clean = part(time_memory, times, 2);
        out.form_factor = part(time_memory, times, 3);
        out.background = part(time_memory, times, 4);
        out.target = part(distance_memory, distances, 0);
        out.distribution = part(distance_memory, distances, 1);
        source.traces(on, seed, stream, first + done, out);
        on.download(out.input, library.input.column(done).data());
        on.download(out.trace, library.trace.column(done).data());
        on.download(out.clean, library.clean.column(done).data());
        on.download(out.form_factor, library.form_factor.column(done).data());
        on.download(out.background, library.background.column(done).data());
        on.download(out.target, library.target.column(done).data());
        on.download(out.distribution, library.distribution.column(done).data());
    }
    return library;
}

}  // namespace descrambler
