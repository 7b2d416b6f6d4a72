// tour: the experiments of both papers, each a page with pictures, numbers and controls.
#include "tour/tour.hpp"

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands.hpp"
#include "cli/numbers.hpp"
#include "cli/result_folder.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/picture.hpp"

namespace descrambler::cli {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct TourOptions {
    Common common;
    std::vector<std::string> names;
    std::string out, data, network, mean = "0", scale = "255", images;
    bool list = false, quick = false;
    CLI::App* command = nullptr;
};

// Pictures on the lines of a file; those that are not absolute lie beside it.
std::vector<fs::path> listed(const std::string& list) {
    std::istringstream lines(read_file(list));
    std::vector<fs::path> result;
    for (std::string line; std::getline(lines, line);) {
        while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
            line.pop_back();
        if (line.empty() || line.front() == '#')
            continue;
        if (!is_picture(line))
            throw InputError(list + ": \"" + line.substr(0, 40) + "\", expected a picture (.png, .jpg) on each line");
        result.push_back(fs::path(list).parent_path() / line);
    }
    if (result.size() < 2)
        throw InputError(list + ": " + std::to_string(result.size()) + " pictures, expected 2 or more");
    for (const fs::path& file : result)
        if (!fs::exists(file))
            throw InputError(list + ": " + file.string() + " is not there");
    return result;
}

tour::Settings settings_of(const TourOptions& o) {
    tour::Settings settings;
    settings.data = o.data;
    if (o.data.empty()) {
        const char* const given = std::getenv("DESCRAMBLER_DATA");
        settings.data = fs::path(given != nullptr && *given != '\0' ? given : "../shared/data") / "interpreters";
        if (!fs::exists(settings.data))
            settings.data.clear();
    } else if (!fs::is_directory(o.data)) {
        throw InputError("--data " + o.data + ": expected a folder with onnx/ and images/");
    }
    if (o.command->count("--network") > 0 && o.network.empty())
        throw InputError("--network: expected a file, found nothing");
    if (!o.common.precision.empty() && o.common.precision != "f64")
        throw InputError("--precision " + o.common.precision + ": expected f64, in which the tour computes");
    if (o.network.empty() && (o.command->count("--mean") > 0 || o.command->count("--scale") > 0 || !o.images.empty()))
        throw InputError("--mean, --scale, --images: expected --network, whose pictures they are for");
    if (!o.network.empty()) {
        if (o.names.empty())
            throw InputError("--network: expected the experiments that it is for (E1, E2, E3, E4 or E5)");
        tour::GivenNetwork given{o.network, real_numbers("--mean", o.mean), real_numbers("--scale", o.scale), {}};
        for (const double number : given.scale)
            if (number == 0)
                throw InputError("--scale " + o.scale + ": expected numbers other than 0");
        if (!o.images.empty())
            given.pictures = listed(o.images.starts_with('@') ? o.images.substr(1) : o.images);
        settings.network = given;
    }
    settings.seed = o.common.seed.value_or(1);
    settings.quick = o.quick;
    settings.replace = o.common.force;
    settings.execution = o.common.execution();
    settings.progress = stoppable_progress(o.common);
    return settings;
}

void check_folder(const TourOptions& o) {
    bool others = false;
    for (const fs::directory_entry& entry : fs::directory_iterator(o.out))
        others = others || entry.path().filename() != tour::lock_name;
    if (!o.common.force && others && !fs::exists(fs::path(o.out) / "findings.json"))
        throw InputError(o.out + ": holds other files and no findings.json: expected another --out, or --force");
}

void tell(const TourOptions& o, const std::vector<tour::Outcome>& outcomes) {
    if (o.common.json) {
        Json json = Json::array();
        for (const tour::Outcome& one : outcomes) {
            Json findings = Json::array();
            for (const tour::Finding& f : one.findings)
                findings.push_back({{"paper", f.paper},
                                    {"where", f.where},
                                    {"finding", f.claim},
                                    {"ours", f.ours},
                                    {"control", f.control},
                                    {"verdict", to_string(f.verdict)}});
            json.push_back({{"experiment", one.id},
                            {"title", one.title},
                            {"seconds", one.seconds},
                            {"skipped", one.skipped},
                            {"findings", findings}});
        }
        std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else if (!o.common.quiet) {
        for (const tour::Outcome& one : outcomes) {
            if (!one.skipped.empty()) {
                std::printf("%s  %s: skipped, %s\n", one.id.c_str(), one.title.c_str(), one.skipped.c_str());
                continue;
            }
            std::printf("%s  %s, %.1f s\n", one.id.c_str(), one.title.c_str(), one.seconds);
            for (const tour::Finding& f : one.findings)
                std::printf("    %-14s %s, %s: %s; control: %s\n", std::string(to_string(f.verdict)).c_str(),
                            f.paper.c_str(), f.where.c_str(), f.ours.c_str(), f.control.c_str());
        }
        std::printf("%s\n", (fs::path(o.out) / "index.html").string().c_str());
    }
}

void run(const TourOptions& o) {
    const std::vector<const tour::Experiment*> chosen = tour::chosen(o.names);
    if (o.list) {
        Json json = Json::array();
        for (const tour::Experiment* const one : chosen) {
            json.push_back({{"experiment", one->id}, {"title", one->title}, {"needs", one->needs}});
            if (!o.common.json)
                std::printf("%s  %s\n", one->id.c_str(), one->title.c_str());
        }
        if (o.common.json)
            std::printf("%s\n", json.dump(2).c_str());
        return;
    }
    const tour::Settings settings = settings_of(o);
    for (const tour::Experiment* const one : chosen)
        if (const std::string why = tour::missing(*one, settings); !o.names.empty() && !why.empty())
            throw InputError(one->id + ": " + why);
    if (o.out.empty())
        throw InputError("--out: expected a folder for the pages");
    const ResultFolder made("--out", o.out);
    check_folder(o);
    const std::vector<tour::Outcome> outcomes = tour::run(chosen, settings, o.out);
    end_progress();
    tell(o, outcomes);
}

}  // namespace

Command add_tour(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<TourOptions>();
    CLI::App* command = app.add_subcommand(
        "tour", "the experiments of both papers on linear interpreters: pages with pictures, numbers and controls");
    command->add_option("EXPERIMENTS", o->names, "E1 to E8 (default: all); --list tells what they are");
    command->add_option("--out", o->out, "folder for the pages; index.html lists all findings");
    command->add_flag("--list", o->list, "tell the experiments and end");
    command->add_option(
        "--data", o->data,
        "folder with onnx/ and images/ (default: interpreters/ in $DESCRAMBLER_DATA or ../shared/data); "
        "E6 and E7 need none");
    command->add_option("--network", o->network, "FILE.onnx in place of the network of the experiments that are named");
    command->add_option("--mean", o->mean, "of --network: x0 = (raw - mean) / scale, raw from 0 to 255, one a channel")
        ->capture_default_str();
    command->add_option("--scale", o->scale, "the same")->capture_default_str();
    command->add_option("--images", o->images, "of --network: a file with a picture on each line");
    command->add_flag("--quick", o->quick, "few pictures, shapes and iterations: shows the pages, proves nothing");
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    command->get_option("--precision")->group("");  // there is no choice: not in --help
    o->command = command;
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
