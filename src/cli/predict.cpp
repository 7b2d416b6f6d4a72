#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "predict/predict.hpp"
#include "report/report.hpp"

namespace descrambler::cli {

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
    return [o] {
        const TimeUnit unit = o->unit == "ns"   ? TimeUnit::nanosecond
                              : o->unit == "us" ? TimeUnit::microsecond
                                                : TimeUnit::automatic;
        const std::vector<std::string> results =
            predict_files(o->ensemble, o->traces, o->folder, unit, o->common.execution());
        if (const std::string missing = missing_figures(); !missing.empty())
            std::fprintf(stderr, "descrambler: warning: %s\n", missing.c_str());
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (const std::string& result : results)
            list.push_back(nlohmann::ordered_json::parse(result));
        if (o->common.json) {
            std::printf("%s\n", list.dump(2).c_str());
        } else if (!o->common.quiet) {
            std::printf("%-28s %10s %10s %10s  flags\n", "trace", "peak/nm", "mean/nm", "width/nm");
            for (const auto& p : list) {
                std::string flags;
                for (const auto& flag : p["flags"])
                    flags += (flags.empty() ? "" : "; ") + flag.get<std::string>();
                std::printf("%-28s %10.2f %10.2f %10.2f  %s\n", p["stem"].get<std::string>().c_str(),
                            p["peak_distance_nm"].get<double>(), p["mean_distance_nm"].get<double>(),
                            p["width_nm"].get<double>(), flags.c_str());
            }
        }
    };
}

}  // namespace descrambler::cli
