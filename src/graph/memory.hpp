// Memory of the values of probes.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/error.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

// The node after which a value is not needed, by value: -1 where none uses it, behind the last one for the output.
inline std::vector<int> last_uses(const Graph& graph) {
    std::vector<int> result(graph.values.size(), -1);
    for (std::size_t n = 0; n < graph.nodes.size(); ++n)
        for (const int input : graph.nodes[n].inputs)
            result[static_cast<std::size_t>(input)] = static_cast<int>(n);
    result[static_cast<std::size_t>(graph.output)] = static_cast<int>(graph.nodes.size());
    return result;
}

// Probes that fit into `memory` bytes beside `before`, at most 16. Throws InputError where not one fits.
inline Index probes_that_fit(Index memory, Index before, Index bytes_of_probe) {
    constexpr Index most = 16;
    const Index needed = before + bytes_of_probe;
    if (needed > memory)
        throw InputError("--memory: " + std::to_string(memory >> 20) + " MiB are less than one probe takes, " +
                         std::to_string((needed >> 20) + 1) + " MiB");
    return std::clamp<Index>((memory - before) / std::max<Index>(bytes_of_probe, 1), 1, most);
}

// Values that ended, for the next ones: new memory is slow.
template <class T>
class SpareBuffers {
public:
    // A buffer of this size with unknown contents, or a new one; for a new one spare ones go while they, `live` numbers
    // elsewhere and it are more than `most`.
    Buffer<T> take(Backend<T>& on, Index size, Index live, Index most) {
        // the last one that ended: it may still be in a cache
        const auto fit = std::find_if(spare_.rbegin(), spare_.rend(),
                                      [size](const Buffer<T>& buffer) { return buffer.size() == size; });
        if (fit != spare_.rend()) {
            Buffer<T> found = std::move(*fit);
            spare_.erase(std::next(fit).base());
            return found;
        }
        Index held = live + size;
        for (const Buffer<T>& buffer : spare_)
            held += buffer.size();
        for (; !spare_.empty() && held > most; spare_.erase(spare_.begin()))
            held -= spare_.front().size();
        try {
            return on.allocate(size);
        } catch (const OutOfMemory&) {
            spare_.clear();
            return on.allocate(size);
        }
    }
    void give(Buffer<T> buffer) {
        if (buffer.size() > 0)
            spare_.push_back(std::move(buffer));
    }

private:
    std::vector<Buffer<T>> spare_;
};

}  // namespace descrambler
