// Runs experiments of the tour and writes their pages and the page that lists all findings.
#pragma once

#include <span>

#include "tour/experiment.hpp"

namespace descrambler::tour {

// The experiments by their names, in the order of the tour; all where there are none. Throws InputError with the names
// known for any other.
[[nodiscard]] std::vector<const Experiment*> chosen(const std::vector<std::string>& names);

struct Outcome {
    std::string id, title;
    std::vector<Finding> findings;
    double seconds = 0;
    std::string skipped;  // why it was not run; empty: it was
};
// Each experiment writes OUT/ID.html and OUT/ID/; at the end OUT/index.html and OUT/findings.json hold what this and
// earlier runs have found. An experiment whose files are not in `data` is skipped with the reason, one that fails is
// named, and the others go on. Throws Error where a file cannot be written and Stopped between experiments.
[[nodiscard]] std::vector<Outcome> run(std::span<const Experiment* const> experiments, const Settings& settings,
                                       const std::filesystem::path& out);

}  // namespace descrambler::tour
