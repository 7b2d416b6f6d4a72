// The backend border: every batched primitive, on one page. One call serves a whole batch (an ensemble).
// A public function checks shapes once and calls a private virtual one; CpuBackend and CudaBackend implement
// them. One backend object = one device, one stream, its handles and its scratch memory. Calls enqueue; only
// download and synchronise wait. All matrices are column-major; sizes are given as [rows, cols] x batch.
// Throws std::invalid_argument on shapes that do not fit and Error when a factorisation fails.
#pragma once

#include <complex>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "descrambler/array.hpp"
#include "descrambler/deer_database.hpp"

namespace descrambler {

class Communicator;  // communicator.hpp
[[nodiscard]] std::shared_ptr<Communicator> single_process();

enum class Op { none, transpose };
enum class Activation { identity, tanh, logistic, softplus, relu };
enum class Loss { mse, rmse };  // mean squared error of a batch (over samples and outputs), and its square root

// One fully connected layer: y = f(W x + b), then y / mean(y) if renorm.
struct Layer {
    Index inputs = 0, outputs = 0;
    Activation activation = Activation::identity;
    bool renorm = false;
    bool operator==(const Layer&) const = default;
};

// Adam (Kingma, Ba 2014) with L2 coupled to the gradient: g + decay * w enters the moments.
struct AdamOptions {
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

// What one member of an ensemble trains with.
struct MemberPlan {
    std::uint64_t member = 0;  // its streams: stream::member + member, stream::shuffle + member
    Index iterations = 0;      // whole length of its schedule
    double decay = 1e-6;
    bool shuffled = false;  // targets permuted within each batch, a fresh permutation every batch
};

// Whole optimisation steps for all members: draw, forward, loss, backward, Adam.  rate(it) = rate (floor + (1 - floor)
// (1 + cos(pi it / iterations)) / 2)
template <class T>
struct TrainPlan {
    std::span<const Layer> layers;
    Index batch_size = 256;
    double rate = 1e-2, rate_floor = 0.01;
    AdamOptions adam;
    Loss loss = Loss::mse;
    std::uint64_t seed = 0;
    const DeerTables* deer = nullptr;  // the data, or, where there is none (called from several threads at a time):
    std::function<void(std::uint64_t stream, Index first, Batch<T> input, Batch<T> target)> samples;
};

// Minimisation of eta = sum_i mu_i ||row_i(P L)||^2 = tr(M P G P^T) over SO(n), M = diag(mu) in its own basis, G = L
// L^T.
//   riemannian  preconditioned descent, the chart centred anew at every step; stops when N = P G P^T is diagonal and
//   sorted cayley      L-BFGS over q in P = cayley(q), from q = 0: the published parameterisation, for comparison
enum class Minimiser { riemannian, cayley };
struct MinimiseOptions {
    Minimiser method = Minimiser::riemannian;
    Index evaluations = 500, iterations = 500;  // budgets, whichever ends first
    double offdiagonal = 1e-6;                  // riemannian: |N_ij| <= this sqrt(N_ii N_jj) + rounding, mu_i != mu_j
    std::vector<double> bound;                  // [batch] certified minima, or empty; with them a run also has to reach
    double gap = 1e-6;                          //   (eta - bound) <= gap bound (riemannian), or stops there (cayley)
    Index memory = 20;                          // cayley: pairs of the quasi-Newton matrix
    double gradient = 0;                        // cayley: stops at ||g|| <= gradient ||g_0||
};
struct MinimiseReport {
    struct Point {
        Index iterations = 0, evaluations = 0;
        double eta = 0, gradient = 0;  // gradient: 2-norm over the n (n - 1) / 2 independent entries
    };
    bool converged = false;
    Index iterations = 0, evaluations = 0;
    std::vector<Point> history;  // the start and every accepted step
};

template <class T>  // instantiated for float and double
class Backend {
public:
    virtual ~Backend() = default;
    [[nodiscard]] virtual const char* name() const = 0;
    [[nodiscard]] virtual int threads() const = 0;
    [[nodiscard]] virtual bool on_host() const = 0;  // its memory is the host's

    // memory
    [[nodiscard]] Buffer<T> allocate(Index size);  // zero-filled, lives where the backend computes
    void upload(const T* host, Batch<T> to);       // host: items one after another
    void download(Batch<const T> from, T* host);   // waits
    void synchronise();

    // blas: C = alpha op(A) op(B) + beta C;  G = S S^T + beta G, whole matrix;  y = alpha x + beta y;  r[b] = <x, y>
    void gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C);
    void gram(Batch<const T> S, T beta, Batch<T> G);
    void axpby(T alpha, Batch<const T> x, T beta, Batch<T> y);
    void dot(Batch<const T> x, Batch<const T> y, Batch<T> r);

    // factor: A [m, n] -> R [n, n] upper with A = Q R, Q in A where m >= n;  A -> eigenvectors, w [n, 1] ascending;
    //         A = U diag(s) V^T thin, A destroyed: U [m, k], s [k, 1] descending, V [n, k], k = min(m, n); U and V
    //         both empty: s alone, at a fraction of the cost;
    //         A [n, n] symmetric positive definite (lower triangle read, destroyed), B [n, r] -> A^-1 B
    void qr(Batch<T> A, Batch<T> R);
    void eigh(Batch<T> A, Batch<T> w);
    void svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V);
    void cholesky_solve(Batch<T> A, Batch<T> B);
    // randomised SVD (Halko, Martinsson, Tropp 2011), A [m, n] -> A ~ U diag(s) V^T of rank k: U [m, k], s [k, 1]
    // descending, V [n, k]:  Q = orth(A Z), Z [n, l] normal, l = min(k + oversampling, m, n); power_iterations times
    // Q = orth(A orth(A^T Q));  SVD of Q^T A, cut to k. All items share Z (stream::sketch): alone and in a batch an
    // item has the same bits. Error of s_i about (sigma_{l+1} / sigma_i)^(4 power_iterations + 2).
    void randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed,
                        Batch<T> U, Batch<T> s, Batch<T> V);

    // cayley: q [n (n - 1) / 2, 1] strictly lower triangle of Q column by column, Q = lower(q) - lower(q)^T;
    //         P = (I + Q)^-1 (I - Q), without pivoting (every pivot is >= 1);  dP -> dq, assigned
    void cayley(Batch<const T> q, Batch<T> P);
    void cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq);

    // descramble: eta [1, 1] and d eta / d q of the functional above at P = cayley(q), mu [n, 1], L [n, k];
    //         the whole minimisation of every item, from P (riemannian; cayley ignores it) and into P
    void tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq);
    void minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                  std::span<MinimiseReport> reports);

    // random: the numbers of words first, first + 1, ... of a stream; item b of the batch reads stream + b
    void random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Batch<T> x);
    void random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Batch<T> x);

    // fft: complex, forward, unnormalised, along the first index
    void fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y);

    // mlp: y = f(W x + b), b [out, 1] or empty;  dy is overwritten by dz = dy f'(z), gradients are accumulated
    //      (+=) into dW and db, dx = W^T dz is assigned (empty: not wanted);  y = x / mean(x) by column
    void dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y);
    void dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy, Batch<T> dW,
                        Batch<T> db, Batch<T> dx);
    //      G = S S^T + beta G with S = f(W x + b), S never stored; x [in, N] may be shared by the batch (stride 0)
    void dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta, Batch<T> G);
    void renorm_forward(Batch<const T> x, Batch<T> y);
    void renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx);
    void adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m, Batch<T> v,
                   Batch<T> w);
    // steps first .. last-1 of every member that has them; parameters, m, v [P, 1] x members as mlp.hpp packs them;
    // loss [last - first, 1] x members, NaN beyond a member's schedule
    void train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last,
               Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss);

    // deer: samples first, first + 1, ... of a stream
    void deer_traces(const DeerTables& tables, std::uint64_t seed, std::uint64_t stream, Index first,
                     const DeerSamples<T>& out);

private:
    virtual Buffer<T> do_allocate(Index size) = 0;
    virtual void do_upload(const T* host, Batch<T> to) = 0;
    virtual void do_download(Batch<const T> from, T* host) = 0;
    virtual void do_synchronise() = 0;
    virtual void do_gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) = 0;
    virtual void do_gram(Batch<const T> S, T beta, Batch<T> G) = 0;
    virtual void do_axpby(T alpha, Batch<const T> x, T beta, Batch<T> y) = 0;
    virtual void do_dot(Batch<const T> x, Batch<const T> y, Batch<T> r) = 0;
    virtual void do_qr(Batch<T> A, Batch<T> R) = 0;
    virtual void do_eigh(Batch<T> A, Batch<T> w) = 0;
    virtual void do_svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) = 0;
    virtual void do_cholesky_solve(Batch<T> A, Batch<T> B) = 0;
    virtual void do_cayley(Batch<const T> q, Batch<T> P) = 0;
    virtual void do_cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq) = 0;
    virtual void do_tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq) = 0;
    virtual void do_minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                             std::span<MinimiseReport> reports) = 0;
    virtual void do_randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations,
                                   std::uint64_t seed, Batch<T> U, Batch<T> s, Batch<T> V) = 0;
    virtual void do_random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) = 0;
    virtual void do_random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) = 0;
    virtual void do_fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y) = 0;
    virtual void do_dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y) = 0;
    virtual void do_dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy,
                                   Batch<T> dW, Batch<T> db, Batch<T> dx) = 0;
    virtual void do_dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta,
                               Batch<T> G) = 0;
    virtual void do_renorm_forward(Batch<const T> x, Batch<T> y) = 0;
    virtual void do_renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx) = 0;
    virtual void do_adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m,
                              Batch<T> v, Batch<T> w) = 0;
    virtual void do_train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last,
                          Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss) = 0;
    virtual void do_deer_traces(const DeerTables& tables, std::uint64_t seed, std::uint64_t stream, Index first,
                                const DeerSamples<T>& out) = 0;
};

// threads: OpenMP threads over the batch; 0 = all the machine offers. BLAS and LAPACK run with one thread always,
// so results do not depend on it.
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_cpu_backend(int threads = 0);
// The kind of processor that the BLAS has chosen its kernels for: last digits depend on it.
[[nodiscard]] std::string processor_name();
// any_device: the one whose number is the process's local rank, modulo the devices. Throws InputError in a build
// without CUDA, on a machine without a device or without that one, and where it is too old.
inline constexpr int any_device = -1;
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_cuda_backend(int device = any_device);
[[nodiscard]] bool built_with_cuda();

// Where a job runs: "auto" (a CUDA device where there is one, otherwise the CPU), "cpu", "cuda", "cuda:N".
struct Execution {
    std::string device = "auto";
    int threads = 0;                                         // of the CPU; 0: all
    std::shared_ptr<Communicator> ranks = single_process();  // that share the job
    Execution() = default;
    Execution(int threads) : device("cpu"), threads(threads) {}
    Execution(std::string device, int threads = 0) : device(std::move(device)), threads(threads) {}
    Execution(const char* device, int threads = 0) : device(device), threads(threads) {}
};
template <class T>
[[nodiscard]] std::unique_ptr<Backend<T>> make_backend(const Execution& execution);
// One kind of device for the whole job: "auto" becomes what every rank has found. Returns the kind, without the number
// of the device: "cpu", "cuda (NVIDIA H100 80GB HBM3)". All ranks call. Throws InputError where the device is not there
// and where ranks have devices of different kinds: their bits would differ, and so would the leaves of their sums.
std::string settle_device(Execution& execution);
// Threads of the CPU that the execution means: its number, or what the ranks of a node leave each other. All ranks
// call.
[[nodiscard]] int threads_of(const Execution& execution);
// Place of this process among those of its node, from the environment of the launcher (Open MPI, MPICH, Slurm); 0
// alone.
[[nodiscard]] int local_rank();

// body(first, count) for parts of 0 .. items - 1 in order: all at once, and halves of what does not fit into the memory
// of the device. One item that does not fit alone: OutOfMemory.
void in_parts(Index items, const std::function<void(Index first, Index count)>& body);

}  // namespace descrambler
