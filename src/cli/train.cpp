#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/finished.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/files.hpp"
#include "study/config.hpp"

namespace descrambler::cli {

Command add_train(CLI::App& app, const Process& process) {
    struct Options {
        Common common;
        std::string config, out;
        std::vector<std::string> set;
    };
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("train", "train an ensemble; an interrupted run goes on when run again");
    command->add_option("CONFIG", o->config, "configuration (TOML), see examples/")->required();
    command->add_option("--out", o->out, "ensemble file (HDF5)")->required();
    command->add_option("--set", o->set, "change one key, e.g. --set training.iterations=6000")
        ->allow_extra_args(false)
        ->take_all();
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    return [o] {
        Communicator& ranks = *o->common.process.ranks;
        const Progress progress = stoppable_progress(o->common);
        const std::filesystem::path folder = o->out + ".members";  // checkpoints, removed when the ensemble is whole
        StudyConfig config;
        std::vector<MemberState> members;
        Execution execution = o->common.execution();
        const std::string device = settle_device(execution);
        together(ranks, [&] {
            config = read_config(o->config, o->set);
            if (o->common.seed)
                config.seed = *o->common.seed;
            if (!o->common.precision.empty())
                config.precision = o->common.precision;
            config.untrained = config.shuffled = config.no_decay = 0;
            members = study_members(config);
            if (o->common.leads())
                check_output(o->out);
        });
        const std::string asked_for = "command = train\nnetworks = " + std::to_string(members.size()) + "\n" +
                                      member_fingerprint(config, members.front().plan);
        if (serves_already(o->out, asked_for, folder, o->common))
            return;
        together(ranks, [&] {
            if (!o->common.leads())
                return;
            make_folder(folder);
            resume_members(members, folder, config, device, progress.warn);
        });
        train_members(members, config, execution, folder, progress);
        together(ranks, [&] {
            if (!o->common.leads())
                return;
            Ensemble ensemble;
            nlohmann::ordered_json losses = nlohmann::ordered_json::array();
            for (const MemberState& member : members) {
                ensemble.networks.push_back(network_of(config, member));
                losses.push_back(member.loss.back());
            }
            ensemble.recipe = to_recipe(config.data);
            ensemble.seed = config.seed;
            ensemble.precision = config.precision;
            ensemble.ranks = ranks.size();
            ensemble.request = asked_for;
            write_ensemble(o->out, ensemble);
            std::filesystem::remove_all(folder);
            end_progress();
            if (o->common.json)
                std::printf("%s\n", nlohmann::ordered_json{{"ensemble", o->out},
                                                           {"networks", members.size()},
                                                           {"iterations", config.iterations},
                                                           {"seed", config.seed},
                                                           {"final_loss", losses}}
                                        .dump(2)
                                        .c_str());
            else if (!o->common.quiet)
                std::printf("%s\n", o->out.c_str());
        });
    };
}

}  // namespace descrambler::cli
