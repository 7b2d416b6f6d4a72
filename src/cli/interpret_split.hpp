// interpret --split: a network cut at nodes, its spectrum in front of each, and an output as a sum of spectral terms.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/symbolic.hpp"
#include "descrambler/tensor.hpp"

namespace descrambler::cli {

struct InterpretOptions;
struct InterpretInput;

struct SplitRequest {
    std::vector<std::string> nodes;
    std::string set;  // file of several inputs
    std::optional<Index> output, top;
    std::optional<double> threshold, quantile;
    Index full = 4096;
    [[nodiscard]] bool given() const { return !nodes.empty(); }
    [[nodiscard]] std::vector<std::string> files() const;  // that are read
    void add_to(CLI::App& command);
    void check(const InterpretOptions& o) const;  // throws InputError
};

struct Split {  // at one node
    std::string node;
    Shape latent;
    RightSpectrum spectrum;
    Matrix<double> right, left;  // the leading vectors, as many as are shown: [n, M], [latent, M]
    SplitTerms terms;
    ToldApart apart;
    Reduction reduced;
    SymbolicForm form, reduced_form;
    double form_value = 0, reduced_value = 0;  // what they evaluate to; y_j
    Matrix<double> maps, means;                // [pixels, M] of the leading vectors: contracted, plain mean of channels
    Matrix<double> reduced_maps;               // [pixels, reduced terms] contracted; of the closing term c_rest
    Mirrored mirrored;                         // of the first vector, where the input is an image
    double participation = 0;                  // of the first vector
    Matrix<double> similarity;                 // [inputs of the set, inputs of the set] of their first vectors
    std::vector<double> second;                // [inputs of the set] lambda_1 / lambda_0
    [[nodiscard]] std::optional<double> tenth() const;  // lambda_9 / lambda_0, where there are ten
};
struct SplitAnswers {
    Index output = 0;
    PixelLayout layout;
    Index width = 0;               // of an image; 0: none
    std::vector<double> gradient;  // [pixels] gradient x input of the output, summed over channels
    std::vector<Split> splits;
};
[[nodiscard]] SplitAnswers split_answers(const InterpretOptions& o, const Execution& execution,
                                         const InterpretInput& input, const std::vector<double>& x0,
                                         std::uint64_t seed);
[[nodiscard]] nlohmann::ordered_json split_json(const SplitAnswers& a);
void print_split(const SplitAnswers& a);
void write_split(const Hdf5Group& root, const SplitAnswers& a);

}  // namespace descrambler::cli
