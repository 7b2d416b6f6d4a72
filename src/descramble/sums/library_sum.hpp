// Sums over the samples of a library, shared by the ranks, interrupted and resumed, with the same bits whoever computes
// what.
#pragma once

#include <map>
#include <memory>
#include <span>

#include "descramble/sums/tree_sum.hpp"
#include "descrambler/communicator.hpp"
#include "descrambler/executor.hpp"
#include "descrambler/gram.hpp"

namespace descrambler {

inline constexpr Index host_leaf = 4 * library_block;     // samples of a leaf, where the host sums
inline constexpr Index device_leaf = 64 * library_block;  // and where a device does

struct LeafSums {
    Index size = 0;  // numbers that a leaf, and the total, consists of
    Index samples = host_leaf;
    Index wave = 1;  // leaves at a time
    // The sums of the leaves first .. first + count - 1. count may be 0 where ranks have to read together.
    std::function<std::vector<std::vector<double>>(Index first, Index count)> leaves;
    TreeSum::Merge merge;
};
// The total, on all ranks, which have to call this in the same order.
[[nodiscard]] std::vector<double> sum_library(const Library& library, const LeafSums& sums, Communicator& ranks,
                                              const Streaming& streaming);

// What a thread of the host keeps for itself during a pass: a backend of one thread, and blocks of memory by number.
class HostThread {
    std::unique_ptr<Backend<double>> on_ = make_cpu_backend<double>(1);  // outlives what it has allocated
    std::map<Index, Buffer<double>> memory_;

public:
    static constexpr Index input = 0, triangle = 1, moved = 2, with_one = 3, scores = 4;
    [[nodiscard]] Backend<double>& on() const { return *on_; }
    // Memory `number` as [rows, cols]; the contents are undefined.
    [[nodiscard]] Batch<double> memory(Index number, Index rows, Index cols);
    LayerSignals signals;  // of the network that the thread works on
};

// Sums of several items (networks) that each keep `size` numbers, on the host: items and leaves are shared by threads.
struct HostSums {
    Index items = 1, size = 0;
    // Block k of `blocks` of the leaf, [features, up to library_block].
    using Block = std::function<Batch<const double>(Index k)>;
    // Adds a leaf of an item into `to`, which is zero.
    std::function<void(HostThread& thread, Index item, Index blocks, const Block& block, std::span<double> to)> leaf;
    std::function<void(Backend<double>& on, std::span<double> left, std::span<const double> right)> merge;
};
[[nodiscard]] std::vector<double> sum_on_host(const Library& library, const HostSums& sums, const Execution& execution,
                                              const Streaming& streaming);

// left += right
void add_to(std::span<double> left, std::span<const double> right);

}  // namespace descrambler
