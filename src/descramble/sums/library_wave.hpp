// Reads a library in waves of as many blocks as there are threads, for what is not summed by the tree: products with
// the signals, errors by sample. One process.
#pragma once

#include <omp.h>

#include <algorithm>
#include <vector>

#include "descrambler/gram.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {

// Calls block = read(first, count) for the blocks of a wave, one after the other; part(i, on, first, block) for each of
// them in parallel, i its place in the wave; and merge(i) in the order of the blocks.
template <class Read, class Part, class Merge>
void each_wave(Index samples, int threads, const Read& read, const Part& part, const Merge& merge) {
    const Index team = threads > 0 ? threads : omp_get_max_threads();
    for (Index first = 0; first < samples;) {
        const Index start = first;
        std::vector<decltype(read(first, first))> blocks;
        for (; first < samples && std::ssize(blocks) < team; first += library_block)
            blocks.push_back(read(first, std::min(library_block, samples - first)));
        parallel_items(std::ssize(blocks), threads,
                       [&](Index i, Backend<double>& on) { part(i, on, start + i * library_block, blocks[i]); });
        for (Index i = 0; i < std::ssize(blocks); ++i)
            merge(i);
    }
}

}  // namespace descrambler
