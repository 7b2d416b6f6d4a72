// From a measured trace to the input of a network: phase, zero time, resampling, scaling, and the distance axis.
#pragma once

#include <string>
#include <vector>

#include "descrambler/deer_database.hpp"
#include "descrambler/traces.hpp"

namespace descrambler {

struct PreparedTrace {
    std::string stem;
    std::vector<double> time_us;     // uniform, from 0
    std::vector<double> signal;      // real part after phasing, from the zero time on, unscaled
    double phase_rad = 0;            // the trace was multiplied by exp(i phase), in (-pi, pi]
    double zero_time_us = 0;         // on the time axis of the file; one of its points
    double amplitude = 0;            // noise-reduced signal at the zero time
    double noise = 0;                // standard deviation of the noise of `signal`
    double depth = 0;                // modulation depth, rough: see below
    double modulation = 0;           // what no background explains, rms without the noise, over amplitude
    std::vector<std::string> flags;  // those of the trace and what was noticed here
};

// Phase: -arg(sum v^2) / 2, which makes the real energy largest, and the sign that makes the real part sum to a
// positive number.
// Zero time: maximum of the smoothed trace, the window growing with the noise, then the point about which the trace is
// symmetric (its odd part sums to zero); the first point if the maximum is there.
// Depth: 1 - a / amplitude, a exp(-k t) fitted to the last two thirds. Modulation: misfit of a exp(-(k t)^(d/3)) alone,
// d = 2 .. 3.5.
// Throws InputError (stem, field, expectation) for a value that is not finite, a time axis that is not uniform (second
// differences above 1e-3 of the step), a constant signal, fewer than 16 points after the zero time, more than 32768
// points, and a trace longer than 100 us.
[[nodiscard]] PreparedTrace prepare(const Trace& trace);

// Shape-preserving cubic (Fritsch, Carlson 1980; Fritsch, Butland 1984) on n uniform points from the first time to the
// last. Times ascend, 2 points at least; n >= 2. Throws std::invalid_argument.
[[nodiscard]] std::vector<double> resample(const std::vector<double>& time, const std::vector<double>& signal, Index n);

// [times] on the networks' scale: boxed (x - min) / (max - min), clean x / amplitude.
[[nodiscard]] std::vector<double> network_input(const PreparedTrace& prepared, const DeerDatabase& database);

// r (T / span)^(1/3) in nm, T the length of the trace: w(r) t depends on t / r^3 only, so one network serves any
// length.
[[nodiscard]] std::vector<double> distance_axis(const PreparedTrace& prepared, const DeerTables& tables);

}  // namespace descrambler
