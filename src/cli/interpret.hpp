// interpret: a network frozen at an input, and what is asked about the linear operator that it then is. What the files of
// the command hand to each other.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "cli/graph_inputs.hpp"
#include "cli/interpret_adversarial.hpp"
#include "cli/interpret_baselines.hpp"
#include "cli/interpret_discussion.hpp"
#include "cli/interpret_region.hpp"
#include "cli/interpret_split.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/graph.hpp"
#include "descrambler/lanczos.hpp"
#include "descrambler/measures.hpp"
#include "descrambler/picture.hpp"
#include "descrambler/receptive.hpp"

namespace descrambler::cli {

struct InterpretOptions {
    Common common;
    std::string net, input, out, pictures, report, rows, columns, contributions, freeze = "frozen", norm = "std";
    GraphOptions given;
    DiscussionOptions discussion;
    AttackOptions attack;
    BaselineOptions baselines;
    std::string output_name, mean, scale, layout, origin = "input";
    std::string all, viewer, walk;  // interpret_tour.hpp
    Index svd = 0;
    Index memory = 1024;  // MiB
    std::int64_t assume_opset = 0;
    std::optional<Index> network;
    std::optional<std::uint64_t> random_weights;
    SplitRequest split;
    RegionRequest region;
    bool residual = false, explain = false, softmax = false, two_batch = false, measures = false;
    CLI::App* command = nullptr;
    [[nodiscard]] FreezeOptions freezing() const { return {freeze_rule_from(freeze), norm_rule_from(norm)}; }
};

// ---- interpret_input.cpp: the network and x0 -------------------------------------------------------------------------

// By --layout, or read from the shape: channels last where the last extent is 1 or 3 and the first is not. Nothing for
// vectors and what has other axes.
[[nodiscard]] std::optional<ImageShape> image_shape(const Shape& shape, const std::string& layout);

// Of an output: channels where that leaves the proportions of the input, otherwise where they look like colours,
// otherwise as the input has them.
[[nodiscard]] std::optional<ImageShape> output_image(const Shape& shape, const std::optional<ImageShape>& input);

struct InterpretInput {
    Graph graph;
    std::string source;                    // of the network
    std::vector<std::string> external;     // files of its external data
    std::vector<double> raw, mean, scale;  // x0 = (raw - mean) / scale, number by number; empty without --input
    bool shifted = false;                  // --mean or --scale were given
    bool picture = false;
    std::vector<Index> axes;  // spatial ones of the input
    [[nodiscard]] const Shape& shape() const { return graph.values[static_cast<std::size_t>(graph.input)].shape; }
};
[[nodiscard]] InterpretInput open_interpreted(const InterpretOptions& o);

// ---- interpret.cpp: the answers --------------------------------------------------------------------------------------

// Euclidean, of numbers whose squares may be out of range too.
[[nodiscard]] double norm_of(std::span<const double> numbers);

struct Share {  // of the residual, for one origin of the input
    double norm_Fx = 0, norm_r = 0;
    [[nodiscard]] double of_both() const;
};
struct MeasuredMap {
    std::string what;
    MapMeasures measures;
    // Of a row or a column of a network from images to images: the pixel that it belongs to, in pixels of the map, and the
    // distances from there within which 50, 90 and 99 % of its energy lie.
    struct Place {
        double row = 0, column = 0;
        std::array<double, 3> radius{};
    };
    std::optional<Place> place = {};
};
struct InterpretAnswers {
    std::vector<double> x0, y, r;  // y = F x0 + r; x0, F and r for the origin that is asked for
    std::vector<Index> row_index, column_index, output_index;
    Matrix<double> rows, columns;  // [inputs, count], [outputs, count]
    std::optional<LanczosSvd> svd;
    std::optional<Contributions> contributions;
    std::vector<std::vector<ReceptiveField>> fields;  // of the parts
    std::optional<DiscussionAnswers> discussion;
    std::optional<AttackAnswers> attack;
    std::optional<BaselineAnswers> baselines;
    std::optional<SplitAnswers> split;
    std::vector<MeasuredMap> measures;
    std::optional<RegionAnswers> region;
    double conservation = 0, norm_y = 0;
    Share here;                             // for the origin that is asked for
    std::optional<Share> at_input, at_raw;  // both, where the input is shifted
    Index recorded = 0;                     // bytes
    std::optional<Index> peak;              // --two-batch: bytes at once
};

// The answers to all that is asked of one input but --measures, which needs them. Throws InputError.
[[nodiscard]] InterpretAnswers interpreted(const InterpretOptions& o, const Execution& execution,
                                           const InterpretInput& input);
// The input as the network takes it: (raw - mean) / scale.
[[nodiscard]] std::vector<double> shifted_input(const InterpretInput& input);
// Indices of an option, none where it is empty. Throws InputError where one is not below the size.
[[nodiscard]] std::vector<Index> places(const std::string& option, const std::string& text, Index size,
                                        const char* what);
// Indices of an option, or `top`: the output with the largest y. Throws InputError where one is not below the size.
[[nodiscard]] std::vector<Index> places(const std::string& option, const std::string& text,
                                        const std::vector<double>& y);

// ---- interpret_list.cpp ----------------------------------------------------------------------------------------------

// --input @LIST. A file that cannot be asked is named and the others go on; then throws std::runtime_error.
void run_list(const InterpretOptions& o);

// ---- the ways out ----------------------------------------------------------------------------------------------------

using Json = nlohmann::ordered_json;
[[nodiscard]] Json json_of(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a);
void print(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a);
void write_result(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a,
                  const std::string& asked_for);

// Throws InputError where --pictures or --report is the folder of a file that is read, or of --out, or both are one.
void check_folders_apart(const InterpretOptions& o, const std::vector<std::string>& read);
// Throws InputError where --pictures names no folder, or one with the pictures of another request and no --force.
void check_pictures(const InterpretOptions& o, const std::string& asked_for);
void write_pictures(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a,
                    const std::string& asked_for);
// interpret_report.cpp: the same of --report, a page; its folder is neither that of the pictures.
void check_report(const InterpretOptions& o, const std::string& asked_for);
void write_report_page(const InterpretOptions& o, const InterpretInput& input, const InterpretAnswers& a,
                       const std::string& asked_for);
// 0 to 1, 0 to 255 or any other range as it is meant; of 1 or 3 channels.
[[nodiscard]] Picture natural_picture(std::span<const double> values, const ImageShape& image);

// Of what has the shape of an image.
[[nodiscard]] std::vector<MeasuredMap> measured_maps(const InterpretOptions& o, const InterpretInput& input,
                                                     const InterpretAnswers& a, Backend<double>& on);
[[nodiscard]] Json measures_json(const std::vector<MeasuredMap>& maps);
void print_measures(const std::vector<MeasuredMap>& maps);

// "15 x 15 every 4 from -7", "whole", "nothing"
[[nodiscard]] std::string field_text(const std::vector<ReceptiveField>& fields);
[[nodiscard]] Json field_json(const std::vector<ReceptiveField>& fields);
[[nodiscard]] Json explained(const InterpretOptions& o, const InterpretInput& input);
void print_explained(const InterpretOptions& o, const InterpretInput& input);

}  // namespace descrambler::cli
