// Factorisations by one block of threads: Householder QR, one-sided Jacobi, and what belongs to them. Matrices are
// column-major without gaps, in shared or in global memory. A function is called by all threads of the block and ends
// with a barrier, but for those marked "one warp". A warp works on a column at a time; the order of every sum depends
// on the shape alone.
//   scale_of         power of two that brings the largest entry to [1, 2): squares neither overflow nor vanish
//   factor_columns   A [m, n] -> reflectors below, R on and above the diagonal  (LAPACK geqrf, unblocked)
//   form_columns     reflectors -> Q [m, n] orthonormal, whatever the rank
//   jacobi           L [n, n] -> L J with orthogonal columns, V = J  (Hestenes; Demmel, Veselic 1992)
//   complete         the missing columns of X [n, count]: orthonormal to the others and to one another
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "reduce.cuh"
#include "simt.hpp"

namespace descrambler::cuda {

inline constexpr int factor_threads = 512;
inline constexpr int factor_warps = factor_threads / warp_size;
// Shared memory that a block may take for its matrices: 160 KiB, or less where the device has less. Where a matrix lies
// changes no bit.
[[nodiscard]] inline std::size_t factor_shared(const Context& on) {
    return std::min<std::size_t>(160 * 1024, on.shared_bytes());
}

struct Lane {
    int warp, lane;
};
__device__ inline Lane this_lane() {
    return {static_cast<int>(threadIdx.x) / warp_size, static_cast<int>(threadIdx.x) % warp_size};
}

template <class T>
__device__ void copy_block(const T* from, Index size, T factor, T* to) {
    for (Index e = threadIdx.x; e < size; e += blockDim.x)
        to[e] = from[e] * factor;
    __syncthreads();
}

// 1 / 2^e with 2^e <= max |A| < 2^(e + 1); 1 for a zero matrix and for one that is not finite (`finite` tells). space:
// factor_warps numbers.
template <class T>
__device__ T scale_of(const T* A, Index size, T* space, bool& finite) {
    T largest = 0, nonsense = 0;
    for (Index e = threadIdx.x; e < size; e += blockDim.x) {
        largest = std::fmax(largest, std::fabs(A[e]));
        nonsense += A[e] * 0;
    }
    largest = warp_max(largest);
    const Lane me = this_lane();
    if (me.lane == 0)
        space[me.warp] = largest;
    finite = __syncthreads_or(nonsense == 0 ? 0 : 1) == 0;
    largest = 0;
    for (int w = 0; w < factor_warps; ++w)
        largest = std::fmax(largest, space[w]);
    __syncthreads();
    if (!finite || largest == 0)
        return 1;
    const int exponent = std::ilogb(largest), most = std::numeric_limits<T>::max_exponent - 2;  // the inverse is finite
    return std::scalbn(T{1}, -(exponent < -most ? -most : exponent));
}

// One warp: the reflector I - tau v v^T that takes column k to R(k, k) e_k; v(k) = 1 is not stored.
template <class T>
__device__ void make_reflector(T* A, int m, int k, T* tau, int lane) {
    T* const a = A + static_cast<Index>(k) * m;
    T sum = 0;
    for (int i = k + 1 + lane; i < m; i += warp_size)
        sum += a[i] * a[i];
    sum = warp_sum(sum);
    const T alpha = a[k];
    T t = 0;
    if (sum != 0) {  // NaN included
        const T norm = std::sqrt(alpha * alpha + sum);
        const T beta = alpha >= 0 ? -norm : norm;
        t = (beta - alpha) / beta;
        const T inverse = 1 / (alpha - beta);
        for (int i = k + 1 + lane; i < m; i += warp_size)
            a[i] *= inverse;
        __syncwarp();  // every lane has read a[k]
        if (lane == 0)
            a[k] = beta;
    }
    if (lane == 0)
        tau[k] = t;
}

// One warp: a <- a - tau v (v^T a) for columns a = j, j + step, ... of A (`count` of them, at most `width`); v is
// column k.
template <int width, class T>
__device__ void apply_reflector(T* A, int m, int k, T t, int j, int step, int count, int lane) {
    const T* const v = A + static_cast<Index>(k) * m;
    T* a[width];
    T sum[width];
    for (int c = 0; c < width; ++c) {
        a[c] = A + static_cast<Index>(c < count ? j + c * step : j) * m;
        sum[c] = lane == 0 ? a[c][k] : T{0};
    }
#pragma unroll 2
    for (int i = k + 1 + lane; i < m; i += warp_size) {
        const T vi = v[i];
        for (int c = 0; c < width; ++c)
            sum[c] = std::fma(vi, a[c][i], sum[c]);
    }
    for (int c = 0; c < width; ++c)
        sum[c] = t * warp_sum(sum[c]);
    for (int c = 0; c < width; ++c)
        if (c < count) {
            if (lane == 0)
                a[c][k] -= sum[c];
#pragma unroll 2
            for (int i = k + 1 + lane; i < m; i += warp_size)
                a[c][i] = std::fma(-sum[c], v[i], a[c][i]);
        }
}

inline constexpr int columns_a_warp = 4;  // at a time, so that their sums hide each other's latency

template <class T>
__device__ void factor_columns(T* A, int m, int n, T* tau) {
    const Lane me = this_lane();
    if (me.warp == 0 && n > 0)
        make_reflector(A, m, 0, tau, me.lane);
    __syncthreads();
    for (int k = 0; k + 1 < n; ++k) {
        const T t = tau[k];
        // warp 0, which has column k + 1, goes on to its reflector at once: one barrier per column
        const int first = k + 1 + me.warp;
        for (int j = first; j < n; j += columns_a_warp * factor_warps) {
            const int left = (n - j + factor_warps - 1) / factor_warps;
            apply_reflector<columns_a_warp>(A, m, k, t, j, factor_warps, left < columns_a_warp ? left : columns_a_warp,
                                            me.lane);
        }
        if (me.warp == 0) {
            __syncwarp();
            make_reflector(A, m, k + 1, tau, me.lane);
        }
        __syncthreads();
    }
}

// R [n, n], zero below, times factor, transposed if asked.
template <class T>
__device__ void take_triangle(const T* A, int m, int n, T factor, bool transposed, T* R) {
    for (int e = threadIdx.x; e < n * n; e += blockDim.x) {
        const int i = e % n, j = e / n, row = transposed ? j : i, column = transposed ? i : j;
        R[e] = row <= column ? A[row + static_cast<Index>(column) * m] * factor : T{0};
    }
    __syncthreads();
}

template <class T>
__device__ void form_columns(T* A, int m, int n, const T* tau) {
    const Lane me = this_lane();
    for (int k = n - 1; k >= -1; --k) {
        // column k + 1 still holds its reflector, which is no longer needed
        if (k + 1 < n && me.warp == 0) {
            T* const a = A + static_cast<Index>(k + 1) * m;
            const T t = tau[k + 1];
            for (int i = me.lane; i < m; i += warp_size)
                a[i] = i <= k ? T{0} : i == k + 1 ? 1 - t : -t * a[i];
            __syncwarp();
        }
        if (k >= 0) {
            const T t = tau[k];
            for (int j = k + 1 + me.warp; j < n; j += columns_a_warp * factor_warps) {
                const int left = (n - j + factor_warps - 1) / factor_warps;
                apply_reflector<columns_a_warp>(A, m, k, t, j, factor_warps,
                                                left < columns_a_warp ? left : columns_a_warp, me.lane);
            }
        }
        __syncthreads();
    }
}

// A [m, n] <- Q in place, by way of `panel` [m, n] unless that is null. triangle [n, n], unless null, gets R of A or,
// if `transposed`, R^T of the scaled A. Returns the scale. tau: n numbers, space: factor_warps numbers.
template <class T>
__device__ T orthonormalise(T* A, int m, int n, T* panel, T* tau, T* space, T* triangle, bool transposed,
                            bool& finite) {
    const Index size = static_cast<Index>(m) * n;
    const T scale = scale_of(A, size, space, finite);
    T* const P = panel != nullptr ? panel : A;
    copy_block(A, size, scale, P);
    factor_columns(P, m, n, tau);
    if (triangle != nullptr)
        take_triangle(P, m, n, transposed ? T{1} : 1 / scale, transposed, triangle);
    form_columns(P, m, n, tau);
    if (panel != nullptr)
        copy_block(panel, size, T{1}, A);
    return scale;
}

// Columns whose squared norm is not above this count as null: it is far below u^2, the square of the rounding of a
// scaled matrix.
template <class T>
inline constexpr T null_square = std::numeric_limits<T>::min() /
                                 (std::numeric_limits<T>::epsilon() * std::numeric_limits<T>::epsilon());

// One warp: (a, b) <- (c a - s b, s a + c b), or (b, -a) of that with `exchange` (Rutishauser's form), h = s / (1 + c).
template <class T>
__device__ void turn(T* a, T* b, int n, T s, T h, bool exchange, int lane) {
    for (int i = lane; i < n; i += warp_size) {
        const T x = a[i], y = b[i];
        const T first = std::fma(-s, std::fma(h, x, y), x), second = std::fma(s, std::fma(-h, y, x), y);
        a[i] = exchange ? second : first;
        b[i] = exchange ? -first : second;
    }
}

// One warp: turns columns p < q of L, and of V unless null, so that they are orthogonal to `tolerance`, the longer one
// first. Returns whether it had to.
template <class T>
__device__ bool rotate_pair(T* L, T* V, int n, int p, int q, T tolerance, int lane) {
    T* const a = L + static_cast<Index>(p) * n;
    T* const b = L + static_cast<Index>(q) * n;
    T aa = 0, bb = 0, ab = 0;
    for (int i = lane; i < n; i += warp_size) {
        const T x = a[i], y = b[i];
        aa = std::fma(x, x, aa);
        bb = std::fma(y, y, bb);
        ab = std::fma(x, y, ab);
    }
    aa = warp_sum(aa);
    bb = warp_sum(bb);
    ab = warp_sum(ab);
    if (!(aa > null_square<T>)&&!(bb > null_square<T>))
        return false;
    const bool null = !(aa > null_square<T>) || !(bb > null_square<T>);
    if (null ? aa >= bb  // a null column goes behind
             : !(std::fabs(ab) > tolerance * std::sqrt(aa) * std::sqrt(bb)))
        return false;
    // sine and tangent of half the angle: with a cosine that rounds to 1 every rotation would lengthen the columns
    T s = 0, h = 0;
    bool exchange = true;
    if (!null) {
        const T zeta = (bb - aa) / (2 * ab);
        const T t = (zeta >= 0 ? T{1} : T{-1}) / (std::fabs(zeta) + std::sqrt(1 + zeta * zeta));
        const T c = 1 / std::sqrt(1 + t * t);
        s = c * t;
        h = s / (1 + c);
        exchange = aa - t * ab < bb + t * ab;
    }
    turn(a, b, n, s, h, exchange, lane);
    if (V != nullptr)
        turn(V + static_cast<Index>(p) * n, V + static_cast<Index>(q) * n, n, s, h, exchange, lane);
    return true;
}

inline constexpr int most_sweeps = 40;  // 5 to 10 are usual

// Returns whether it converged: |a_p . a_q| <= n u ||a_p|| ||a_q|| for all pairs, or 8 u for n < 8, which is the
// rounding of the product itself.
template <class T>
__device__ bool jacobi(T* L, T* V, int n) {
    const Lane me = this_lane();
    if (V != nullptr)
        for (int e = threadIdx.x; e < n * n; e += blockDim.x)
            V[e] = e % n == e / n ? T{1} : T{0};
    __syncthreads();
    const T tolerance = static_cast<T>(n > 8 ? n : 8) * (std::numeric_limits<T>::epsilon() / 2);
    const int even = n + n % 2, rounds = even - 1;
    for (int sweep = 0; sweep < most_sweeps; ++sweep) {
        bool turned = false;
        for (int round = 0; round < rounds; ++round) {
            for (int pair = me.warp; pair < even / 2; pair += factor_warps) {
                const int x = pair == 0 ? even - 1 : (round + pair) % rounds;
                const int y = (round - pair + rounds) % rounds;
                const int p = x < y ? x : y, q = x < y ? y : x;
                if (q < n)
                    turned = rotate_pair(L, V, n, p, q, tolerance, me.lane) || turned;
            }
            __syncthreads();
        }
        if (__syncthreads_or(turned ? 1 : 0) == 0)
            return true;
    }
    return n < 2;
}

// norms[j] = ||column j|| (0 for null columns), order[i] = the column with the i-th largest norm. Returns the number of
// columns that are not null.
template <class T>
__device__ int sort_norms(const T* L, int n, T* norms, int* order) {
    const Lane me = this_lane();
    for (int j = me.warp; j < n; j += factor_warps) {
        T sum = 0;
        for (int i = me.lane; i < n; i += warp_size) {
            const T x = L[i + static_cast<Index>(j) * n];
            sum = std::fma(x, x, sum);
        }
        sum = warp_sum(sum);
        if (me.lane == 0)
            norms[j] = sum > null_square<T> ? std::sqrt(sum) : T{0};
    }
    __syncthreads();
    for (int j = threadIdx.x; j < n; j += blockDim.x) {
        const T mine = norms[j];
        int place = 0;
        for (int i = 0; i < n; ++i)
            place += norms[i] > mine || (norms[i] == mine && i < j) ? 1 : 0;
        order[place] = j;
    }
    __syncthreads();
    int rank = 0;
    while (rank < n && norms[order[rank]] > 0)
        ++rank;
    return rank;
}

// X(:, j) = L(:, order[j]) / norm for the first `count` columns.
template <class T>
__device__ void scaled_columns(const T* L, int n, const T* norms, const int* order, int count, T* X) {
    for (int e = threadIdx.x; e < n * count; e += blockDim.x) {
        const int j = order[e / n];
        X[e] = L[e % n + static_cast<Index>(j) * n] / norms[j];
    }
    __syncthreads();
}

// Columns rank .. count - 1 of X [n, count]: each is the unit vector farthest from the span so far, made orthogonal to
// it three times (the first projection leaves a vector of length >= sqrt((n - r) / n), two more give full
// orthogonality) and normalised. space: 2 n numbers.
template <class T>
__device__ void complete(T* X, int n, int rank, int count, T* space) {
    const Lane me = this_lane();
    T* const covered = space;  // squared length of the projection of e_i
    T* const c = space + n;
    for (int i = threadIdx.x; i < n; i += blockDim.x) {
        T sum = 0;
        for (int j = 0; j < rank; ++j) {
            const T x = X[i + static_cast<Index>(j) * n];
            sum = std::fma(x, x, sum);
        }
        covered[i] = sum;
    }
    __syncthreads();
    for (int r = rank; r < count; ++r) {
        int farthest = 0;
        for (int i = 1; i < n; ++i)
            if (covered[i] < covered[farthest])
                farthest = i;
        T* const x = X + static_cast<Index>(r) * n;
        for (int i = threadIdx.x; i < n; i += blockDim.x)
            x[i] = i == farthest ? T{1} : T{0};
        for (int pass = 0; pass < 3; ++pass) {
            __syncthreads();
            for (int j = me.warp; j < r; j += factor_warps) {
                const T* const y = X + static_cast<Index>(j) * n;
                T sum = 0;
                for (int i = me.lane; i < n; i += warp_size)
                    sum = std::fma(x[i], y[i], sum);
                sum = warp_sum(sum);
                if (me.lane == 0)
                    c[j] = sum;
            }
            __syncthreads();
            for (int i = threadIdx.x; i < n; i += blockDim.x) {
                T sum = x[i];
                for (int j = 0; j < r; ++j)
                    sum = std::fma(-c[j], X[i + static_cast<Index>(j) * n], sum);
                x[i] = sum;
            }
        }
        __syncthreads();
        T sum = 0;  // the same in every warp
        for (int i = me.lane; i < n; i += warp_size)
            sum = std::fma(x[i], x[i], sum);
        const T inverse = 1 / std::sqrt(warp_sum(sum));
        __syncthreads();
        for (int i = threadIdx.x; i < n; i += blockDim.x) {
            x[i] *= inverse;
            covered[i] = std::fma(x[i], x[i], covered[i]);
        }
        __syncthreads();
    }
}

}  // namespace descrambler::cuda
