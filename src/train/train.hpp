// Training of ensembles with their controls: all members at once, each with its own data stream.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "descrambler/mlp.hpp"
#include "descrambler/progress.hpp"
#include "train/checkpoint.hpp"
#include "train/recipe.hpp"

namespace descrambler {

// All networks that a configuration trains: the ensemble, then the shuffled controls, then those without decay.
[[nodiscard]] std::vector<MemberState> study_members(const TrainingRecipe& recipe);
// Iterations over which the recorded loss is a mean, the same for all members.
[[nodiscard]] Index loss_interval(const TrainingRecipe& recipe);

// Trains until all are finished, on all ranks of the execution: they take the members one by one, one per core (a
// device takes its share at once). With a folder, which all ranks must see, a member is written to it every
// checkpoint_seconds, at a stop and at its end; without one a stop loses the work, and only one process may train. Rank
// 0 brings the members as they are on disk, and has all of them at the end. A member whose loss is not finite stays as
// it was and does not hold up the others. Throws, on all ranks, Stopped after the checkpoint when progress.stop says so
// on any of them, and Error that names each member lost, with its iteration.
void train_members(std::vector<MemberState>& members, const TrainingRecipe& recipe, const Execution& execution,
                   const std::filesystem::path& folder, const Progress& progress);

[[nodiscard]] Network network_of(const TrainingRecipe& recipe, const MemberState& member);
// The network of a member before its first step.
[[nodiscard]] Network untrained_network(const TrainingRecipe& recipe, std::uint64_t member);

}  // namespace descrambler
