#include "cli/finished.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/inputs.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
#include "io/checksum.hpp"

namespace descrambler::cli {

namespace {

constexpr const char* hint = "expected another --out, or --force";

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);)
        lines.push_back(line);
    return lines;
}

// "'tap = before', this one has 'tap = after'": of each the first line that the other lacks.
std::string difference(const std::string& before, const std::string& now) {
    const std::vector<std::string> a = lines_of(before), b = lines_of(now);
    const auto lacking = [](const std::vector<std::string>& lines, const std::vector<std::string>& others) {
        const auto found = std::ranges::find_if(
            lines, [&](const std::string& line) { return std::ranges::find(others, line) == others.end(); });
        return found == lines.end() ? std::string() : *found;
    };
    return "'" + lacking(a, b) + "', this one has '" + lacking(b, a) + "'";
}

// Whether a value of an option names a file; the others are names that the program knows, without dots and slashes.
bool names_file(const std::string& option, const std::string& value) {
    if (option == "criterion" || option == "stencil")
        return value.find_first_of("./") != std::string::npos;
    return option == "NET" || option == "reduce" || option == "input";
}

// As asked() has it.
std::string in_normal_form(const std::string& option, const std::string& value) {
    if (option == "inputs")
        return inputs_in_normal_form(value);
    return names_file(option, value) ? normal_path(value) : value;
}

// Checkpoints of a job that was killed just after it had written its result; later ones belong to another request.
bool older_than(const std::filesystem::path& folder, const std::filesystem::path& result) {
    std::error_code ignored;
    const auto written = std::filesystem::last_write_time(result, ignored);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored))
        if (entry.last_write_time(ignored) > written)
            return false;
    return true;
}

bool is_finished(const std::string& out, const std::string& request) {
    if (!std::filesystem::exists(out) || (std::filesystem::is_regular_file(out) && std::filesystem::is_empty(out)))
        return false;
    std::string before;
    try {
        const Hdf5File file = Hdf5File::open(out);
        if (file.root().has_attribute("", "request"))
            before = file.root().text_attribute("", "request");
    } catch (const InputError&) {  // no HDF5
    }
    if (before.empty())
        throw InputError(out + ": is there already: " + hint);
    if (before != request)
        throw InputError(out + ": is there already, of another request: " + difference(before, request) + ": " + hint);
    return true;
}

// All ranks do the same.
bool finished_before(const std::string& out, const std::string& request, const Common& common) {
    if (common.force)
        return false;
    Communicator& ranks = *common.process.ranks;
    bool same = false;
    together(ranks, [&] {
        if (common.leads())
            same = is_finished(out, request);
    });
    return all_gather(ranks, std::string(same ? "same" : "")).front() == "same";
}

}  // namespace

std::string asked(const CLI::App& command) {
    static const std::vector<std::string> silent{"help",    "out",      "threads", "json",   "quiet", "force",
                                                 "explain", "pictures", "report",  "viewer", "walk"};
    std::string text = "command = " + command.get_name() + "\n";
    for (const CLI::Option* option : command.get_options()) {
        const std::string name = option->get_single_name();
        std::string values;
        for (const std::string& value : option->results())
            values += (values.empty() ? "" : " ") + in_normal_form(name, value);
        if (std::ranges::find(silent, name) == silent.end() && option->count() > 0 &&
            values != option->get_default_str())
            text += name + " = " + values + "\n";
    }
    return text;
}

std::string content_of_files(const CLI::App& command) {
    std::string text;
    for (const std::string name : {"criterion", "stencil"})
        for (const std::string& path : command.get_option("--" + name)->results())
            if (names_file(name, path) && std::filesystem::is_regular_file(path)) {
                Checksum sum;
                sum.add(std::string_view(read_file(path)));
                text += "content of the " + name + " = checksum " + sum.text() + "\n";
            }
    return text;
}

std::string digest(const std::vector<Network>& networks) {
    Checksum sum;
    const auto add = [&](double x) { sum.add(x); };
    for (const Network& network : networks)
        for (const DenseLayer& layer : network.layers) {
            std::ranges::for_each(layer.weight.values(), add);
            std::ranges::for_each(layer.bias, add);
            add(static_cast<double>(layer.activation));
            add(layer.renorm ? 1 : 0);
        }
    return std::to_string(networks.size()) + " of digest " + sum.text();
}

std::string request_text(const CLI::App& command, const Ensemble& ensemble, const Library& inputs) {
    return asked(command) + "networks = " + digest(ensemble.networks) + "\n" +
           (inputs.content ? "content of the inputs = " + inputs.content() + "\n" : "");
}

bool serves_already(const std::string& out, const std::string& request, const std::filesystem::path& leftovers,
                    const Common& common) {
    if (!finished_before(out, request, common))
        return false;
    if (common.leads()) {
        if (older_than(leftovers, out))
            std::filesystem::remove_all(leftovers);
        std::error_code ignored;  // a file of somebody else keeps its time
        std::filesystem::last_write_time(out, std::filesystem::file_time_type::clock::now(), ignored);
        if (common.json)
            std::printf("%s\n", nlohmann::ordered_json{{"out", out}, {"finished_before", true}}.dump(2).c_str());
    }
    if (common.speaks())
        std::fprintf(stderr, "descrambler: %s: finished before by the same request (--force makes it again)\n",
                     out.c_str());
    return true;
}

void check_remake(const std::string& out, const std::string& request, const Common& common) {
    if (!out.empty() && finished_before(out, request, common) && common.speaks())
        std::fprintf(stderr, "descrambler: %s: of the same request, made again\n", out.c_str());
}

}  // namespace descrambler::cli
