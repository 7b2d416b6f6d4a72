// From members on disk to the groups of a study.
#include <map>

#include "io/text.hpp"
#include "study/study_steps.hpp"
#include "train/streams.hpp"

namespace descrambler {

void load_finished_members(std::vector<MemberState>& members, const TrainingRecipe& recipe,
                           const std::filesystem::path& folder) {
    std::string lacking;
    for (MemberState& member : members)
        try {
            auto stored = read_member(folder, recipe, member.name, member.plan);
            if (stored && stored->finished())
                member = std::move(*stored);
            else
                lacking += "; " + member.name +
                           (stored ? ": stopped at iteration " + std::to_string(stored->iteration) + " of " +
                                         std::to_string(member.plan.iterations)
                                   : ": missing");
        } catch (const InputError& error) {
            lacking += "; " + member.name + ": " + error.what();
        }
    if (!lacking.empty())
        throw Error("members not ready" + lacking);
}

void warn_of_mixed_devices(const std::vector<MemberState>& members, const std::string& device,
                           const Progress& progress) {
    std::map<std::string, Index> kinds;
    for (const MemberState& member : members)
        ++kinds[member.device.empty() ? device : member.device];
    if (kinds.size() < 2 || !progress.warn)
        return;
    std::string list;
    for (const auto& [kind, count] : kinds)
        list += (list.empty() ? "" : ", ") + std::to_string(count) + " on " + kind;
    progress.warn("members trained on devices of different kinds (" + list +
                  "): a run on one of them gives other last digits");
}

void group_members(StudyData& study, const std::vector<MemberState>& members) {
    const auto add = [&](GroupKind kind, const std::string& prefix) {
        for (const MemberState& member : members)
            if (member.name.substr(0, member.name.find_last_of('_') + 1) == prefix) {
                study.group(kind).networks.push_back(network_of(study.config, member));
                study.group(kind).loss.push_back(member.loss);
            }
    };
    add(GroupKind::trained, "");
    add(GroupKind::shuffled, "shuffled_");
    add(GroupKind::no_decay, "no_decay_");
    for (Index c = 0; c < condition_count(study.config.data); ++c)
        for (Index i = 0; i < study.config.untrained; ++i)
            study.group(GroupKind::untrained).networks.push_back(untrained_network(study.config, member_number(c, i)));
}

}  // namespace descrambler
