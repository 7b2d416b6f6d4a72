#include "study/study.hpp"

#include <algorithm>

#include "descrambler/communicator.hpp"
#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
#include "io/text.hpp"
#include "report/report.hpp"
#include "study/study_steps.hpp"
#include "study/task_study.hpp"

namespace descrambler {

namespace {

// Everything a study leaves behind, once it is known.
void write_results(StudyData& study, const std::filesystem::path& folder, const Progress& progress, double stages) {
    progress("writing", stages - 1, stages);
    {
        const Stopwatch watch(study.seconds["writing"]);
        write_study_file(folder / "study.h5", study);
    }
    write_file(folder / "summary.json", summary_json(study));
    progress("report", stages, stages);
    {
        const Stopwatch watch(study.seconds["report"]);
        write_report(folder);
        if (const std::string missing = missing_figures(); !missing.empty() && progress.warn)
            progress.warn(missing);
    }
    write_file(folder / "summary.json", summary_json(study));  // with the time the report took
}

bool holds_a_study(const std::filesystem::path& folder) {
    return std::filesystem::exists(folder / "study.h5") ||
           (std::filesystem::exists(folder / "members") && !std::filesystem::is_empty(folder / "members"));
}

// What decides the results: the times of checkpoints do not.
std::string decisive(StudyConfig config) {
    config.checkpoint_seconds = 0;
    return to_toml(config);
}

// The members of a finished study may serve another configuration; its results are not overwritten for that silently.
void refuse_other_results(const std::filesystem::path& folder, const StudyConfig& config) {
    const std::string path = (folder / "study.h5").string();
    if (!std::filesystem::exists(path))
        return;
    const std::string stored = Hdf5File::open(path).root().text_attribute("", "configuration");
    const std::string before = decisive(parse_config(stored, path)), now = decisive(config);
    if (before != now)
        throw InputError(path + ": is there already, of another configuration: " +
                         first_difference(before, now, "this one") + ": expected another --out, or --force");
}

// What follows training, on one rank.
void analyse_study(StudyData& study, const std::vector<MemberState>& members, const StudyOptions& options,
                   const Progress& progress) {
    for (const MemberState& member : members) {  // over all runs that trained them
        study.seconds["training"] += member.seconds;
        study.trained_samples += static_cast<double>(member.iteration * study.config.batch_size);
    }
    Execution execution = options.execution;
    execution.ranks = single_process();
    study.threads = make_cpu_backend<double>(execution.threads)->threads();
    group_members(study, members);
    study.task = std::visit([](const auto& recipe) { return task_study(recipe); }, study.config.data);
    stop_here(progress);
    study.task->analyse(study, execution, progress);
    if (study.verdicts_withheld())
        for (FindingRow& row : study.findings)
            row.verdict = Verdict::withheld;
    stop_here(progress);
    constexpr double stages = 7;
    write_results(study, options.folder, progress, stages);
}

}  // namespace

void run_study(const StudyOptions& asked, const Progress& progress) {
    StudyOptions options = asked;
    const StudyConfig& config = options.config;
    Communicator& ranks = *options.execution.ranks;
    StudyData study(config);
    study.ranks = ranks.size();
    study.device = settle_device(options.execution);  // or refuses it
    std::vector<MemberState> members = study_members(config);
    const std::filesystem::path folder = options.folder / "members";
    const Leftovers leftovers(folder);
    together(ranks, [&] {
        if (options.members) {
            const auto [first, last] = *options.members;
            if (!(0 <= first && first < last && last <= static_cast<Index>(members.size())))
                throw InputError("--members " + std::to_string(first) + ":" + std::to_string(last) +
                                 ": expected A:B with 0 <= A < B <= " + std::to_string(members.size()) +
                                 " (the ensemble, then its trained controls)");
            members.erase(members.begin() + last, members.end());
            members.erase(members.begin(), members.begin() + first);
        }
        if (ranks.rank() != 0)
            return;
        if (!options.resume && !options.reduce_only && !options.members && holds_a_study(options.folder))
            throw InputError("--out " + options.folder.string() +
                             ": expected an empty folder, it holds a study; --resume goes on with it");
        if (options.reduce_only) {
            load_finished_members(members, config, folder);
            warn_of_mixed_devices(members, members.front().device, progress);
        } else {
            make_folder(folder);
            resume_members(members, folder, config, study.device, progress.warn);
            warn_of_mixed_devices(members, study.device, progress);
        }
        if (!options.force && !options.members)
            refuse_other_results(options.folder, config);
    });
    if (!options.reduce_only)
        train_members(members, config, options.execution, folder, progress);
    if (options.members)
        return;
    if (ranks.size() > 1) {  // the analysis has the threads of all ranks on its node
        const int threads = options.execution.threads * node_share(ranks).size, cores = take_cores_of_node(ranks);
        options.execution.threads = threads == 0 ? cores : std::min(cores, threads);
    }
    together(ranks, [&] {  // the others sleep
        if (ranks.rank() != 0)
            return;
        analyse_study(study, members, options, progress);
        leftovers.remove();  // every member is finished
    });
}

}  // namespace descrambler
