// summary.json, as docs/formats.md has it.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "descrambler/version.hpp"
#include "study/study_data.hpp"
#include "study/summary_parts.hpp"
#include "study/task_findings.hpp"

namespace descrambler {

using namespace json;

namespace {

template <class Items, class F>
Json spread_over(const Items& items, F&& value) {
    std::vector<double> values;
    for (const auto& item : items)
        values.push_back(static_cast<double>(value(item)));
    return spread(values);
}

double median(const std::vector<double>& values) {
    return values.empty() ? std::numeric_limits<double>::quiet_NaN() : spread_of(values).median;
}

double mean(const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double quantile(std::vector<double> values, double q) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(std::lround(q * static_cast<double>(values.size() - 1)))];
}

Json training(const StudyData& study) {
    const double seconds = study.seconds.at("training");
    return {{"samples_per_network", study.config.iterations * study.config.batch_size},
            {"seconds", seconds},
            {"samples_per_second", seconds > 0 ? number(study.trained_samples / seconds) : Json(nullptr)},
            {"relative_error",
             {{"mean", median(study.trained().error_mean)}, {"median", median(study.trained().error_median)}}},
            {"ensemble_relative_error", mean(study.ensemble_error)},
            {"shuffled_relative_error", number(median(study.group("shuffled")->error_mean))},
            {"predict_the_mean", study.predict_the_mean}};
}

Json tikhonov(const StudyData& study) {
    if (study.peer.fits.empty())
        return nullptr;
    const std::vector<double>& error = study.peer.relative_error;
    std::vector<double> lambda, ratio;
    double interior = 0;
    for (const TikhonovFit& fit : study.peer.fits) {
        lambda.push_back(fit.lambda);
        interior += fit.lambda_interior ? 1 : 0;
    }
    for (const double network : study.peer_network_error)
        ratio.push_back(network / mean(error));
    return {{"relative_error", {{"mean", mean(error)}, {"median", median(error)}}},
            {"lambda_interior", interior / static_cast<double>(error.size())},
            {"lambda_quantiles",
             {{"10", quantile(lambda, 0.1)}, {"50", quantile(lambda, 0.5)}, {"90", quantile(lambda, 0.9)}}},
            {"network_relative_error", spread(study.peer_network_error)},
            {"ratio", spread(ratio)},
            {"traces", error.size()}};
}

Json layers(const StudyData& study) {
    Json list = Json::array();
    for (const StudyLayer& layer : study.trained().layers) {
        const auto of = [&](auto&& value) {
            return spread_over(layer.networks, [&](const Descrambling& d) { return value(d.solution); });
        };
        list.push_back({{"layer", layer.request.tap.at.layer},
                        {"tap", to_string(layer.request.tap.at.side)},
                        {"criterion", to_string(layer.request.criterion)},
                        {"stencil", to_string(layer.request.stencil)},
                        {"method", "closed"},
                        {"eta_raw", of([](const Solution& s) { return s.eta_raw; })},
                        {"eta", of([](const Solution& s) { return s.eta; })},
                        {"eta_bound", of([](const Solution& s) { return s.eta_bound; })},
                        {"gap", of([](const Solution& s) { return s.gap; })},
                        {"offdiagonal", of([](const Solution& s) { return s.offdiagonal; })},
                        {"orthogonality", of([](const Solution& s) { return s.orthogonality; })},
                        {"rank", of([](const Solution& s) { return s.rank; })}});
    }
    return list;
}

Json findings(const StudyData& study) {
    Json table = Json::object();
    for (const FindingRow& row : study.findings)
        table[row.name] = {{"unit", row.unit},
                           {"claim", row.claim},
                           {"reading", row.reading},
                           {"invariant", row.invariant},
                           {"raw", spread(row.raw)},
                           {"descrambled", spread(row.descrambled)},
                           {"untrained", spread(row.untrained)},
                           {"shuffled", spread(row.shuffled)},
                           {"no_decay", spread(row.no_decay)},
                           {"verdict", to_string(row.verdict)}};
    return table;
}

Json extras(const StudyData& study) {
    std::set<std::string> names;
    for (const StudyGroup& group : study.groups)
        for (const NetworkReading& reading : group.readings)
            for (const auto& [name, value] : reading.extras)
                names.insert(name);
    Json table = Json::object();
    for (const std::string& name : names)
        for (const StudyGroup& group : study.groups) {
            std::vector<double> values;
            for (const NetworkReading& reading : group.readings)
                if (const auto found = reading.extras.find(name); found != reading.extras.end())
                    values.push_back(found->second);
            table[name][group.name] = spread(values);
        }
    return table;
}

Json pairs(const std::vector<Alignment>& list) {
    return {{"s", spread_over(list, [](const Alignment& a) { return a.s; })},
            {"s_octave", spread_over(list, [](const Alignment& a) { return a.s_octave; })},
            {"s_nuc", spread_over(list, [](const Alignment& a) { return a.s_nuc; })},
            {"fft_correlation", spread_over(list, [](const Alignment& a) { return a.fft_correlation; })}};
}

constexpr std::array<const char*, biexponential_vectors> vector_names{"v1", "v2", "v3"};

// What the page of a task other than DEER shows beside the common parts.
Json task_numbers(const StudyData& study) {
    const Index conditions = condition_count(study.config);
    Json list = Json::array();
    for (Index c = 0; c < conditions; ++c) {
        const auto k = static_cast<std::size_t>(c);
        Json at{{"name", condition_name(study.config, c)}};
        at["predict_the_mean"] = number(study.task.predict_the_mean[k]);
        const auto of_groups = [&](auto&& values) {  // {trained: {median min max}, untrained: ..., ...}
            Json groups = Json::object();
            for (const StudyGroup& group : study.groups)
                groups[group.name] = spread(values(group));
            return groups;
        };
        at["relative_error"] =
            of_groups([&](const StudyGroup& group) { return part_of(group.error_mean, c, conditions); });
        if (study.config.task == Task::relaxometry) {
            at["words"] = condition_words(study.config.relaxometry, c);
            at["predict_the_mean_ms"] = number(study.task.predict_the_mean_ms[k]);
            at["error_ms"] = of_groups([&](const StudyGroup& group) { return part_of(group.error_ms, c, conditions); });
            for (Index j = 0; j < biexponential_vectors; ++j)
                for (Index h = 0; h < 2; ++h)
                    at["r2"][vector_names[static_cast<std::size_t>(j)]][h == 0 ? "first" : "second"] =
                        of_groups([&](const StudyGroup& group) {
                            std::vector<double> values;
                            for (const BiexponentialReading& reading : part_of(group.biexponential, c, conditions))
                                values.push_back(reading.r2(h, j));
                            return values;
                        });
            for (const CurveScore& score : study.task.components[k])
                at["curves"][score.name] = spread(score.r2);
        } else {
            at["words"] = "target " + at["name"].get<std::string>();
            at["filter_error"] = number(study.task.filter_error[k]);
        }
        list.push_back(std::move(at));
    }
    Json curves = Json::object();
    for (const CurveScore& score : study.task.curves)
        curves[score.name] = spread(score.r2);
    return {{"conditions", list}, {"curves", curves}};
}

}  // namespace

std::string summary_json(const StudyData& study) {
    double total = 0;
    Json timing = Json::object();
    for (const auto& [stage, seconds] : study.seconds) {
        timing[stage] = seconds;
        total += seconds;
    }
    timing["total"] = total;
    timing["threads"] = study.threads;
    const bool has_replica = study.config.task == Task::deer && !study.findings.empty();
    Json summary{{"version", version()},
                 {"commit", commit()},
                 {"device", study.device},
                 {"precision", study.config.precision},
                 {"seed", study.config.seed},
                 {"ranks", study.ranks},
                 {"task", to_string(study.config.task)},
                 {"networks", study.trained().networks.size()},
                 {"training", training(study)},
                 {"tikhonov", tikhonov(study)},
                 {"layers", layers(study)},
                 {"findings", findings(study)},
                 {"extras", extras(study)},
                 {"alignment",
                  {{"raw", pairs(study.trained().raw_pairs)},
                   {"descrambled", pairs(study.trained().descrambled_pairs)},
                   {"untrained", pairs(study.group("untrained")->descrambled_pairs)},
                   {"shuffled", pairs(study.group("shuffled")->descrambled_pairs)},
                   {"against_shuffled", pairs(study.against_shuffled)},
                   {"threshold", threshold(study)},
                   {"same_function", same_function_shares(study)},
                   {"clusters", clusters(study)}}},
                 {"deep", deep(study)},
                 {"optimiser", optimiser(study)},
                 {"controls",
                  {{"untrained", study.group("untrained")->networks.size()},
                   {"shuffled", study.group("shuffled")->networks.size()},
                   {"no_decay", study.group("no_decay")->networks.size()},
                   {"iterations", std::min(study.config.iterations, study.config.control_iterations)}}},
                 {"replica",
                  {{"relative_error_mean", number(has_replica ? study.replica.relative_error_mean : NAN)},
                   {"without_filters_mean", number(has_replica ? study.replica.without_filters_mean : NAN)}}},
                 {"configuration", to_toml(study.config)},
                 {"timing", timing}};
    if (study.config.task != Task::deer)
        summary[std::string(to_string(study.config.task))] = task_numbers(study);
    return summary.dump(2) + "\n";
}

}  // namespace descrambler
