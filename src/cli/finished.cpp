#include "cli/finished.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <sstream>

#include "descrambler/error.hpp"
#include "descrambler/hdf5.hpp"
#include "io/checksum.hpp"

namespace descrambler::cli {

namespace {

constexpr const char* hint = "expected another --out, or --force";

// "tap = before, this one has tap = after": the first line of one that the other lacks.
std::string difference(const std::string& before, const std::string& now) {
    std::istringstream a(before), b(now);
    std::string x, y;
    while (true) {
        const bool more_a = static_cast<bool>(std::getline(a, x)), more_b = static_cast<bool>(std::getline(b, y));
        if (!more_a && !more_b)
            return "no difference";
        if (!more_a || !more_b || x != y)
            return "'" + (more_a ? x : "") + "', this one has '" + (more_b ? y : "") + "'";
    }
}

bool is_finished(const std::string& out, const std::string& request) {
    if (!std::filesystem::exists(out))
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
    static const std::vector<std::string> silent{"help", "out", "threads", "json", "quiet", "force"};
    std::string text = "command = " + command.get_name() + "\n";
    for (const CLI::Option* option : command.get_options()) {
        const std::string name = option->get_single_name();
        std::string values;
        for (const std::string& value : option->results())
            values += (values.empty() ? "" : " ") + value;
        if (std::ranges::find(silent, name) == silent.end() && option->count() > 0 &&
            values != option->get_default_str())
            text += name + " = " + values + "\n";
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
        std::filesystem::remove_all(leftovers);
        std::filesystem::last_write_time(out, std::filesystem::file_time_type::clock::now());
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
