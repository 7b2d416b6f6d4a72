// Ensembles of networks and their files.
//   /networks/NNN/layer_K/{weight [out, in], bias [out]}, attributes activation, renorm, units; /input: the recipe of
//   the training data. study.h5 is an ensemble file too; controls are under /controls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "descrambler/mlp.hpp"
#include "descrambler/recipe.hpp"

namespace descrambler {

struct Ensemble {
    std::vector<Network> networks;      // all of one shape, condition after condition of the recipe
    std::optional<Recipe> recipe;       // of the data they were trained on; what it means: tasks/task.hpp
    std::optional<std::uint64_t> seed;  // of the training, /input attribute "seed"
    std::string precision = "f32";      // weights are stored as f4 ("f32") or f8 ("f64")
    int ranks = 1;                      // that trained them; only written
    std::string request;                // what a command was asked for; only written
};

class Hdf5Group;
// The groups layer_1, layer_2, ... of one network. Writing throws Error, reading InputError as read_ensemble does.
void write_network(const Hdf5Group& group, const Network& network, const std::string& precision);
[[nodiscard]] Network read_network(const Hdf5Group& group);

// Whole or not at all; throws Error where the file cannot be written.
void write_ensemble(const std::string& path, const Ensemble& ensemble);
// Throws InputError that names file and data set for anything malformed: shapes that do not chain or differ between
// networks, values that are not finite, unknown activations, gaps in the numbering, no networks.
[[nodiscard]] Ensemble read_ensemble(const std::string& path);

}  // namespace descrambler
