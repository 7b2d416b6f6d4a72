// Sums of columns on a device: one call per block of the library serves every item. The same mathematics as
// host_columns.hpp, with longer leaves.
#pragma once

#include "descramble/sums/column_sums.hpp"

namespace descrambler {

// Items of one shape in the memory of the device.
struct Stack {
    Buffer<double> memory;
    Index rows = 0, cols = 0, batch = 0;
    [[nodiscard]] Batch<double> view() const { return {memory.data(), rows, cols, batch}; }
    [[nodiscard]] Batch<double> columns(Index count) const { return {memory.data(), rows, count, batch}; }  // packed
    [[nodiscard]] Batch<const double> shared(Index by) const { return {memory.data(), rows, cols, by, 0}; }
};
[[nodiscard]] Stack allocate(Backend<double>& on, Index rows, Index cols, Index batch);
// values: the items one after the other.
[[nodiscard]] Stack upload(Backend<double>& on, Index rows, Index cols, Index batch, std::span<const double> values);

class DeviceColumns final : public Accumulator {
public:
    // S [n, count] x items, on the device, of the inputs X of a block on the host; S may be overwritten.
    using Columns = std::function<Batch<double>(Batch<const double> X)>;
    // The request has to outlive this. Throws OutOfMemory, on this rank alone.
    DeviceColumns(Backend<double>& on, const ColumnRequest& request, Columns columns);
    [[nodiscard]] std::vector<double> pass(const Keep& keep, const std::vector<double>& shifts,
                                           const Streaming& streaming) override;
    [[nodiscard]] std::vector<double> block_sums(Batch<const double> X) override;

private:
    void add(const Keep& keep, Batch<double> S);
    void add_factor(Batch<const double> S);
    [[nodiscard]] std::vector<double> take(const Keep& keep);
    [[nodiscard]] Batch<const double> ones(Index count) const { return {ones_.memory.data(), count, 1, sum_.batch, 0}; }

    Backend<double>& on_;
    const ColumnRequest& request_;
    Columns columns_;
    Stack ones_, sum_, before_, triangle_, shift_, fresh_, stacked_, tall_, identity_, top_, bottom_;
    bool first_ = true;  // at the first block of a leaf
};

// The sums of a pass over the library on the device: `block` is called for each block of a leaf, then `leaf` gives the
// sums of that leaf, `items` times `size` numbers; `merge` adds one item of two leaves.
struct DeviceSums {
    Index items = 1, size = 0;
    std::function<void(Batch<const double> X)> block;
    std::function<std::vector<double>()> leaf;
    std::function<void(Backend<double>& host, std::span<double> left, std::span<const double> right)> merge;
};
[[nodiscard]] std::vector<double> sum_on_device(const Library& library, const DeviceSums& sums,
                                                const Execution& execution, const Streaming& streaming);

// in_parts for several ranks that agree on what fits: body has to throw OutOfMemory on all of them or on none.
void in_common_parts(Communicator& ranks, Index items, const std::function<void(Index first, Index count)>& body);

}  // namespace descrambler
