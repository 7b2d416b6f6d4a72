#include <cstdio>

#include "cli/commands.hpp"
#include "descrambler/files.hpp"
#include "descrambler/study.hpp"

namespace descrambler::cli {

Command add_study(CLI::App& app, const Process& process) {
    struct Options {
        Common common;
        std::string config, folder, members;
        std::vector<std::string> set;
        bool resume = false, reduce_only = false;
    };
    const auto o = std::make_shared<Options>();
    CLI::App* command =
        app.add_subcommand("study", "train an ensemble and its controls, descramble, align, analyse, write the report");
    command->add_option("CONFIG", o->config, "configuration (TOML), see examples/")->required();
    command->add_option("--out", o->folder, "folder of the study")->required();
    command->add_flag("--resume", o->resume, "go on where an interrupted run stopped, to the same bits");
    command->add_option("--members", o->members, "train only members A:B (zero-based, half-open) and stop there");
    command->add_flag("--reduce-only", o->reduce_only, "train nothing: assemble and analyse finished members")
        ->excludes("--members");
    command->add_option("--set", o->set, "change one key, e.g. --set training.iterations=6000")
        ->allow_extra_args(false)
        ->take_all();
    o->common.process = process;
    o->common.add_to(*command);
    return [o] {
        StudyOptions options;
        together(*o->common.process.ranks, [&] {
            options.config = read_config(o->config, o->set);
            if (o->common.seed)
                options.config.seed = *o->common.seed;
            if (!o->common.precision.empty())
                options.config.precision = o->common.precision;
            if (!o->members.empty()) {
                long long first = 0, last = 0;
                int used = 0;
                if (std::sscanf(o->members.c_str(), "%lld:%lld%n", &first, &last, &used) != 2 ||
                    static_cast<std::size_t>(used) != o->members.size())
                    throw InputError("--members " + o->members + ": expected A:B, two whole numbers");
                options.members = {first, last};
            }
        });
        options.folder = o->folder;
        options.execution = o->common.execution();
        options.resume = o->resume;
        options.reduce_only = o->reduce_only;
        run_study(options, stoppable_progress(o->common));
        end_progress();
        if (options.members || !o->common.leads())
            return;
        if (o->common.json)
            std::fputs(read_file(options.folder / "summary.json").c_str(), stdout);
        else if (!o->common.quiet)
            std::printf("%s\n", (options.folder / "report.html").string().c_str());
    };
}

}  // namespace descrambler::cli
