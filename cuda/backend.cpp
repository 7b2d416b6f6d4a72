// The CUDA backend: each primitive is a free function in the file of its family.
#include "descrambler/backend.hpp"

#include "algebra.hpp"
#include "cayley.hpp"
#include "convolution.hpp"
#include "dense.hpp"
#include "factor.hpp"
#include "gram.hpp"
#include "maps.hpp"
#include "minimise.hpp"
#include "random.hpp"
#include "randomized_svd.hpp"
#include "sampling.hpp"
#include "training.hpp"
#include "vendor.hpp"

namespace descrambler {

namespace {

template <class T>
class CudaBackend final : public Backend<T> {
public:
    explicit CudaBackend(int device) : on_(std::make_shared<cuda::Context>(device)) {}
    const char* name() const override { return on_->name().c_str(); }
    int threads() const override { return 1; }
    bool on_host() const override { return false; }
    cuda::Sampling sampling() { return {*on_, samples_}; }

private:
    typename Memory<T>::Allocation do_allocate(std::size_t bytes) override {
        void* const data = on_->allocate(bytes);
        on_->zero(data, bytes);
        return {data, [on = on_](void* p) { on->release(p); }};  // may outlive the backend
    }
    void do_upload(const void* host, void* to, std::size_t bytes) override { on_->to_device(to, host, bytes); }
    void do_download(const void* from, void* host, std::size_t bytes) override { on_->to_host(host, from, bytes); }
    void do_synchronise() override { on_->synchronise(); }

    void do_gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) override {
        cuda::vendor_gemm(*on_, a, b, alpha, A, B, beta, C);
    }
    void do_gram(Batch<const T> S, T beta, Batch<T> G) override { cuda::gram(*on_, S, beta, G); }
    void do_axpby(T alpha, Batch<const T> x, T beta, Batch<T> y) override { cuda::axpby(*on_, alpha, x, beta, y); }
    void do_dot(Batch<const T> x, Batch<const T> y, Batch<T> r) override { cuda::dot(*on_, x, y, r); }
    void do_qr(Batch<T> A, Batch<T> R) override { cuda::qr(*on_, A, R); }
    void do_eigh(Batch<T> A, Batch<T> w) override { cuda::eigh(*on_, A, w); }
    void do_svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) override { cuda::svd(*on_, A, U, s, V); }
    void do_cholesky_solve(Batch<T> A, Batch<T> B) override { cuda::cholesky_solve(*on_, A, B); }
    void do_cayley(Batch<const T> q, Batch<T> P) override { cuda::cayley(*on_, q, P); }
    void do_cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq) override {
        cuda::cayley_pullback(*on_, P, dP, dq);
    }
    void do_tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq) override {
        cuda::tikhonov(*on_, mu, L, q, eta, dq);
    }
    void do_minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                     std::span<MinimiseReport> reports) override {
        cuda::minimise(*on_, options, mu, L, P, reports);
    }
    void do_randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed,
                           Batch<T> U, Batch<T> s, Batch<T> V) override {
        cuda::randomized_svd(*on_, A, rank, oversampling, power_iterations, seed, U, s, V);
    }
    void do_random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) override {
        cuda::random_uniform(*on_, seed, stream, first, x);
    }
    void do_random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) override {
        cuda::random_normal(*on_, seed, stream, first, x);
    }
    void do_fft(const FourierShape& shape, Batch<const std::complex<T>> x, Batch<std::complex<T>> y) override {
        cuda::vendor_fft(*on_, shape, x, y);
    }
    void do_real_fft(const FourierShape& shape, Batch<const T> x, Batch<std::complex<T>> y) override {
        cuda::vendor_real_fft(*on_, shape, x, y);
    }
    void do_real_ifft(const FourierShape& shape, Batch<const std::complex<T>> y, Batch<T> x) override {
        cuda::vendor_real_ifft(*on_, shape, y, x);
    }
    void do_dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y) override {
        cuda::dense_forward(*on_, f, W, b, x, y);
    }
    void do_dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy, Batch<T> dW,
                           Batch<T> db, Batch<T> dx) override {
        cuda::dense_backward(*on_, f, W, x, y, dy, dW, db, dx);
    }
    void do_dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta,
                       Batch<T> G) override {
        cuda::dense_gram(*on_, f, W, b, x, beta, G);
    }
    void do_renorm_forward(Batch<const T> x, Batch<T> y) override { cuda::renorm_forward(*on_, x, y); }
    void do_renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx) override {
        cuda::renorm_backward(*on_, x, y, dy, dx);
    }
    void do_adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m, Batch<T> v,
                      Batch<T> w) override {
        cuda::adam_step(*on_, options, rate, decay, step, g, m, v, w);
    }
    void do_train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last,
                  Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss) override {
        samples_.keep_scratch = true;
        const std::unique_ptr<cuda::SampleMemory, void (*)(cuda::SampleMemory*)> until_the_end(
            &samples_, [](cuda::SampleMemory* kept) {
                kept->keep_scratch = false;
                kept->scratch.reset();
            });
        cuda::train(*on_, *this, plan, members, first, last, parameters, m, v, loss);
    }
    void do_convolve(const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y,
                     const Mask<T>& mask) override {
        cuda::convolve(*on_, shape, W, x, beta, y, mask);
    }
    void do_convolve_adjoint(const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                             const Mask<T>& mask) override {
        cuda::convolve_adjoint(*on_, shape, W, y, beta, x, mask);
    }
    // A vendor's product may take another kernel for another number of probes; as a convolution of images of one pixel it is
    // a kernel of ours, whose bits depend on nothing.
    void do_matrix_product(Op op, Batch<const T> A, Batch<const T> x, T beta, Batch<T> y) override {
        const Convolution pixel{.in_channels = A.rows, .out_channels = A.cols};
        if (op == Op::transpose)
            cuda::convolve(*on_, pixel, A, x, beta, y, {});
        else
            cuda::convolve_adjoint(*on_, pixel, A, x, beta, y, {});
    }
    void do_sparse_product(const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y) override {
        cuda::sparse_product(*on_, A, x, beta, y);
    }
    void do_diagonal_product(Periodic<T> a, Batch<const T> x, T beta, Batch<T> y) override {
        cuda::diagonal_product(*on_, a, x, beta, y);
    }
    void do_masked_product(const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta, Batch<T> y) override {
        cuda::masked_product(*on_, bits, off, x, beta, y);
    }
    void do_add_offset(Periodic<T> c, Batch<T> y) override { cuda::add_offset(*on_, c, y); }
    void do_offset_dot(Periodic<T> c, Batch<const T> x, Batch<T> r) override { cuda::offset_dot(*on_, c, x, r); }
    void do_project_runs(Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta,
                         Batch<T> y) override {
        cuda::project_runs(*on_, m, centre, gain, h, x, beta, y);
    }
    void do_softmax_runs(SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y) override {
        cuda::softmax_runs(*on_, of, m, s, x, beta, y);
    }

    std::shared_ptr<cuda::Context> on_;
    cuda::SampleMemory samples_;
};

}  // namespace

bool built_with_cuda() {
    return true;
}

template <class T>
std::unique_ptr<Backend<T>> make_cuda_backend(int device) {
    return std::make_unique<CudaBackend<T>>(device == any_device ? local_rank() % cuda::device_count() : device);
}

template <class T>
cuda::Sampling cuda::sampling_of(Backend<T>& backend) {
    return dynamic_cast<CudaBackend<T>&>(backend).sampling();
}

template std::unique_ptr<Backend<float>> make_cuda_backend<float>(int);
template std::unique_ptr<Backend<double>> make_cuda_backend<double>(int);
template cuda::Sampling cuda::sampling_of<float>(Backend<float>&);
template cuda::Sampling cuda::sampling_of<double>(Backend<double>&);

}  // namespace descrambler
