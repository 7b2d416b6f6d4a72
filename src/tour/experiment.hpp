// The tour: the experiments of both papers on networks that are freely available, each a page with pictures, numbers and controls,
// and for every figure and table of the papers what was found here.
// Navarrete Michelini et al. (ICCV 2019); SpecXAI. What is measured: docs/tour.md.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "descrambler/execution.hpp"
#include "descrambler/progress.hpp"
#include "report/article.hpp"

namespace descrambler::tour {

enum class Verdict { holds, in_part, does_not_hold, not_repeated, withheld };  // withheld: a quick run
[[nodiscard]] std::string_view to_string(Verdict verdict);
// holds where both do, in part where one does
[[nodiscard]] Verdict verdict_of(bool first, bool second);

// A row of the table of findings.
struct Finding {
    std::string paper;    // "Tour" or "SpecXAI"
    std::string where;    // "Fig. 5, 12"
    std::string claim;    // the published finding
    std::string ours;     // with the number
    std::string control;  // the same number of the control
    Verdict verdict;
};

// A network of the user in place of that of the tour, x0 = (raw - mean) / scale, raw from 0 to 255.
struct GivenNetwork {
    std::filesystem::path file;
    std::vector<double> mean{0}, scale{255};
    std::vector<std::filesystem::path> pictures;  // empty: those of the tour
};

struct Settings {
    std::filesystem::path data;  // onnx/ and images/ of the tour; empty: none
    bool replace = false;        // experiments of another request, and findings that cannot be read
    std::optional<GivenNetwork> network;
    std::uint64_t seed = 1;
    bool quick = false;  // fewer images, shapes and epochs: for tests; the pages say so
    Execution execution;
    Progress progress;
    // Reports, and throws Stopped where progress.stop says so.
    void step(const std::string& stage, double done, double total) const;
};

struct Experiment {
    std::string id;  // "E1"
    std::string title;
    std::vector<std::string> needs;  // files below `data`
    // Adds to the page and returns its findings.
    std::function<std::vector<Finding>(const Settings&, Article&)> run;
    // The one of `needs` that a network of the user takes the place of, "beside": it is read beside the others; empty: the
    // experiment takes none.
    std::string replaced = {};
};
[[nodiscard]] const std::vector<Experiment>& experiments();

// One file each: experiment_squares.cpp, ...
[[nodiscard]] Experiment classification(), adversarial(), super_resolution(), style_transfer(), spectral_digits(),
    rotated_squares(), shapes(), restoration();

}  // namespace descrambler::tour
