#include "report/summary.hpp"

#include <nlohmann/json.hpp>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "report/gnuplot.hpp"

namespace descrambler {

namespace {

using Json = nlohmann::ordered_json;

// A value and where it stands, so that every message names file and field.
class Field {
public:
    Field(const Json& value, std::string file, std::string name)
        : value_(value), file_(std::move(file)), name_(std::move(name)) {}

    [[noreturn]] void refuse(const std::string& expected) const {
        throw InputError(file_ + ": field " + name_ + ": expected " + expected);
    }
    [[nodiscard]] bool has(const std::string& key) const {  // present and not null
        return value_.is_object() && value_.contains(key) && !value_.at(key).is_null();
    }
    [[nodiscard]] Field at(const std::string& key) const {
        const std::string name = name_.empty() ? key : name_ + "." + key;
        if (!value_.is_object())
            refuse("an object");
        if (!value_.contains(key))
            throw InputError(file_ + ": field " + name + ": missing");
        return {value_.at(key), file_, name};
    }
    [[nodiscard]] std::vector<std::pair<std::string, Field>> members() const {
        if (!value_.is_object())
            refuse("an object");
        std::vector<std::pair<std::string, Field>> list;
        for (const auto& [key, value] : value_.items())
            list.emplace_back(key, Field(value, file_, name_ + "." + key));
        return list;
    }
    [[nodiscard]] std::vector<Field> items() const {
        if (!value_.is_array())
            refuse("an array");
        std::vector<Field> list;
        for (std::size_t i = 0; i < value_.size(); ++i)
            list.emplace_back(value_[i], file_, name_ + "[" + std::to_string(i) + "]");
        return list;
    }
    [[nodiscard]] std::string text() const {
        if (!value_.is_string())
            refuse("a text");
        return value_.get<std::string>();
    }
    [[nodiscard]] bool flag() const {
        if (!value_.is_boolean())
            refuse("true or false");
        return value_.get<bool>();
    }
    [[nodiscard]] double number() const {
        if (!value_.is_number())
            refuse("a number");
        return value_.get<double>();
    }
    [[nodiscard]] std::optional<double> maybe_number() const {
        return value_.is_null() ? std::nullopt : std::optional(number());
    }
    [[nodiscard]] MaybeRange range() const {
        if (value_.is_null())
            return std::nullopt;
        return Range{at("median").number(), at("min").number(), at("max").number()};
    }
    [[nodiscard]] MeanMedian mean_median() const { return {at("mean").maybe_number(), at("median").maybe_number()}; }
    [[nodiscard]] std::string plain() const {  // a number, a text or a flag, as it would be read aloud
        if (value_.is_string())
            return value_.get<std::string>();
        if (value_.is_number_float())
            return number_text(value_.get<double>(), 4);
        if (value_.is_number() || value_.is_boolean())
            return value_.dump();
        if (value_.is_null())
            return "not measured";
        refuse("a number or a text");
    }
    [[nodiscard]] Values plain_members() const {
        Values list;
        for (const auto& [key, field] : members())
            list.emplace_back(key, field.plain());
        return list;
    }

private:
    const Json& value_;
    std::string file_, name_;
};

// The words of to_string(Verdict).
Badge badge_of(const Field& verdict) {
    const std::string text = verdict.text();
    if (text == "reproduced and discriminating")
        return Badge::discriminating;
    if (text == "reproduced, not discriminating")
        return Badge::not_discriminating;
    if (text == "not reproduced")
        return Badge::not_reproduced;
    if (text == "withheld")
        return Badge::withheld;
    verdict.refuse(
        "\"reproduced and discriminating\", \"reproduced, not discriminating\", \"not reproduced\" or \"withheld\"");
}

FindingLine finding(const std::string& name, const Field& at) {
    FindingLine line;
    line.name = name;
    line.unit = at.at("unit").text();
    line.claim = at.at("claim").text();
    line.reading = at.at("reading").text();
    line.verdict = at.at("verdict").text();
    line.badge = badge_of(at.at("verdict"));
    line.invariant = at.at("invariant").flag();
    line.raw = at.at("raw").range();
    line.descrambled = at.at("descrambled").range();
    line.untrained = at.at("untrained").range();
    line.shuffled = at.at("shuffled").range();
    line.no_decay = at.at("no_decay").range();
    return line;
}

LayerLine layer(const Field& at) {
    return {at.at("layer").plain(),         at.at("tap").text(),
            at.at("criterion").text(),      at.at("stencil").text(),
            at.at("method").text(),         at.at("eta_raw").range(),
            at.at("eta").range(),           at.at("eta_bound").range(),
            at.at("gap").range(),           at.at("offdiagonal").range(),
            at.at("orthogonality").range(), at.at("rank").range()};
}

Peer peer(const Field& at) {
    Peer peer;
    peer.relative_error = at.at("relative_error").mean_median();
    peer.lambda_interior = at.at("lambda_interior").maybe_number();
    peer.lambda_quantiles = at.at("lambda_quantiles").plain_members();
    peer.network_relative_error = at.at("network_relative_error").range();
    peer.ratio = at.at("ratio").range();
    peer.traces = at.at("traces").maybe_number();
    return peer;
}

Groups groups(const Field& at) {
    Groups result;
    for (const auto& [name, range] : at.members())
        result[name] = range.range();
    return result;
}

std::vector<std::pair<std::string, MaybeRange>> named_ranges(const Field& at) {
    std::vector<std::pair<std::string, MaybeRange>> result;
    for (const auto& [name, range] : at.members())
        result.emplace_back(name, range.range());
    return result;
}

ConditionLine condition(const Field& at) {
    ConditionLine line;
    line.name = at.at("name").text();
    line.words = at.at("words").text();
    line.predict_the_mean = at.at("predict_the_mean").maybe_number();
    line.relative_error = groups(at.at("relative_error"));
    if (at.has("predict_the_mean_ms"))
        line.predict_the_mean_ms = at.at("predict_the_mean_ms").number();
    if (at.has("filter_error"))
        line.filter_error = at.at("filter_error").number();
    if (at.has("error_ms"))
        line.error_ms = groups(at.at("error_ms"));
    if (at.has("r2"))
        for (const auto& [vector, halves] : at.at("r2").members())
            for (const auto& [half, of] : halves.members())
                line.r2[vector][half] = groups(of);
    if (at.has("curves"))
        line.curves = named_ranges(at.at("curves"));
    return line;
}

PartitionLine partition(const Field& at) {
    PartitionLine line;
    line.clusters = at.at("clusters").number();
    for (const Field& size : at.at("sizes").items())
        line.sizes.push_back(size.number());
    line.height = at.at("height").maybe_number();
    line.silhouette = at.at("silhouette").maybe_number();
    line.purity = at.at("purity").maybe_number();
    line.adjusted_rand = at.at("adjusted_rand").maybe_number();
    return line;
}

Relations relations(const Field& at) {
    Relations result;
    if (at.has("threshold")) {
        const Field threshold = at.at("threshold");
        result.threshold = threshold.at("s").number();
        result.threshold_picture = threshold.at("fft_correlation").number();
        result.quantile = threshold.at("quantile").number();
        result.replicates = threshold.at("replicates").number();
        if (threshold.at("itself").has("trained"))
            result.itself_s = threshold.at("itself").at("trained").at("s").range();
    }
    if (at.has("same_function"))
        for (const auto& [name, part] : at.at("same_function").members())
            result.shares.push_back(
                {name, part.at("pairs").number(), part.at("s").number(), part.at("fft_correlation").number()});
    const Field clusters = at.at("clusters");
    const auto cuts = [](const Field& of, std::optional<PartitionLine>& gap, std::optional<PartitionLine>& threshold) {
        gap = partition(of.at("gap"));
        if (of.has("threshold"))
            threshold = partition(of.at("threshold"));
    };
    cuts(clusters.at("all"), result.all_by_gap, result.all_by_threshold);
    cuts(clusters.at("trained"), result.trained_by_gap, result.trained_by_threshold);
    if (clusters.at("trained").has("real"))
        result.trained_real = clusters.at("trained").at("real").flag();
    return result;
}

Ranges ranges(const Field& at, const std::string& besides = "") {
    Ranges result;
    for (const auto& [name, range] : at.members())
        if (name != besides)
            result[name] = range.range();
    return result;
}

Deep deep(const Field& at) {
    Deep result;
    for (const Field& tap : at.at("taps").items())
        result.taps.push_back({tap.at("layer").plain(), tap.at("tap").text(), tap.at("criterion").text(),
                               ranges(tap.at("eta_gain_db")), ranges(tap.at("gap")), ranges(tap.at("rank")),
                               ranges(tap.at("compactness_raw")), ranges(tap.at("compactness")), ranges(tap.at("s"))});
    for (const Field& layer : at.at("layers").items()) {
        result.layers.push_back({layer.at("layer").plain(),
                                 layer.at("outputs").plain(),
                                 layer.at("inputs").plain(),
                                 ranges(layer.at("effective_rank")),
                                 {}});
        if (layer.has("embedding"))
            for (const auto& [name, number] : layer.at("embedding").members())
                result.layers.back().embedding[name] = ranges(number);
    }
    if (result.layers.empty())
        at.at("layers").refuse("at least one layer");
    for (const auto& [name, number] : at.at("network").members())
        result.network.push_back({name, number.at("unit").text(), ranges(number, "unit")});
    return result;
}

Json parsed(const std::filesystem::path& path) {
    const std::string text = read_file(path, std::size_t{1} << 26);
    try {
        return Json::parse(text);
    } catch (const Json::parse_error& e) {
        throw InputError(path.string() + ": byte " + std::to_string(e.byte) + ": expected JSON");
    }
}

void read_verdicts(const Field& verdicts, Summary& summary) {
    summary.verdicts_withheld = verdicts.at("withheld").flag();
    summary.samples_needed = verdicts.at("samples_needed").number();
    if (verdicts.has("samples_per_control")) {  // older studies have no rule for controls
        summary.control_samples_needed = verdicts.at("control_samples_needed").number();
        summary.samples_per_control = verdicts.at("samples_per_control").number();
    }
}

}  // namespace

Summary read_summary(const std::filesystem::path& path) {
    const Json json = parsed(path);
    const Field root(json, path.string(), "");
    if (!json.is_object())
        throw InputError(path.string() + ": expected a JSON object");
    Summary summary;
    if (root.has("title"))
        summary.title = root.at("title").text();
    summary.version = root.at("version").text();
    summary.commit = root.at("commit").text();
    summary.device = root.at("device").text();
    summary.precision = root.at("precision").text();
    summary.seed = root.at("seed").plain();
    summary.ranks = root.at("ranks").plain();
    summary.networks = root.at("networks").plain();
    summary.configuration = root.at("configuration").text();

    const Field training = root.at("training");
    summary.samples_per_network = training.at("samples_per_network").maybe_number();
    summary.relative_error = training.at("relative_error").mean_median();
    summary.ensemble_relative_error = training.at("ensemble_relative_error").maybe_number();
    summary.shuffled_relative_error = training.at("shuffled_relative_error").maybe_number();
    summary.predict_the_mean = training.at("predict_the_mean").maybe_number();

    if (root.has("tikhonov"))
        summary.peer = peer(root.at("tikhonov"));
    for (const Field& at : root.at("layers").items())
        summary.layers.push_back(layer(at));
    for (const auto& [name, at] : root.at("findings").members())
        summary.findings.push_back(finding(name, at));
    if (root.has("verdicts"))
        read_verdicts(root.at("verdicts"), summary);
    if (root.has("extras"))
        for (const auto& [name, at] : root.at("extras").members()) {
            ExtraLine line{name, {}, {}, {}, {}};
            for (const auto& [group, range] : {std::pair{"trained", &line.trained},
                                               {"untrained", &line.untrained},
                                               {"shuffled", &line.shuffled},
                                               {"no_decay", &line.no_decay}})
                if (at.has(group))
                    *range = at.at(group).range();
            summary.extras.push_back(std::move(line));
        }
    if (root.has("alignment"))
        for (const auto& [comparison, at] : root.at("alignment").members())
            if (comparison != "threshold" && comparison != "same_function" && comparison != "clusters")
                for (const auto& [score, range] : at.members())
                    summary.alignment[comparison][score] = range.range();
    if (root.has("alignment") && root.at("alignment").has("clusters"))
        summary.relations = relations(root.at("alignment"));
    if (root.has("optimiser")) {
        const Field at = root.at("optimiser");
        OptimiserSummary optimiser;
        optimiser.iterations = at.at("iterations").number();
        for (const auto& [group, numbers] : at.at("groups").members())
            for (const auto& [name, range] : numbers.members())
                optimiser.groups[name][group] = range.range();
        optimiser.pair_correlation = at.at("pair_correlation").range();
        summary.optimiser = optimiser;
    }
    if (root.has("deep"))
        summary.deep = deep(root.at("deep"));
    if (root.has("task"))
        summary.task = root.at("task").text();
    if (!is_reported(summary.task))
        root.at("task").refuse(reported_tasks());
    if (root.has(summary.task)) {
        const Field task = root.at(summary.task);
        for (const Field& at : task.at("conditions").items())
            summary.conditions.push_back(condition(at));
        summary.curves = named_ranges(task.at("curves"));
    }
    summary.controls = root.at("controls").plain_members();
    if (root.has("timing"))
        summary.timing = root.at("timing").plain_members();
    return summary;
}

}  // namespace descrambler
