// Libraries of noise, of signals with noise and of values inside a graph, and what is read from a library in one pass. Noise is counter-based:
// sample i owns ceil(features / 2) Philox blocks of its stream, from block i ceil(features / 2) on, so that it has the
// same bits whatever window it is read in.
#pragma once

#include <cstdint>

#include "descrambler/dense_graph.hpp"
#include "descrambler/gram.hpp"

namespace descrambler {

// White noise of standard deviation 1 (stream::noise). Throws std::invalid_argument unless both sizes are positive.
[[nodiscard]] Library noise_library(Index features, Index samples, std::uint64_t seed);

// x + white noise of standard deviation library_rms(library) / snr (stream::noise + 1). The root mean square is that of
// all values, not centred, from a pass over the library at the call, which keeps its checkpoints in a folder "rms"
// within that of streaming. Throws InputError unless snr is finite and positive, and as library_rms. All ranks call,
// here and below.
[[nodiscard]] Library with_noise(const Library& library, double snr, std::uint64_t seed,
                                 const Execution& execution = Execution::on_cpu(), const Streaming& streaming = {});

// What enters a dense node of a graph, h [columns of W, samples x rows], for a library of inputs of the graph (numbers of
// an input in C order, without the batch axis). Computed again whenever it is read, with so many threads (0: all). Throws
// InputError for inputs of another width; reading throws it, naming the sample, for values that are not finite.
[[nodiscard]] Library library_at(const DenseTap& tap, const Library& inputs, int threads = 0);

// sqrt(sum x^2 / (features samples)). Throws InputError for an empty library and where the result is not finite;
// Stopped after a checkpoint (Progress::stop).
[[nodiscard]] double library_rms(const Library& library, const Execution& execution = Execution::on_cpu(),
                                 const Streaming& streaming = {});
// Mean sample [features]. Throws InputError in the same cases.
[[nodiscard]] std::vector<double> library_mean(const Library& library,
                                               const Execution& execution = Execution::on_cpu());

}  // namespace descrambler
