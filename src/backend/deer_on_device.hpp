// The generator of DEER traces on a device, in plain arrays and sizes: tasks/deer_traces.cpp fills them, cuda/deer.cu
// draws. Formulas and the order of the random numbers: descrambler/deer_database.hpp.
#pragma once

#include <cstdint>
#include <span>

#include "descrambler/array.hpp"

namespace descrambler {

template <class T>
class Backend;

// What the parameters are drawn from.
struct DeerRanges {
    Index times, distances;
    int peaks_min, peaks_max;
    double fwhm_min, fwhm_max, depth_min, depth_max, rate_min, rate_max, dimension_min, dimension_max, noise_max;
    double first_nm, range_nm;      // of the distances
    bool boxed_input, mean_target;  // otherwise: clean input, target p / max p
};

// Philox blocks of a sample before those of its noise, and the most peaks that they hold.
inline constexpr Index deer_words_blocks = 12;
inline constexpr int deer_most_peaks = 8;

// Bytes of a sample while it is made: its distribution and four parameters.
template <class T>
[[nodiscard]] constexpr std::size_t deer_bytes_of_sample(Index distances) {
    return static_cast<std::size_t>(distances + 4) * sizeof(T);
}

// Where the generator writes: views of [times or distances, n] x streams; data == nullptr: left out.
template <class T>
struct DeerViews {
    Batch<T> input, target, trace, clean, form_factor, background, distribution;
};

// Samples first .. first + n - 1 of several streams: item s of the views is of streams[s] (host memory). kernel
// [times, distances] and log_time [times] (ln t, t in us) in the memory of the device. Throws InputError in a build
// without CUDA.
template <class T>  // float, double
void deer_on_device(Backend<T>& on, const DeerRanges& ranges, const T* kernel, const T* log_time, std::uint64_t seed,
                    std::span<const std::uint64_t> streams, Index first, const DeerViews<T>& out);

}  // namespace descrambler
