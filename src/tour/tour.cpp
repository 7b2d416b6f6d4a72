#include "tour/tour.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "core/of_file.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/version.hpp"
#include "report/gnuplot.hpp"
#include "tour/catalogue.hpp"
#include "tour/folder_lock.hpp"

namespace descrambler::tour {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

std::string joined(const std::vector<std::string>& words) {
    std::string result;
    for (const std::string& word : words)
        result += (result.empty() ? "" : ", ") + word;
    return result;
}

Json json_of(const Outcome& outcome, const Settings& settings) {
    Json findings = Json::array();
    for (const Finding& f : outcome.findings)
        findings.push_back({{"paper", f.paper},
                            {"where", f.where},
                            {"finding", f.claim},
                            {"ours", f.ours},
                            {"control", f.control},
                            {"verdict", to_string(f.verdict)}});
    return {{"title", outcome.title},     {"seed", settings.seed},
            {"quick", settings.quick},    {"network", settings.network ? settings.network->file.string() : ""},
            {"seconds", outcome.seconds}, {"findings", findings}};
}

bool same_request(const Json& one, const Settings& settings) {
    return one.value("seed", std::uint64_t{0}) == settings.seed && one.value("quick", false) == settings.quick &&
           one.value("network", "") == (settings.network ? settings.network->file.string() : "");
}

// What earlier runs have left, {} where there is nothing. Throws InputError for a file of something else.
Json earlier(const fs::path& file) {
    if (!fs::exists(file))
        return Json::object();
    const Json all = Json::parse(read_file(file), nullptr, false);
    const auto fits = [](const Json& one) {
        if (!one.is_object() || !one.contains("findings") || !one["findings"].is_array() || !one.contains("title") ||
            !one["title"].is_string() || !one.contains("quick") || !one["quick"].is_boolean() ||
            !one.contains("seed") || !one["seed"].is_number_unsigned() || !one.contains("network") ||
            !one["network"].is_string())
            return false;
        return std::ranges::all_of(one["findings"], [](const Json& f) {
            return std::ranges::all_of(
                std::vector{"paper", "where", "finding", "ours", "control", "verdict"},
                [&](const char* key) { return f.is_object() && f.contains(key) && f[key].is_string(); });
        });
    };
    if (!all.is_object() || !all.contains("experiments") || !all["experiments"].is_object() ||
        !std::ranges::all_of(all["experiments"], fits))
        throw InputError(file.string() + ": expected the findings of a tour, or --force");
    return all["experiments"];
}

// Rows of the table: what was found, in the order of the papers, then what no experiment looks at.
std::vector<std::vector<std::string>> finding_rows(const Json& all) {
    std::vector<std::vector<std::string>> rows;
    const auto add_found = [&](const auto& belongs) {
        for (const auto& [id, one] : all.items())
            for (const Json& f : one["findings"])
                if (belongs(f))
                    rows.push_back({f["paper"].get<std::string>() + ", " + f["where"].get<std::string>(),
                                    f["finding"].get<std::string>(), f["ours"].get<std::string>(),
                                    f["control"].get<std::string>(), f["verdict"].get<std::string>(), id});
    };
    const auto same = [](const Json& f, const Entry& entry) {
        return f["paper"] == entry.paper && f["where"] == entry.where;
    };
    for (const Entry& entry : catalogue()) {
        const std::size_t before = rows.size();
        add_found([&](const Json& f) { return same(f, entry); });
        if (rows.size() == before || entry.experiment.empty())
            rows.push_back({entry.paper + ", " + entry.where, entry.what,
                            entry.experiment.empty() ? entry.instead : "not run: descrambler tour " + entry.experiment,
                            "", entry.experiment.empty() ? "not repeated" : "not run", entry.experiment});
        else if (!entry.instead.empty())
            rows.back()[2] += "; " + entry.instead;
    }
    add_found([&](const Json& f) {
        return std::ranges::none_of(catalogue(), [&](const Entry& entry) { return same(f, entry); });
    });
    return rows;
}

// "12 findings hold, 3 in part, 4 do not; 5 could not be repeated."
std::string counted(const std::vector<std::vector<std::string>>& rows) {
    std::map<std::string, int> count;
    for (const std::vector<std::string>& row : rows)
        ++count[row[4]];
    const auto of = [&](Verdict verdict) { return std::to_string(count[std::string(to_string(verdict))]); };
    std::string words = of(Verdict::holds) + " findings hold, " + of(Verdict::in_part) + " hold in part, " +
                        of(Verdict::does_not_hold) + " do not hold, " + of(Verdict::not_repeated) +
                        " could not be repeated";
    if (count["withheld"] > 0)
        words += "; " + of(Verdict::withheld) + " verdicts are withheld, of quick runs";
    if (count["not run"] > 0)
        words += "; " + std::to_string(count["not run"]) + " entries have not been run";
    return words + ".";
}

void write_index(const Json& all, const fs::path& out) {
    Article page("A tour of what networks compute",
                 "Linear interpreters and spectral interpreters on networks that are freely available, each finding "
                 "beside its control. descrambler " +
                     version());
    page.section("findings", "Findings");
    page.paragraph(
        "Every figure and table of both papers: Navarrete Michelini et al., A Tour of Convolutional Networks Guided by "
        "Linear Interpreters (ICCV 2019), here Tour, and SpecXAI. Most of the published weights are not available, so "
        "the numbers are those of other networks. The verdict is computed from the numbers of the row, by the rule "
        "that the page of the experiment states; holds in part means that only some of its conditions are met. Your "
        "own weights, as ONNX, can take the place of ours: descrambler tour E1 --network FILE.onnx --mean .. --scale "
        "..");
    const std::vector<std::vector<std::string>> rows = finding_rows(all);
    page.paragraph(counted(rows));
    page.table({"Paper", "Published finding", "Ours", "Control", "Verdict", "Page"}, rows, "", {1, 2, 3, 4, 5});
    page.section("pages", "Pages");
    for (const auto& [id, one] : all.items())
        if (const std::string words = id + ": " + one["title"].get<std::string>() +
                                      (one["quick"].get<bool>() ? " (quick: verdicts withheld)" : "");
            fs::exists(out / (id + ".html")))
            page.link(id + ".html", words);
        else
            page.absent(words + ": its page is not in this folder");
    page.write(out, "index");
}

Json in_order(const Json& all) {
    Json result = Json::object();
    for (const Experiment& experiment : experiments())
        if (all.contains(experiment.id))
            result[experiment.id] = all[experiment.id];
    return result;
}

// Whose messages name no file: that which a network of the user takes the place of. Experiments that read several name
// the others themselves.
std::string network_of(const Experiment& experiment, const Settings& settings) {
    if (experiment.replaced.empty() || experiment.replaced == "beside")
        return "the network";
    return (settings.network ? settings.network->file : settings.data / experiment.replaced).string();
}

Outcome run_one(const Experiment& experiment, const Settings& settings, const fs::path& out) {
    Outcome outcome{experiment.id, experiment.title, {}, 0, missing(experiment, settings)};
    if (!outcome.skipped.empty())
        return outcome;
    const auto start = std::chrono::steady_clock::now();
    Article page(
        experiment.id + ". " + experiment.title,
        settings.quick ? "A quick run: too small for its numbers to mean anything, so verdicts are withheld." : "");
    if (settings.network)
        page.paragraph("Network: " + settings.network->file.string() +
                       (experiment.replaced == "beside" ? ", read beside those of the tour."
                                                        : ", given in place of that of the tour."));
    outcome.findings = of_file(network_of(experiment, settings), [&] { return experiment.run(settings, page); });
    for (Finding& finding : outcome.findings)
        if (settings.quick && finding.verdict != Verdict::not_repeated)
            finding.verdict = Verdict::withheld;
    page.section("findings", "Findings");
    std::vector<std::vector<std::string>> rows;
    for (const Finding& f : outcome.findings)
        rows.push_back({f.paper + ", " + f.where, f.claim, f.ours, f.control, std::string(to_string(f.verdict))});
    page.table({"Paper", "Published finding", "Ours", "Control", "Verdict"}, rows, "", {1, 2, 3, 4});
    page.link("index.html", "All findings");
    page.write(out, experiment.id);
    outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return outcome;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::holds:
            return "holds";
        case Verdict::in_part:
            return "holds in part";
        case Verdict::does_not_hold:
            return "does not hold";
        case Verdict::not_repeated:
            return "not repeated";
        case Verdict::withheld:
            break;
    }
    return "withheld";
}

Verdict verdict_of(bool first, bool second) {
    return first && second ? Verdict::holds : first || second ? Verdict::in_part : Verdict::does_not_hold;
}

void Settings::step(const std::string& stage, double done, double total) const {
    progress(stage, done, total);
    if (progress.stop && progress.stop())
        throw Stopped("stopped at " + stage);
}

const std::vector<Experiment>& experiments() {
    static const std::vector<Experiment> all = {classification(), adversarial(),     super_resolution(),
                                                style_transfer(), spectral_digits(), rotated_squares(),
                                                shapes(),         restoration()};
    return all;
}

std::string missing(const Experiment& experiment, const Settings& settings) {
    if (settings.network && experiment.replaced.empty())
        return "takes no --network";
    for (const std::string& file : experiment.needs) {
        const bool replaced = settings.network && (file == experiment.replaced ||
                                                   (file == "images" && !settings.network->pictures.empty()));
        if (!replaced && (settings.data.empty() || !fs::exists(settings.data / file)))
            return "needs " + file + " in --data" +
                   (settings.data.empty() ? "" : ", which " + settings.data.string() + " does not have");
    }
    return "";
}

std::vector<const Experiment*> chosen(const std::vector<std::string>& names) {
    std::vector<const Experiment*> result;
    std::vector<std::string> known;
    for (const Experiment& experiment : experiments()) {
        known.push_back(experiment.id);
        if (names.empty() || std::ranges::find(names, experiment.id) != names.end())
            result.push_back(&experiment);
    }
    for (const std::string& name : names)
        if (std::ranges::find(known, name) == known.end())
            throw InputError("tour: no experiment \"" + name + "\", expected of " + joined(known));
    return result;
}

std::vector<Outcome> run(std::span<const Experiment* const> experiments, const Settings& settings,
                         const fs::path& out) {
    const FolderLock lock(out / lock_name);
    const fs::path file = out / "findings.json";
    const auto kept = [&] {
        try {
            return earlier(file);
        } catch (const InputError&) {
            if (!settings.replace)
                throw;
            return Json::object();
        }
    };
    const auto keep = [&](const Json& all) {
        write_file(file, Json{{"version", version()}, {"experiments", all}}.dump(2, ' ', false,
                                                                                 Json::error_handler_t::replace) +
                             "\n");
        write_index(all, out);
    };
    Json all = kept();
    for (const Experiment* const experiment : experiments)
        if (!settings.replace && all.contains(experiment->id) && !same_request(all[experiment->id], settings))
            throw InputError(out.string() + ": holds " + experiment->id +
                             " of another request (seed, --quick, --network): expected another --out, or --force");
    keep(all);  // from now on the folder is known for that of a tour
    std::vector<Outcome> outcomes;
    for (const Experiment* const experiment : experiments) {
        settings.step(experiment->id, static_cast<double>(outcomes.size()), static_cast<double>(experiments.size()));
        try {
            outcomes.push_back(run_one(*experiment, settings, out));
        } catch (const InputError& error) {
            throw InputError(experiment->id + ": " + error.what());
        }
        if (!outcomes.back().skipped.empty())
            continue;
        all = kept();  // where there are no locks another run may have added to it
        all[experiment->id] = json_of(outcomes.back(), settings);
        all = in_order(all);
        keep(all);
    }
    return outcomes;
}

}  // namespace descrambler::tour
