#include "predict/preprocess.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdio>
#include <limits>
#include <numbers>
#include <utility>

#include "descrambler/statistics.hpp"

namespace descrambler {

namespace {

using Vector = std::vector<double>;

constexpr Index least_points = 16;
constexpr Index most_points = 1 << 15;  // the smoothing below takes time that grows with the square
constexpr double longest_us = 100;
constexpr double uniformity = 1e-3;

std::string number(double x) {
    return digits(x, 4);
}

[[noreturn]] void refuse(const Trace& trace, const std::string& what) {
    throw InputError(trace.stem + ": " + what);
}

void check(const Trace& trace) {
    const std::size_t n = trace.time_us.size();
    if (trace.signal.size() != n)
        refuse(trace, "signal has " + std::to_string(trace.signal.size()) + " points, its time axis " +
                          std::to_string(n) + "; expected as many");
    if (n < static_cast<std::size_t>(least_points))
        refuse(trace,
               "signal has " + std::to_string(n) + " points; expected " + std::to_string(least_points) + " or more");
    if (n > static_cast<std::size_t>(most_points))
        refuse(trace,
               "signal has " + std::to_string(n) + " points; expected " + std::to_string(most_points) + " or fewer");
    for (std::size_t i = 0; i < n; ++i) {
        const std::string at = " at point " + std::to_string(i + 1);
        if (!std::isfinite(trace.time_us[i]))
            refuse(trace, "time is not finite" + at + "; expected a number");
        if (!std::isfinite(trace.signal[i].real()) || !std::isfinite(trace.signal[i].imag()))
            refuse(trace, "signal is not finite" + at + "; expected a number");
    }
    const double step = (trace.time_us.back() - trace.time_us.front()) / static_cast<double>(n - 1);
    if (!(step > 0))
        refuse(trace, "time does not increase; expected a uniform ascending axis");
    for (std::size_t i = 1; i + 1 < n; ++i) {
        const double second = trace.time_us[i + 1] - 2 * trace.time_us[i] + trace.time_us[i - 1];
        if (!(std::abs(second) <= uniformity * step))
            refuse(trace, "time is not uniform at point " + std::to_string(i + 1) + " (the step changes by " +
                              number(second / step * 100) + " %); expected a uniform axis");
    }
    double largest = 0, spread = 0;
    for (const auto& v : trace.signal) {
        largest = std::max(largest, std::abs(v));
        spread = std::max(spread, std::abs(v - trace.signal.front()));
    }
    if (largest > 0 && (largest < 1e-100 || largest > 1e100))  // whose squares would leave the range
        refuse(trace, "signal reaches " + number(largest) + "; expected between 1e-100 and 1e100");
    if (spread <= 1e-12 * largest)  // a few thousand roundoffs of a stored constant
        refuse(trace, "signal is constant; expected a decaying trace");
}

double phase_of(const Trace& trace) {
    double largest = 0;
    for (const auto& v : trace.signal)
        largest = std::max(largest, std::abs(v));
    std::complex<double> squares = 0;
    for (const auto& v : trace.signal)
        squares += (v / largest) * (v / largest);
    double phase = 0 - 0.5 * std::arg(squares), sum = 0;  // 0 -: never -0
    for (const auto& v : trace.signal)
        sum += (v / largest * std::polar(1.0, phase)).real();
    if (sum < 0)
        phase += phase > 0 ? -std::numbers::pi : std::numbers::pi;
    return phase;
}

// Standard deviation of white noise from third differences, which hardly see a smooth trace: the median is robust
// against the few places where they do. Third differences of white noise have the variance 20; 0.6745 is the median of
// |g| for a standard normal g.
double noise_of(const Vector& v) {
    Vector size;
    for (std::size_t i = 3; i < v.size(); ++i)
        size.push_back(std::abs(v[i] - 3 * v[i - 1] + 3 * v[i - 2] - v[i - 3]));
    return upper_median(std::move(size)) / (0.6745 * std::sqrt(20.0));
}

struct Line {
    double at_point = 0;  // value of the fitted line at the point itself
    double variance = 0;  // of that value, for white noise of variance 1
    double slope = 0;
};

// Straight line through the points within `half` of c that exist: a mean inside, unbiased at the ends.
Line local_line(const Vector& v, Index c, Index half) {
    const Index first = std::max<Index>(0, c - half), last = std::min<Index>(std::ssize(v) - 1, c + half);
    const double count = static_cast<double>(last - first + 1), centre = 0.5 * static_cast<double>(first + last);
    double sum = 0, moment = 0, spread = 0;
    for (Index i = first; i <= last; ++i) {
        const double u = static_cast<double>(i) - centre;
        sum += v[i];
        moment += u * v[i];
        spread += u * u;
    }
    const double offset = static_cast<double>(c) - centre, slope = moment / spread;
    return {sum / count + slope * offset, 1 / count + offset * offset / spread, slope};
}

struct ZeroTime {
    Index point = 0;
    double amplitude = 0;
};

// The smallest window at which the maximum stands out: every point that comes within the noise of it lies nearby.
constexpr double significance = 3;  // standard deviations
struct Peak {
    Index point = 0, half = 1;
    bool stands_out = false;
};
Peak smoothed_maximum(const Vector& v, double noise) {
    const Index n = std::ssize(v);
    Peak peak;
    for (Index half = 1; half <= std::max<Index>(1, n / 16); half *= 2) {
        std::vector<Line> lines;
        Index top = 0;
        for (Index c = 0; c < n; ++c) {
            lines.push_back(local_line(v, c, half));
            if (lines[c].at_point > lines[top].at_point)
                top = c;
        }
        peak = {top, half, true};
        for (Index c = 0; c < n; ++c)
            if (std::abs(c - top) > 2 * half &&
                lines[top].at_point - lines[c].at_point <
                    significance * noise * std::sqrt(lines[top].variance + lines[c].variance))
                peak.stands_out = false;
        if (peak.stands_out)
            break;
    }
    return peak;
}

// sum_j v[c + j] - v[c - j]: positive left of the point of symmetry, negative right of it.
double odd_part(const Vector& v, Index c, Index width) {
    double sum = 0;
    for (Index j = 1; j <= width; ++j)
        sum += v[c + j] - v[c - j];
    return sum;
}

ZeroTime find_zero_time(const Vector& v, double noise) {
    const Index n = std::ssize(v);
    const Peak peak = smoothed_maximum(v, noise);
    const auto amplitude_at = [&](Index c) {
        // Over so few points that the curvature of the maximum stays out of it.
        return local_line(v, c, std::max<Index>(1, peak.half / 2)).at_point;
    };
    const Index raw = std::max_element(v.begin(), v.end()) - v.begin();
    const Line top = local_line(v, peak.point, peak.half), start = local_line(v, 0, peak.half);
    const bool start_is_top =
        top.at_point - start.at_point <=
        significance * noise * std::sqrt(top.variance + start.variance) + 1e-12 * std::abs(top.at_point);
    // A trace so flat that its maximum may be anywhere starts where it starts.
    if (peak.point < 2 || (start_is_top && (raw == 0 || !peak.stands_out)))
        return {0, amplitude_at(0)};

    // The odd part falls through zero at the point of symmetry: its running sum is largest there. Where few points lie
    // to the left the odd part has few terms, and so little weight.
    const Index width = std::max<Index>(4, 2 * peak.half);
    const auto odd_at = [&](Index c) { return odd_part(v, c, std::min({width, c, n - 1 - c})); };
    const Index first = std::max<Index>(1, peak.point - 2 * peak.half);
    const Index last = std::min<Index>(n - 2, peak.point + 2 * peak.half);
    Index best = first;
    double sum = 0, largest = 0;
    for (Index c = first; c < last; ++c) {
        sum += 0.5 * (odd_at(c) + odd_at(c + 1));
        if (sum > largest) {
            largest = sum;
            best = c + 1;
        }
    }
    return {best, amplitude_at(best)};
}

// Least squares of a exp(-(k t)^(d/3)) on the points first, first + 1, ... for one d: the best k by a scan of k T from
// 1e-3 to 10 and golden section between the neighbours of the best, for each k the best a.
struct Background {
    double amplitude = 0;  // a
    double misfit = 0;     // sum of squares
};
Background fit_background(const Vector& time, const Vector& signal, std::size_t first, double dimension) {
    Vector power, value;  // (t / T)^(d/3)
    for (std::size_t i = first; i < time.size(); ++i) {
        power.push_back(std::pow(time[i] / time.back(), dimension / 3));
        value.push_back(signal[i]);
    }
    Vector shape(power.size());
    const auto fit = [&](double log_rate) {
        const double scale = std::exp(log_rate * dimension / 3);
        double vb = 0, bb = 0;
        for (std::size_t i = 0; i < power.size(); ++i) {
            shape[i] = std::exp(-scale * power[i]);
            vb += value[i] * shape[i];
            bb += shape[i] * shape[i];
        }
        Background result{vb / bb, 0};
        for (std::size_t i = 0; i < power.size(); ++i) {
            const double rest = value[i] - result.amplitude * shape[i];
            result.misfit += rest * rest;
        }
        return result;
    };
    constexpr int scan = 40, sections = 20;
    constexpr double lowest = -6.907755278982137, step = 9.210340371976184 / scan;  // log 1e-3, log 1e4
    double best = lowest, least = fit(lowest).misfit;
    for (int i = 1; i <= scan; ++i) {
        const double at = lowest + step * i, misfit = fit(at).misfit;
        if (misfit < least) {
            least = misfit;
            best = at;
        }
    }
    constexpr double ratio = 0.6180339887498949;
    double low = best - step, high = best + step;
    double left = high - ratio * (high - low), right = low + ratio * (high - low);
    double at_left = fit(left).misfit, at_right = fit(right).misfit;
    for (int i = 0; i < sections; ++i) {
        if (at_left < at_right) {
            high = std::exchange(right, left);
            at_right = at_left;
            left = high - ratio * (high - low);
            at_left = fit(left).misfit;
        } else {
            low = std::exchange(left, right);
            at_left = at_right;
            right = low + ratio * (high - low);
            at_right = fit(right).misfit;
        }
    }
    return fit(0.5 * (low + high));
}

// Root mean square of what the best background alone leaves of the whole trace.
double background_misfit(const Vector& time, const Vector& signal) {
    double least = std::numeric_limits<double>::infinity();
    for (const double dimension : {2.0, 2.25, 2.5, 2.75, 3.0, 3.25, 3.5})
        least = std::min(least, fit_background(time, signal, 0, dimension).misfit);
    return std::sqrt(least / static_cast<double>(time.size()));
}

void add_flags(const Trace& trace, const Vector& imaginary, PreparedTrace& prepared) {
    const auto flag = [&](const std::string& text) { prepared.flags.push_back(text); };
    if (trace.complex_valued) {
        double energy = 0;
        for (const double v : imaginary)
            energy += v * v;
        const double rms = std::sqrt(energy / static_cast<double>(imaginary.size()));
        if (rms > 2 * prepared.noise && rms > 0.03 * prepared.amplitude)
            flag("imaginary part of " + number(100 * rms / prepared.amplitude) + " % of the amplitude after phasing");
    } else if (prepared.phase_rad != 0) {
        flag("sign inverted, so that the signal sums to a positive number");
    }
    if (prepared.zero_time_us == trace.time_us.front())
        flag("zero time at the first point");

    const std::size_t n = prepared.signal.size(), last = n / 4;
    double tail = 0;
    for (std::size_t i = n - last; i < n; ++i)
        tail += prepared.signal[i] / static_cast<double>(last);
    if (prepared.amplitude - tail <= std::max(3 * prepared.noise, 0.02 * prepared.amplitude))
        flag("no decay visible");
    // Between what instruments leave in traces without modulation (0.3 %) and what depths above 5 % leave.
    if (prepared.modulation < std::max(0.005, 0.3 * prepared.noise / prepared.amplitude))
        flag("no dipolar modulation: a background alone fits");
    if (prepared.depth < 0.03)
        flag("modulation depth small (about " + number(prepared.depth) + ")");
}

}  // namespace

PreparedTrace prepare(const Trace& trace) {
    check(trace);
    PreparedTrace prepared;
    prepared.stem = trace.stem;
    prepared.flags = trace.flags;
    prepared.phase_rad = phase_of(trace);
    const std::complex<double> turn = std::polar(1.0, prepared.phase_rad);
    Vector real, imaginary;
    for (const auto& v : trace.signal) {
        real.push_back((v * turn).real());
        imaginary.push_back((v * turn).imag());
    }
    prepared.noise = noise_of(real);
    const ZeroTime zero = find_zero_time(real, prepared.noise);
    const Index left = std::ssize(real) - zero.point;
    if (left < least_points)
        refuse(trace, "signal has " + std::to_string(left) + " points from its zero time on; expected " +
                          std::to_string(least_points) + " or more");
    prepared.zero_time_us = trace.time_us[zero.point];
    const double length = trace.time_us.back() - prepared.zero_time_us;
    if (length > longest_us)
        refuse(trace, "time is " + number(length) + " us long; expected at most " + number(longest_us) +
                          " us (is the time unit right?)");
    prepared.amplitude = zero.amplitude;
    if (!(prepared.amplitude > 0))
        refuse(trace, "signal is not positive at its zero time; expected a decaying trace");
    prepared.signal.assign(real.begin() + zero.point, real.end());
    for (Index i = 0; i < left; ++i)
        prepared.time_us.push_back(length * static_cast<double>(i) / static_cast<double>(left - 1));
    prepared.depth = 1 - fit_background(prepared.time_us, prepared.signal, prepared.signal.size() / 3, 3).amplitude /
                             prepared.amplitude;
    const double misfit = background_misfit(prepared.time_us, prepared.signal);
    prepared.modulation =
        std::sqrt(std::max(0.0, misfit * misfit - prepared.noise * prepared.noise)) / prepared.amplitude;
    add_flags(trace, imaginary, prepared);
    return prepared;
}

std::vector<double> resample(const std::vector<double>& time, const std::vector<double>& signal, Index n) {
    const std::size_t m = time.size();
    require(m >= 2 && signal.size() == m && n >= 2, "two points at least, and as many times as values");
    Vector width(m - 1), slope(m - 1), derivative(m);
    for (std::size_t i = 0; i + 1 < m; ++i) {
        width[i] = time[i + 1] - time[i];
        require(width[i] > 0, "times ascend");
        slope[i] = (signal[i + 1] - signal[i]) / width[i];
    }
    // Inside: weighted harmonic mean of the slopes, zero where they differ in sign.
    for (std::size_t i = 1; i + 1 < m; ++i) {
        if (!(slope[i - 1] * slope[i] > 0))
            continue;
        const double a = 2 * width[i] + width[i - 1], b = width[i] + 2 * width[i - 1];
        derivative[i] = (a + b) / (a / slope[i - 1] + b / slope[i]);
    }
    // Ends: the three-point formula, limited so that the shape is kept.
    const auto end = [](double near, double far, double slope_near, double slope_far) {
        const double d = ((2 * near + far) * slope_near - near * slope_far) / (near + far);
        if (d * slope_near <= 0)
            return 0.0;
        return slope_near * slope_far < 0 && std::abs(d) > 3 * std::abs(slope_near) ? 3 * slope_near : d;
    };
    derivative.front() = m == 2 ? slope[0] : end(width[0], width[1], slope[0], slope[1]);
    derivative.back() = m == 2 ? slope[0] : end(width[m - 2], width[m - 3], slope[m - 2], slope[m - 3]);

    Vector result;
    std::size_t i = 0;
    for (Index k = 0; k < n; ++k) {
        const double t = k + 1 == n ? time.back()
                                    : time.front() + (time.back() - time.front()) * static_cast<double>(k) /
                                                         static_cast<double>(n - 1);
        while (i + 2 < m && t > time[i + 1])
            ++i;
        const double h = width[i], u = (t - time[i]) / h;
        const double rise = u * u * (3 - 2 * u);
        result.push_back((1 - rise) * signal[i] + rise * signal[i + 1] +
                         h * u * (1 - u) * ((1 - u) * derivative[i] - u * derivative[i + 1]));
    }
    return result;
}

std::vector<double> network_input(const PreparedTrace& prepared, const DeerDatabase& database) {
    Vector x = resample(prepared.time_us, prepared.signal, database.times);
    double offset = 0, scale = prepared.amplitude;
    if (database.input == InputScaling::boxed) {
        const auto [low, high] = std::minmax_element(x.begin(), x.end());
        offset = *low;
        scale = *high - *low;
    }
    if (!(scale > 0))
        throw InputError(prepared.stem + ": signal cannot be scaled to a network's input; expected a decaying trace");
    for (double& value : x)
        value = (value - offset) / scale;
    return x;
}

std::vector<double> distance_axis(const PreparedTrace& prepared, const DeerTables& tables) {
    require(!prepared.time_us.empty(), "empty trace");
    const double factor = std::cbrt(prepared.time_us.back() / tables.database.span_us);
    Vector axis = tables.distance_nm;
    for (double& r : axis)
        r *= factor;
    return axis;
}

}  // namespace descrambler
