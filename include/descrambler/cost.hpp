// Floating-point operations and bytes moved of each primitive: one item, the least traffic that the task allows. `word`
// is the size of a number in bytes (4 or 8). The benchmarks compute their rates from these numbers and nothing else.
#pragma once

#include <cmath>

#include "descrambler/array.hpp"
#include "descrambler/backend/convolution.hpp"

namespace descrambler::cost {

struct Cost {
    double flops = 0;
    double bytes = 0;
    constexpr Cost operator+(const Cost& other) const { return {flops + other.flops, bytes + other.bytes}; }
    constexpr Cost operator*(double times) const { return {flops * times, bytes * times}; }
};

namespace detail {
constexpr double real(Index n) {
    return static_cast<double>(n);
}
}  // namespace detail

// C [m, n] = A [m, k] B [k, n]
constexpr Cost gemm(Index m, Index n, Index k, Index word) {
    using detail::real;
    return {2 * real(m) * real(n) * real(k), (real(m) * real(k) + real(k) * real(n) + real(m) * real(n)) * real(word)};
}
// G [n, n] += S S^T, S [n, samples]: one triangle
constexpr Cost gram(Index n, Index samples, Index word) {
    using detail::real;
    return {real(n) * real(n + 1) * real(samples), (real(n) * real(samples) + real(n) * real(n)) * real(word)};
}
// A [m, n] = Q R, m >= n, with Q formed (Householder)
constexpr Cost qr(Index m, Index n, Index word) {
    using detail::real;
    return {4 * real(m) * real(n) * real(n) - 4.0 / 3 * real(n) * real(n) * real(n),
            2 * real(m) * real(n) * real(word)};
}
// symmetric eigenproblem [n, n] with vectors, about 9 n^3 (tridiagonalisation, divide and conquer, back-transformation)
constexpr Cost eigh(Index n, Index word) {
    using detail::real;
    return {9 * real(n) * real(n) * real(n), 2 * real(n) * real(n) * real(word)};
}
// P = 2 (I + Q)^-1 - I, all [n, n]
constexpr Cost cayley(Index n, Index word) {
    using detail::real;
    return {2 * real(n) * real(n) * real(n), 1.5 * real(n) * real(n) * real(word)};
}
// dP -> dq: two products
constexpr Cost cayley_pullback(Index n, Index word) {
    return gemm(n, n, n, word) * 2.0;
}
// value and gradient in the chart, L [n, k]: the inverse, B L, B^T (mu Y), and their product
constexpr Cost tikhonov(Index n, Index k, Index word) {
    using detail::real;
    return {2 * real(n) * real(n) * real(n) + 6 * real(n) * real(n) * real(k),
            (real(n) * real(k) + real(n) * real(n)) * real(word)};
}
// recentred descent, L [n, k]: minimise_evaluation is the Cayley step and its product with Y, minimise_step what an
// accepted step adds (N = Y Y^T, C P)
constexpr Cost minimise_evaluation(Index n, Index k, Index word) {
    using detail::real;
    return {2 * real(n) * real(n) * (real(n) + real(k)), 2 * real(n) * real(k) * real(word)};
}
constexpr Cost minimise_step(Index n, Index k, Index word) {
    using detail::real;
    return {real(n) * real(n) * (real(k) + 2 * real(n)), (real(n) * real(k) + 2 * real(n) * real(n)) * real(word)};
}
// thin singular value decomposition of [m, n] with vectors: 14 m n^2 + 8 n^3 for m >= n (Golub, Van Loan)
constexpr Cost svd(Index m, Index n, Index word) {
    using detail::real;
    const double large = real(m > n ? m : n), small = real(m > n ? n : m);
    return {14 * large * small * small + 8 * small * small * small, 2 * large * small * real(word)};
}
// `rank` of [m, n] with `sketch` columns and q power iterations: 2 q + 2 products with A, their QRs, the SVD of the
// small triangle, and the vectors
constexpr Cost randomized_svd(Index m, Index n, Index rank, Index sketch, int power_iterations, Index word) {
    using detail::real;
    const double passes = power_iterations + 1;
    const double flops = 2 * passes * gemm(m, n, sketch, word).flops +
                         passes * (qr(m, sketch, word).flops + qr(n, sketch, word).flops) +
                         svd(sketch, sketch, word).flops + gemm(m + n, rank, sketch, word).flops;
    return {flops, (real(m) * real(n) + (real(m) + real(n) + 1) * real(rank)) * real(word)};
}
// y = f(W x + b), W [outputs, inputs], x [inputs, samples]
constexpr Cost dense_forward(Index outputs, Index inputs, Index samples, Index word) {
    return gemm(outputs, samples, inputs, word);
}
// G [n, n] += S S^T with S = f(W x + b), W [n, inputs]: S is not stored
constexpr Cost dense_gram(Index n, Index inputs, Index samples, Index word) {
    using detail::real;
    return {gemm(n, samples, inputs, word).flops + gram(n, samples, word).flops,
            (real(inputs) * (real(n) + real(samples)) + real(n) * real(n)) * real(word)};
}
// dW and, where there is a layer below, dx; shapes of dense_forward
constexpr Cost dense_backward(Index outputs, Index inputs, Index samples, bool below, Index word) {
    return gemm(outputs, inputs, samples, word) * (below ? 2.0 : 1.0);
}
// y = conv(x) of K probes, and the adjoint; products with the zeros around an image are counted
constexpr Cost convolve(const Convolution& shape, Index probes, Index word) {
    using detail::real;
    return {2 * real(shape.depth()) * real(shape.outputs()) * real(probes),
            (real(shape.depth()) * real(shape.out_channels) +
             (real(shape.inputs()) + real(shape.outputs())) * real(probes)) *
                real(word)};
}
// complex Fourier transform of n points, in any number of dimensions: 5 n log2 n, by custom and whatever the method; n real
// points, forward or back: half of it
inline Cost fft(Index points, Index word) {
    using detail::real;
    return {points > 0 ? 5 * real(points) * std::log2(real(points)) : 0, 4 * real(points) * real(word)};
}
inline Cost real_fft(Index points, Index word) {
    return fft(points, word) * 0.5;
}
// Adam: reads g, m, v, w and writes m, v, w; 14 operations a parameter
constexpr Cost adam_step(Index parameters, Index word) {
    using detail::real;
    return {14 * real(parameters), 7 * real(parameters) * real(word)};
}
// one trace: the kernel product; three Gaussians, noise and background are counted as bytes written
constexpr Cost deer_trace(Index times, Index distances, Index word) {
    using detail::real;
    return {2 * real(times) * real(distances), (real(times) + real(distances)) * real(word)};
}
// the closed form of one Gram matrix [n, n]: eigh and one product T U^T
constexpr Cost closed_form(Index n, Index word) {
    return eigh(n, word) + gemm(n, n, n, word);
}

}  // namespace descrambler::cost
