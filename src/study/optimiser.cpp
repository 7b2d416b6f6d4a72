// How far the published optimiser comes on the networks of a study, and what that does to the picture.
#include "descrambler/hdf5.hpp"
#include "descrambler/spectrum.hpp"
#include "io/stacks.hpp"
#include "study/study_data.hpp"
#include "study/summary_parts.hpp"

namespace descrambler {

namespace {

// The gap after every iteration; sorts of the recentred method stand at the iteration before them.
std::vector<double> gap_by_iteration(const Solution& s) {
    std::vector<double> gaps;
    for (const MinimiseReport::Point& point : s.history) {
        gaps.resize(static_cast<std::size_t>(point.iterations + 1));
        gaps.back() = point.eta / s.eta_bound - 1;
    }
    return gaps;
}

}  // namespace

void read_optimiser(StudyData& study, const Library& library, const Execution& execution) {
    if (study.config.chart_iterations == 0)
        return;
    std::vector<Matrix<double>> pictures;  // of the trained networks
    for (const StudyGroup& group : study.groups) {
        study.optimiser.groups.emplace_back();
        if (group.networks.empty())
            continue;
        const StudyLayer& first = group.layer(1, Tap::before, Criterion::smoothness);
        DescrambleRequest request = first.request;
        request.method = Method::riemannian;
        const std::vector<TapSums> known{
            tap_sums(group.networks, request.tap, library, execution, study.inputs.front())};
        const std::vector<Descrambling> ours = descramble(group.networks, library, request, execution, known);
        request.method = Method::cayley;
        request.iterations = study.config.chart_iterations;
        request.evaluations = 20 * request.iterations;
        const std::vector<Descrambling> published = descramble(group.networks, library, request, execution, known);
        std::vector<OptimiserReading>& readings = study.optimiser.groups.back();
        readings.resize(group.networks.size());
        std::vector<Matrix<double>> folded(group.networks.size());
        parallel_items(std::ssize(readings), execution.threads, [&](Index i, Backend<double>& on) {
            const auto k = static_cast<std::size_t>(i);
            const Solution &theirs = published[k].solution, &own = ours[k].solution;
            folded[k] = folded_amplitude(on, published[k].descrambled_weight);
            const Matrix<double> minimiser = folded_amplitude(on, first.networks[k].descrambled_weight);
            readings[k] = {.gap = theirs.gap,
                           .eta_ratio = theirs.eta / theirs.eta_bound,
                           .fft_correlation = pearson(folded[k].values(), minimiser.values()),
                           .chart = gap_by_iteration(theirs),
                           .recentred = gap_by_iteration(own),
                           .evaluations = theirs.evaluations,
                           .to_gap = own.evaluations_to_gap,
                           .to_stop = own.evaluations,
                           .recentred_gap = own.gap};
        });
        if (group.trained())
            pictures = std::move(folded);
    }
    study.optimiser.spectrum = pictures.front();
    for (std::size_t i = 0; i < pictures.size(); ++i)
        for (std::size_t j = i + 1; j < pictures.size(); ++j)
            study.optimiser.pair_correlation.push_back(pearson(pictures[i].values(), pictures[j].values()));
}

void write_optimiser(const Hdf5Group& root, const StudyData& study) {
    const StudyOptimiser& optimiser = study.optimiser;
    if (optimiser.groups.empty())
        return;
    const Hdf5Group at = root.create_group("optimiser");
    at.attribute("", "iterations", static_cast<std::int64_t>(study.config.chart_iterations));
    for (std::size_t g = 0; g < optimiser.groups.size(); ++g) {
        const std::vector<OptimiserReading>& items = optimiser.groups[g];
        if (items.empty())
            continue;
        const Hdf5Group group = at.create_group(study.groups[g].name);
        const auto put = [&](const char* name, const char* meaning, auto&& value) {
            group.write(name, numbers_of(items, value), {"1", meaning, "network"});
        };
        put("gap", "gap of the published optimiser after its iterations",
            [](const OptimiserReading& r) { return r.gap; });
        put("fft_correlation", "correlation of its folded |FFT2| of P W1 with that of the minimiser",
            [](const OptimiserReading& r) { return r.fft_correlation; });
        put("evaluations", "its evaluations", [](const OptimiserReading& r) { return r.evaluations; });
        put("evaluations_to_gap", "evaluations of the recentred method to a gap of 1e-6, 0: never",
            [](const OptimiserReading& r) { return r.to_gap; });
        put("evaluations_to_stop", "its evaluations to its own test",
            [](const OptimiserReading& r) { return r.to_stop; });
        const auto history = [&](const char* name, std::vector<double> OptimiserReading::*field, const char* meaning) {
            write_rows(group, name, rows_of(items, field), {"1", meaning, "network,iteration"});
        };
        history("chart_gap", &OptimiserReading::chart, "gap of the published optimiser after every iteration from 0");
        history("recentred_gap", &OptimiserReading::recentred,
                "gap of the recentred method after every iteration from 0");
    }
    at.write("spectrum", optimiser.spectrum,
             {"1", "folded |FFT2| of P W1 of the published optimiser, first trained network", "link,bin"});
    if (!optimiser.pair_correlation.empty())
        at.write("pair_correlation", optimiser.pair_correlation,
                 {"1", "correlation of the published pictures of two trained networks", "pair"});
}

namespace json {

Json optimiser(const StudyData& study) {
    const StudyOptimiser& optimiser = study.optimiser;
    if (optimiser.groups.empty())
        return nullptr;
    Json groups = Json::object();
    for (std::size_t g = 0; g < optimiser.groups.size(); ++g) {
        const std::vector<OptimiserReading>& items = optimiser.groups[g];
        const auto of = [&](auto&& value) { return spread(numbers_of(items, value)); };
        if (!items.empty())
            groups[study.groups[g].name] = {
                {"gap", of([](const OptimiserReading& r) { return r.gap; })},
                {"eta_ratio", of([](const OptimiserReading& r) { return r.eta_ratio; })},
                {"fft_correlation", of([](const OptimiserReading& r) { return r.fft_correlation; })},
                {"evaluations", of([](const OptimiserReading& r) { return r.evaluations; })},
                {"recentred_gap", of([](const OptimiserReading& r) { return r.recentred_gap; })},
                {"recentred_evaluations_to_gap", of([](const OptimiserReading& r) { return r.to_gap; })},
                {"recentred_evaluations", of([](const OptimiserReading& r) { return r.to_stop; })}};
    }
    return {{"iterations", study.config.chart_iterations},
            {"groups", groups},
            {"pair_correlation", spread(optimiser.pair_correlation)}};
}

}  // namespace json

}  // namespace descrambler
