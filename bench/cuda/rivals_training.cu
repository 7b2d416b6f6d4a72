// Rivals of the generator and of training, single precision. Generator: one kernel for parameters and distributions,
// one gemm with the kernel K, one kernel for modulation, noise and scaling. Training: strided batched gemms and kernels
// for bias and activation, slopes, sums of rows, Adam. Formulas: deer_database.hpp, backend.hpp.
#include <cmath>
#include <numbers>

#include "descrambler/random.hpp"
#include "random.cuh"
#include "rival_device.cuh"

namespace descrambler::bench {

namespace {

// ---- generator -----------------------------------------------------------------------------------------------------

struct Ranges {
    int times, distances, peaks_min, peaks_max;
    double fwhm_min, fwhm_max, depth_min, depth_max, rate_min, rate_max, dimension_min, dimension_max, noise_max;
    double first_nm, range_nm;
};
struct Sample {
    float depth, noise, exponent, log_rate;
};
struct Peak {
    float weight, scale, shift, centre;
};
constexpr int words = 4 * static_cast<int>(deer_parameter_blocks), epilogue_threads = 64;

// Sum or maximum of a block into every thread; `space` has a number a thread.
template <class Join>
__device__ float over_block(float x, float* space, Join join) {
    __syncthreads();
    space[threadIdx.x] = x;
    for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half)
            space[threadIdx.x] = join(space[threadIdx.x], space[threadIdx.x + half]);
    }
    __syncthreads();
    return space[0];
}

// p, target [distances, samples], one block per sample
__global__ void __launch_bounds__(threads)
    rival_distribution_kernel(Ranges d, std::uint64_t seed, std::uint64_t first, Index each, float* p, float* target,
                              Sample* samples) {
    float* const space = cuda::dynamic_shared<float>();
    std::uint32_t* const word = reinterpret_cast<std::uint32_t*>(space + threads);
    Peak* const peak = reinterpret_cast<Peak*>(word + words);
    const Index c = blockIdx.x;
    const int thread = static_cast<int>(threadIdx.x);
    if (thread < deer_parameter_blocks) {
        const PhiloxBlock block =
            philox(seed, static_cast<std::uint64_t>(c / each),
                   (first + static_cast<std::uint64_t>(c % each)) * static_cast<std::uint64_t>(deer_blocks(d.times)) +
                       static_cast<std::uint64_t>(thread));
#pragma unroll
        for (int w = 0; w < 4; ++w)
            word[4 * thread + w] = block[static_cast<std::size_t>(w)];
    }
    __syncthreads();
    const auto uniform = [&](int w) { return static_cast<double>(uniform_f32(word[w])); };
    const auto between = [&](double low, double high, int w) { return low + (high - low) * uniform(w); };
    const auto triangular = [&](int w) { return std::fabs(uniform(w) + uniform(w + 1) - 1); };
    const int peaks = d.peaks_min + static_cast<int>(uniform(0) * (d.peaks_max - d.peaks_min + 1));
    if (thread < peaks) {
        const double step = d.range_nm / (d.distances - 1);
        const int w = 8 + 5 * thread;
        const double position = d.range_nm * triangular(w);
        const double low = d.fwhm_min * (d.first_nm + position), high = d.fwhm_max * d.range_nm;
        const double sigma = (low + (high - low) * triangular(w + 2)) / (2 * std::sqrt(2 * std::numbers::ln2));
        const double scale = step / (sigma * std::numbers::sqrt2), centre = std::floor(position / step + 0.5);
        peak[thread] = {static_cast<float>(uniform(w + 4) / sigma), static_cast<float>(scale),
                        static_cast<float>(scale * (position / step - centre)), static_cast<float>(centre)};
    }
    if (thread == threads - 1) {
        const double depth = between(d.depth_min, d.depth_max, 1), rate = between(d.rate_min, d.rate_max, 2),
                     exponent = between(d.dimension_min, d.dimension_max, 3) / 3;
        samples[c] = {static_cast<float>(depth), static_cast<float>(depth * d.noise_max * uniform(4)),
                      static_cast<float>(exponent), static_cast<float>(exponent * std::log(rate))};
    }
    __syncthreads();
    float sum = 0, most = 0;
    float* const to = p + c * d.distances;
    for (int j = thread; j < d.distances; j += threads) {
        float value = 0;
        for (int q = 0; q < peaks; ++q) {
            const float u = (static_cast<float>(j) - peak[q].centre) * peak[q].scale - peak[q].shift;
            value += peak[q].weight * std::exp(-u * u);
        }
        to[j] = value;
        sum += value;
        most = std::fmax(most, value);
    }
    sum = over_block(sum, space, [](float a, float b) { return a + b; });
    most = over_block(most, space, [](float a, float b) { return std::fmax(a, b); });
    for (int j = thread; j < d.distances; j += threads) {
        const float value = to[j];
        to[j] = value / sum;
        target[c * d.distances + j] = value / most;
    }
}

// x: K p -> the noisy trace on [0, 1]; one block per sample, a thread has four numbers
__global__ void __launch_bounds__(epilogue_threads)
    rival_trace_kernel(int times, std::uint64_t seed, std::uint64_t first, Index each, const float* log_time,
                       const Sample* samples, float* x) {
    float* const space = cuda::dynamic_shared<float>();
    const Index c = blockIdx.x;
    const Sample s = samples[c];
    float* const trace = x + c * times;
    float least = INFINITY, most = -INFINITY;
    for (int i = 4 * static_cast<int>(threadIdx.x); i < times; i += 4 * epilogue_threads) {
        float noise[4] = {};
        cuda::normal_block(
            philox(seed, static_cast<std::uint64_t>(c / each),
                   (first + static_cast<std::uint64_t>(c % each)) * static_cast<std::uint64_t>(deer_blocks(times)) +
                       static_cast<std::uint64_t>(deer_parameter_blocks + i / 4)),
            noise);
#pragma unroll
        for (int w = 0; w < 4; ++w)
            if (i + w < times) {
                const float f = i + w == 0 ? 1 : trace[i + w];
                const float B = std::exp(-std::exp(s.exponent * log_time[i + w] + s.log_rate));
                const float value = (1 + s.depth * (f - 1)) * B + s.noise * noise[w];
                trace[i + w] = value;
                least = std::fmin(least, value);
                most = std::fmax(most, value);
            }
    }
    least = over_block(least, space, [](float a, float b) { return std::fmin(a, b); });
    most = over_block(most, space, [](float a, float b) { return std::fmax(a, b); });
    const float inverse = most > least ? 1 / (most - least) : 1;
    for (int i = static_cast<int>(threadIdx.x); i < times; i += epilogue_threads)
        trace[i] = (trace[i] - least) * inverse;
}

// ---- training ------------------------------------------------------------------------------------------------------

__device__ float logistic(float z) {
    return 1 / (1 + std::exp(-z));
}

__global__ void __launch_bounds__(threads) hidden_kernel(Batch<const float> b, Batch<float> h) {  // tanh(h + b)
    for (Index e = first_element(); e < h.size() * h.batch; e += element_step())
        h.data[e] = std::tanh(h.data[e] + b(e % h.rows, 0, e / h.size()));
}

// z -> 2 / size (y - t) y (1 - y), y = logistic(z + b); loss [batch]: mean of (y - t)^2. One block per item.
__global__ void __launch_bounds__(threads)
    output_kernel(Batch<const float> b, Batch<const float> t, Batch<float> z, Batch<float> loss) {
    float* const space = cuda::dynamic_shared<float>();
    const Index item = blockIdx.x;
    const float size = static_cast<float>(z.size());
    float sum = 0;
    for (Index e = threadIdx.x; e < z.size(); e += threads) {
        float* const at = z.data + item * z.stride + e;
        const float y = logistic(*at + b(e % z.rows, 0, item)), difference = y - t.data[item * t.stride + e];
        sum += difference * difference;
        *at = 2 / size * difference * y * (1 - y);
    }
    sum = over_block(sum, space, [](float p, float q) { return p + q; });
    if (threadIdx.x == 0)
        loss(0, 0, item) = sum / size;
}

__global__ void __launch_bounds__(threads) slope_kernel(Batch<const float> h, Batch<float> dh) {  // dh (1 - h^2)
    for (Index e = first_element(); e < h.size() * h.batch; e += element_step())
        dh.data[e] *= 1 - h.data[e] * h.data[e];
}

__global__ void __launch_bounds__(threads) row_sum_kernel(Batch<const float> x, Batch<float> sums) {
    for (Index e = first_element(); e < x.rows * x.batch; e += element_step()) {
        float sum = 0;
        for (Index j = 0; j < x.cols; ++j)
            sum += x(e % x.rows, j, e / x.rows);
        sums(e % x.rows, 0, e / x.rows) = sum;
    }
}

// What changes from step to step, on the device, so that a graph can be launched again.
struct Progress {
    Index steps;
    float rate, root;  // rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
};
__global__ void count_kernel(TrainShape s, Progress* progress) {
    const auto power = static_cast<double>(++progress->steps);
    progress->rate = static_cast<float>(s.rate / (1 - std::pow(s.beta1, power)));
    progress->root = static_cast<float>(1 / std::sqrt(1 - std::pow(s.beta2, power)));
}

__global__ void __launch_bounds__(threads)
    rival_adam_kernel(TrainShape s, const Progress* progress, Batch<const float> g, Batch<float> m, Batch<float> v,
                      Batch<float> w) {
    const float rate = progress->rate, root = progress->root, epsilon = static_cast<float>(s.epsilon);
    const float beta1 = static_cast<float>(s.beta1), beta2 = static_cast<float>(s.beta2);
    for (Index e = first_element(); e < w.size() * w.batch; e += element_step()) {
        const float slope = g.data[e] + static_cast<float>(s.decay) * w.data[e];
        const float first = beta1 * m.data[e] + (1 - beta1) * slope,
                    second = beta2 * v.data[e] + (1 - beta2) * slope * slope;
        m.data[e] = first;
        v.data[e] = second;
        w.data[e] -= rate * first / (std::sqrt(second) * root + epsilon);
    }
}

dim3 elements(const Batch<const float>& x) {
    return blocks_for(x.size() * x.batch, threads);
}

}  // namespace

Call deer_call(Rival& on, const DeerTables& tables, std::uint64_t seed, const Index& first, Batch<float> input,
               Batch<float> target) {
    const DeerDatabase& d = tables.database;
    require(d.input == InputScaling::boxed && d.target == TargetScaling::maximum, "deer_call: scalings of pnas");
    const Ranges ranges{static_cast<int>(d.times),
                        static_cast<int>(d.distances),
                        d.peaks_min,
                        d.peaks_max,
                        d.fwhm_min,
                        d.fwhm_max,
                        d.depth_min,
                        d.depth_max,
                        d.rate_min_mhz,
                        d.rate_max_mhz,
                        d.dimension_min,
                        d.dimension_max,
                        d.noise_max,
                        tables.distance_nm.front(),
                        tables.distance_nm.back() - tables.distance_nm.front()};
    std::vector<float> log_time;
    for (const double t : tables.time_us)
        log_time.push_back(static_cast<float>(std::log(t)));
    const auto kernel =
        device_array<float>(std::vector<float>(tables.kernel.data(), tables.kernel.data() + tables.kernel.size()));
    const auto times = device_array<float>(log_time);
    const Index each = input.cols, total = each * input.batch;
    const auto distributions = device_array<float>(d.distances * total);
    const auto samples = device_array<Sample>(total);
    const Batch<const float> K(kernel.get(), d.times, d.distances);
    const Batch<float> p(distributions.get(), d.distances, total), x(input.data, d.times, total);
    return [&on, &first, ranges, seed, kernel, times, distributions, samples, K, p, x, target, each, total] {
        const auto start = static_cast<std::uint64_t>(first);
        const dim3 grid(static_cast<unsigned>(total));
        launch(on, rival_distribution_kernel, grid, threads,
               threads * sizeof(float) + words * sizeof(std::uint32_t) + deer_peaks_limit * sizeof(Peak), ranges, seed,
               start, each, p.data, target.data, samples.get());
        gemm<float>(on, Op::none, Op::none, 1, K, p, 0, x);
        launch(on, rival_trace_kernel, grid, epilogue_threads, epilogue_threads * sizeof(float), ranges.times, seed,
               start, each, times.get(), samples.get(), x.data);
    };
}

TrainCalls train_calls(Rival& on, const TrainShape& shape, Batch<const float> x, Batch<const float> t, Batch<float> w,
                       Batch<float> m, Batch<float> v, Batch<float> loss) {
    const Index hidden = shape.hidden, inputs = shape.inputs, outputs = shape.outputs, members = w.batch;
    const auto first = device_array<float>(hidden * x.cols * members),
               second = device_array<float>(hidden * x.cols * members),
               third = device_array<float>(outputs * x.cols * members), fourth = device_array<float>(w.rows * members);
    const auto progress = device_array<Progress>(1);
    const Batch<float> h(first.get(), hidden, x.cols, members), dh(second.get(), hidden, x.cols, members),
        z(third.get(), outputs, x.cols, members), g(fourth.get(), w.rows, 1, members);
    const auto part = [](Batch<float> all, Index offset, Index rows, Index cols) {
        return Batch<float>(all.data + offset, rows, cols, all.batch, all.stride);
    };
    const Index b1 = hidden * inputs, w2 = b1 + hidden, b2 = w2 + outputs * hidden;
    const Batch<float> W1 = part(w, 0, hidden, inputs), B1 = part(w, b1, hidden, 1), W2 = part(w, w2, outputs, hidden),
                       B2 = part(w, b2, outputs, 1), G1 = part(g, 0, hidden, inputs), D1 = part(g, b1, hidden, 1),
                       G2 = part(g, w2, outputs, hidden), D2 = part(g, b2, outputs, 1);
    TrainCalls calls;
    calls.restart = [&on, progress] { check(cudaMemsetAsync(progress.get(), 0, sizeof(Progress), on.stream)); };
    calls.step = [=, &on] {
        (void)first, (void)second, (void)third, (void)fourth;  // kept
        gemm<float>(on, Op::none, Op::none, 1, W1, x, 0, h);
        launch(on, hidden_kernel, elements(h), threads, 0, B1, h);
        gemm<float>(on, Op::none, Op::none, 1, W2, h, 0, z);
        launch(on, output_kernel, dim3(static_cast<unsigned>(members)), threads, threads * sizeof(float), B2, t, z,
               loss);
        gemm<float>(on, Op::transpose, Op::none, 1, W2, z, 0, dh);
        launch(on, slope_kernel, elements(h), threads, 0, h, dh);
        gemm<float>(on, Op::none, Op::transpose, 1, z, h, 0, G2);
        gemm<float>(on, Op::none, Op::transpose, 1, dh, x, 0, G1);
        launch(on, row_sum_kernel, blocks_for(outputs * members, threads), threads, 0, z, D2);
        launch(on, row_sum_kernel, blocks_for(hidden * members, threads), threads, 0, dh, D1);
        launch(on, count_kernel, dim3(1), 1, 0, shape, progress.get());
        launch(on, rival_adam_kernel, elements(w), threads, 0, shape, progress.get(), g, m, v, w);
    };
    return calls;
}

}  // namespace descrambler::bench
