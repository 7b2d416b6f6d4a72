// What the commands that read a network and a library of inputs share.
#pragma once

#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/gram.hpp"

namespace descrambler::cli {

// The networks of a file, or the one of them that `network` names (from 0); the one of a dense ONNX file. Throws
// InputError.
[[nodiscard]] Ensemble open_networks(const std::string& net, std::optional<Index> network);

// The library that --inputs names: files (see shards.hpp; up to 256 MiB of doubles are kept in memory, more are read
// again in each pass), deer:N, relaxometry:N, bandpass:N (the data a network was trained on) or noise:N (white,
// standard deviation 1). It owns whatever it reads from. `net` names the file of the networks in messages. width: of the
// inputs, where they are not those of the networks. All ranks call. Throws InputError, and so does reading.
[[nodiscard]] Library open_library(const std::string& inputs, const Ensemble& ensemble, const std::string& net,
                                   const Common& common, const Execution& execution, std::optional<Index> width = {});
// With white noise of rms(inputs) / snr, from a pass over the library (--snr); as it is without snr. All ranks call.
[[nodiscard]] Library add_noise(const Library& library, const std::string& inputs, std::optional<double> snr,
                                std::uint64_t seed, const Execution& execution, const Streaming& streaming = {});
// A path as it is compared: absolute, without "." and "..".
[[nodiscard]] std::string normal_path(const std::string& path);
// --inputs with its files named so; deer:N and the like as they are.
[[nodiscard]] std::string inputs_in_normal_form(const std::string& inputs);
inline constexpr const char* inputs_help =
    "library of inputs: FILE.npy, FILE.h5, FILE.h5:/dataset, 'PATTERN' of such files, @LIST of such files, deer:N, "
    "relaxometry:N, bandpass:N or noise:N";

// The targets of the same samples, [outputs, count] a block; empty where the inputs have none (anything but deer:N).
[[nodiscard]] std::function<void(Index first, Batch<double> targets)> open_targets(const std::string& inputs,
                                                                                   const Ensemble& ensemble,
                                                                                   const Common& common,
                                                                                   const Execution& execution);

// --seed, or that of the file, or 1.
[[nodiscard]] std::uint64_t seed_of(const Ensemble& ensemble, const Common& common);

// Throws InputError if `out` cannot become a file or is one of the files that are read (inputs as for open_library).
void check_output_apart(const std::string& out, const std::vector<std::string>& read,
                        const std::string& option = "--out");

}  // namespace descrambler::cli
