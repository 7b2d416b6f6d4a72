// interpret --baselines and --deconvolution: maps that others explain an output by, beside ours, and how far they agree.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "descrambler/deletion.hpp"
#include "descrambler/execution.hpp"
#include "descrambler/hdf5.hpp"

namespace descrambler::cli {

struct InterpretOptions;
struct InterpretInput;

struct BaselineOptions {
    std::string output, methods, deconvolution, node;
    void add_to(CLI::App& command);
    [[nodiscard]] bool wanted() const { return !output.empty() || !deconvolution.empty(); }
    void check(const CLI::App& command) const;  // throws InputError
};

struct BaselineMap {
    std::string name;
    std::vector<double> map;  // [inputs]
    double sum = 0;
    double conservation = 0;       // |sum - y| / max(|y|, sum of |map|)
    std::string promise = "none";  // conservation, completeness or fit
    std::optional<double> kept;    // by how much it is missed
    DeletionCurve deletion;
};
struct BaselineAnswers {
    std::optional<Index> output;  // of --baselines
    std::vector<BaselineMap> maps;
    std::vector<std::pair<std::string, std::string>> left_out;  // methods, and why
    Matrix<double> agreement;    // [maps, maps]: Spearman's correlation of the sizes of their pixels
    DeletionCurve random;        // pixels in no order
    std::string node;            // of Grad-CAM
    std::optional<double> lost;  // of the output, by LRP
    Index segments = 0;          // of LIME
    double fitted = 0;           // R^2 of LIME's draws
    std::vector<Index> index;    // outputs of --deconvolution
    Matrix<double> deconvolved;  // [inputs, count]
    std::vector<double> cosine;  // with the row of F; 0 where one is 0
};

// Of the network at x0 = (raw - mean) / scale, in double precision.
[[nodiscard]] BaselineAnswers compared(const InterpretOptions& o, const InterpretInput& input,
                                       const Execution& execution, const std::vector<double>& x0, std::uint64_t seed);
void write(const Hdf5Group& root, const BaselineAnswers& a);
[[nodiscard]] nlohmann::ordered_json json_of(const BaselineAnswers& a, const std::vector<double>& y);
void print(const BaselineAnswers& a, const std::vector<double>& y);

}  // namespace descrambler::cli
