// What the commands that read a network and a library of inputs share.
#pragma once

#include <optional>
#include <string>

#include "cli/commands.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/gram.hpp"

namespace descrambler::cli {

// The networks of a file, or the one of them that `network` names (from 0). Throws InputError.
[[nodiscard]] Ensemble open_networks(const std::string& net, std::optional<Index> network);

// The library that --inputs names: FILE.npy, FILE.h5, FILE.h5:/dataset, deer:N, relaxometry:N or
// bandpass:N. It owns whatever it reads from.
// `net` names the file of the networks in messages. Throws InputError.
[[nodiscard]] Library open_library(const std::string& inputs, const Ensemble& ensemble, const std::string& net,
                                   const Common& common);

// Throws InputError if `out` cannot become a file or is one of the files that are read ("FILE.h5:/dataset" counts).
void check_output_apart(const std::string& out, const std::vector<std::string>& read);

}  // namespace descrambler::cli
