// interpret --report: the page, what was asked, what the numbers mean, and how the network was frozen.
#include "cli/interpret_report.hpp"

#include <algorithm>
#include <filesystem>

#include "cli/finished.hpp"
#include "cli/result_folder.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* stem = "index";

bool has_pixels(const std::optional<ImageShape>& image) {
    return image && image->height > 1 && image->width > 1;
}

// A word as a shell takes it.
std::string shell_word(const std::string& word) {
    const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
               std::string_view("._-/,:=@+%").find(c) != std::string_view::npos;
    });
    if (plain)
        return word;
    std::string quoted = "'";
    for (const char c : word)
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

// What was typed, without the options that leave the answer as it is.
std::string command_line(const InterpretOptions& o) {
    static const std::vector<std::string> silent{"help", "threads", "json", "quiet", "force", "out", "pictures"};
    std::string line = "descrambler interpret " + shell_word(o.net);
    for (const CLI::Option* option : o.command->get_options()) {
        const std::string name = option->get_single_name();
        if (option->count() == 0 || option->get_positional() || std::ranges::find(silent, name) != silent.end())
            continue;
        line += " --" + name;
        if (option->get_items_expected_max() > 0)
            for (const std::string& value : option->results())
                line += " " + shell_word(value);
    }
    return line;
}

void report_asked(Article& page, const Reported& r) {
    const InterpretOptions& o = r.o;
    page.section("asked", "What was asked");
    page.code(command_line(o));
    std::vector<std::vector<std::string>> rows{
        {"network", o.net},
        {"source", r.input.source},
        {"input", o.input},
        {"shape of the input", to_string(r.input.shape())},
        {"shape of the output", to_string(r.input.graph.output_shape)},
        {"frozen as", o.freeze == "frozen" ? "frozen: decisions and gates as they are at x0; norms keep " + o.norm
                                           : "taylor: tangents at x0, F is the Jacobian"},
        {"origin", o.origin == "raw" ? "raw: F multiplies the numbers of the file"
                                     : "input: F multiplies what the network takes"},
        {"weights", o.random_weights ? "random, of seed " + std::to_string(*o.random_weights) +
                                           ": a control, not the network of the file"
                                     : std::string("those of the file")},
        {"precision", o.common.precision + "; decisions are taken in double precision always"},
        {"descrambler", version() + (commit().empty() ? "" : ", commit " + commit())}};
    if (!o.mean.empty() || !o.scale.empty())
        rows.insert(rows.begin() + 4, {"preprocessing", "x0 = (raw − " + (o.mean.empty() ? "0" : o.mean) + ") / " +
                                                            (o.scale.empty() ? "1" : o.scale)});
    for (const std::string& remark : r.input.graph.remarks)
        rows.push_back({"remark", remark});
    page.table({"what", "answer"}, rows, "", {1});
    std::vector<Plate> plates;
    if (r.x0)
        plates.push_back({"x0", *r.x0, "the input, as the file has it", "the input", 260});
    if (r.y)
        plates.push_back({"y", *r.y, "the output y", "the output", 260});
    page.plates(plates);
}

std::vector<std::string> share_row(const std::string& origin, const Share& share, double norm_y) {
    return {origin, digits(share.norm_Fx, 6), digits(share.norm_r, 6), digits(share.of_both(), 6),
            digits(share.norm_r / std::max(norm_y, 1e-300), 6)};
}

void report_outputs(Article& page, const Reported& r) {
    if (has_pixels(r.of_output))
        return;
    std::vector<std::size_t> order(r.a.y.size());
    for (std::size_t i = 0; i < order.size(); ++i)
        order[i] = i;
    std::ranges::stable_sort(order, [&](std::size_t i, std::size_t j) { return r.a.y[i] > r.a.y[j]; });
    std::vector<std::vector<std::string>> rows;
    for (std::size_t k = 0; k < std::min<std::size_t>(order.size(), 10); ++k)
        rows.push_back({std::to_string(order[k]), digits(r.a.y[order[k]], 6), digits(r.a.r[order[k]], 6)});
    page.table(
        {"output", "y", "its residual"}, rows,
        order.size() > rows.size() ? std::string("The largest of ") + std::to_string(order.size()) + " outputs." : "");
}

void report_numbers(Article& page, const Reported& r) {
    const InterpretAnswers& a = r.a;
    page.section("numbers", "What the numbers mean");
    page.paragraph(
        "At this one input the network is an affine map: y = F x0 + r. F holds what the input is multiplied by, r (the "
        "residual) what biases and other constants add on their way to the output.");
    std::vector<std::vector<std::string>> rows;
    if (a.at_input && a.at_raw) {
        rows.push_back(share_row(r.o.origin == "input" ? "input (used here)" : "input", *a.at_input, a.norm_y));
        rows.push_back(share_row(r.o.origin == "raw" ? "raw (used here)" : "raw", *a.at_raw, a.norm_y));
    } else {
        rows.push_back(share_row("input", a.here, a.norm_y));
    }
    page.table({"origin", "|F x0|", "|r|", "share of r: |r| / (|r| + |F x0|)", "|r| / |y|"}, rows,
               "Euclidean norms; |y| = " + digits(a.norm_y, 6) + ".");
    page.paragraph(
        "A share near 0 means that the output is made of the input, near 1 that it is made of biases. The share "
        "depends on "
        "where the input has its zero: shifting the input by a mean moves part of F x0 into r. Networks with different "
        "preprocessing must not be compared by it, and it says nothing about how good the output is." +
        std::string(a.at_input ? " Both origins are in the table." : ""));
    page.paragraph(
        "Error: F x0 + r misses y by " + digits(a.conservation, 2) +
        " at most, relative to the largest |F x0| + |r| of an output. That is rounding in " + r.o.common.precision +
        " and the check that F and r are those of the network. It does not say how far from x0 the map holds: it "
        "is exact at x0 alone, and beyond the next change of a decision (section on regions, where asked) the "
        "network has another F.");
    report_outputs(page, r);
    if (a.peak)
        page.paragraph("Nothing was recorded: the probes ran beside the network, " +
                       digits(static_cast<double>(*a.peak) / (1 << 20), 4) + " MiB at once.");
}

void report_rules(Article& page, const Reported& r) {
    page.section("rules", "What was frozen, and how");
    page.paragraph(std::string("Linear nodes stay as they are. The others are replaced by ") +
                   (r.o.freeze == "frozen"
                        ? "what they do at x0: a switch keeps its position, a gate its factor, a maximum the "
                          "place it chose. "
                        : "their tangents at x0, so that F is the Jacobian. ") +
                   "Another rule gives another F and another r that sum to the same y, so the rules belong to every "
                   "number on this "
                   "page.");
    std::vector<std::vector<std::string>> rows;
    const Json graph = explained(r.o, r.input);
    const auto shape = [](const Json& node) {
        const Shape extents = node["shape"];
        return to_string(extents);
    };
    const auto fields = receptive_fields(r.input.graph, r.o.freezing(), r.input.axes);
    for (std::size_t n = 0; n < graph["nodes"].size(); ++n) {
        const Json& node = graph["nodes"][n];
        rows.push_back({node["name"], node["operator"], node["frozen_as"], shape(node), field_text(fields[n])});
    }
    page.table(
        {"node", "operator", "rule", "shape", "receptive field"}, rows,
        std::string("In the order in which the network runs them. Receptive field: how many ") +
            (r.pixels ? "pixels" : "numbers") +
            " of the input a number of the node can depend on, how far apart the fields of successive numbers are, and "
            "where the first field begins.",
        {1, 2, 3, 4});
}

void report_request(Article& page, const Reported& r, const std::string& asked_for) {
    page.section("request", "How to repeat it");
    page.paragraph(
        std::string("The same request, network and build give the same bits for any number of threads; seed ") +
        std::to_string(r.o.common.seed.value_or(1)) + ".");
    page.code(asked_for);
}

std::string page_request(const std::string& asked_for) {
    return "<pre>" + escape_markup(asked_for) + "</pre>";
}

}  // namespace

Reported::Reported(const InterpretOptions& options, const InterpretInput& asked, const InterpretAnswers& answers)
    : o(options), input(asked), a(answers) {
    const auto first = image_shape(input.shape(), o.layout), last = output_image(input.graph.output_shape, first);
    const auto drawable = [](const ImageShape& image) { return image.channels == 1 || image.channels == 3; };
    if (has_pixels(first))
        of_input = first;
    if (has_pixels(last))
        of_output = last;
    pixels = of_input && input.axes.size() == 2;
    if (of_input && drawable(*of_input))
        x0 = natural_picture(input.raw, *of_input);
    if (of_output && drawable(*of_output))
        y = natural_picture(a.y, *of_output);
}

void check_report(const InterpretOptions& o, const std::string& asked_for) {
    if (o.report.empty())
        return;
    const ResultFolder made("--report", o.report);
    std::size_t others = 0;  // beside the pictures of a page that was not finished
    for (const fs::directory_entry& entry : fs::directory_iterator(o.report))
        others += entry.path().filename() == stem ? 0 : 1;
    if (o.common.force || others == 0)
        return;
    const fs::path page = fs::path(o.report) / (std::string(stem) + ".html");
    const std::string hint = ": expected another --report, or --force";
    if (!fs::is_regular_file(page))
        throw InputError(o.report + ": holds other files and no " + page.filename().string() + hint);
    if (read_file(page).find(page_request(asked_for)) == std::string::npos)
        throw InputError(page.string() + ": is there already, of another request" + hint);
}

void write_report_page(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a,
                       const std::string& asked_for) {
    const Reported r(o, input, a);
    Article page(fs::path(o.net).filename().string() + " at " + fs::path(o.input).filename().string(),
                 "A network frozen at one input: y = F x0 + r. Every number belongs to this input alone.");
    report_asked(page, r);
    report_numbers(page, r);
    report_rows(page, r);
    report_svd(page, r);
    report_contributions(page, r);
    report_discussions(page, r);
    report_baselines(page, r);
    report_attack(page, r);
    report_splits(page, r);
    report_region(page, r);
    report_rules(page, r);
    report_request(page, r, asked_for);
    const ResultFolder made("--report", o.report);
    page.write(o.report, stem);
}

}  // namespace descrambler::cli
