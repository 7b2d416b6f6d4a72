// Libraries of noise and of signals with noise, and what is read from a library in one pass. All numbers are counter
// based: sample i of a seed owns the Philox blocks i ceil(features / 2) .. of its stream, so that a sample has the same
// bits whatever block it is read in.
#pragma once

#include <cstdint>

#include "descrambler/gram.hpp"

namespace descrambler {

// White noise of standard deviation 1 (stream::noise).
[[nodiscard]] Library noise_library(Index features, Index samples, std::uint64_t seed);

// x + white noise of standard deviation library_rms(library) / snr (stream::noise + 1). The root mean square is that of
// all values, not centred, from a pass over the library at the call. Throws InputError unless snr is finite and
// positive. The pass keeps its checkpoints in a folder "rms" within those of streaming.
[[nodiscard]] Library with_noise(const Library& library, double snr, std::uint64_t seed,
                                 const Execution& execution = Execution::on_cpu(), const Streaming& streaming = {});

// sqrt(sum x^2 / (features samples)). Throws InputError for an empty library and where the result is not finite.
[[nodiscard]] double library_rms(const Library& library, const Execution& execution = Execution::on_cpu(),
                                 const Streaming& streaming = {});
// Mean sample [features]. Throws InputError likewise.
[[nodiscard]] std::vector<double> library_mean(const Library& library,
                                               const Execution& execution = Execution::on_cpu());

}  // namespace descrambler
