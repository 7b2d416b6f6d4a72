// From what a user writes for a library of inputs (shards.hpp) to the files it names.
#pragma once

#include <string>
#include <vector>

namespace descrambler {

struct ShardName {
    std::string path;
    std::string dataset;  // of an HDF5 file; "" for the only one of rank 2
    bool npy = false;
};

// In the order of the samples. Throws InputError for a pattern that nothing matches, a gap in the numbers of its
// files, a list without names and a name in it that is not there.
[[nodiscard]] std::vector<ShardName> shard_names(const std::string& inputs);

}  // namespace descrambler
