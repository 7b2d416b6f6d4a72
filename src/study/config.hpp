// The configuration of a study: one TOML file, every key optional, every unknown key refused.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "descrambler/stencil.hpp"
#include "train/recipe.hpp"

namespace descrambler {

// The networks, and what is done with them.
struct StudyConfig : TrainingRecipe {
    std::string title;  // heading of page and summary; empty: that of the task

    // [analysis]
    Index library = 8192;     // samples at which the taps are read
    Index validation = 2000;  // held-out samples
    StencilKind stencil = StencilKind::fourier2;
    double joint_lambda = 1.0;
    Index chart_iterations = 400;  // of the published optimiser beside ours; 0: leave it out
    Index bootstrap = 20;          // resampled libraries for the threshold of "same function"; 0: none

    bool operator==(const StudyConfig&) const = default;
};

// Reads a file and applies `--set key=value` overrides in order. Throws InputError of one line: the file (or --set),
// the key and what was expected; an unknown key comes with the nearest known one.
[[nodiscard]] StudyConfig read_config(const std::filesystem::path& path,
                                      const std::vector<std::string>& overrides = {});
// The same from text; `where` names it in messages.
[[nodiscard]] StudyConfig parse_config(const std::string& text, const std::string& where,
                                       const std::vector<std::string>& overrides = {});
// The effective configuration, every key, as TOML that parse_config reads back to an equal one.
[[nodiscard]] std::string to_toml(const StudyConfig& config);

// Every field, those of its task among them, in the order of the file; bound to the configuration as long as it keeps
// its task.
[[nodiscard]] Fields fields(StudyConfig& config);

}  // namespace descrambler
