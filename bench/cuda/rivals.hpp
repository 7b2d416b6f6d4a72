// What a user would put together from cuBLAS, cuSOLVER and small kernels instead: each function allocates what it needs
// once and returns the call that is timed, which only enqueues on the stream of the Rival. Shapes as in backend.hpp.
// fp64 stands beside fp64, fp32 beside fp32; TF32 is off. no_rivals.cpp, for a build without CUDA, returns empty calls.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "descrambler/backend.hpp"
#include "descrambler/deer_database.hpp"

namespace descrambler::bench {

using Call = std::function<void()>;

struct DeviceFacts {
    std::string name, driver, cuda;
    double clock_mhz = 0;  // highest of the SMs, as the runtime tells it
    double l2_bytes = 0;
    double memory_info_us = 0;  // median of 1000 calls of cudaMemGetInfo
};
[[nodiscard]] DeviceFacts device_facts(int device);

struct Rival;  // a stream of its own and the handles
[[nodiscard]] std::shared_ptr<Rival> make_rival(int device);
void wait(Rival& on);

// The same as one CUDA graph; empty where the libraries cannot be captured.
[[nodiscard]] Call graphed(Rival& on, const Call& call);
[[nodiscard]] Call empty_launch(Rival& on);
[[nodiscard]] Call copy_call(Rival& on, const void* from, void* to, std::size_t bytes);

// cayley: getrfBatched without pivoting, getriBatched, small kernels, gemmStridedBatched
[[nodiscard]] Call cayley_call(Rival& on, Batch<const double> q, Batch<double> P);
[[nodiscard]] Call cayley_pullback_call(Rival& on, Batch<const double> P, Batch<const double> dP, Batch<double> dq);
[[nodiscard]] Call tikhonov_call(Rival& on, Batch<const double> mu, Batch<const double> L, Batch<const double> q,
                                 Batch<double> eta, Batch<double> dq);

// gram: gemmStridedBatched (there is no batched syrk);  dense_gram: gemm, bias and tanh, gemm
template <class T>
[[nodiscard]] Call gram_call(Rival& on, Batch<const T> S, Batch<T> G);
template <class T>
[[nodiscard]] Call dense_gram_call(Rival& on, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> G);

// convolve, its ceiling: gemmStridedBatched of [positions, depth] [depth, outputs] a probe, what lowering to a matrix would
// multiply. P [positions, depth] and Y [positions, outputs] x K, W [depth, outputs] shared; the lowering is not timed.
template <class T>
[[nodiscard]] Call gemm_call(Rival& on, Batch<const T> P, Batch<const T> W, Batch<T> Y);

// factor: from A, which is kept: the copy is timed, as it is on our side.  XsyevBatched;  geqrf and orgqr in a loop;
// gesvd in a loop;  gesvdaStridedBatched (approximate);  Xgesvdr in a loop
[[nodiscard]] Call eigh_call(Rival& on, Batch<const double> A, Batch<double> vectors, Batch<double> w);
[[nodiscard]] Call qr_call(Rival& on, Batch<const double> A, Batch<double> Q);
[[nodiscard]] Call gesvd_call(Rival& on, Batch<const double> A, Batch<double> U, Batch<double> s, Batch<double> Vt);
[[nodiscard]] Call gesvda_call(Rival& on, Batch<const double> A, Batch<double> U, Batch<double> s, Batch<double> V);
[[nodiscard]] Call gesvdr_call(Rival& on, Batch<const double> A, int rank, int oversampling, int power_iterations,
                               Batch<double> s);
// XsyevBatched, one gemm with the stencil's basis T (columns descending), one product with mu (descending)
[[nodiscard]] Call closed_forms_call(Rival& on, Batch<const double> G, Batch<const double> T, Batch<const double> mu,
                                     Batch<double> P, Batch<double> bound);

// Samples first, first + 1, ... of streams 0, 1, ... (a stream an item of the views): distributions, one gemm with the
// kernel, and an epilogue with modulation, noise and scaling; the numbers of our generator. `first` is read at the
// call.
[[nodiscard]] Call deer_call(Rival& on, const DeerTables& tables, std::uint64_t seed, const Index& first,
                             Batch<float> input, Batch<float> target);
// One step of tanh and logistic layers [inputs, hidden, outputs], mean squared error, Adam with coupled decay:
// strided batched gemms, kernels for bias and activation, slopes, sums and Adam. w, m, v as mlp.hpp packs them.
struct TrainShape {
    Index inputs = 0, hidden = 0, outputs = 0;
    double rate = 0, decay = 0, beta1 = 0, beta2 = 0, epsilon = 0;
};
struct TrainCalls {
    Call step, restart;  // restart: the next step is the first
};
[[nodiscard]] TrainCalls train_calls(Rival& on, const TrainShape& shape, Batch<const float> input,
                                     Batch<const float> target, Batch<float> w, Batch<float> m, Batch<float> v,
                                     Batch<float> loss);

}  // namespace descrambler::bench
