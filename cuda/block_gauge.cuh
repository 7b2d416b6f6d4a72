// The gauge of minimise.cu: inside a block of equal mu the rows of P and Y = P L are turned so that N = Y Y^T is
// diagonal there, the larger first. Pairs, the usual case, by one rotation each, all at once; larger blocks by Jacobi
// rotations of disjoint pairs (a round-robin tournament) until none is needed.
#pragma once

#include <cmath>

#include "block_minimise.cuh"

namespace descrambler::cuda {

// Cosine and sine of half the angle of (x, y), cosine >= 0: turns [a, z; z, b], x = a - b, y = 2 z, into a diagonal
// with the larger first. No trigonometric function: those of the device want local memory.
__device__ __forceinline__ void half_angle(double x, double y, double& c, double& s) {
    const double r = std::hypot(x, y);
    c = 1;
    s = 0;
    if (!(r > 0))
        return;
    if (x >= 0) {
        c = std::sqrt((r + x) / (2 * r));
        s = y / (2 * r * c);
    } else {
        s = std::copysign(std::sqrt((r - x) / (2 * r)), y);
        c = y / (2 * r * s);
    }
}

template <class T>
struct Gauge {
    int n, k;
    const int *first, *last;   // of the block of equal mu around each row
    T *c, *s;                  // [n] a turn of each pair, at its first row
    int* order;                // [n]
    T *N, *Y, *P;              // N: its lower triangle
    T *S, *V, *old_Y, *old_P;  // [n, n], [n, n], [n, k], [n, n] to work in

    [[nodiscard]] __device__ __forceinline__ T& at(T* A, int i, int j) const {
        return A[static_cast<Index>(j) * n + i];
    }
    [[nodiscard]] __device__ __forceinline__ bool pair(int i) const { return last[i] - first[i] == 2; }
    [[nodiscard]] __device__ __forceinline__ bool leads(int i) const { return !pair(i) || i == first[i]; }
    __device__ __forceinline__ void rotate(int turn, T& x, T& y) const {
        const T turned = c[turn] * x + s[turn] * y;
        y = c[turn] * y - s[turn] * x;
        x = turned;
    }

    __device__ __forceinline__ void turn_pairs() const {
        each_of(n, [&](Index e) {
            const int i = static_cast<int>(e);
            double cosine = 1, sine = 0;
            if (pair(i) && i == first[i])
                half_angle(wide(at(N, i, i)) - wide(at(N, i + 1, i + 1)), 2 * wide(at(N, i + 1, i)), cosine, sine);
            c[i] = static_cast<T>(cosine);
            s[i] = static_cast<T>(sine);
        });
        __syncthreads();
        each_lower(n, true, [&](int i, int j) {
            if (!leads(i) || !leads(j))
                return;
            const bool down = pair(i), right = pair(j);
            if (i == j) {
                if (down && s[i] != 0) {
                    const double x = wide(at(N, i, i)), y = wide(at(N, i + 1, i + 1)), z = wide(at(N, i + 1, i));
                    const double mean = (x + y) / 2, spread = std::hypot((x - y) / 2, z);
                    at(N, i, i) = static_cast<T>(mean + spread);
                    at(N, i + 1, i + 1) = static_cast<T>(mean - spread);
                    at(N, i + 1, i) = 0;
                }
                return;
            }
            if (down)
                for (int l = 0; l <= (right ? 1 : 0); ++l)
                    rotate(i, at(N, i, j + l), at(N, i + 1, j + l));
            if (right)
                for (int l = 0; l <= (down ? 1 : 0); ++l)
                    rotate(j, at(N, i + l, j), at(N, i + l, j + 1));
        });
        turn_rows(Y, k);
        turn_rows(P, n);
        __syncthreads();
    }
    __device__ __forceinline__ void turn_rows(T* A, int columns) const {
        each_entry(n, columns, [&](int i, int j) {
            if (pair(i) && i == first[i])
                rotate(i, at(A, i, j), at(A, i + 1, j));
        });
    }

    // Turns a block of m > 2 rows that begins at row a; N is out of date afterwards.
    __device__ __forceinline__ void turn_block(int a, int m) const {
        each_entry(m, m, [&](int i, int j) {
            at(S, i, j) = i >= j ? at(N, a + i, a + j) : at(N, a + j, a + i);
            at(V, i, j) = i == j ? T{1} : T{0};
        });
        each_entry(m, k, [&](int i, int j) { at(old_Y, i, j) = at(Y, a + i, j); });
        each_entry(m, n, [&](int i, int j) { at(old_P, i, j) = at(P, a + i, j); });
        __syncthreads();
        diagonalise(m);
        each_of(m, [&](Index e) {
            const T x = at(S, static_cast<int>(e), static_cast<int>(e));
            int rank = 0;
            for (int l = 0; l < m; ++l)
                rank += at(S, l, l) > x || (at(S, l, l) == x && l < e) ? 1 : 0;
            order[rank] = static_cast<int>(e);
        });
        __syncthreads();
        turn_old(old_Y, Y + a, m, k);
        turn_old(old_P, P + a, m, n);
        __syncthreads();
    }
    __device__ __forceinline__ void turn_old(T* from, T* to, int m, int columns) const {
        each_entry(m, columns, [&](int i, int j) {
            T sum = 0;
            for (int l = 0; l < m; ++l)
                sum += at(V, l, order[i]) * at(from, l, j);
            at(to, i, j) = sum;
        });
    }

    struct Duel {
        int p, q;
    };
    // Round r of the tournament of an even number of players: pair t.
    [[nodiscard]] __device__ static __forceinline__ Duel duel(int players, int r, int t) {
        const int x = t == 0 ? players - 1 : (r + t) % (players - 1);
        const int y = t == 0 ? r : (r + players - 1 - t) % (players - 1);
        return x < y ? Duel{x, y} : Duel{y, x};
    }
    // S <- V^T S V diagonal, from V = I
    __device__ __forceinline__ void diagonalise(int m) const {
        constexpr double unit = std::numeric_limits<T>::epsilon() / 2;
        constexpr int most = 30;  // sweeps; they converge quadratically, in five to ten
        const int players = m + m % 2, pairs = players / 2;
        for (int sweep = 0, busy = 1; busy != 0 && sweep < most; ++sweep) {
            busy = 0;
            for (int r = 0; r < players - 1; ++r) {
                int turned = 0;
                each_of(pairs, [&](Index e) {
                    const int t = static_cast<int>(e);
                    const auto [p, q] = duel(players, r, t);
                    c[t] = 1;
                    s[t] = 0;
                    if (q >= m)
                        return;
                    const double x = wide(at(S, p, p)), y = wide(at(S, q, q)), z = wide(at(S, q, p));
                    if (!(std::abs(z) > unit * std::sqrt(std::abs(x * y))))
                        return;
                    const double tau = (y - x) / (2 * z);
                    const double tangent = std::copysign(1 / (std::abs(tau) + std::sqrt(1 + tau * tau)), tau);
                    const double cosine = 1 / std::sqrt(1 + tangent * tangent);
                    c[t] = static_cast<T>(cosine);
                    s[t] = static_cast<T>(-tangent * cosine);
                    turned = 1;
                });
                if (__syncthreads_or(turned) == 0)
                    continue;
                busy = 1;
                each_entry(m, pairs, [&](int i, int t) {
                    const auto [p, q] = duel(players, r, t);
                    if (q < m) {
                        rotate(t, at(S, i, p), at(S, i, q));
                        rotate(t, at(V, i, p), at(V, i, q));
                    }
                });
                __syncthreads();
                each_entry(pairs, m, [&](int t, int j) {
                    const auto [p, q] = duel(players, r, t);
                    if (q < m)
                        rotate(t, at(S, p, j), at(S, q, j));
                });
                __syncthreads();
            }
        }
    }
};

}  // namespace descrambler::cuda
