// Training of ensembles with their controls: all members at once, each with its own data stream.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "descrambler/checkpoint.hpp"
#include "descrambler/config.hpp"
#include "descrambler/mlp.hpp"

namespace descrambler {

// How a long computation talks to whoever started it. Both may be empty.
struct Progress {
    std::function<void(const std::string& stage, double done, double total)> report;
    std::function<bool()> stop;  // true: write a checkpoint and throw Stopped
    void operator()(const std::string& stage, double done, double total) const {
        if (report)
            report(stage, done, total);
    }
};

// Everyone a configuration trains: the ensemble, then the shuffled controls, then those without decay.
[[nodiscard]] std::vector<MemberState> study_members(const StudyConfig& config);
// Iterations over which the recorded loss is a mean, the same for all members.
[[nodiscard]] Index loss_interval(const StudyConfig& config);

// Trains until all are finished. With a folder every member is written to it every checkpoint_seconds, at a stop and at
// the end; without one a stop loses the work. Throws Stopped after the checkpoint when progress.stop says so, Error if
// a loss is not finite (naming member and iteration).
void train_members(std::vector<MemberState>& members, const StudyConfig& config, const Execution& execution,
                   const std::filesystem::path& folder, const Progress& progress);

[[nodiscard]] Network network_of(const StudyConfig& config, const MemberState& member);
// The network of a member before its first step.
[[nodiscard]] Network untrained_network(const StudyConfig& config, std::uint64_t member);

}  // namespace descrambler
