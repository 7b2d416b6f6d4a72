// The CPU backend: each primitive is a free function in the file of its family.
#include "descrambler/backend.hpp"

#include <omp.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstring>
#include <new>

#include "cpu/algebra.hpp"
#include "cpu/cayley.hpp"
#include "cpu/convolution.hpp"
#include "cpu/dense.hpp"
#include "cpu/factor.hpp"
#include "cpu/fourier.hpp"
#include "cpu/maps.hpp"
#include "cpu/matrix_product.hpp"
#include "cpu/minimise.hpp"
#include "cpu/random.hpp"
#include "cpu/randomized_svd.hpp"
#include "cpu/scattering.hpp"
#include "cpu/training.hpp"
#include "cpu/windows.hpp"

namespace descrambler {

namespace {

// Large values lie in pages of 2 MiB where the system has them: passes through weights and probes meet fewer pages.
constexpr std::size_t huge_page = std::size_t{2} << 20;

template <class T>
class CpuBackend final : public Backend<T> {
public:
    explicit CpuBackend(int threads)
        : threads_(threads > 0 ? threads : omp_get_max_threads()),
          scratch_(threads_),
          transforms_(threads_),
          scatterer_(threads_) {
        set_up_blas();
    }
    const char* name() const override { return "cpu"; }
    int threads() const override { return threads_; }
    bool on_host() const override { return true; }

private:
    template <std::size_t alignment>
    static typename Memory<T>::Allocation allocate_aligned(std::size_t bytes) {
        constexpr std::align_val_t align{alignment};
        void* const data = ::operator new(bytes, align);
#if defined(__linux__)
        if (alignment == huge_page)
            (void)madvise(data, bytes / huge_page * huge_page, MADV_HUGEPAGE);  // a wish, not everywhere granted
#endif
        std::memset(data, 0, bytes);
        return {data, [](void* p) { ::operator delete(p, align); }};
    }
    typename Memory<T>::Allocation do_allocate(std::size_t bytes) override {
        if (bytes < 2 * huge_page)
            return allocate_aligned<64>(bytes);
        return allocate_aligned<huge_page>(bytes);
    }
    void do_upload(const void* host, void* to, std::size_t bytes) override {
        std::memcpy(to, host, bytes);
    }
    void do_download(const void* from, void* host, std::size_t bytes) override {
        std::memcpy(host, from, bytes);
    }
    void do_synchronise() override {}

    void do_gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C) override {
        cpu::gemm(a, b, alpha, A, B, beta, C, threads_);
    }
    void do_gram(Batch<const T> S, T beta, Batch<T> G) override {
        cpu::gram(S, beta, G, threads_);
    }
    void do_axpby(T alpha, Batch<const T> x, T beta, Batch<T> y) override {
        cpu::axpby(alpha, x, beta, y, threads_);
    }
    void do_dot(Batch<const T> x, Batch<const T> y, Batch<T> r) override {
        cpu::dot(x, y, r, threads_);
    }
    void do_qr(Batch<T> A, Batch<T> R) override {
        cpu::qr(A, R, threads_);
    }
    void do_triangularise(Batch<T> A, Batch<T> R) override {
        cpu::triangularise(A, R, threads_);
    }
    void do_eigh(Batch<T> A, Batch<T> w) override {
        cpu::eigh(A, w, threads_);
    }
    void do_svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V) override {
        cpu::svd(A, U, s, V, threads_);
    }
    void do_cholesky_solve(Batch<T> A, Batch<T> B) override {
        cpu::cholesky_solve(A, B, threads_);
    }
    void do_cayley(Batch<const T> q, Batch<T> P) override {
        cpu::cayley(q, P, scratch_, threads_);
    }
    void do_cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq) override {
        cpu::cayley_pullback(P, dP, dq, scratch_, threads_);
    }
    void do_tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq) override {
        cpu::tikhonov(mu, L, q, eta, dq, scratch_, threads_);
    }
    void do_minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                     std::span<MinimiseReport> reports) override {
        cpu::minimise(options, mu, L, P, reports, threads_);
    }
    void do_randomized_svd(Batch<const T> A, int rank, int oversampling, int power_iterations, std::uint64_t seed,
                           Batch<T> U, Batch<T> s, Batch<T> V) override {
        cpu::randomized_svd(A, rank, oversampling, power_iterations, seed, U, s, V, threads_);
    }
    void do_random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) override {
        for (Index b = 0; b < x.batch; ++b)
            cpu::random_uniform(seed, stream + static_cast<std::uint64_t>(b), first, x.item(b).data, x.size());
    }
    void do_random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first, Batch<T> x) override {
        for (Index b = 0; b < x.batch; ++b)
            cpu::random_normal(seed, stream + static_cast<std::uint64_t>(b), first, x.item(b).data, x.size());
    }
    void do_fft(const FourierShape& shape, Batch<const std::complex<T>> x, Batch<std::complex<T>> y) override {
        transforms_.fft(shape, x, y);
    }
    void do_real_fft(const FourierShape& shape, Batch<const T> x, Batch<std::complex<T>> y) override {
        transforms_.real_fft(shape, x, y);
    }
    void do_real_ifft(const FourierShape& shape, Batch<const std::complex<T>> y, Batch<T> x) override {
        transforms_.real_ifft(shape, y, x);
    }
    void do_scatter(const ScatteringTree<T>& tree, Batch<const T> x, Batch<T> s) override {
        scatterer_.scatter(tree, x, s);
    }
    void do_scatter_adjoint(const ScatteringTree<T>& tree, Batch<const T> x, Batch<const T> s_bar, Batch<T> x_bar,
                            Batch<T> spectra_bar) override {
        scatterer_.adjoint(tree, x, s_bar, x_bar, spectra_bar);
    }
    void do_convolve(const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y,
                     const Mask<T>& mask) override {
        cpu::convolve(shape, W, x, beta, y, mask, scratch_, threads_);
    }
    void do_convolve_adjoint(const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                             const Mask<T>& mask) override {
        cpu::convolve_adjoint(shape, W, y, beta, x, mask, scratch_, threads_);
    }
    void do_matrix_product(Op op, Batch<const T> A, Batch<const T> x, T beta, Batch<T> y) override {
        cpu::matrix_product(op, A, x, beta, y, scratch_, threads_);
    }
    void do_sparse_product(const SparseRows<T>& A, Batch<const T> x, T beta, Batch<T> y) override {
        cpu::sparse_product(A, x, beta, y, threads_);
    }
    void do_diagonal_product(Periodic<T> a, Batch<const T> x, T beta, Batch<T> y) override {
        cpu::diagonal_product(a, x, beta, y, threads_);
    }
    void do_masked_product(const std::uint32_t* bits, Periodic<T> off, Batch<const T> x, T beta, Batch<T> y) override {
        cpu::masked_product(bits, off, x, beta, y, threads_);
    }
    void do_add_offset(Periodic<T> c, Batch<T> y) override {
        cpu::add_offset(c, y, threads_);
    }
    void do_offset_dot(Periodic<T> c, Batch<const T> x, Batch<T> r) override {
        cpu::offset_dot(c, x, r, threads_);
    }
    void do_project_runs(Index m, bool centre, Batch<const T> gain, Batch<const T> h, Batch<const T> x, T beta,
                         Batch<T> y) override {
        cpu::project_runs(m, centre, gain, h, x, beta, y, threads_);
    }
    void do_softmax_runs(SoftmaxOf of, Index m, Batch<const T> s, Batch<const T> x, T beta, Batch<T> y) override {
        cpu::softmax_runs(of, m, s, x, beta, y, threads_);
    }
    void do_diagonal_windows(Periodic<T> a, const Windows& from, Batch<const T> x, T beta, const Windows& to,
                             Batch<T> y) override {
        cpu::diagonal_windows(a, from, x, beta, to, y, threads_);
    }
    void do_masked_windows(const std::uint32_t* bits, Periodic<T> off, const Windows& from, Batch<const T> x, T beta,
                           const Windows& to, Batch<T> y) override {
        cpu::masked_windows(bits, off, from, x, beta, to, y, threads_);
    }
    void do_sparse_windows(const SparseRows<T>& A, const Windows& from, Batch<const T> x, T beta, const Windows& to,
                           Batch<T> y) override {
        cpu::sparse_windows(A, from, x, beta, to, y, threads_);
    }
    void do_dense_forward(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, Batch<T> y) override {
        cpu::dense_forward(f, W, b, x, y, threads_);
    }
    void do_dense_backward(Activation f, Batch<const T> W, Batch<const T> x, Batch<const T> y, Batch<T> dy, Batch<T> dW,
                           Batch<T> db, Batch<T> dx) override {
        cpu::dense_backward(f, W, x, y, dy, dW, db, dx, threads_);
    }
    void do_dense_gram(Activation f, Batch<const T> W, Batch<const T> b, Batch<const T> x, T beta,
                       Batch<T> G) override {
        cpu::dense_gram(f, W, b, x, beta, G, threads_);
    }
    void do_renorm_forward(Batch<const T> x, Batch<T> y) override {
        cpu::renorm_forward(x, y, threads_);
    }
    void do_renorm_backward(Batch<const T> x, Batch<const T> y, Batch<const T> dy, Batch<T> dx) override {
        cpu::renorm_backward(x, y, dy, dx, threads_);
    }
    void do_adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m, Batch<T> v,
                      Batch<T> w) override {
        cpu::adam_step(options, rate, decay, step, g, m, v, w, threads_);
    }
    void do_train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last,
                  Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss) override {
        cpu::train(plan, members, first, last, parameters, m, v, loss, threads_);
    }
    int threads_;
    cpu::Scratch<T> scratch_;
    cpu::Transforms<T> transforms_;
    cpu::Scatterer<T> scatterer_;
};

}  // namespace

template <class T>
std::unique_ptr<Backend<T>> make_cpu_backend(int threads) {
    require(threads >= 0, "make_cpu_backend: negative number of threads");
    return std::make_unique<CpuBackend<T>>(threads);
}
template std::unique_ptr<Backend<float>> make_cpu_backend<float>(int);
template std::unique_ptr<Backend<double>> make_cpu_backend<double>(int);

}  // namespace descrambler
