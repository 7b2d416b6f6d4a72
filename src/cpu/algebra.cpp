#include "cpu/algebra.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "cpu/lapack.hpp"
#include "cpu/panel_product.hpp"

extern "C" void openblas_set_num_threads(int threads);
extern "C" char* openblas_get_corename();
// only in builds for several processors
extern "C" [[gnu::weak]] void gotoblas_dynamic_quit();
extern "C" [[gnu::weak]] void gotoblas_dynamic_init();
// only in builds with threads; the library itself calls it before a fork, and starts threads again when it needs them
extern "C" [[gnu::weak]] int blas_thread_shutdown_();

namespace descrambler {

namespace {

// OpenBLAS knows processors by their model numbers: on one newer than itself (for 0.3.21: Emerald Rapids, Zen 5) it
// falls back to SSE3, four to eight times slower. Then this asks for the kernels of the instructions that the processor
// has.
void choose_kernels() {
#if defined(__x86_64__)
    constexpr const char* variable = "OPENBLAS_CORETYPE";
    if (gotoblas_dynamic_quit == nullptr || gotoblas_dynamic_init == nullptr || std::getenv(variable) != nullptr ||
        std::strcmp(openblas_get_corename(), "Prescott") != 0 || !__builtin_cpu_supports("avx2") ||
        !__builtin_cpu_supports("fma"))
        return;
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512cd");
    ::setenv(variable, wide ? "SkylakeX" : "Haswell", 1);  // the only way to ask
    gotoblas_dynamic_quit();
    gotoblas_dynamic_init();
    ::unsetenv(variable);
#endif
}

}  // namespace

void set_up_blas() {  // globals of the library: written once, read by all
    static const bool once = [] {
        choose_kernels();
        openblas_set_num_threads(1);
        // what it started when it was loaded waits by yielding, for a tenth of a second in which it takes half of a
        // processor from our threads
        if (blas_thread_shutdown_ != nullptr)
            blas_thread_shutdown_();
        return true;
    }();
    static_cast<void>(once);
}

std::string processor_name() {
    set_up_blas();
    return openblas_get_corename();
}

}  // namespace descrambler

namespace descrambler::cpu {

template <class T>
void gemm(Op a, Op b, T alpha, Batch<const T> A, Batch<const T> B, T beta, Batch<T> C, int threads) {
    const Index k = a == Op::none ? A.cols : A.rows;
    if (C.size() == 0)
        return;
    if (k == 0) {  // BLAS requires leading dimensions of at least 1
        axpby<T>(0, C, beta, C, threads);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(threads) if (C.batch > 1)
    for (Index i = 0; i < C.batch; ++i)
        gemm(a == Op::none ? CblasNoTrans : CblasTrans, b == Op::none ? CblasNoTrans : CblasTrans,
             static_cast<int>(C.rows), static_cast<int>(C.cols), static_cast<int>(k), alpha, A.item(i).data,
             static_cast<int>(A.ld), B.item(i).data, static_cast<int>(B.ld), beta, C.item(i).data,
             static_cast<int>(C.ld));
}

template <class T>
void mirror(Batch<T> G) {
    constexpr Index side = 32;  // both blocks stay in the cache
    for (Index j0 = 0; j0 < G.cols; j0 += side)
        for (Index i0 = 0; i0 <= j0; i0 += side)
            for (Index j = j0; j < std::min(j0 + side, G.cols); ++j)
                for (Index i = i0; i < std::min(i0 + side, j); ++i)
                    G(i, j) = G(j, i);
}

template <class T>
void lower_gram(Batch<const T> S, T beta, Batch<T> G) {
    constexpr Index least_columns = 64;
    if (S.cols >= least_columns && panel_gram_serves<T>(S.rows))
        panel_gram(S, beta, G);
    else
        syrk(static_cast<int>(S.rows), static_cast<int>(S.cols), S.data, static_cast<int>(S.ld), beta, G.data,
             static_cast<int>(G.ld));
}

template <class T>
void gram(Batch<const T> S, T beta, Batch<T> G, int threads) {
    if (G.size() == 0)
        return;
    if (S.cols == 0) {
        axpby<T>(0, G, beta, G, threads);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(threads) if (G.batch > 1)
    for (Index i = 0; i < G.batch; ++i) {
        const Batch<T> g = G.item(i);
        lower_gram(S.item(i), beta, g);
        mirror(g);
    }
}

namespace {

// body(a, b, numbers) for the longest runs that are contiguous in both: everything, or column by column.
template <class A, class B, class Body>
void for_runs(const Batch<A>& a, const Batch<B>& b, const Body& body) {
    if (a.packed() && b.packed())
        return body(a.data, b.data, a.size());
    for (Index j = 0; j < a.cols; ++j)
        body(a.data + j * a.ld, b.data + j * b.ld, a.rows);
}

}  // namespace

template <class T>
void axpby(T alpha, Batch<const T> x, T beta, Batch<T> y, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (y.batch > 1)
    for (Index i = 0; i < y.batch; ++i)
        for_runs(x.item(i), y.item(i), [&](const T* from, T* to, Index count) {
            constexpr Index piece = Index{1} << 15;
#pragma omp parallel for schedule(static) num_threads(threads) if (y.batch == 1 && count > 2 * piece)
            for (Index first = 0; first < count; first += piece)
                for (Index e = first; e < std::min(first + piece, count); ++e)  // 0 * NaN must not survive, as in BLAS
                    to[e] = (alpha == 0 ? T{0} : alpha * from[e]) + (beta == 0 ? T{0} : beta * to[e]);
        });
}

template <class T>
void dot(Batch<const T> x, Batch<const T> y, Batch<T> r, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads) if (x.batch > 1)
    for (Index i = 0; i < x.batch; ++i) {
        T sum = 0;
        for_runs(x.item(i), y.item(i), [&](const T* a, const T* b, Index count) {
            for (Index e = 0; e < count; ++e)
                sum += a[e] * b[e];
        });
        *r.item(i).data = sum;
    }
}

template void lower_gram<float>(Batch<const float>, float, Batch<float>);
template void lower_gram<double>(Batch<const double>, double, Batch<double>);
template void mirror<float>(Batch<float>);
template void mirror<double>(Batch<double>);
template void gemm<float>(Op, Op, float, Batch<const float>, Batch<const float>, float, Batch<float>, int);
template void gemm<double>(Op, Op, double, Batch<const double>, Batch<const double>, double, Batch<double>, int);
template void gram<float>(Batch<const float>, float, Batch<float>, int);
template void gram<double>(Batch<const double>, double, Batch<double>, int);
template void axpby<float>(float, Batch<const float>, float, Batch<float>, int);
template void axpby<double>(double, Batch<const double>, double, Batch<double>, int);
template void dot<float>(Batch<const float>, Batch<const float>, Batch<float>, int);
template void dot<double>(Batch<const double>, Batch<const double>, Batch<double>, int);

}  // namespace descrambler::cpu
