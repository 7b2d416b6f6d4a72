// DEER traces of several streams at once: distributions, the product with the dipolar kernel, noise, scaling.
// The formulas and the order of the random numbers are in deer_database.hpp; sources: Amey et al., PNAS 2021; Keeley et
// al., J. Magn. Reson. 338 (2022) 107186; DEERNet 2.9.
//   distribution_kernel   a warp per sample: parameters in double precision, p with sum 1, the target
//   trace_kernel          a block per 64 samples x 128 times (float), 64 x 64 (double): f = K p by product.cuh; then in
//                         registers B, v = (1 + m (f - 1)) B, normals, x = v + s g
//   box_kernel            a warp per sample, boxed input only: (x - min x) / (max x - min x)
// K [times, distances], p [distances, samples], traces [times, samples]; t in us, r in nm, k in 1/us.
// flops  2 times distances per sample, and about 100 per point for background and noise
// bytes  (times + distances) sizeof(T) a sample as written; p and the unscaled traces pass through L2
// resources trace_kernel float 256 times, 256 distances: shared 25600 bytes, 94 registers, 131072 flops
// A sample is one chain of operations whatever else is asked for: its bits depend on seed, stream and index alone.
#include "backend/deer_on_device.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "descrambler/backend.hpp"
#include "product.cuh"
#include "random.cuh"
#include "sampling.hpp"

namespace descrambler::cuda {

namespace {

constexpr int threads = 256, warps = threads / 32;
constexpr unsigned all_lanes = 0xffffffffu;

// Philox blocks that a sample owns (deer_database.hpp).
__host__ __device__ constexpr Index deer_blocks(Index times) {
    return deer_words_blocks + (times + 1) / 2;
}

// Which samples: column c of a call is sample first + c % each of stream streams[c / each]; this launch makes columns
// begin .. begin + count - 1.
struct DeerColumns {
    std::uint64_t seed;
    const std::uint64_t* streams;
    Index first, each, begin, count;
};

template <class T>
struct Peak {  // weight exp(-(scale (j - centre) - shift)^2): exact differences even where single precision would not
    T weight, scale, shift;
    int centre;
};
template <class T>
struct DeerParameters {
    T depth, noise;        // m, s
    T exponent, log_rate;  // (k t)^(d/3) = exp(exponent ln t + log_rate)
};

// ---- device functions ----------------------------------------------------------------------------------------------

// The parameter words of one sample.
struct DeerWords {
    const std::uint32_t* word;
    __device__ double uniform(int w) const { return static_cast<double>(uniform_f32(word[w])); }
    __device__ double between(double low, double high, int w) const { return low + (high - low) * uniform(w); }
    // on (0, 1), density 2 (1 - x)
    __device__ double triangular(int w) const { return std::fabs(uniform(w) + uniform(w + 1) - 1); }
};
constexpr int deer_words = 4 * static_cast<int>(deer_words_blocks);

// In double precision, whatever T is: both precisions draw the same samples.
template <class T>
__device__ DeerParameters<T> read_parameters(const DeerRanges& d, const DeerWords& words) {
    const double depth = words.between(d.depth_min, d.depth_max, 1);
    const double rate = words.between(d.rate_min, d.rate_max, 2);
    const double exponent = words.between(d.dimension_min, d.dimension_max, 3) / 3;
    return {static_cast<T>(depth), static_cast<T>(depth * words.between(0, d.noise_max, 4)), static_cast<T>(exponent),
            static_cast<T>(exponent * std::log(rate))};
}
template <class T>
__device__ Peak<T> read_peak(const DeerRanges& d, const DeerWords& words, int q) {
    const double per_fwhm = 1 / (2 * std::sqrt(2 * std::numbers::ln2));
    const double step = d.range_nm / static_cast<double>(d.distances - 1);
    const int word = 8 + 5 * q;
    const double position = d.range_nm * words.triangular(word);
    const double low = d.fwhm_min * (d.first_nm + position), high = d.fwhm_max * d.range_nm;
    const double sigma = per_fwhm * (low + (high - low) * words.triangular(word + 2));
    const double scale = step / (sigma * std::numbers::sqrt2);
    const double centre = std::floor(position / step + 0.5);
    return {static_cast<T>(words.uniform(word + 4) / sigma), static_cast<T>(scale),
            static_cast<T>(scale * (position / step - centre)), static_cast<int>(centre)};
}

// x / y for given inverse = 1 / y, correctly rounded (Markstein), so that y / y is exactly 1.
template <class T>
__device__ T quotient(T x, T y, T inverse) {
    const T q = x * inverse;
    return std::fma(std::fma(-q, y, x), inverse, q);
}

// Column c of a view of one item a stream.
template <class T>
__device__ T* column_of(const Batch<T>& view, const DeerColumns& columns, Index c) {
    return view.data + c / columns.each * view.stride + c % columns.each * view.ld;
}

// B and v of one point from f = (K p)_i.
template <class T>
struct Modulated {
    T background, value;
};
template <class T>
__device__ __forceinline__ Modulated<T> modulate(const DeerParameters<T>& p, T log_time, T f) {
    // e^-40 leaves B = 1; B = e^-87 is as good as 0
    constexpr T nothing = -40, all = static_cast<T>(4.465);
    T y = std::fma(p.exponent, log_time, p.log_rate);
    y = y > nothing ? y : nothing;
    y = y < all ? y : all;
    const T background = fast_exp_in_range(-fast_exp_in_range(y));
    return {background, std::fma(p.depth, f - 1, T{1}) * background};
}

// What becomes of `width` consecutive points of K p: a group of rows is one Philox block.
template <class T>
struct Traces {
    DeerColumns columns;
    const DeerParameters<T>* parameters;  // [count]
    const T* log_time;
    int times;
    bool noisy;
    const DeerViews<T>& out;

    template <int width>
    __device__ __forceinline__ void group(int i, int own, const T* product) const {
        static_assert(width == numbers_a_block<T>);
        const Index c = columns.begin + own;
        const int inside = times - i;
        T numbers[width] = {}, background[width], value[width], f[width];
        if (noisy) {
            const std::uint64_t block = static_cast<std::uint64_t>(columns.first + c % columns.each) *
                                            static_cast<std::uint64_t>(deer_blocks(times)) +
                                        static_cast<std::uint64_t>(deer_words_blocks + i / width);
            normal_block(philox(columns.seed, columns.streams[c / columns.each], block), numbers);
        }
        const DeerParameters<T> parameter = parameters[own];
#pragma unroll
        for (int w = 0; w < width; ++w) {
            f[w] = i + w == 0 ? T{1} : product[w];  // K(0, r) = 1 and sum p = 1
            const Modulated<T> v = modulate(parameter, log_time[w < inside ? i + w : 0], f[w]);
            background[w] = v.background;
            value[w] = v.value;
            numbers[w] = std::fma(parameter.noise, numbers[w], v.value);
        }
        const auto write = [&](const Batch<T>& to, const T* x) {
            if (to.data != nullptr)
                store_numbers<width>(column_of(to, columns, c) + i, inside, x);
        };
        write(out.form_factor, f);
        write(out.background, background);
        write(out.clean, value);
        write(out.trace, numbers);
        write(out.input, numbers);
    }
};

// ---- kernels -------------------------------------------------------------------------------------------------------

constexpr std::size_t words_bytes = warps * deer_words * sizeof(std::uint32_t);
template <class T>
constexpr std::size_t distribution_bytes = words_bytes + warps* deer_most_peaks * sizeof(Peak<T>);

// p [distances, count], parameters [count] of this launch; distribution and target of the call, or empty.
template <class T>
__global__ void __launch_bounds__(threads, 3)
    distribution_kernel(DeerRanges d, DeerColumns columns, T* p, DeerParameters<T>* parameters, Batch<T> distribution,
                        Batch<T> target) {
    const int lane = static_cast<int>(threadIdx.x % 32), warp = static_cast<int>(threadIdx.x / 32);
    const Index own = static_cast<Index>(blockIdx.x) * warps + warp, c = columns.begin + own;
    if (own >= columns.count)
        return;  // the whole warp; no barrier of the block follows
    std::uint32_t* const word = dynamic_shared<std::uint32_t>() + warp * deer_words;
    Peak<T>* const peak =
        reinterpret_cast<Peak<T>*>(dynamic_shared<unsigned char>() + words_bytes) + warp * deer_most_peaks;
    if (lane < deer_words_blocks) {
        const auto sample = static_cast<std::uint64_t>(columns.first + c % columns.each);
        const PhiloxBlock block =
            philox(columns.seed, columns.streams[c / columns.each],
                   sample * static_cast<std::uint64_t>(deer_blocks(d.times)) + static_cast<std::uint64_t>(lane));
#pragma unroll
        for (int w = 0; w < 4; ++w)
            word[4 * lane + w] = block[static_cast<std::size_t>(w)];
    }
    __syncwarp();
    const DeerWords words{word};
    const int peaks = d.peaks_min + static_cast<int>(words.uniform(0) * (d.peaks_max - d.peaks_min + 1));
    if (lane < peaks)
        peak[lane] = read_peak<T>(d, words, lane);
    if (lane == 31)
        parameters[own] = read_parameters<T>(d, words);
    __syncwarp();

    // The order of the sum is that of the CPU: 16 lanes, then their halves.
    constexpr T most_exponent = sizeof(T) == 4 ? 60 : 700;  // tails cut: a peak always reaches e^-45 (validate)
    const int n = static_cast<int>(d.distances);
    T* const to = p + own * d.distances;
    T sum = 0;
    for (int begin = 0; begin < n; begin += 32) {
        const int j = begin + lane;
        T value = 0;
        for (int q = 0; q < peaks && j < n; ++q) {
            const T u = std::fma(static_cast<T>(j - peak[q].centre), peak[q].scale, -peak[q].shift);
            const T square = u * u;
            value =
                std::fma(peak[q].weight, fast_exp_in_range(-(square < most_exponent ? square : most_exponent)), value);
        }
        if (j < n)
            to[j] = value;
        sum = sum + value + __shfl_down_sync(all_lanes, value, 16);
    }
    for (int half = 8; half > 0; half /= 2)
        sum += __shfl_down_sync(all_lanes, sum, half);
    const T inverse = 1 / __shfl_sync(all_lanes, sum, 0);

    T most = 0;
    for (int j = lane; j < n; j += 32) {
        const T value = to[j] * inverse;
        to[j] = value;
        most = value > most ? value : most;
        if (distribution.data != nullptr)
            column_of(distribution, columns, c)[j] = value;
    }
    if (target.data == nullptr)
        return;
    for (int distance = 16; distance > 0; distance /= 2) {
        const T other = __shfl_xor_sync(all_lanes, most, distance);
        most = other > most ? other : most;
    }
    const T inverse_most = 1 / most;
    T* const wanted = column_of(target, columns, c);
    for (int j = lane; j < n; j += 32)
        wanted[j] = d.mean_target ? to[j] * static_cast<T>(n) : quotient(to[j], most, inverse_most);
}

template <class Tile, class T = typename Tile::Number>
__global__ void __launch_bounds__(product_threads, 2)
    trace_kernel(DeerColumns columns, Batch<const T> K, const T* p, const DeerParameters<T>* parameters,
                 const T* log_time, bool noisy, DeerViews<T> out) {
    static_assert(Tile::rm % vector_width<T> == 0);
    const TileOfGrid tile = tile_of_grid<Tile>(K.rows, columns.count);
    const int times = static_cast<int>(K.rows), count = static_cast<int>(columns.count);
    Tile acc;
    block_product(left_factor(Op::none, K), right_factor(Op::none, Batch<const T>(p, K.cols, columns.count)), tile.row,
                  tile.col, acc);
    for_groups(tile.row, tile.col, times, count, acc, Traces<T>{columns, parameters, log_time, times, noisy, out});
}

// Scales the noisy trace in `input` in place, and `clean` by the same factor and shift.
template <class T>
__global__ void __launch_bounds__(threads) box_kernel(DeerColumns columns, Batch<T> input, Batch<T> clean) {
    const int lane = static_cast<int>(threadIdx.x % 32);
    const Index own = static_cast<Index>(blockIdx.x) * warps + threadIdx.x / 32, c = columns.begin + own;
    if (own >= columns.count)
        return;  // the whole warp
    T* const x = column_of(input, columns, c);
    T least = std::numeric_limits<T>::infinity(), most = -std::numeric_limits<T>::infinity();
    for (Index i = lane; i < input.rows; i += 32) {
        least = x[i] < least ? x[i] : least;
        most = x[i] > most ? x[i] : most;
    }
    for (int distance = 16; distance > 0; distance /= 2) {
        const T other_least = __shfl_xor_sync(all_lanes, least, distance);
        const T other_most = __shfl_xor_sync(all_lanes, most, distance);
        least = other_least < least ? other_least : least;
        most = other_most > most ? other_most : most;
    }
    const T range = most > least ? most - least : T{1}, inverse = 1 / range;
    for (Index i = lane; i < input.rows; i += 32)
        x[i] = quotient(x[i] - least, range, inverse);
    if (clean.data == nullptr)
        return;
    T* const v = column_of(clean, columns, c);
    for (Index i = lane; i < clean.rows; i += 32)
        v[i] = quotient(v[i] - least, range, inverse);
}

// ---- launchers -----------------------------------------------------------------------------------------------------

template <class T>
using TraceTile = Tile<T, sizeof(T) == 4 ? 8 : 4, 4>;

// Scratch memory in `kept` for as many of `total` samples as fit at once, which it returns.
template <class T>
Index make_room(Context& on, SampleMemory& kept, Index total, Index distances) {
    const auto each = static_cast<Index>(deer_bytes_of_sample<T>(distances));
    static_assert(sizeof(DeerParameters<T>) == 4 * sizeof(T));  // aligned wherever a T is
    if (kept.scratch) {
        const Index fits = kept.scratch->size() / each;
        if (fits >= total ||
            (kept.keep_scratch && fits > 0))  // in the middle of training: rather in parts than a new allocation
            return std::min(fits, total);
    }
    kept.scratch.reset();
    Index most = items_that_fit(on, total, static_cast<std::size_t>(each));
    kept.scratch =
        make_what_fits(most, [&](Index count) { return std::make_unique<Memory<unsigned char>>(on, count * each); });
    return most;
}

template <class T>
void draw(Context& on, SampleMemory& kept, const DeerRanges& d, const T* kernel, const T* log_time, std::uint64_t seed,
          std::span<const std::uint64_t> streams, Index first, const DeerViews<T>& out) {
    using Shape = TraceTile<T>;
    Index each = 0;
    for (const Batch<T>* view :
         {&out.input, &out.target, &out.trace, &out.clean, &out.form_factor, &out.background, &out.distribution})
        if (view->data != nullptr)
            each = view->cols;
    const Index items = std::ssize(streams), total = each * items;
    if (total == 0)
        return;
    if (!std::ranges::equal(kept.sent, streams)) {
        kept.sent.clear();  // should there be no memory, nothing has been sent
        kept.streams = std::make_unique<Memory<std::uint64_t>>(on, items);
        kept.streams->upload(streams.data());
        kept.sent.assign(streams.begin(), streams.end());
    }
    const Batch<const T> K(kernel, d.times, d.distances);
    const bool boxed = d.boxed_input && (out.input.data != nullptr || out.clean.data != nullptr);
    const bool noisy = boxed || out.input.data != nullptr || out.trace.data != nullptr;
    const bool traces =
        noisy || out.clean.data != nullptr || out.form_factor.data != nullptr || out.background.data != nullptr;

    const bool scratch = boxed && out.input.data == nullptr;  // the range is wanted, the traces are not
    const Memory<T> unseen(on, scratch ? total * d.times : 1);
    const Index most = make_room<T>(on, kept, total, d.distances);
    T* const p = reinterpret_cast<T*>(kept.scratch->data());  // [distances, most], then the parameters [most]
    auto* const parameters = reinterpret_cast<DeerParameters<T>*>(p + most * d.distances);
    DeerViews<T> wanted = out;
    if (scratch)
        wanted.input = unseen.view(d.times, each, items);
    for (Index begin = 0; begin < total; begin += most) {
        const DeerColumns columns{seed, kept.streams->data(), first, each, begin, std::min(most, total - begin)};
        const dim3 warp_each(static_cast<unsigned>((columns.count + warps - 1) / warps));
        launch(on, distribution_kernel<T>, warp_each, threads, distribution_bytes<T>, d, columns, p, parameters,
               out.distribution, out.target);
        if (traces)
            launch(on, trace_kernel<Shape, T>, grid_of_tiles<Shape>(d.times, columns.count, 1), product_threads,
                   Shape::shared_bytes, columns, K, p, parameters, log_time, noisy, wanted);
        if (boxed)
            launch(on, box_kernel<T>, warp_each, threads, 0, columns, wanted.input, out.clean);
    }
    if (!kept.keep_scratch)
        kept.scratch.reset();
}

}  // namespace

}  // namespace descrambler::cuda

namespace descrambler {

template <class T>
void deer_on_device(Backend<T>& on, const DeerRanges& ranges, const T* kernel, const T* log_time, std::uint64_t seed,
                    std::span<const std::uint64_t> streams, Index first, const DeerViews<T>& out) {
    const auto [context, kept] = cuda::sampling_of(on);
    cuda::draw(context, kept, ranges, kernel, log_time, seed, streams, first, out);
}

template void deer_on_device<float>(Backend<float>&, const DeerRanges&, const float*, const float*, std::uint64_t,
                                    std::span<const std::uint64_t>, Index, const DeerViews<float>&);
template void deer_on_device<double>(Backend<double>&, const DeerRanges&, const double*, const double*, std::uint64_t,
                                     std::span<const std::uint64_t>, Index, const DeerViews<double>&);

}  // namespace descrambler
