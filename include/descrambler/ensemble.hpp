// Ensembles of networks and their files.
//   /networks/NNN/layer_K/{weight [out, in], bias [out]}, attributes activation, renorm, units; file attributes: the
//   input recipe (preset, scaling and every range). study.h5 is an ensemble file too; controls are under /controls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "descrambler/bandpass.hpp"
#include "descrambler/deer_database.hpp"
#include "descrambler/mlp.hpp"
#include "descrambler/relaxometry.hpp"

namespace descrambler {

struct Ensemble {
    std::vector<Network> networks;         // all of one shape
    std::optional<DeerDatabase> database;  // the data they were trained on, with the input scaling
    std::optional<std::uint64_t> seed;     // of the training, /input attribute "seed"
    std::string precision = "f32";         // weights are stored as f4 or f8
    int ranks = 1;                         // that trained them
    std::string request;                   // what a command was asked for; only written
    // in place of `database` for another task; networks stand condition after condition, as many of each
    std::optional<Relaxometry> relaxometry;
    std::optional<Bandpass> bandpass;
};

class Hdf5Group;
void write_network(const Hdf5Group& group, const Network& network, const std::string& precision);
[[nodiscard]] Network read_network(const Hdf5Group& group);
void write_database(const Hdf5Group& group, const DeerDatabase& database);
[[nodiscard]] std::optional<DeerDatabase> read_database(const Hdf5Group& group);

void write_ensemble(const std::string& path, const Ensemble& ensemble);  // whole or not at all
// Throws InputError naming file and dataset for anything malformed: shapes that do not chain, NaN, no networks.
[[nodiscard]] Ensemble read_ensemble(const std::string& path);

}  // namespace descrambler
