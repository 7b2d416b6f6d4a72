#include "tasks/deer_traces.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <type_traits>

#include "backend/deer_on_device.hpp"
#include "core/vector_math.hpp"
#include "cpu/lapack.hpp"
#include "cpu/random.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

constexpr Index lanes = 16;  // columns of the scratch memory are padded to a multiple of this

constexpr Index padded(Index n) {
    return (n + lanes - 1) / lanes * lanes;
}

// ---- the product with the kernel -----------------------------------------------------------------------------------
// Columns of K at short distances oscillate fast and are far from each other; those at long distances are slow and
// nearly dependent. Beyond the first 5/16, K = Q R + E with Q of few columns (256 x 256: 32 for 176, 512 x 512: 48
// for 352), found by Gram-Schmidt with column pivoting in double precision until every |E_ij| <= 2^-25, half a unit in
// the last place of K(0, r) = 1. As p is positive with sum 1, |E p| is no larger, and the product costs half.
// Rounding is below 1e-6 (5e-7 seen), as Q^T K p is longer than K p is large. Single precision only.

constexpr double truncation = 0x1p-25;
constexpr Index factored_points_limit = 1024;  // beyond, the factorisation itself takes too long

// E [rows, cols] is reduced in place; false where it is not worth while. Q [rows, rank], R [rank, cols].
bool factor_columns(Matrix<double>& E, Index rank_limit, std::vector<std::vector<double>>& Q,
                    std::vector<std::vector<double>>& R) {
    const Index rows = E.rows();
    while (true) {
        Index pivot = 0;
        double largest = 0, worst = 0;
        for (Index j = 0; j < E.cols(); ++j) {
            double norm2 = 0, most = 0;
            for (const double e : E.column(j)) {
                norm2 += e * e;
                most = std::max(most, std::abs(e));
            }
            worst = std::max(worst, most);
            if (norm2 > largest) {
                largest = norm2;
                pivot = j;
            }
        }
        if (worst <= truncation && std::ssize(Q) % lanes == 0)
            return true;  // whole vectors cost no more
        if (std::ssize(Q) == rank_limit)
            return false;
        std::vector<double>& q = Q.emplace_back(E.column(pivot).begin(), E.column(pivot).end());
        for (double& x : q)
            x /= std::sqrt(largest);
        std::vector<double>& r = R.emplace_back();
        for (Index j = 0; j < E.cols(); ++j) {
            double* e = E.column(j).data();
            double dot = 0;
            for (Index i = 0; i < rows; ++i)
                dot += q[static_cast<std::size_t>(i)] * e[i];
            for (Index i = 0; i < rows; ++i)
                e[i] -= dot * q[static_cast<std::size_t>(i)];
            r.push_back(dot);
        }
    }
}

}  // namespace

// Of the tables, in the precision of the samples.
template <class T>
struct DeerSource<T>::Prepared {
    DeerDatabase database;
    double first_nm = 0, range_nm = 0;  // of the distances
    std::vector<T> kernel, log_time;    // K [times, distances] for a device; ln t, padded
    // K = [left, the first `direct` columns of K] [right p_rest; p_direct]; rank 0: K as it is
    Index rank = 0, direct = 0;
    std::vector<T> left, right;

    explicit Prepared(const DeerTables& tables)
        : database(tables.database),
          first_nm(tables.distance_nm.front()),
          range_nm(tables.distance_nm.back() - tables.distance_nm.front()) {
        const Matrix<double>& K = tables.kernel;
        require(K.rows() == database.times && K.cols() == database.distances,
                "deer_traces: tables do not fit their database");
        kernel.assign(K.values().begin(), K.values().end());
        factor(K);
        left.insert(left.end(), kernel.begin(), kernel.begin() + K.rows() * direct);
        log_time.assign(static_cast<std::size_t>(padded(K.rows())), 0);
        for (std::size_t i = 0; i < tables.time_us.size(); ++i)
            log_time[i] = static_cast<T>(std::log(tables.time_us[i]));  // -inf at 0: exp gives the background 1
    }

private:
    void factor(const Matrix<double>& K) {
        const Index times = K.rows(), distances = K.cols();
        direct = distances;
        if (!std::is_same_v<T, float> || std::max(times, distances) > factored_points_limit)
            return;
        const Index kept = 5 * distances / 16, rest = distances - kept;
        Matrix<double> E(times, rest);
        std::copy_n(K.data() + kept * times, E.size(), E.data());
        std::vector<std::vector<double>> Q, R;
        // gain of a quarter at least
        const Index rank_limit = (3 * times * distances / 4 - times * kept) / (times + rest);
        if (!factor_columns(E, rank_limit, Q, R))
            return;
        rank = std::ssize(Q);
        direct = kept;
        for (const std::vector<double>& q : Q)
            for (const double x : q)
                left.push_back(static_cast<T>(x));
        for (std::size_t j = 0; j < static_cast<std::size_t>(rest); ++j)
            for (const std::vector<double>& r : R)
                right.push_back(static_cast<T>(r[j]));
    }
};

// Working memory, kept with a backend of the host; the source that drew there last.
template <class T>
struct DeerSource<T>::HostMemory {
    std::shared_ptr<const Prepared> of;  // held, so that no other source can have its address
    std::vector<T> weights, traces, columns;
    void fit(const std::shared_ptr<const Prepared>& p) {
        if (of == p)
            return;
        of.reset();                                // nobody's until all is there
        const std::size_t spare = 64 / sizeof(T);  // for alignment
        const Index times = padded(p->database.times), distances = padded(p->database.distances);
        weights.assign(static_cast<std::size_t>((padded(p->rank) + distances) * deer_tile) + spare, 0);
        traces.assign(static_cast<std::size_t>(times * deer_tile) + spare, 0);
        columns.assign(static_cast<std::size_t>(4 * times + distances) + spare, 0);
        of = p;
    }
};

// Kept with a backend of a device: the tables of the source that drew there last.
template <class T>
struct DeerSource<T>::DeviceTables {
    std::shared_ptr<const Prepared> of;
    Buffer<T> kernel, log_time;
    void fit(Backend<T>& on, const std::shared_ptr<const Prepared>& p) {
        if (of == p)
            return;
        of.reset();  // nobody's until all is there
        const auto send = [&](const std::vector<T>& from, Index size) {
            Buffer<T> to = on.allocate(size);
            on.upload(from.data(), to.view(size, 1));
            return to;
        };
        kernel = send(p->kernel, p->database.times * p->database.distances);
        log_time = send(p->log_time, p->database.times);
        of = p;
    }
};

namespace {

template <class T>
T* aligned(std::vector<T>& memory) {
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    return memory.data() + (64 - address % 64) % 64 / sizeof(T);
}

// ---- what is drawn -------------------------------------------------------------------------------------------------

template <class T>
struct Peak {  // weight exp(-(scale (j - centre) - shift)^2): exact differences even where single precision would not
    T weight, scale, shift;
    std::int32_t centre;
};
template <class T>
struct Parameters {
    int peaks;
    Peak<T> peak[deer_peaks_limit];
    T depth, noise;        // m, s
    T exponent, log_rate;  // (k t)^(d/3) = exp(exponent ln t + log_rate)
};

// Parameter words of the samples of one tile.
struct TileWords {
    cpu::PhiloxLanes blocks[deer_tile / cpu::philox_lanes][deer_parameter_blocks];

    void draw(std::uint64_t seed, std::uint64_t stream, Index tile, const DeerDatabase& d) {
        const std::uint64_t step = static_cast<std::uint64_t>(deer_blocks(d.times));
        const Index wanted = (8 + 5 * d.peaks_max + 3) / 4;
        for (Index group = 0; group < deer_tile / cpu::philox_lanes; ++group)
            for (Index b = 0; b < wanted; ++b)
                cpu::philox_blocks(seed, stream,
                                   static_cast<std::uint64_t>(tile * deer_tile + group * cpu::philox_lanes) * step +
                                       static_cast<std::uint64_t>(b),
                                   step, blocks[group][b]);
    }
    [[nodiscard]] double uniform(Index sample, Index word) const {
        return uniform_f32(blocks[sample / cpu::philox_lanes][word / 4].word[word % 4][sample % cpu::philox_lanes]);
    }
    // on (0, 1), density 2 (1 - x)
    [[nodiscard]] double triangular(Index sample, Index word) const {
        return std::abs(uniform(sample, word) + uniform(sample, word + 1) - 1);
    }
};

// In double precision, whatever T is: both precisions draw the same samples.
template <class T>
void read_parameters(const DeerDatabase& d, double first, double range, const TileWords& words, Index sample,
                     Parameters<T>& p) {
    const auto between = [&](double low, double high, Index word) {
        return low + (high - low) * words.uniform(sample, word);
    };
    p.peaks = d.peaks_min + static_cast<int>(words.uniform(sample, 0) * (d.peaks_max - d.peaks_min + 1));
    const double depth = between(d.depth_min, d.depth_max, 1);
    const double rate = between(d.rate_min_mhz, d.rate_max_mhz, 2);
    const double exponent = between(d.dimension_min, d.dimension_max, 3) / 3;
    p.depth = static_cast<T>(depth);
    p.noise = static_cast<T>(depth * between(0, d.noise_max, 4));
    p.exponent = static_cast<T>(exponent);
    p.log_rate = static_cast<T>(exponent * std::log(rate));

    const double step = range / static_cast<double>(d.distances - 1);
    const double per_fwhm = 1 / (2 * std::sqrt(2 * std::numbers::ln2));
    for (int q = 0; q < p.peaks; ++q) {
        const Index word = 8 + 5 * q;
        const double position = range * words.triangular(sample, word);
        const double low = d.fwhm_min * (first + position), high = d.fwhm_max * range;
        const double sigma = per_fwhm * (low + (high - low) * words.triangular(sample, word + 2));
        const double scale = step / (sigma * std::numbers::sqrt2);
        const double centre = std::floor(position / step + 0.5);
        p.peak[q] = {static_cast<T>(words.uniform(sample, word + 4) / sigma), static_cast<T>(scale),
                     static_cast<T>(scale * (position / step - centre)), static_cast<std::int32_t>(centre)};
    }
}

// ---- columns: n is a multiple of `lanes` ---------------------------------------------------------------------------

// x / y for given inverse = 1 / y, correctly rounded (Markstein), so that y / y is exactly 1.
template <class T>
T quotient(T x, T y, T inverse) {
    const T q = x * inverse;
    return std::fma(std::fma(-q, y, x), inverse, q);
}

// Lane by lane, then over the lanes: a fixed order, on which the bits of a sum depend.
template <class T>
T sum(const T* __restrict x, Index n) {
    T lane[lanes] = {};
    for (Index j = 0; j < n; j += lanes)
#pragma omp simd
        for (Index l = 0; l < lanes; ++l)
            lane[l] += x[j + l];
    for (Index half = lanes / 2; half > 0; half /= 2)
        for (Index l = 0; l < half; ++l)
            lane[l] += lane[l + half];
    return lane[0];
}
template <class T>
T largest(const T* __restrict x, Index n) {
    T most = x[0];
#pragma omp simd reduction(max : most)
    for (Index j = 0; j < n; ++j)
        most = x[j] > most ? x[j] : most;
    return most;
}
template <class T>
T smallest(const T* __restrict x, Index n) {
    T least = x[0];
#pragma omp simd reduction(min : least)
    for (Index j = 0; j < n; ++j)
        least = x[j] < least ? x[j] : least;
    return least;
}

// min(x, limit) for x, limit >= 0, whose order is that of their bits: one instruction where the comparison of floating
// point numbers is two.
inline float at_most(float x, float limit) {
    return std::bit_cast<float>(std::min(std::bit_cast<std::int32_t>(x), std::bit_cast<std::int32_t>(limit)));
}
inline double at_most(double x, double limit) {
    return x < limit ? x : limit;
}

// p, sum 1, zero in the padding.
template <class T>
void distribution(const Parameters<T>& parameters, Index distances, T* __restrict p) {
    // Beyond, tails are cut to e^-60 of their peak: a peak always reaches e^-45 at some grid point (validate), and
    // numbers so small that the processor handles them slowly do not arise.
    constexpr T most = std::is_same_v<T, float> ? 60 : 700;
    const std::int32_t n = static_cast<std::int32_t>(padded(distances));
    std::fill_n(p, n, T{0});
    for (int q = 0; q < parameters.peaks; ++q) {
        const Peak<T> peak = parameters.peak[q];
#pragma omp simd
        for (std::int32_t j = 0; j < n; ++j) {
            const T u = std::fma(static_cast<T>(j - peak.centre), peak.scale, -peak.shift);
            p[j] = std::fma(peak.weight, fast_exp_in_range(-at_most(u * u, most)), p[j]);
        }
    }
    std::fill(p + distances, p + n, T{0});
    const T inverse = 1 / sum(p, n);
#pragma omp simd
    for (std::int32_t j = 0; j < n; ++j)
        p[j] *= inverse;
}

// y = p / max p or p * points
template <class T>
void target(TargetScaling scaling, Index distances, const T* __restrict p, T* __restrict y) {
    const Index n = padded(distances);
    if (scaling == TargetScaling::mean) {
        for (Index j = 0; j < n; ++j)
            y[j] = p[j] * static_cast<T>(distances);
        return;
    }
    const T most = largest(p, n), inverse = 1 / most;
#pragma omp simd
    for (Index j = 0; j < n; ++j)
        y[j] = quotient(p[j], most, inverse);
}

// B, v = (1 + m (f - 1)) B, and noise g -> x = v + s g
template <class T>
void modulate(const Parameters<T>& parameters, const T* __restrict log_time, const T* __restrict f, Index n,
              T* __restrict B, T* __restrict v, T* __restrict x) {
    const T exponent = parameters.exponent, log_rate = parameters.log_rate;
    const T depth = parameters.depth, noise = parameters.noise;
    // e^-40 leaves B = 1, and smaller numbers have squares that the processor handles slowly; B = e^-87 is as good as 0
    constexpr T nothing = -40, all = static_cast<T>(4.465);
#pragma omp simd
    for (Index i = 0; i < n; ++i) {
        T y = std::fma(exponent, log_time[i], log_rate);
        y = y > nothing ? y : nothing;
        y = y < all ? y : all;
        B[i] = fast_exp_in_range(-fast_exp_in_range(y));
        v[i] = std::fma(depth, f[i] - 1, T{1}) * B[i];
        x[i] = std::fma(noise, x[i], v[i]);
    }
}

template <class T>
void box(T low, T high, const T* __restrict x, Index n, T* __restrict y) {
    const T range = high > low ? high - low : 1, inverse = 1 / range;
#pragma omp simd
    for (Index i = 0; i < n; ++i)
        y[i] = quotient(x[i] - low, range, inverse);
}

template <class T>
void write(const T* column, const Batch<T>& out, Index sample) {
    if (out.data != nullptr)
        std::copy_n(column, out.rows, &out(0, sample));
}

}  // namespace

template <class T>
Index DeerSource<T>::inputs() const {
    return prepared_->database.times;
}
template <class T>
Index DeerSource<T>::outputs() const {
    return prepared_->database.distances;
}

template <class T>
std::size_t DeerSource<T>::bytes_on_device() const {
    return deer_bytes_of_sample<T>(outputs());
}

template <class T>
DeerSource<T>::DeerSource(const DeerTables& tables) : prepared_(std::make_shared<const Prepared>(tables)) {}

template <class T>
void DeerSource<T>::draw(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
                         Batch<T> target) const {
    traces(on, seed, stream, first, {.input = input, .target = target});
}

template <class T>
void DeerSource<T>::draw_all(Backend<T>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                             Batch<T> input, Batch<T> target) const {
    if (on.on_host())
        SampleSource<T>::draw_all(on, seed, streams, first, input, target);
    else
        on_device(on, seed, streams, first, {.input = input, .target = target});
}

template <class T>
void DeerSource<T>::traces(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first,
                           const DeerSamples<T>& out) const {
    Index count = -1;
    const auto check = [&](const Batch<T>& view, Index rows) {
        if (view.data == nullptr)
            return;
        require(view.rows == rows && view.batch == 1, "deer_traces: a view has the wrong number of points");
        require(count == -1 || count == view.cols, "deer_traces: views of different numbers of samples");
        count = view.cols;
    };
    for (const Batch<T>* view : {&out.input, &out.trace, &out.clean, &out.form_factor, &out.background})
        check(*view, inputs());
    for (const Batch<T>* view : {&out.target, &out.distribution})
        check(*view, outputs());
    require(first >= 0, "deer_traces: negative first sample");
    if (count <= 0)
        return;
    if (on.on_host())
        on_host(on, seed, stream, first, out, count);
    else
        on_device(on, seed, {&stream, 1}, first, out);
}

template <class T>
void DeerSource<T>::on_device(Backend<T>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                              const DeerSamples<T>& out) const {
    static_assert(deer_words_blocks == deer_parameter_blocks && deer_most_peaks == deer_peaks_limit);
    const DeerDatabase& d = prepared_->database;
    const DeerRanges ranges{.times = d.times,
                            .distances = d.distances,
                            .peaks_min = d.peaks_min,
                            .peaks_max = d.peaks_max,
                            .fwhm_min = d.fwhm_min,
                            .fwhm_max = d.fwhm_max,
                            .depth_min = d.depth_min,
                            .depth_max = d.depth_max,
                            .rate_min = d.rate_min_mhz,
                            .rate_max = d.rate_max_mhz,
                            .dimension_min = d.dimension_min,
                            .dimension_max = d.dimension_max,
                            .noise_max = d.noise_max,
                            .first_nm = prepared_->first_nm,
                            .range_nm = prepared_->range_nm,
                            .boxed_input = d.input == InputScaling::boxed,
                            .mean_target = d.target == TargetScaling::mean};
    DeviceTables& tables = on.template kept<DeviceTables>();
    tables.fit(on, prepared_);
    deer_on_device<T>(on, ranges, tables.kernel.data(), tables.log_time.data(), seed, streams, first,
                      {out.input, out.target, out.trace, out.clean, out.form_factor, out.background, out.distribution});
}

template <class T>
void DeerSource<T>::on_host(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first,
                            const DeerSamples<T>& out, Index count) const {
    const Prepared& tables = *prepared_;
    HostMemory& memory = on.template kept<HostMemory>();
    memory.fit(prepared_);
    const DeerDatabase& d = tables.database;
    const Index times = d.times, distances = d.distances, n = padded(times);
    const Index front = padded(tables.rank), ld = front + padded(distances);
    T* const weights = aligned(memory.weights);  // per column: padding, R p_rest, p
    T* const traces = aligned(memory.traces);    // K p
    T* const B = aligned(memory.columns);
    T *const v = B + n, *const x = v + n, *const scaled = x + n, *const y = scaled + n;
    TileWords words;
    Parameters<T> parameters[deer_tile];

    for (Index tile = first / deer_tile; tile * deer_tile < first + count; ++tile) {
        const Index begin = std::max<Index>(first - tile * deer_tile, 0);
        const Index end = std::min(first + count - tile * deer_tile, deer_tile);
        words.draw(seed, stream, tile, d);
        for (Index s = begin; s < end; ++s) {
            const Index column = tile * deer_tile + s - first;
            T* p = weights + s * ld + front;
            read_parameters(d, tables.first_nm, tables.range_nm, words, s, parameters[s]);
            distribution(parameters[s], distances, p);
            write(p, out.distribution, column);
            if (out.target.data != nullptr) {
                target(d.target, distances, p, y);
                write(y, out.target, column);
            }
        }

        // The whole tile, whatever the rest of it holds: a column's bits may depend on the size of the product.
        if (tables.rank > 0)
            cpu::gemm(CblasNoTrans, CblasNoTrans, static_cast<int>(tables.rank), static_cast<int>(deer_tile),
                      static_cast<int>(distances - tables.direct), T{1}, tables.right.data(),
                      static_cast<int>(tables.rank), weights + front + tables.direct, static_cast<int>(ld), T{0},
                      weights + front - tables.rank, static_cast<int>(ld));
        cpu::gemm(CblasNoTrans, CblasNoTrans, static_cast<int>(times), static_cast<int>(deer_tile),
                  static_cast<int>(tables.rank + tables.direct), T{1}, tables.left.data(), static_cast<int>(times),
                  weights + front - tables.rank, static_cast<int>(ld), T{0}, traces, static_cast<int>(n));

        for (Index s = begin; s < end; ++s) {
            const Index column = tile * deer_tile + s - first;
            const std::uint64_t block =
                static_cast<std::uint64_t>(tile * deer_tile + s) * static_cast<std::uint64_t>(deer_blocks(times)) +
                static_cast<std::uint64_t>(deer_parameter_blocks);
            T* f = traces + s * n;
            f[0] = 1;  // K(0, r) = 1 and sum p = 1
            cpu::random_normal(seed, stream, block, x, times);
            modulate(parameters[s], tables.log_time.data(), f, n, B, v, x);
            write(f, out.form_factor, column);
            write(B, out.background, column);
            write(x, out.trace, column);
            if (d.input == InputScaling::clean) {
                write(x, out.input, column);
                write(v, out.clean, column);
                continue;
            }
            std::fill(x + times, x + n, x[0]);  // the padding must not count
            const T low = smallest(x, n), high = largest(x, n);
            if (out.input.data != nullptr) {
                box(low, high, x, n, scaled);
                write(scaled, out.input, column);
            }
            if (out.clean.data != nullptr) {
                box(low, high, v, n, scaled);
                write(scaled, out.clean, column);
            }
        }
    }
}

template class DeerSource<float>;
template class DeerSource<double>;

}  // namespace descrambler
