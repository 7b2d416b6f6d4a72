// Runs experiments of the tour and writes their pages and the page that lists all findings.
#pragma once

#include <span>

#include "tour/experiment.hpp"

namespace descrambler::tour {

// The experiments by their names, in the order of the tour; all where there are none. Throws InputError with the names
// known for any other.
[[nodiscard]] std::vector<const Experiment*> chosen(const std::vector<std::string>& names);

// Why an experiment cannot be run, empty where it can.
[[nodiscard]] std::string missing(const Experiment& experiment, const Settings& settings);

struct Outcome {
    std::string id, title;
    std::vector<Finding> findings;
    double seconds = 0;
    std::string skipped;  // why it was not run; empty: it was
};
// Beside the pages, as long as a tour writes there.
constexpr const char* lock_name = ".tour.lock";
// Each experiment writes OUT/ID.html and OUT/ID/; OUT/index.html and OUT/findings.json, written after each, hold what this
// and earlier runs have found. One whose files are not in `data` is skipped, which its outcome says. Throws InputError for
// a findings.json of something else and as the experiments do, Error where a file cannot be written or another tour writes
// there, Stopped between experiments.
[[nodiscard]] std::vector<Outcome> run(std::span<const Experiment* const> experiments, const Settings& settings,
                                       const std::filesystem::path& out);

}  // namespace descrambler::tour
