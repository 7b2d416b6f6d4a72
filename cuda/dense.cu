// Dense layers of many networks: forward, backward, renormalisation, Adam; alone and fused for the training step.
//   y = f(W x + b)      dz = dy f'(z), dW += dz x^T, db += row sums of dz, dx = W^T dz
//   y = x / mean(x)     dx_i = (dy_i - mean(dy . y)) / mean(x), sums in double precision
//   Adam (Kingma, Ba 2014): g <- g + decay w;  m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
//                           w <- w - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
// W [outputs, inputs], b [outputs], x [inputs, samples], y, dy [outputs, samples]; a batch item is a network.
// flops  forward 2 outputs inputs samples, backward twice that, Adam 14 per parameter
// bytes  the operands once or more from L2 (product.cuh); Adam 7 numbers per parameter, or 6 where dW never leaves
//        the registers
// The products are those of product.cuh with what follows as their epilogue; 33792 bytes of shared memory for 64 x 64
// tiles in double.
// resources forward_kernel float 80 outputs, 256 inputs, 64 samples: shared 17408 bytes, 118 registers, 2621440 flops
#include "dense.hpp"

#include <cmath>

#include "activation.cuh"
#include "product.cuh"
#include "reduce.cuh"

namespace descrambler::cuda {

namespace {

constexpr int threads = 256;

// ---- device functions ----------------------------------------------------------------------------------------------

template <class T>
struct AdamState {
    T *w, *m, *v;  // of one layer and member
    AdamRate<T> rate;
    T scale, beta1, beta2, epsilon;

    // Every multiply-add is explicit: a compiler's choice could differ from one place of use to the next.
    __device__ __forceinline__ void update(T gradient, T& weight, T& mean, T& square) const {
        const T slope = std::fma(rate.decay, weight, gradient * scale);
        mean = std::fma(beta1, mean, (1 - beta1) * slope);
        square = std::fma(beta2, square, (1 - beta2) * slope * slope);
        weight -= rate.first * mean / std::fma(std::sqrt(square), rate.second, epsilon);
    }
};
template <class T>
__device__ AdamState<T> adam_state(const Parameters<T>& p, Index slot, Index offset) {
    const Index member = p.members[slot];
    return {p.w.item(member).data + offset,
            p.m.item(member).data + offset,
            p.v.item(member).data + offset,
            p.rates[slot],
            p.scale[slot],
            p.beta1,
            p.beta2,
            p.epsilon};
}

template <class T, class F>
struct Activate {
    T* y;
    const T* bias;
    int rows, pitch;
    F f;
    template <int count>
    __device__ __forceinline__ void group(int i, int j, const T* z) const {
        T numbers[count] = {};
        if (bias != nullptr)
            load_numbers<count>(bias + i, rows - i, numbers);
#pragma unroll
        for (int e = 0; e < count; ++e)
            numbers[e] = f(z[e] + numbers[e]);
        store_numbers<count>(y + static_cast<Index>(j) * pitch + i, rows - i, numbers);
    }
};

template <class T>
struct Accumulate {
    Batch<T> to;
    template <int count>
    __device__ __forceinline__ void group(int i, int j, const T* x) const {
        T numbers[count];
        load_numbers<count>(&to(i, j), static_cast<int>(to.rows) - i, numbers);
#pragma unroll
        for (int e = 0; e < count; ++e)
            numbers[e] += x[e];
        store_numbers<count>(&to(i, j), static_cast<int>(to.rows) - i, numbers);
    }
};

template <class T>
struct TimesSlope {
    Batch<T> dx;
    Batch<const T> y;  // may be empty
    Activation f;
    template <int count>
    __device__ __forceinline__ void group(int i, int j, const T* x) const {
        T numbers[count];
#pragma unroll
        for (int e = 0; e < count; ++e)
            numbers[e] = x[e];
        if (y.data != nullptr) {
            T value[count];
            load_numbers<count>(&y(i, j), static_cast<int>(y.rows) - i, value);
#pragma unroll
            for (int e = 0; e < count; ++e)
                numbers[e] *= activation_slope(f, value[e]);
        }
        store_numbers<count>(&dx(i, j), static_cast<int>(dx.rows) - i, numbers);
    }
};

template <class T>
struct UpdateWeights {
    AdamState<T> adam;
    int rows;
    template <int count>
    __device__ __forceinline__ void group(int i, int j, const T* gradient) const {
        const Index at = static_cast<Index>(j) * rows + i;
        const int inside = rows - i;
        T w[count], m[count], v[count];
        load_numbers<count>(adam.w + at, inside, w);
        load_numbers<count>(adam.m + at, inside, m);
        load_numbers<count>(adam.v + at, inside, v);
#pragma unroll
        for (int e = 0; e < count; ++e)
            adam.update(gradient[e], w[e], m[e], v[e]);
        store_numbers<count>(adam.w + at, inside, w);
        store_numbers<count>(adam.m + at, inside, m);
        store_numbers<count>(adam.v + at, inside, v);
    }
};

// Sum of 32 rows over all columns of x(i, j), which is called once an element: 32 threads along the rows, 8 parts of
// the columns, added in order. The result is with the threads of the first warp, one row each.
template <class T, class Element>
__device__ T sum_of_rows(Index row, Index rows, Index cols, Element&& x) {
    T* const parts = dynamic_shared<T>();
    T sum = 0;
    if (row < rows)
        for (Index j = threadIdx.x / 32; j < cols; j += threads / 32)
            sum += x(row, j);
    parts[threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.x < 32)
        for (int part = 1; part < threads / 32; ++part)
            sum += parts[part * 32 + static_cast<int>(threadIdx.x)];
    return sum;
}
constexpr Index row_groups(Index rows) {
    return (rows + 31) / 32;
}

// ---- kernels -------------------------------------------------------------------------------------------------------

template <class Tile, class T = typename Tile::Number>
__global__ void __launch_bounds__(product_threads, 2)
    forward_kernel(Activation f, Batch<const T> W, Batch<const T> b, const Index* members, Batch<const T> x,
                   Batch<T> y) {
    const TileOfGrid tile = tile_of_grid<Tile>(y.rows, y.cols);
    const Index member = members == nullptr ? tile.item : members[tile.item];
    Tile acc;
    block_product(left_factor(Op::none, W.item(member)), right_factor(Op::none, x.item(tile.item)), tile.row, tile.col,
                  acc);
    const int rows = static_cast<int>(y.rows), cols = static_cast<int>(y.cols);
    with_activation<T>(f, [&](auto value) {
        for_groups(
            tile.row, tile.col, rows, cols, acc,
            Activate<T, decltype(value)>{y.item(tile.item).data, b.data == nullptr ? nullptr : b.item(member).data,
                                         rows, static_cast<int>(y.ld), value});
    });
}

template <class Tile, class T = typename Tile::Number>
__global__ void __launch_bounds__(product_threads, 2)
    slope_kernel(Batch<const T> W, const Index* members, Batch<const T> dz, Activation f, Batch<const T> y,
                 Batch<T> dx) {
    const TileOfGrid tile = tile_of_grid<Tile>(dx.rows, dx.cols);
    const Index member = members == nullptr ? tile.item : members[tile.item];
    Tile acc;
    block_product(left_factor(Op::transpose, W.item(member)), right_factor(Op::none, dz.item(tile.item)), tile.row,
                  tile.col, acc);
    for_groups(tile.row, tile.col, static_cast<int>(dx.rows), static_cast<int>(dx.cols), acc,
               TimesSlope<T>{dx.item(tile.item), y.data == nullptr ? y : y.item(tile.item), f});
}

template <class Tile, class T = typename Tile::Number>
__global__ void __launch_bounds__(product_threads, 2)
    weight_gradient_kernel(Batch<const T> dz, Batch<const T> x, Batch<T> dW) {
    const TileOfGrid tile = tile_of_grid<Tile>(dW.rows, dW.cols);
    Tile acc;
    block_product(left_factor(Op::none, dz.item(tile.item)), right_factor(Op::transpose, x.item(tile.item)), tile.row,
                  tile.col, acc);
    for_groups(tile.row, tile.col, static_cast<int>(dW.rows), static_cast<int>(dW.cols), acc,
               Accumulate<T>{dW.item(tile.item)});
}

template <class Tile, class T = typename Tile::Number>
__global__ void __launch_bounds__(product_threads, 2)
    weight_step_kernel(Parameters<T> p, Index offset, Batch<const T> dz, Batch<const T> x) {
    const TileOfGrid tile = tile_of_grid<Tile>(dz.rows, x.rows);
    Tile acc;
    block_product(left_factor(Op::none, dz.item(tile.item)), right_factor(Op::transpose, x.item(tile.item)), tile.row,
                  tile.col, acc);
    for_groups(tile.row, tile.col, static_cast<int>(dz.rows), static_cast<int>(x.rows), acc,
               UpdateWeights<T>{adam_state(p, tile.item, offset), static_cast<int>(dz.rows)});
}

// dy <- dy f'(z), db += its row sums
template <class T>
__global__ void __launch_bounds__(threads) derivative_kernel(Activation f, Batch<const T> y, Batch<T> dy, Batch<T> db) {
    const Index groups = row_groups(dy.rows), item = blockIdx.x / groups;
    const Index row = blockIdx.x % groups * 32 + threadIdx.x % 32;
    const Batch<T> slope = dy.item(item);
    const Batch<const T> value = y.item(item);
    const T sum = sum_of_rows<T>(row, dy.rows, dy.cols,
                                 [&](Index i, Index j) { return slope(i, j) *= activation_slope(f, value(i, j)); });
    if (db.data != nullptr && threadIdx.x < 32 && row < dy.rows)
        db(row, 0, item) += sum;
}

template <class T>
__global__ void __launch_bounds__(threads) bias_step_kernel(Parameters<T> p, Index offset, Batch<const T> dz) {
    const Index groups = row_groups(dz.rows), slot = blockIdx.x / groups;
    const Index row = blockIdx.x % groups * 32 + threadIdx.x % 32;
    const Batch<const T> slope = dz.item(slot);
    const T sum = sum_of_rows<T>(row, dz.rows, dz.cols, [&](Index i, Index j) { return slope(i, j); });
    if (threadIdx.x < 32 && row < dz.rows) {
        const AdamState<T> adam = adam_state(p, slot, offset);
        adam.update(sum, adam.w[row], adam.m[row], adam.v[row]);
    }
}

// One warp per column.
template <class T>
__global__ void __launch_bounds__(threads) renorm_forward_kernel(Batch<const T> x, Batch<T> y) {
    const Index lane = threadIdx.x % 32, warps = static_cast<Index>(gridDim.x) * (threads / 32);
    for (Index c = static_cast<Index>(blockIdx.x) * (threads / 32) + threadIdx.x / 32; c < x.cols * x.batch;
         c += warps) {
        const T* const from = &x(0, c % x.cols, c / x.cols);
        T* const to = &y(0, c % x.cols, c / x.cols);
        double sum = 0;
        for (Index i = lane; i < x.rows; i += 32)
            sum += static_cast<double>(from[i]);
        const T scale = static_cast<T>(static_cast<double>(x.rows) / warp_sum(sum));
        for (Index i = lane; i < x.rows; i += 32)
            to[i] = from[i] * scale;
    }
}

// One warp per column; dx may be dy. slope: times f'(x) as well.
template <class T>
__global__ void __launch_bounds__(threads) renorm_backward_kernel(bool slope, Activation f, Batch<const T> x,
                                                                  Batch<const T> y, Batch<const T> dy, Batch<T> dx) {
    const Index lane = threadIdx.x % 32, warps = static_cast<Index>(gridDim.x) * (threads / 32);
    for (Index c = static_cast<Index>(blockIdx.x) * (threads / 32) + threadIdx.x / 32; c < x.cols * x.batch;
         c += warps) {
        const Index col = c % x.cols, item = c / x.cols;
        double sum = 0, product = 0;
        for (Index i = lane; i < x.rows; i += 32) {
            sum += static_cast<double>(x(i, col, item));
            product = std::fma(static_cast<double>(dy(i, col, item)), static_cast<double>(y(i, col, item)), product);
        }
        const T scale = static_cast<T>(static_cast<double>(x.rows) / warp_sum(sum));
        const T mean = static_cast<T>(warp_sum(product) / static_cast<double>(x.rows));
        for (Index i = lane; i < x.rows; i += 32) {
            const T value = (dy(i, col, item) - mean) * scale;
            dx(i, col, item) = slope ? value * activation_slope(f, x(i, col, item)) : value;
        }
    }
}

template <class T>
__global__ void __launch_bounds__(threads)
    adam_kernel(AdamRate<T> rate, T beta1, T beta2, T epsilon, Batch<const T> g, Batch<T> m, Batch<T> v, Batch<T> w) {
    const Index count = w.size() * w.batch, step = static_cast<Index>(gridDim.x) * threads;
    for (Index e = static_cast<Index>(blockIdx.x) * threads + threadIdx.x; e < count; e += step) {
        const Index item = e / w.size(), i = e % w.size();
        const AdamState<T> adam{
            w.item(item).data, m.item(item).data, v.item(item).data, rate, T{1}, beta1, beta2, epsilon};
        adam.update(g.item(item).data[i], adam.w[i], adam.m[i], adam.v[i]);
    }
}

// ---- launchers -----------------------------------------------------------------------------------------------------

template <class T>
void launch_forward(Context& on, Activation f, Batch<const T> W, Batch<const T> b, const Index* members,
                    Batch<const T> x, Batch<T> y) {
    with_tile<T>(y.rows, y.cols, y.batch, [&]<int rm, int rn>() {
        using Shape = Tile<T, rm, rn>;
        launch(on, forward_kernel<Shape, T>, grid_of_tiles<Shape>(y.rows, y.cols, y.batch), product_threads,
               Shape::shared_bytes, f, W, b, members, x, y);
    });
}

template <class T>
void launch_slope(Context& on, Batch<const T> W, const Index* members, Batch<const T> dz, Activation f,
                  Batch<const T> y, Batch<T> dx) {
    with_tile<T>(dx.rows, dx.cols, dx.batch, [&]<int rm, int rn>() {
        using Shape = Tile<T, rm, rn>;
        launch(on, slope_kernel<Shape, T>, grid_of_tiles<Shape>(dx.rows, dx.cols, dx.batch), product_threads,
               Shape::shared_bytes, W, members, dz, f, y, dx);
    });
}

template <class T>
dim3 grid_of_columns(const Batch<T>& x) {  // one warp each
    return blocks_for(x.cols * x.batch, threads / 32);
}
dim3 grid_of_rows(Index rows, Index items) {
    return dim3(static_cast<unsigned>(row_groups(rows) * items));
}

}  // namespace

template <class T>
void dense_forward(Context& on, Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y) {
    launch_forward(on, f, W, b, nullptr, x, y);
}

template <class T>
void dense_backward(Context& on, Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy,
                    Batch<T> dW, Batch<T> db, Batch<T> dx) {
    launch(on, derivative_kernel<T>, grid_of_rows(dy.rows, dy.batch), threads, threads * sizeof(T), f, y, dy, db);
    with_tile<T>(dW.rows, dW.cols, dW.batch, [&]<int rm, int rn>() {
        using Shape = Tile<T, rm, rn>;
        launch(on, weight_gradient_kernel<Shape, T>, grid_of_tiles<Shape>(dW.rows, dW.cols, dW.batch), product_threads,
               Shape::shared_bytes, dy, x, dW);
    });
    if (dx.data != nullptr)
        launch_slope<T>(on, W, nullptr, dy, Activation::identity, {}, dx);
}

template <class T>
void renorm_forward(Context& on, Batch<const T> x, Batch<T> y) {
    launch(on, renorm_forward_kernel<T>, grid_of_columns(x), threads, 0, x, y);
}
template <class T>
void renorm_backward(Context& on, Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx) {
    launch(on, renorm_backward_kernel<T>, grid_of_columns(x), threads, 0, false, Activation::identity, x, y, dy, dx);
}
template <class T>
void renorm_slope(Context& on, Activation f, Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx) {
    launch(on, renorm_backward_kernel<T>, grid_of_columns(x), threads, 0, true, f, x, y, dy, dx);
}

template <class T>
void adam_step(Context& on, const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m,
               Batch<T> v, Batch<T> w) {
    launch(on, adam_kernel<T>, blocks_for(w.size() * w.batch, threads), threads, 0,
           adam_rate(options, rate, decay, step), static_cast<T>(options.beta1), static_cast<T>(options.beta2),
           static_cast<T>(options.epsilon), g, m, v, w);
}

template <class T>
void layer_forward(Context& on, const Parameters<T>& p, Index offset, const Layer& layer, Batch<const T> x,
                   Batch<T> y) {
    const T* const w = p.w.data + offset;
    const Batch<const T> b(w + layer.outputs * layer.inputs, layer.outputs, 1, p.w.batch, p.w.stride);
    launch_forward<T>(on, layer.activation, {w, layer.outputs, layer.inputs, p.w.batch, p.w.stride},
                      layer.bias ? b : Batch<const T>(), p.members, x, y);
}

template <class T>
void layer_slope(Context& on, const Parameters<T>& p, Index offset, const Layer& layer, Batch<const T> dz,
                 Activation below, Batch<const T> y, Batch<T> dx) {
    launch_slope<T>(on, {p.w.data + offset, layer.outputs, layer.inputs, p.w.batch, p.w.stride}, p.members, dz, below,
                    y, dx);
}

template <class T>
void layer_step(Context& on, const Parameters<T>& p, Index offset, const Layer& layer, Batch<const T> dz,
                Batch<const T> x) {
    with_tile<T>(layer.outputs, layer.inputs, dz.batch, [&]<int rm, int rn>() {
        using Shape = Tile<T, rm, rn>;
        launch(on, weight_step_kernel<Shape, T>, grid_of_tiles<Shape>(layer.outputs, layer.inputs, dz.batch),
               product_threads, Shape::shared_bytes, p, offset, dz, x);
    });
    if (layer.bias)
        launch(on, bias_step_kernel<T>, grid_of_rows(dz.rows, dz.batch), threads, threads * sizeof(T), p,
               offset + layer.outputs * layer.inputs, dz);
}

template void dense_forward<float>(Context&, Activation, Batch<const float>, Batch<const float>, Batch<const float>,
                                   Batch<float>);
template void dense_forward<double>(Context&, Activation, Batch<const double>, Batch<const double>, Batch<const double>,
                                    Batch<double>);
template void dense_backward<float>(Context&, Activation, Batch<const float>, Batch<const float>, Batch<const float>,
                                    Batch<float>, Batch<float>, Batch<float>, Batch<float>);
template void dense_backward<double>(Context&, Activation, Batch<const double>, Batch<const double>,
                                     Batch<const double>, Batch<double>, Batch<double>, Batch<double>, Batch<double>);
template void renorm_forward<float>(Context&, Batch<const float>, Batch<float>);
template void renorm_forward<double>(Context&, Batch<const double>, Batch<double>);
template void renorm_backward<float>(Context&, Batch<const float>, Batch<const float>, Batch<const float>,
                                     Batch<float>);
template void renorm_backward<double>(Context&, Batch<const double>, Batch<const double>, Batch<const double>,
                                      Batch<double>);
template void renorm_slope<float>(Context&, Activation, Batch<const float>, Batch<const float>, Batch<const float>,
                                  Batch<float>);
template void renorm_slope<double>(Context&, Activation, Batch<const double>, Batch<const double>, Batch<const double>,
                                   Batch<double>);
template void adam_step<float>(Context&, const AdamOptions&, float, float, Index, Batch<const float>, Batch<float>,
                               Batch<float>, Batch<float>);
template void adam_step<double>(Context&, const AdamOptions&, double, double, Index, Batch<const double>, Batch<double>,
                                Batch<double>, Batch<double>);
template void layer_forward<float>(Context&, const Parameters<float>&, Index, const Layer&, Batch<const float>,
                                   Batch<float>);
template void layer_forward<double>(Context&, const Parameters<double>&, Index, const Layer&, Batch<const double>,
                                    Batch<double>);
template void layer_slope<float>(Context&, const Parameters<float>&, Index, const Layer&, Batch<const float>,
                                 Activation, Batch<const float>, Batch<float>);
template void layer_slope<double>(Context&, const Parameters<double>&, Index, const Layer&, Batch<const double>,
                                  Activation, Batch<const double>, Batch<double>);
template void layer_step<float>(Context&, const Parameters<float>&, Index, const Layer&, Batch<const float>,
                                Batch<const float>);
template void layer_step<double>(Context&, const Parameters<double>&, Index, const Layer&, Batch<const double>,
                                 Batch<const double>);

}  // namespace descrambler::cuda
