// What interpret found, as HDF5, JSON and text.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include "cli/interpret.hpp"
#include "descrambler/error.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

double over_output(const Share& share, double norm_y) {
    return share.norm_r / std::max(norm_y, 1e-300);
}

Json share_json(const Share& share, double norm_y) {
    return {{"norm_Fx", share.norm_Fx},
            {"norm_r", share.norm_r},
            {"residual_share", share.of_both()},
            {"residual_over_output", over_output(share, norm_y)}};
}

struct Range {
    double least, largest, mean, norm;
};
Range range_of(std::span<const double> values) {
    const auto [low, high] = std::ranges::minmax(values);
    double mean = 0;
    for (const double value : values)
        mean += value / static_cast<double>(values.size());  // their sum may be out of range
    return {low, high, mean, norm_of(values)};
}

void write_rows(const Hdf5Group& root, const std::string& name, const Matrix<double>& columns, const Label& label) {
    root.write(name, {columns.cols(), columns.rows()}, columns.data(),
               label);  // a column in memory is a row of the file
}

void write_contributions(const Hdf5Group& root, const InterpretAnswers& a) {
    write_rows(root, "contributions", a.contributions->values,
               {"1", "parts of the outputs, which they sum to", "count,parts"});
    root.write_text("contribution_names", a.contributions->names, {"1", "input, and nodes with an offset", "parts"});
    std::vector<double> numbers;
    for (const std::vector<ReceptiveField>& part : a.fields)
        for (const ReceptiveField& field : part)
            numbers.insert(numbers.end(),
                           {static_cast<double>(field.size), field.stride, field.offset, field.whole ? 1.0 : 0.0});
    const auto parts = std::ssize(a.fields), axes = parts > 0 ? std::ssize(a.fields.front()) : 0;
    if (axes > 0)
        root.write("contribution_fields", {parts, axes, 4}, numbers.data(),
                   {"px", "receptive fields: size, stride, offset, 1 where it is the whole input", "parts,axes,4"});
}

}  // namespace

void write_result(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a,
                  const std::string& asked_for) {
    Hdf5File file = Hdf5File::create(o.out);
    const Hdf5Group& root = file.root();
    const auto index = [&](const std::string& name, const std::vector<Index>& list, const char* meaning) {
        const std::vector<std::int64_t> numbers(list.begin(), list.end());
        root.write(name, numbers, {"1", meaning, "count"});
    };
    root.write("input", a.x0, {"1", "input x0, C order", "n"});
    root.write("output", a.y, {"1", "output y at x0", "N"});
    root.write("residual", a.r, {"1", "residual r: y = F x0 + r", "N"});
    if (!a.row_index.empty()) {
        write_rows(root, "rows", a.rows, {"1", "rows of F", "count,n"});
        index("row_index", a.row_index, "outputs of the rows");
    }
    if (!a.column_index.empty()) {
        write_rows(root, "columns", a.columns, {"1", "columns of F", "count,N"});
        index("column_index", a.column_index, "inputs of the columns");
    }
    if (a.svd) {
        root.write("sigma", a.svd->s, {"1", "leading singular values of F", "M"});
        write_rows(root, "left", a.svd->U, {"1", "left singular vectors", "M,N"});
        write_rows(root, "right", a.svd->V, {"1", "right singular vectors", "M,n"});
        root.attribute("", "operator_pairs", static_cast<std::int64_t>(a.svd->pairs));
    }
    if (a.contributions) {
        write_contributions(root, a);
        index("contribution_index", a.output_index, "outputs that are split into parts");
    }
    if (a.discussion)
        write(root, *a.discussion, o.discussion.rule);
    if (a.attack)
        write(root, *a.attack, o.attack);
    if (a.baselines)
        write(root, *a.baselines);
    if (a.split)
        write_split(root, *a.split);
    if (a.region)
        write_region(root, input, *a.region);
    root.attribute("", "conservation_error", a.conservation);
    root.attribute("", "freeze", o.freeze);
    root.attribute("", "norm", o.norm);
    root.attribute("", "origin", o.origin);
    root.attribute("", "precision", o.common.precision);
    root.attribute("", "net", o.net);
    root.attribute("", "input_shape", to_string(input.shape()));
    root.attribute("", "output_shape", to_string(input.graph.output_shape));
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    root.attribute("", "request", asked_for);
    file.commit();
}

Json json_of(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a) {
    Json json{{"net", o.net},
              {"input", o.input},
              {"input_shape", input.shape()},
              {"output_shape", input.graph.output_shape},
              {"freeze", o.freeze},
              {"norm", o.norm},
              {"origin", o.origin},
              {"precision", o.common.precision},
              {"norm_y", a.norm_y}};
    json.update(share_json(a.here, a.norm_y));
    json["conservation_error"] = a.conservation;
    if (a.at_input && a.at_raw)
        json["origins"] = {{"input", share_json(*a.at_input, a.norm_y)}, {"raw", share_json(*a.at_raw, a.norm_y)}};
    json["recorded_bytes"] = a.recorded;
    if (a.peak)
        json["two_batch_bytes"] = *a.peak;
    json["remarks"] = input.graph.remarks;
    if (o.residual) {
        const Range r = range_of(a.r);
        json["residual"] = {{"least", r.least}, {"largest", r.largest}, {"mean", r.mean}, {"norm", r.norm}};
    }
    if (a.svd) {
        json["sigma"] = a.svd->s;
        json["operator_pairs"] = a.svd->pairs;
        json["converged"] = a.svd->converged;
    }
    if (a.contributions)
        for (std::size_t k = 0; k < a.output_index.size(); ++k) {
            Json parts = Json::array();  // names may occur twice
            for (std::size_t i = 0; i < a.contributions->names.size(); ++i)
                parts.push_back({{"name", a.contributions->names[i]},
                                 {"value", a.contributions->values(static_cast<Index>(i), static_cast<Index>(k))},
                                 {"field", field_json(a.fields[i])}});
            json["contributions"].push_back({{"output", a.output_index[k]},
                                             {"y", a.y[static_cast<std::size_t>(a.output_index[k])]},
                                             {"parts", std::move(parts)}});
        }
    if (a.discussion)
        json.update(json_of(*a.discussion, a.y));
    if (a.attack)
        json.update(json_of(*a.attack, o.attack));
    if (a.baselines)
        json.update(json_of(*a.baselines, a.y));
    if (a.split)
        json["splits"] = split_json(*a.split);
    if (o.measures)
        json["measures"] = measures_json(a.measures);
    if (a.region)
        json.update(region_json(input, *a.region));
    if (o.explain)
        json["graph"] = explained(o, input);
    return json;
}

void print(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a) {
    std::printf("%s: %s to %s, %s%s\n", o.net.c_str(), to_string(input.shape()).c_str(),
                to_string(input.graph.output_shape).c_str(), o.freeze.c_str(),
                o.freeze == "frozen" ? (", norms " + o.norm).c_str() : "");
    const auto show_share = [&](const std::string& of, const Share& share) {
        std::printf("  %s|F x0| = %.6g, |r| = %.6g: r is %.3g of both, %.3g of y\n", of.c_str(), share.norm_Fx,
                    share.norm_r, share.of_both(), over_output(share, a.norm_y));
    };
    std::printf("  |y| = %.6g; F x0 + r - y is %.1e of its parts\n", a.norm_y, a.conservation);
    if (a.at_input && a.at_raw) {
        show_share(o.origin == "input" ? "origin input (used): " : "origin input: ", *a.at_input);
        show_share(o.origin == "raw" ? "origin raw (used): " : "origin raw: ", *a.at_raw);
    } else {
        show_share("", a.here);
    }
    if (a.peak)
        std::printf("  two batches: nothing recorded, %.1f MiB at once\n", static_cast<double>(*a.peak) / (1 << 20));
    for (const std::string& remark : input.graph.remarks)
        std::printf("  %s\n", one_line(remark).c_str());
    const auto show = [](const std::string& what, std::span<const double> values) {
        const Range range = range_of(values);
        std::printf("  %s: norm %.5g, from %.4g to %.4g, mean %.4g\n", what.c_str(), range.norm, range.least,
                    range.largest, range.mean);
    };
    if (o.residual)
        show("residual r", a.r);
    if (a.svd) {
        std::printf("  singular values:");
        for (const double s : a.svd->s)
            std::printf(" %.5g", s);
        std::printf("%s (%td operator pairs)\n", a.svd->converged ? "" : ", not converged", a.svd->pairs);
    }
    for (Index k = 0; k < a.rows.cols(); ++k)
        show("row " + std::to_string(a.row_index[static_cast<std::size_t>(k)]), a.rows.column(k));
    for (Index k = 0; k < a.columns.cols(); ++k)
        show("column " + std::to_string(a.column_index[static_cast<std::size_t>(k)]), a.columns.column(k));
    for (std::size_t k = 0; k < a.output_index.size(); ++k) {
        std::printf("  output %td = %.6g: %-24s %12s  %s\n", a.output_index[k],
                    a.y[static_cast<std::size_t>(a.output_index[k])], "", "part", "receptive field");
        for (std::size_t i = 0; i < a.contributions->names.size(); ++i)
            std::printf("    %-40s %12.6g  %s\n", one_line(a.contributions->names[i]).c_str(),
                        a.contributions->values(static_cast<Index>(i), static_cast<Index>(k)),
                        field_text(a.fields[i]).c_str());
    }
    if (a.discussion)
        print(*a.discussion, a.y);
    if (a.attack)
        print(*a.attack, o.attack);
    if (a.baselines)
        print(*a.baselines, a.y);
    if (a.split)
        print_split(*a.split);
    if (o.measures)
        print_measures(a.measures);
    if (a.region)
        print_region(o, input, *a.region);
    if (!o.out.empty())
        std::printf("  written to %s\n", o.out.c_str());
    if (!o.pictures.empty())
        std::printf("  pictures in %s\n", o.pictures.c_str());
    if (!o.report.empty())
        std::printf("  report in %s\n", (std::filesystem::path(o.report) / "index.html").c_str());
}

}  // namespace descrambler::cli
