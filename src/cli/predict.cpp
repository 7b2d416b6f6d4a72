#include <array>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "descrambler/files.hpp"
#include "predict/predict.hpp"
#include "report/report.hpp"

namespace descrambler::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string shortest(double value) {
    std::array<char, 40> text;
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

std::string csv(const Prediction& p) {
    std::string text = "distance_nm,p_mean,p_lower,p_upper\n";
    for (std::size_t i = 0; i < p.mean.size(); ++i)
        text += shortest(p.distance_nm[i]) + "," + shortest(p.mean[i]) + "," + shortest(p.lower[i]) + "," +
                shortest(p.upper[i]) + "\n";
    return text;
}

Json json_of(const Prediction& p) {
    return {{"stem", p.stem},
            {"peak_distance_nm", p.peak_distance_nm},
            {"mean_distance_nm", p.mean_distance_nm},
            {"width_nm", p.width_nm},
            {"modulation_depth", p.depth},
            {"background_rate_mhz", p.rate_mhz},
            {"background_dimension", p.dimension},
            {"residual_over_depth", p.residual},
            {"zero_time_us", p.prepared.zero_time_us},
            {"phase_rad", p.prepared.phase_rad},
            {"length_us", p.time_us.back()},
            {"flags", p.flags}};
}

std::string text_of(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// Throws InputError where the folder holds a result of this stem with other numbers.
void refuse_other(const std::filesystem::path& folder, const Prediction& p) {
    for (const auto& [suffix, content] : {std::pair(".json", text_of(json_of(p))), std::pair(".csv", csv(p))}) {
        const std::filesystem::path file = folder / (p.stem + suffix);
        if (std::filesystem::is_regular_file(file) && read_file(file) != content)
            throw InputError(file.string() +
                             ": is there already, of another ensemble or trace: expected another --out, or --force");
    }
}

// STEM.csv, STEM.json and STEM.svg.
void write_prediction(const std::filesystem::path& folder, const Prediction& p, const Json& json) {
    PredictionFigure figure;
    figure.title = p.stem;
    figure.time_us = p.time_us;
    figure.signal = p.signal;
    figure.fit = p.fit;
    figure.distance_nm = p.distance_nm;
    figure.mean = p.mean;
    figure.lower = p.lower;
    figure.upper = p.upper;
    figure.peak_nm = p.peak_distance_nm;
    if (const std::filesystem::path table = folder / (p.stem + ".csv");
        !std::filesystem::is_regular_file(table) || read_file(table) != csv(p))
        std::filesystem::remove(folder / (p.stem + ".svg"));  // of other numbers, where nothing can be drawn
    draw_prediction(folder / (p.stem + ".svg"), figure);
    write_file(folder / (p.stem + ".csv"), csv(p));
    write_file(folder / (p.stem + ".json"), text_of(json));
}

void print_table(const std::vector<Prediction>& predictions) {
    std::printf("%-28s %10s %10s %10s  flags\n", "trace", "peak/nm", "mean/nm", "width/nm");
    for (const Prediction& p : predictions) {
        std::string flags;
        for (const std::string& flag : p.flags)
            flags += (flags.empty() ? "" : "; ") + flag;
        std::printf("%-28s %10.2f %10.2f %10.2f  %s\n", p.stem.c_str(), p.peak_distance_nm, p.mean_distance_nm,
                    p.width_nm, flags.c_str());
    }
}

}  // namespace

Command add_predict(CLI::App& app, const Process& process) {
    struct Options {
        Common common;
        std::string ensemble, folder, unit = "auto";
        std::vector<std::string> traces;
    };
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("predict", "distance distributions of measured DEER traces");
    command->add_option("ENSEMBLE", o->ensemble, "ensemble or study (HDF5)")->required();
    command->add_option("TRACE", o->traces, "Bruker BES3T (.DSC or .DTA) or text with two or more columns")->required();
    command->add_option("--out", o->folder, "folder for STEM.csv, STEM.json and STEM.svg")->required();
    command->add_option("--time-unit", o->unit, "of text files: auto, ns or us")
        ->check(CLI::IsMember({"auto", "ns", "us"}))
        ->capture_default_str();
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    return [o] {
        const TimeUnit unit = o->unit == "ns"   ? TimeUnit::nanosecond
                              : o->unit == "us" ? TimeUnit::microsecond
                                                : TimeUnit::automatic;
        const std::vector<Prediction> predictions = predict_files(o->ensemble, o->traces, unit, o->common.execution());
        if (!o->common.force)
            for (const Prediction& p : predictions)
                refuse_other(o->folder, p);
        make_folder(o->folder);
        if (const std::string missing = missing_figures(); !missing.empty())
            std::fprintf(stderr, "descrambler: warning: %s\n", missing.c_str());
        Json list = Json::array();
        for (const Prediction& p : predictions) {
            list.push_back(json_of(p));
            write_prediction(o->folder, p, list.back());
        }
        if (o->common.json)
            std::fputs(text_of(list).c_str(), stdout);
        else if (!o->common.quiet)
            print_table(predictions);
    };
}

}  // namespace descrambler::cli
