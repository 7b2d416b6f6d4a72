// interpret --kink and --bias-images: how far the affine map holds, and what each bias adds to the output.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/kinks.hpp"

namespace descrambler::cli {

struct InterpretOptions;
struct InterpretInput;

struct RegionRequest {
    std::string direction;
    bool bias = false;
    [[nodiscard]] bool given() const { return bias || !direction.empty(); }
    [[nodiscard]] std::vector<std::string> files() const;  // that are read
    void add_to(CLI::App& command);
    void check(const InterpretOptions& o) const;  // throws InputError
};

struct RegionAnswers {
    std::optional<Kink> kink;
    double length = 0;                 // |d|
    std::vector<Index> before, after;  // nodes that decide otherwise a millionth in front of the kink, and behind it
    std::optional<OffsetImages> bias;
    std::vector<double> residual;                    // r, their sum
    std::vector<double> roughness;                   // of every image and of r last, where the output is an image
    double residual_error = 0;                       // max |sum of the images - r| over the largest sum of their sizes
    [[nodiscard]] double norm(std::size_t k) const;  // of image k
};
[[nodiscard]] RegionAnswers region_answers(const InterpretOptions& o, const Execution& execution,
                                           const InterpretInput& input, const std::vector<double>& x0);
[[nodiscard]] nlohmann::ordered_json region_json(const InterpretInput& input, const RegionAnswers& a);
void print_region(const InterpretOptions& o, const InterpretInput& input, const RegionAnswers& a);
void write_region(const Hdf5Group& root, const InterpretInput& input, const RegionAnswers& a);

}  // namespace descrambler::cli
