#include "cpu/factor.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <vector>

#include "cpu/lapack.hpp"

namespace descrambler::cpu {

namespace {

// Runs each item on one thread, with memory that the thread keeps for all its items. When all have ended, throws Error
// for the lowest item that failed.
template <class Memory, class F>
void each_item(Index batch, int threads, const char* what, F&& factor) {
    std::atomic<Index> failed{batch};
#pragma omp parallel num_threads(threads) if (batch > 1)
    {
        Memory memory;
#pragma omp for schedule(static)
        for (Index i = 0; i < batch; ++i)
            if (factor(i, memory) != 0) {
                Index lowest = failed.load();
                while (i < lowest && !failed.compare_exchange_weak(lowest, i)) {
                }
            }
    }
    if (failed.load() < batch)
        throw Error(std::string(what) + ": item " + std::to_string(failed.load()) + " did not factorise");
}

template <class T>
struct Workspace {
    std::vector<T> numbers;
    std::vector<int> integers;
};
struct Nothing {};

template <class T>
bool all_finite(Batch<T> A) {
    T sum = 0;  // stays 0 unless there is an infinity or NaN; a loop without exit is vectorised
#pragma omp simd reduction(+ : sum)
    for (Index i = 0; i < A.size(); ++i)
        sum += A.data[i] * 0;
    return sum == 0;
}

// R of A = Q R, and Q in A where it is wanted.
template <class T>
void householder(Batch<T> A, Batch<T> R, bool basis, const char* what, int threads) {
    if (A.cols == 0)
        return;
    each_item<Workspace<T>>(A.batch, threads, what, [&](Index i, Workspace<T>& space) {
        const Batch<T> a = A.item(i), r = R.item(i);
        const int m = static_cast<int>(a.rows), n = static_cast<int>(a.cols);
        std::vector<T>& work = space.numbers;
        std::vector<T> tau(static_cast<std::size_t>(n));
        int info = 0;
        if (work.empty()) {
            T size = 0;
            lapack::geqrf(m, n, a.data, tau.data(), &size, -1, info);
            work.resize(std::max(static_cast<std::size_t>(size), static_cast<std::size_t>(64 * n)));
        }
        const int lwork = static_cast<int>(work.size());
        lapack::geqrf(m, n, a.data, tau.data(), work.data(), lwork, info);
        if (info != 0)
            return info;
        for (Index column = 0; column < a.cols; ++column)
            for (Index row = 0; row < a.cols; ++row)
                r(row, column) = row <= column ? a(row, column) : T{0};
        if (basis)
            lapack::orgqr(m, n, a.data, tau.data(), work.data(), lwork, info);
        return info;
    });
}

}  // namespace

template <class T>
void qr(Batch<T> A, Batch<T> R, int threads) {
    householder(A, R, true, "qr", threads);
}

template <class T>
void triangularise(Batch<T> A, Batch<T> R, int threads) {
    householder(A, R, false, "triangularise", threads);
}

template <class T>
void eigh(Batch<T> A, Batch<T> w, int threads) {
    if (A.rows == 0)
        return;
    const int n = static_cast<int>(A.rows);
    each_item<Workspace<T>>(A.batch, threads, "eigh", [&](Index i, Workspace<T>& space) {
        const Batch<T> a = A.item(i);
        if (!all_finite(a))  // LAPACK may not return from NaN
            return 1;
        int info = 0;
        if (space.numbers.empty()) {
            int iwork_size = 0;
            T size = 0;
            lapack::syevd(n, a.data, w.item(i).data, &size, -1, &iwork_size, -1, info);
            space.numbers.resize(
                std::max(static_cast<std::size_t>(size), static_cast<std::size_t>(1 + 6 * n + 2 * n * n)));
            space.integers.resize(std::max(static_cast<std::size_t>(iwork_size), static_cast<std::size_t>(3 + 5 * n)));
        }
        lapack::syevd(n, a.data, w.item(i).data, space.numbers.data(), static_cast<int>(space.numbers.size()),
                      space.integers.data(), static_cast<int>(space.integers.size()), info);
        return info;
    });
}

template <class T>
void svd(Batch<T> A, Batch<T> U, Batch<T> s, Batch<T> V, int threads) {
    const Index k = std::min(A.rows, A.cols);
    if (k == 0)
        return;
    each_item<Nothing>(A.batch, threads, "svd", [&](Index i, Nothing&) {
        const bool values_only = V.data == nullptr;
        const Batch<T> a = A.item(i);
        if (!all_finite(a))
            return 1;
        const int m = static_cast<int>(a.rows), n = static_cast<int>(a.cols);
        const char* job = values_only ? "N" : "S";
        std::vector<T> vt(static_cast<std::size_t>(values_only ? 0 : k * a.cols)), work(1);
        std::vector<int> iwork(static_cast<std::size_t>(8 * k));
        int info = 0;
        T* const u = values_only ? nullptr : U.item(i).data;
        lapack::gesdd(job, m, n, a.data, s.item(i).data, u, vt.data(), static_cast<int>(k), work.data(), -1,
                      iwork.data(), info);
        work.resize(static_cast<std::size_t>(work[0]) + 1);
        lapack::gesdd(job, m, n, a.data, s.item(i).data, u, vt.data(), static_cast<int>(k), work.data(),
                      static_cast<int>(work.size()), iwork.data(), info);
        if (values_only)
            return info;
        const Batch<T> v = V.item(i);
        for (Index column = 0; column < k; ++column)
            for (Index row = 0; row < v.rows; ++row)
                v(row, column) = vt[static_cast<std::size_t>(row * k + column)];
        return info;
    });
}

template <class T>
void cholesky_solve(Batch<T> A, Batch<T> B, int threads) {
    if (A.rows == 0 || B.cols == 0)
        return;
    each_item<Nothing>(A.batch, threads, "cholesky_solve", [&](Index i, Nothing&) {
        int info = 0;
        lapack::posv(static_cast<int>(A.rows), static_cast<int>(B.cols), A.item(i).data, B.item(i).data, info);
        return info;
    });
}

template void qr<float>(Batch<float>, Batch<float>, int);
template void qr<double>(Batch<double>, Batch<double>, int);
template void triangularise<float>(Batch<float>, Batch<float>, int);
template void triangularise<double>(Batch<double>, Batch<double>, int);
template void eigh<float>(Batch<float>, Batch<float>, int);
template void eigh<double>(Batch<double>, Batch<double>, int);
template void svd<float>(Batch<float>, Batch<float>, Batch<float>, Batch<float>, int);
template void svd<double>(Batch<double>, Batch<double>, Batch<double>, Batch<double>, int);
template void cholesky_solve<float>(Batch<float>, Batch<float>, int);
template void cholesky_solve<double>(Batch<double>, Batch<double>, int);

}  // namespace descrambler::cpu
