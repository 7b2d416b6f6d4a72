// The configuration of a study: one TOML file, every key optional, every unknown key refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/bandpass.hpp"
#include "descrambler/deer_database.hpp"
#include "descrambler/mlp.hpp"
#include "descrambler/relaxometry.hpp"
#include "descrambler/stencil.hpp"

namespace descrambler {

// What the networks learn. Each has its own section of data: [data], [relaxometry], [bandpass]; keys of another task
// are refused.
enum class Task { deer, relaxometry, bandpass };
[[nodiscard]] std::string_view to_string(Task task);

struct StudyConfig {
    std::string title = "DEER ensemble";
    std::uint64_t seed = 1;
    Task task = Task::deer;  // [data] task
    DeerDatabase data;       // [data]
    Relaxometry relaxometry;
    Bandpass bandpass;

    // [network]: hidden widths and their activation; input and output have as many points as the data
    std::vector<Index> hidden = {80};
    Activation activation = Activation::tanh;
    Activation output_activation = Activation::logistic;
    bool renorm = false;
    InitialWeights initial;  // initialisation, first_weight_scale

    // [training]
    Index iterations = 20000;
    Index batch_size = 256;
    double rate = 1e-2, rate_floor = 0.01;  // cosine schedule from rate to rate * rate_floor
    Loss loss = Loss::mse;
    double decay = 1e-6;            // L2 coupled to the gradient of the mean over batch and outputs
    std::string precision = "f32";  // of training; the analysis is in fp64
    double checkpoint_seconds = 60;

    // [ensemble]: networks of each condition (DEER has one)
    Index networks = 8;

    // [controls]: how many of each, for each condition, and the longest training of the two trained kinds (never longer
    // than iterations)
    Index untrained = 3, shuffled = 3, no_decay = 1;
    Index control_iterations = 6000;

    // [analysis]
    Index library = 8192;     // samples at which the taps are read
    Index validation = 2000;  // held-out traces
    Index tikhonov = 200;     // of them for the regularisation peer
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

// The layers of the networks that a configuration trains.
[[nodiscard]] std::vector<Layer> network_layers(const StudyConfig& config);

// Data sets that networks of one study are trained on side by side: 1 for DEER, tracks x SNR, targets.
[[nodiscard]] Index condition_count(const StudyConfig& config);
[[nodiscard]] std::string condition_name(const StudyConfig& config, Index condition);  // "" for DEER

}  // namespace descrambler
