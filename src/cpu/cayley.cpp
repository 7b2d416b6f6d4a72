// Cayley transform of skew-symmetric generators, its pullback, and the smoothness functional in its chart.
//   Q = lower(q) - lower(q)^T      B = (I + Q)^-1      P = B (I - Q) = 2 B - I      P^T P = I, det P = +1
//   eta = sum_i mu_i ||row_i(Y)||^2,   Y = P L,   G = L L^T
//   d eta / d q = lower(A - A^T),      A = -2 (B^T diag(mu) Y) (Y + L)^T
// the last is the published gradient -4 B^T [M, P G P^T] B in factor form, since B^T Y = (Y + L) / 2.
// Source: Amey et al., PNAS 2021; the pullback without a second inverse: dQ = -1/2 (I + P)^T dP (I + P)^T.
// q      [n (n - 1) / 2]  strictly lower triangle, column by column
// flops  2 n^3 the inverse; 8 n^3 value and gradient (7 n^3 where L is lower triangular); see cost.hpp
#include "cpu/cayley.hpp"

#include <omp.h>

#include <algorithm>
#include <exception>
#include <vector>

#include "cpu/lapack.hpp"

namespace descrambler::cpu {

namespace {

// Below this size a loop beats the calls of a recursion.
constexpr Index inverse_base = 8;
// Transposed reads go by tiles: at n = 256 a row meets one set of the cache only.
constexpr Index tile = 16;

// In-place Gauss-Jordan elimination on the diagonal, column by column.
template <class T>
void gauss_jordan(Index n, T* A, Index stride) {
    for (Index k = 0; k < n; ++k) {
        T* pivot = A + k * stride;
        const T inverse = 1 / pivot[k];
        for (Index j = 0; j < n; ++j) {
            if (j == k)
                continue;
            T* column = A + j * stride;
            const T factor = column[k] * inverse;
            column[k] = 0;
#pragma omp simd
            for (Index i = 0; i < n; ++i)
                column[i] -= pivot[i] * factor;
            column[k] = factor;
        }
        for (Index i = 0; i < n; ++i)
            pivot[i] *= -inverse;
        pivot[k] = inverse;
    }
}

template <class T>
void product(Index m, Index n, Index k, T alpha, const T* A, Index lda, const T* B, Index ldb, T beta, T* C,
             Index ldc) {
    gemm(CblasNoTrans, CblasNoTrans, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), alpha, A,
         static_cast<int>(lda), B, static_cast<int>(ldb), beta, C, static_cast<int>(ldc));
}

// [A11 A12; A21 A22] with S = A22 - A21 A11^-1 A12:  the inverse by blocks, all work in products.
template <class T>
void invert_block(Index n, T* A, Index stride, T* work) {
    if (n <= inverse_base) {
        gauss_jordan(n, A, stride);
        return;
    }
    const Index h = (n / 2 + 7) / 8 * 8, r = n - h;
    T *A11 = A, *A21 = A + h, *A12 = A + h * stride, *A22 = A12 + h;
    T *W = work, *V = work + r * h, *rest = V + h * r;
    invert_block(h, A11, stride, rest);
    product<T>(r, h, h, 1, A21, stride, A11, stride, 0, W, r);   // W = A21 A11^-1
    product<T>(h, r, h, 1, A11, stride, A12, stride, 0, V, h);   // V = A11^-1 A12
    product<T>(r, r, h, -1, W, r, A12, stride, 1, A22, stride);  // S
    invert_block(r, A22, stride, rest);
    product<T>(h, r, r, -1, V, h, A22, stride, 0, A12, stride);  // -V S^-1
    product<T>(r, h, r, -1, A22, stride, W, r, 0, A21, stride);  // -S^-1 W
    product<T>(h, h, r, -1, A12, stride, W, r, 1, A11, stride);  // A11^-1 + V S^-1 W
}

// body(i, j, k) for the strictly lower triangle, by tiles; k is the packed position, column by column.
template <class F>
void lower_by_tiles(Index n, F&& body) {
    for (Index right = 0; right < n; right += tile)
        for (Index down = right; down < n; down += tile)
            for (Index j = right; j < std::min(right + tile, n); ++j) {
                const Index column = j * n - j * (j + 1) / 2 - j - 1;  // packed (i, j) = column + i
                for (Index i = std::max(down, j + 1); i < std::min(down + tile, n); ++i)
                    body(i, j, column + i);
            }
}

template <class T>
void fill_identity_plus(Index n, const T* q, T* A) {
    lower_by_tiles(n, [&](Index i, Index j, Index k) {
        A[j * n + i] = q[k];
        A[i * n + j] = -q[k];
    });
    for (Index j = 0; j < n; ++j)
        A[j * n + j] = 1;
}

// scale lower(A - A^T), column by column
template <class T>
void pack_difference(Index n, const T* A, T scale, T* dq) {
    lower_by_tiles(n, [&](Index i, Index j, Index k) { dq[k] = scale * (A[j * n + i] - A[i * n + j]); });
}

// x = (Y + L) / 2 of one column: z = mu y for y = 2 x - l; returns sum y z.
template <class T>
double weigh_column(Index n, const T* __restrict mu, const T* __restrict l, const T* __restrict x, T* __restrict z) {
    T sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Index i = 0; i < n; ++i) {
        const T y = 2 * x[i] - l[i];
        z[i] = mu[i] * y;
        sum += y * z[i];
    }
    return static_cast<double>(sum);
}

template <class T>
bool lower_triangular(Batch<const T> L) {
    if (L.rows != L.cols)
        return false;
    for (Index j = 1; j < L.cols; ++j)
        if (std::any_of(&L(0, j), &L(0, j) + j, [](T x) { return x != 0; }))
            return false;
    return true;
}

// The items of a batch, each thread with memory of its own.
template <class T, class F>
void each_item(Index batch, Index numbers, Scratch<T>& scratch, int threads, F&& body) {
    std::exception_ptr failure;  // of the allocation: no exception may leave the parallel region
#pragma omp parallel num_threads(threads) if (batch > 1)
    {
        T* work = nullptr;
        try {
            work = scratch.of(omp_get_thread_num(), numbers);
        } catch (...) {
#pragma omp critical
            failure = std::current_exception();
        }
#pragma omp for schedule(static)
        for (Index b = 0; b < batch; ++b)
            if (work != nullptr)
                body(b, work);
    }
    if (failure)
        std::rethrow_exception(failure);
}

}  // namespace

Index inverse_work(Index n) {
    Index total = 0;
    while (n > inverse_base) {
        const Index h = (n / 2 + 7) / 8 * 8;
        total += 2 * h * (n - h);
        n = std::max(h, n - h);
    }
    return total;
}

template <class T>
void invert_unpivoted(Index n, T* A, T* work) {
    invert_block(n, A, n, work);
}

template <class T>
void cayley(Batch<const T> q, Batch<T> P, Scratch<T>& scratch, int threads) {
    const Index n = P.rows;
    each_item(P.batch, inverse_work(n) + 1, scratch, threads, [&](Index b, T* work) {
        T* p = P.item(b).data;
        fill_identity_plus(n, q.item(b).data, p);
        invert_unpivoted(n, p, work);
        for (Index j = 0; j < n; ++j) {
            for (Index i = 0; i < n; ++i)
                p[j * n + i] *= 2;
            p[j * n + j] -= 1;
        }
    });
}

template <class T>
void cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq, Scratch<T>& scratch, int threads) {
    const Index n = P.rows;
    const int m = static_cast<int>(n);
    each_item(P.batch, 3 * n * n + 1, scratch, threads, [&](Index b, T* work) {
        T *E = work, *X = E + n * n, *A = X + n * n;
        std::copy_n(P.item(b).data, n * n, E);
        for (Index i = 0; i < n; ++i)
            E[i * n + i] += 1;
        gemm(CblasTrans, CblasNoTrans, m, m, m, 1, E, m, dP.item(b).data, m, 0, X, m);
        gemm(CblasNoTrans, CblasTrans, m, m, m, 1, X, m, E, m, 0, A, m);
        pack_difference<T>(n, A, T(-0.5), dq.item(b).data);
    });
}

template <class T>
void tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq, Scratch<T>& scratch,
              int threads) {
    const Index n = L.rows, k = L.cols;
    const int m = static_cast<int>(n), columns = static_cast<int>(k);
    each_item(L.batch, 2 * n * n + 3 * n * k + inverse_work(n) + 1, scratch, threads, [&](Index b, T* work) {
        T *B = work, *A = B + n * n, *Y = A + n * n, *Z = Y + n * k, *U = Z + n * k, *rest = U + n * k;
        const T *l = L.item(b).data, *weight = mu.item(b).data;
        fill_identity_plus(n, q.item(b).data, B);
        invert_unpivoted(n, B, rest);
        if (lower_triangular(L.item(b))) {  // Y = B L
            std::copy_n(B, n * n, Y);
            trmm_right_lower(m, l, Y);
        } else {
            gemm(CblasNoTrans, CblasNoTrans, m, columns, m, 1, B, m, l, m, 0, Y, m);
        }
        double value = 0;
        for (Index j = 0; j < k; ++j)
            value += weigh_column(n, weight, l + j * n, Y + j * n, Z + j * n);
        *eta.item(b).data = static_cast<T>(value);
        gemm(CblasTrans, CblasNoTrans, m, columns, m, 1, B, m, Z, m, 0, U, m);
        gemm(CblasNoTrans, CblasTrans, m, m, columns, 1, U, m, Y, m, 0, A, m);
        pack_difference<T>(n, A, T(-4), dq.item(b).data);
    });
}

template void invert_unpivoted<float>(Index, float*, float*);
template void invert_unpivoted<double>(Index, double*, double*);
template void cayley<float>(Batch<const float>, Batch<float>, Scratch<float>&, int);
template void cayley<double>(Batch<const double>, Batch<double>, Scratch<double>&, int);
template void cayley_pullback<float>(Batch<const float>, Batch<const float>, Batch<float>, Scratch<float>&, int);
template void cayley_pullback<double>(Batch<const double>, Batch<const double>, Batch<double>, Scratch<double>&, int);
template void tikhonov<float>(Batch<const float>, Batch<const float>, Batch<const float>, Batch<float>, Batch<float>,
                              Scratch<float>&, int);
template void tikhonov<double>(Batch<const double>, Batch<const double>, Batch<const double>, Batch<double>,
                               Batch<double>, Scratch<double>&, int);

}  // namespace descrambler::cpu
