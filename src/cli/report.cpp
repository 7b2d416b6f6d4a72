#include "report/report.hpp"

#include <cstdio>

#include "cli/commands.hpp"
#include "descrambler/files.hpp"

namespace descrambler::cli {

Command add_report(CLI::App& app, const Process& process) {
    struct Options {
        Common common;
        std::string folder;
    };
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("report", "rebuild DIR/report.html and the figures from DIR/study.h5");
    command->add_option("DIR", o->folder, "folder of a study")->required();
    o->common.process = process;
    o->common.add_to(*command);
    return [o] {
        write_report(o->folder);
        if (const std::string missing = missing_figures(); !missing.empty())
            std::fprintf(stderr, "descrambler: warning: %s\n", missing.c_str());
        if (o->common.json)
            std::fputs(read_file(std::filesystem::path(o->folder) / "summary.json").c_str(), stdout);
        else if (!o->common.quiet)
            std::printf("%s\n", (std::filesystem::path(o->folder) / "report.html").string().c_str());
    };
}

}  // namespace descrambler::cli
