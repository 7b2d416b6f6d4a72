// summary.json, as docs/formats.md has it.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "descrambler/version.hpp"
#include "study/summary_parts.hpp"
#include "study/task_study.hpp"

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

Json training(const StudyData& study) {
    const double seconds = study.seconds.at("training");
    return {{"samples_per_network", study.config.iterations * study.config.batch_size},
            {"seconds", seconds},
            {"samples_per_second", seconds > 0 ? number(study.trained_samples / seconds) : Json(nullptr)},
            {"relative_error",
             {{"mean", median_of(study.trained().error_mean)}, {"median", median_of(study.trained().error_median)}}},
            {"ensemble_relative_error", mean_of(study.ensemble_error)},
            {"shuffled_relative_error", number(median_of(study.group(GroupKind::shuffled).error_mean))},
            {"predict_the_mean", study.predict_the_mean}};
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

// The rule by which verdicts are given or withheld.
Json verdicts(const StudyData& study) {
    const VerdictRule rule = study.task->verdict_rule();
    return {{"samples_needed", rule.samples},
            {"control_samples_needed", rule.control_samples},
            {"samples_per_control", study.samples_per_control()},
            {"withheld", study.verdicts_withheld() && !study.findings.empty()}};
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
    Json summary{{"title", study.config.title},
                 {"version", version()},
                 {"commit", commit()},
                 {"device", study.device},
                 {"precision", study.config.precision},
                 {"seed", study.config.seed},
                 {"ranks", study.ranks},
                 {"task", task_name(study.config.data)},
                 {"networks", study.trained().networks.size()},
                 {"training", training(study)},
                 {"tikhonov", nullptr},
                 {"layers", layers(study)},
                 {"findings", findings(study)},
                 {"verdicts", verdicts(study)},
                 {"extras", extras(study)},
                 {"alignment",
                  {{"raw", pairs(study.trained().raw_pairs)},
                   {"descrambled", pairs(study.trained().descrambled_pairs)},
                   {"untrained", pairs(study.group(GroupKind::untrained).descrambled_pairs)},
                   {"shuffled", pairs(study.group(GroupKind::shuffled).descrambled_pairs)},
                   {"against_shuffled", pairs(study.against_shuffled)},
                   {"threshold", threshold(study)},
                   {"same_function", same_function_shares(study)},
                   {"clusters", clusters(study)}}},
                 {"deep", deep(study)},
                 {"optimiser", optimiser(study)},
                 {"controls",
                  {{"untrained", study.group(GroupKind::untrained).networks.size()},
                   {"shuffled", study.group(GroupKind::shuffled).networks.size()},
                   {"no_decay", study.group(GroupKind::no_decay).networks.size()},
                   {"iterations", std::min(study.config.iterations, study.config.control_iterations)}}},
                 {"replica", {{"relative_error_mean", nullptr}, {"without_filters_mean", nullptr}}},
                 {"configuration", to_toml(study.config)},
                 {"timing", timing}};
    study.task->summarise(summary, study);  // in the places held for it, and behind them
    return summary.dump(2) + "\n";
}

}  // namespace descrambler
