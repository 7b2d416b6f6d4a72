// Checkpoints of a sum over a library: a folder with one file per rank, each with a few nodes of the tree of
// tree_sum.hpp. Any number of ranks can read them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "descramble/sums/tree_sum.hpp"
#include "descrambler/communicator.hpp"
#include "descrambler/progress.hpp"

namespace descrambler {

// The file of this rank, whole or not at all.
void write_sum_checkpoint(const std::filesystem::path& folder, int rank, const std::string& fingerprint,
                          const TreeSum& sum);

struct StoredSum {
    // Files besides its own that this rank has taken nodes from; of no use once it has written its own again.
    std::vector<std::filesystem::path> foreign;
    std::vector<std::pair<Index, Index>> done;  // leaves first .. last - 1 that some rank has, in order
};
// What the folder holds, dealt out to the ranks, no leaf twice: the share of this rank is added to `sum`, node by node
// of `size` numbers. Damaged files are reported to progress.warn, and their leaves are summed again. Throws InputError
// that shows both values if a file belongs to another sum. All ranks call.
[[nodiscard]] StoredSum read_sum_checkpoints(Communicator& ranks, const std::filesystem::path& folder,
                                             const std::string& fingerprint, Index size, TreeSum& sum,
                                             const Progress& progress);

}  // namespace descrambler
