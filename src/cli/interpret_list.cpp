// interpret --input @LIST: the same questions of many inputs, one after another, with means and standard deviations.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "cli/finished.hpp"
#include "cli/inputs.hpp"
#include "cli/interpret.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

struct Statistics {
    double mean = 0, deviation = 0;  // of a sample: n - 1
};
Statistics statistics(const std::vector<double>& numbers) {
    Statistics result;
    const auto n = static_cast<double>(numbers.size());
    for (const double number : numbers)
        result.mean += number / n;
    for (const double number : numbers)
        result.deviation += (number - result.mean) * (number - result.mean);
    result.deviation = n > 1 ? std::sqrt(result.deviation / (n - 1)) : 0;
    return result;
}

// What is told of one input, by name; the same names in the same order for all.
struct Told {
    std::string file;
    std::vector<std::pair<std::string, double>> numbers;
    std::vector<double> parts;  // of the output that is asked, over that output
};
struct Collected {
    std::vector<Told> told;
    std::vector<std::string> part_names, failed;  // "file: why"
    [[nodiscard]] std::vector<double> column(std::size_t i) const {
        std::vector<double> numbers;
        for (const Told& one : told)
            numbers.push_back(one.numbers[i].second);
        return numbers;
    }
    [[nodiscard]] std::vector<double> part(std::size_t i) const {
        std::vector<double> numbers;
        for (const Told& one : told)
            numbers.push_back(one.parts[i]);
        return numbers;
    }
};

// Where along the network the sizes of the parts lie, 0 at the first node with an offset, 1 at the last; the input aside.
double depth_of(const std::vector<double>& parts, std::size_t inputs) {
    double moment = 0, sum = 0;
    const std::size_t nodes = parts.size() - inputs;
    for (std::size_t i = 0; i < nodes; ++i) {
        const double size = std::abs(parts[inputs + i]);
        moment += size * static_cast<double>(i) / static_cast<double>(std::max<std::size_t>(nodes - 1, 1));
        sum += size;
    }
    return sum > 0 ? moment / sum : 0;
}

Told tell(const InterpretOptions& o, const InterpretAnswers& a, Collected& all) {
    Told told{o.input, {}, {}};
    const auto add = [&](const std::string& name, double number) { told.numbers.emplace_back(name, number); };
    const auto first = std::ranges::max_element(a.y) - a.y.begin();
    add("largest_output", static_cast<double>(first));
    add("y", a.y[static_cast<std::size_t>(first)]);
    add("residual_share", a.here.of_both());
    add("residual_over_output", a.here.norm_r / std::max(a.norm_y, 1e-300));
    if (a.at_input && a.at_raw) {
        add("residual_share_origin_input", a.at_input->of_both());
        add("residual_share_origin_raw", a.at_raw->of_both());
    }
    const auto j = static_cast<std::size_t>(first);
    add("residual_over_largest_output", a.r[j] / a.y[j]);  // signed
    add("conservation_error", a.conservation);
    if (a.contributions) {
        if (a.contributions->values.cols() != 1)
            throw InputError("--contributions: expected one output, or top, for a list of inputs");
        all.part_names = a.contributions->names;
        const double y = a.y[static_cast<std::size_t>(a.output_index.front())];
        for (const double part : a.contributions->values.column(0))
            told.parts.push_back(part / y);
        const auto inputs = static_cast<std::size_t>(std::ranges::count(a.contributions->nodes, Index{-1}));
        add("depth_of_parts", depth_of(told.parts, inputs));
    }
    if (a.discussion && a.discussion->votes) {
        add("votes_of_largest", a.discussion->votes->share(a.discussion->first));
        add("votes_of_largest_shuffled", a.discussion->shuffled->share(a.discussion->first));
        add("rank_of_largest",
            static_cast<double>(a.discussion->votes->rank(a.discussion->first, a.discussion->labels)));
    }
    if (a.baselines) {
        for (const BaselineMap& one : a.baselines->maps) {
            add("conservation_error_" + one.name, one.conservation);
            add("deletion_area_" + one.name, one.deletion.area);
        }
        add("deletion_area_random", a.baselines->random.area);
    }
    if (a.attack) {
        add("attack_succeeded", a.attack->succeeded(o.attack) ? 1 : 0);
        if (o.attack.target)
            add("target_before", a.attack->there_before(o.attack) ? 1 : 0);
        add("random_signs_changed_label", a.attack->control.label != a.attack->before.label ? 1 : 0);
        add("parts_deviation_after_over_before",
            a.attack->after.parts_deviation / std::max(a.attack->before.parts_deviation, 1e-300));
    }
    return told;
}

std::vector<std::string> files_of(const std::string& list) {
    const std::filesystem::path folder = std::filesystem::path(list).parent_path();
    std::istringstream lines(read_file(list));
    std::vector<std::string> files;
    for (std::string line; std::getline(lines, line);) {
        const std::size_t begin = line.find_first_not_of(" \t\r"), end = line.find_last_not_of(" \t\r");
        if (begin == std::string::npos || line[begin] == '#')
            continue;
        files.push_back((folder / line.substr(begin, end - begin + 1)).string());
    }
    if (files.empty())
        throw InputError(list + ": no file, expected a file of an input on each line");
    return files;
}

void write_list(const InterpretOptions& o, const Collected& all, const std::string& asked_for) {
    Hdf5File file = Hdf5File::create(o.out);
    const Hdf5Group& root = file.root();
    std::vector<std::string> names;
    for (const Told& one : all.told)
        names.push_back(one.file);
    root.write_text("files", names, {"1", "inputs", "files"});
    for (std::size_t i = 0; i < all.told.front().numbers.size(); ++i)
        root.write(all.told.front().numbers[i].first, all.column(i),
                   {"1", "docs/interpreters.md, \"Many inputs\"", "files"});
    if (!all.part_names.empty()) {
        std::vector<double> parts;
        for (const Told& one : all.told)
            parts.insert(parts.end(), one.parts.begin(), one.parts.end());
        root.write("contributions", {std::ssize(all.told), std::ssize(all.part_names)}, parts.data(),
                   {"1", "parts of the output over the output", "files,parts"});
        root.write_text("contribution_names", all.part_names, {"1", "input, and nodes with an offset", "parts"});
    }
    root.attribute("", "freeze", o.freeze);
    root.attribute("", "norm", o.norm);
    root.attribute("", "origin", o.origin);
    root.attribute("", "net", o.net);
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    root.attribute("", "request", asked_for);
    file.commit();
}

Json list_json(const InterpretOptions& o, const Collected& all) {
    Json json{{"net", o.net},
              {"files", Json::array()},
              {"failed", all.failed},
              {"mean", Json::object()},
              {"deviation", Json::object()}};
    for (const Told& one : all.told) {
        Json entry{{"file", one.file}};
        for (const auto& [name, number] : one.numbers)
            entry[name] = number;
        json["files"].push_back(std::move(entry));
    }
    for (std::size_t i = 1; i < all.told.front().numbers.size(); ++i) {  // a mean of labels says nothing
        const Statistics s = statistics(all.column(i));
        json["mean"][all.told.front().numbers[i].first] = s.mean;
        json["deviation"][all.told.front().numbers[i].first] = s.deviation;
    }
    for (std::size_t i = 0; i < all.part_names.size(); ++i) {
        const Statistics s = statistics(all.part(i));
        json["contributions"].push_back({{"name", all.part_names[i]}, {"mean", s.mean}, {"deviation", s.deviation}});
    }
    return json;
}

void print_list(const InterpretOptions& o, const Collected& all) {
    std::printf("%s: %zu inputs, %s\n", o.net.c_str(), all.told.size(), o.freeze.c_str());
    std::printf("  %-36s %14s %14s\n", "", "mean", "deviation");
    for (std::size_t i = 1; i < all.told.front().numbers.size(); ++i) {
        const Statistics s = statistics(all.column(i));
        std::printf("  %-36s %14.6g %14.6g\n", all.told.front().numbers[i].first.c_str(), s.mean, s.deviation);
    }
    for (std::size_t i = 0; i < all.part_names.size(); ++i) {
        const Statistics s = statistics(all.part(i));
        std::printf("  part %-31s %14.6g %14.6g\n", one_line(all.part_names[i]).c_str(), s.mean, s.deviation);
    }
    if (!o.out.empty())
        std::printf("  written to %s\n", o.out.c_str());
}

}  // namespace

void run_list(const InterpretOptions& o) {
    for (const char* option : {"--pictures", "--report", "--explain", "--rows", "--columns", "--svd", "--discussion",
                               "--measures", "--split", "--two-batch", "--deconvolution"})
        if (o.command->get_option_no_throw(option) != nullptr && o.command->count(option) > 0)
            throw InputError(std::string(option) + ": expected one input, not a list");
    const std::string list = o.input.substr(1);
    const std::vector<std::string> files = files_of(list);
    if (!o.out.empty())
        check_output_apart(o.out, {o.net, list});
    const std::string asked_for = asked(*o.command);
    check_remake(o.out, asked_for, o.common);
    const Execution execution = o.common.execution();
    Collected all;
    for (const std::string& file : files) {
        InterpretOptions one = o;
        one.input = file;
        try {
            if (!o.out.empty())
                check_output_apart(o.out, {file});
            const InterpretInput input = open_interpreted(one);
            all.told.push_back(tell(one, interpreted(one, execution, input), all));
        } catch (const InputError& error) {
            all.failed.push_back(error.what());
            std::fprintf(stderr, "descrambler: %s\n", one_line(error.what()).c_str());
        }
    }
    if (all.told.empty())
        throw InputError(list + ": none of " + std::to_string(files.size()) + " inputs could be asked");
    if (!o.out.empty())
        write_list(o, all, asked_for);
    if (o.common.json)
        std::printf("%s\n", list_json(o, all).dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    else if (!o.common.quiet)
        print_list(o, all);
    if (!all.failed.empty())
        throw std::runtime_error(list + ": " + std::to_string(all.failed.size()) + " of " +
                                 std::to_string(files.size()) + " inputs failed");
}

}  // namespace descrambler::cli
