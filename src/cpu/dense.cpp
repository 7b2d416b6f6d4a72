#include "cpu/dense.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/rates.hpp"
#include "core/vector_math.hpp"
#include "cpu/algebra.hpp"
#include "cpu/lapack.hpp"
#include "cpu/panel_product.hpp"

namespace descrambler::cpu {

namespace {

// y = f(y + b), column by column.
template <class T, class F>
void activate(Batch<const T> b, Batch<T> y, F&& f) {
    const T* bias = b.data;
    for (Index j = 0; j < y.cols; ++j) {
        T* column = y.data + j * y.ld;
        if (bias != nullptr) {
#pragma omp simd
            for (Index i = 0; i < y.rows; ++i)
                column[i] = f(column[i] + bias[i]);
        } else {
#pragma omp simd
            for (Index i = 0; i < y.rows; ++i)
                column[i] = f(column[i]);
        }
    }
}

template <class T>
void forward_item(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y) {
    if (y.size() == 0)
        return;
    // W fits into the second-level cache (twice as large with AVX-512), and enough columns pay for its new layout
    constexpr Index most_bytes = vector_bytes == 64 ? 1 << 20 : 1 << 19, least_columns = 256;
    if (W.cols > 0 && W.size() * static_cast<Index>(sizeof(T)) <= most_bytes && x.cols >= least_columns)
        Panels<T>(W).multiply(x, y);
    else if (W.cols > 0)
        gemm(CblasNoTrans, CblasNoTrans, static_cast<int>(W.rows), static_cast<int>(x.cols), static_cast<int>(W.cols),
             T{1}, W.data, static_cast<int>(W.ld), x.data, static_cast<int>(x.ld), T{0}, y.data,
             static_cast<int>(y.ld));
    else
        for (Index j = 0; j < y.cols; ++j)
            std::fill_n(y.columns(j, 1).data, y.rows, T{0});
    switch (f) {
        case Activation::identity:
            if (b.data != nullptr)
                activate(b, y, [](T z) { return z; });
            break;
        case Activation::tanh:
            activate(b, y, [](T z) { return fast_tanh(z); });
            break;
        case Activation::logistic:
            activate(b, y, [](T z) { return fast_logistic(z); });
            break;
        case Activation::softplus:
            activate(b, y, [](T z) { return fast_softplus(z); });
            break;
        case Activation::relu:
            activate(b, y, [](T z) { return z > 0 ? z : T{0}; });
            break;
    }
}

// dy <- dz = dy f'(z) with f' written in y = f(z);  db += row sums of dz.
template <class T, class F>
void deactivate(Batch<const T> y, Batch<T> dy, Batch<T> db, F&& slope) {
    T* bias = db.data;
    for (Index j = 0; j < y.cols; ++j) {
        const T* value = y.data + j * y.rows;
        T* column = dy.data + j * y.rows;
        if (bias != nullptr) {
#pragma omp simd
            for (Index i = 0; i < y.rows; ++i) {
                column[i] *= slope(value[i]);
                bias[i] += column[i];
            }
        } else {
#pragma omp simd
            for (Index i = 0; i < y.rows; ++i)
                column[i] *= slope(value[i]);
        }
    }
}

template <class T>
void backward_item(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy, Batch<T> dW,
                   Batch<T> db, Batch<T> dx) {
    switch (f) {
        case Activation::identity:
            deactivate(y, dy, db, [](T) { return T{1}; });
            break;
        case Activation::tanh:
            deactivate(y, dy, db, [](T v) { return 1 - v * v; });
            break;
        case Activation::logistic:
            deactivate(y, dy, db, [](T v) { return v * (1 - v); });
            break;
        case Activation::softplus:  // y = ln(1 + e^z): f' = 1 - e^-y
            deactivate(y, dy, db, [](T v) { return 1 - fast_exp(-v); });
            break;
        case Activation::relu:
            deactivate(y, dy, db, [](T v) { return v > 0 ? T{1} : T{0}; });
            break;
    }
    const int outputs = static_cast<int>(W.rows), inputs = static_cast<int>(W.cols), samples = static_cast<int>(x.cols);
    if (outputs == 0 || inputs == 0 || samples == 0)
        return;
    gemm(CblasNoTrans, CblasTrans, outputs, inputs, samples, T{1}, dy.data, outputs, x.data, inputs, T{1}, dW.data,
         outputs);
    if (dx.data != nullptr)
        gemm(CblasTrans, CblasNoTrans, inputs, samples, outputs, T{1}, W.data, outputs, dy.data, outputs, T{0}, dx.data,
             inputs);
}

}  // namespace

template <class T>
void dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (W.batch > 1)
    for (Index i = 0; i < W.batch; ++i)
        forward_item(f, W.item(i), b.data == nullptr ? b : b.item(i), x.item(i), y.item(i));
}

template <class T>
void dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy, Batch<T> dW,
                    Batch<T> db, Batch<T> dx, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (W.batch > 1)
    for (Index i = 0; i < W.batch; ++i)
        backward_item(f, W.item(i), x.item(i), y.item(i), dy.item(i), dW.item(i), db.data == nullptr ? db : db.item(i),
                      dx.data == nullptr ? dx : dx.item(i));
}

template <class T>
void dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G, int threads) {
    if (G.size() == 0)
        return;
    constexpr Index block = 1024;  // samples at a time: the signals stay in the cache
    const Index n = W.rows, width = std::min(block, x.cols);
#pragma omp parallel num_threads(threads) if (G.batch > 1)
    {
        std::vector<T> signals(static_cast<std::size_t>(n * width));
#pragma omp for schedule(static)
        for (Index i = 0; i < G.batch; ++i) {
            const Batch<T> g = G.item(i);
            if (x.cols == 0)
                for (Index j = 0; j < n; ++j)
                    for (Index e = 0; e < n; ++e)
                        g(e, j) = beta == 0 ? T{0} : beta * g(e, j);
            for (Index first = 0; first < x.cols; first += block) {
                const Batch<T> S(signals.data(), n, std::min(block, x.cols - first));
                forward_item<T>(f, W.item(i), b.data == nullptr ? b : b.item(i), x.item(i).columns(first, S.cols), S);
                lower_gram<T>(S, first == 0 ? beta : T{1}, g);
            }
            mirror(g);
        }
    }
}

template <class T>
void renorm_forward(Batch<const T> x, Batch<T> y, int threads) {
    const Index columns = x.cols * x.batch;
#pragma omp parallel for schedule(static) num_threads(threads) if (x.batch > 1)
    for (Index c = 0; c < columns; ++c) {
        const T* from = x.item(c / x.cols).data + c % x.cols * x.rows;
        T* to = y.item(c / x.cols).data + c % x.cols * x.rows;
        double sum = 0;
        for (Index i = 0; i < x.rows; ++i)
            sum += from[i];
        const T scale = static_cast<T>(static_cast<double>(x.rows) / sum);
        for (Index i = 0; i < x.rows; ++i)
            to[i] = from[i] * scale;
    }
}

// y_i = x_i / s, s = mean x:  dx_i = (dy_i - mean(dy . y)) / s
template <class T>
void renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx, int threads) {
    const Index columns = x.cols * x.batch;
#pragma omp parallel for schedule(static) num_threads(threads) if (x.batch > 1)
    for (Index c = 0; c < columns; ++c) {
        const Index item = c / x.cols, offset = c % x.cols * x.rows;
        const T* from = x.item(item).data + offset;
        const T* value = y.item(item).data + offset;
        const T* slope = dy.item(item).data + offset;
        T* to = dx.item(item).data + offset;
        double sum = 0, product = 0;
        for (Index i = 0; i < x.rows; ++i) {
            sum += from[i];
            product += static_cast<double>(slope[i]) * value[i];
        }
        const T scale = static_cast<T>(static_cast<double>(x.rows) / sum);
        const T mean = static_cast<T>(product / static_cast<double>(x.rows));
        for (Index i = 0; i < x.rows; ++i)
            to[i] = (slope[i] - mean) * scale;
    }
}

template <class T>
void adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m, Batch<T> v,
               Batch<T> w, int threads) {
    const T beta1 = static_cast<T>(options.beta1), beta2 = static_cast<T>(options.beta2);
    const AdamRate<T> corrected = adam_rate(options, rate, decay, step);
    const T first = corrected.first, second = corrected.second;
    const T epsilon = static_cast<T>(options.epsilon);
#pragma omp parallel for schedule(static) num_threads(threads) if (w.batch > 1)
    for (Index b = 0; b < w.batch; ++b) {
        const T* gradient = g.item(b).data;
        T* mean = m.item(b).data;
        T* square = v.item(b).data;
        T* weight = w.item(b).data;
#pragma omp simd
        for (Index i = 0; i < w.size(); ++i) {
            const T slope = gradient[i] + decay * weight[i];
            mean[i] = beta1 * mean[i] + (1 - beta1) * slope;
            square[i] = beta2 * square[i] + (1 - beta2) * slope * slope;
            weight[i] -= first * mean[i] / (std::sqrt(square[i]) * second + epsilon);
        }
    }
}

template void dense_forward<float>(Activation, Batch<const float>, Batch<const float>, Batch<const float>, Batch<float>,
                                   int);
template void dense_forward<double>(Activation, Batch<const double>, Batch<const double>, Batch<const double>,
                                    Batch<double>, int);
template void dense_backward<float>(Activation, Batch<const float>, Batch<const float>, Batch<const float>,
                                    Batch<float>, Batch<float>, Batch<float>, Batch<float>, int);
template void dense_backward<double>(Activation, Batch<const double>, Batch<const double>, Batch<const double>,
                                     Batch<double>, Batch<double>, Batch<double>, Batch<double>, int);
template void dense_gram<float>(Activation, Batch<const float>, Batch<const float>, Batch<const float>, float,
                                Batch<float>, int);
template void dense_gram<double>(Activation, Batch<const double>, Batch<const double>, Batch<const double>, double,
                                 Batch<double>, int);
template void renorm_forward<float>(Batch<const float>, Batch<float>, int);
template void renorm_forward<double>(Batch<const double>, Batch<double>, int);
template void renorm_backward<float>(Batch<const float>, Batch<const float>, Batch<const float>, Batch<float>, int);
template void renorm_backward<double>(Batch<const double>, Batch<const double>, Batch<const double>, Batch<double>,
                                      int);
template void adam_step<float>(const AdamOptions&, float, float, Index, Batch<const float>, Batch<float>, Batch<float>,
                               Batch<float>, int);
template void adam_step<double>(const AdamOptions&, double, double, Index, Batch<const double>, Batch<double>,
                                Batch<double>, Batch<double>, int);

}  // namespace descrambler::cpu
