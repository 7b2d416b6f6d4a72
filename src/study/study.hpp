// A study: train the ensemble and its controls, descramble every tap, align, read the findings, write the folder.
//   DIR/members/NAME.h5   checkpoints      DIR/study.h5  every array      DIR/summary.json  every headline number
//   DIR/report.html, DIR/figures/          the page
#pragma once

#include <filesystem>
#include <optional>
#include <utility>

#include "study/config.hpp"
#include "train/train.hpp"

namespace descrambler {

struct StudyOptions {
    StudyConfig config;
    std::filesystem::path folder;
    Execution execution;
    bool resume = false;       // go on in a folder that holds a study (an empty one starts afresh)
    bool reduce_only = false;  // members must be there and finished: assemble and analyse them
    bool force = false;  // replace the results of another configuration (the members have to be those of this one)
    // train only these entries of study_members(config), half-open, and stop there
    std::optional<std::pair<Index, Index>> members;
};

// Throws InputError (folder not empty without resume, range out of bounds, another configuration of
// a member or, without force, of the results that are there), Stopped after a
// checkpoint, Error naming every member that is missing or damaged under reduce_only.
void run_study(const StudyOptions& options, const Progress& progress);

}  // namespace descrambler
