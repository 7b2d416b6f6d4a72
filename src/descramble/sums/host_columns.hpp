// Sums of columns on the host: items and leaves are shared by threads.
#pragma once

#include "descramble/sums/column_sums.hpp"

namespace descrambler {

// S [n, count] of the inputs X of a block; valid until the next call.
using Columns = std::function<Batch<const double>(Batch<const double> X)>;

class HostColumns final : public Accumulator {
public:
    // make(thread, item): the columns of an item, in memory of the thread. The request has to outlive this.
    using Make = std::function<Columns(HostThread& thread, Index item)>;
    HostColumns(const ColumnRequest& request, Make make) : request_(request), make_(std::move(make)) {}
    [[nodiscard]] std::vector<double> pass(const Keep& keep, const std::vector<double>& shifts,
                                           const Streaming& streaming) override;
    [[nodiscard]] std::vector<double> block_sums(Batch<const double> X) override;

private:
    const ColumnRequest& request_;
    Make make_;
};

}  // namespace descrambler
