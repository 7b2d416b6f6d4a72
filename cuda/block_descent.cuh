// Preconditioned descent over SO(n), one block per network: src/cpu/minimise.cpp on the device, with its constants,
// tests, gauge and saddles. With Y = P L, N = Y Y^T in its lower triangle, B = (I + t X)^-1:
//   g_ij = -4 (mu_i - mu_j) N_ij,   h_ij = 8 |mu_i - mu_j| sqrt((N_ii - N_jj)^2 + 4 N_ij^2),   X = -g / h
//   Y <- 2 B Y - Y,   P <- 2 B P - P;   every ten steps P <- P (3 - P^T P) / 2
// Source: docs/numerics.md, "Methods".
#pragma once

#include "block_gauge.cuh"
#include "core/descent.hpp"

namespace descrambler::cuda {

using namespace descent;

template <class T, int R, bool panels>  // panels: n > 16 R
class Descent {
public:
    static constexpr std::size_t tile_bytes = tile_size<R> * sizeof(T);
    // Y, Y', N, X, B, the other P, cosines and sines
    [[nodiscard]] static Index numbers(Index n, Index k, Index) { return 2 * n * k + 4 * n * n + 2 * n; }
    [[nodiscard]] static Index wides(Index n, Index) { return 2 * n; }
    [[nodiscard]] static Index marks(Index n) { return 3 * n; }

    __device__ static __forceinline__ void run(const Network<T>& net, double* scratch, T* tile) {
        Descent self(net, scratch, tile);
        self.find_blocks();
        self.descend();
    }

private:
    static constexpr double unit = std::numeric_limits<T>::epsilon() / 2;

    __device__ __forceinline__ Descent(const Network<T>& net, double* scratch, T* tile)
        : net_(net), scratch_(scratch), tile_(tile) {}

    [[nodiscard]] __device__ __forceinline__ int n() const { return net_.n; }
    [[nodiscard]] __device__ __forceinline__ int k() const { return net_.k; }
    [[nodiscard]] __device__ __forceinline__ Index at(int i, int j) const { return static_cast<Index>(j) * n() + i; }
    // An accepted step and its trial change places, Y with next_Y, P with other_P.
    [[nodiscard]] __device__ __forceinline__ T* Y() const { return net_.numbers + (flip_Y_ ? at(0, k()) : 0); }
    [[nodiscard]] __device__ __forceinline__ T* next_Y() const { return net_.numbers + (flip_Y_ ? 0 : at(0, k())); }
    [[nodiscard]] __device__ __forceinline__ T* square(int place) const {
        return net_.numbers + at(0, 2 * k()) + place * at(0, n());
    }
    [[nodiscard]] __device__ __forceinline__ T* N() const { return square(0); }
    [[nodiscard]] __device__ __forceinline__ T* X() const { return square(1); }
    [[nodiscard]] __device__ __forceinline__ T* B() const { return square(2); }
    [[nodiscard]] __device__ __forceinline__ T* P() const { return flip_P_ ? square(3) : net_.P; }
    [[nodiscard]] __device__ __forceinline__ T* other_P() const { return flip_P_ ? net_.P : square(3); }
    [[nodiscard]] __device__ __forceinline__ T* cosines() const { return square(4); }
    [[nodiscard]] __device__ __forceinline__ int* first() const { return net_.marks; }
    [[nodiscard]] __device__ __forceinline__ int* last() const { return net_.marks + n(); }
    [[nodiscard]] __device__ __forceinline__ int* order() const { return net_.marks + 2 * n(); }

    // The block of equal mu around each row.
    __device__ __forceinline__ void find_blocks() const {
        each_of(n(), [&](Index e) {
            int a = static_cast<int>(e), b = a + 1;
            while (a > 0 && net_.mu[a - 1] == net_.mu[e])
                --a;
            while (b < n() && net_.mu[b] == net_.mu[e])
                ++b;
            first()[e] = a;
            last()[e] = b;
        });
        __syncthreads();
    }

    [[nodiscard]] __device__ __forceinline__ double entry(int i, int j) const { return wide(N()[at(i, j)]); }
    [[nodiscard]] __device__ __forceinline__ double mu(int i) const { return wide(net_.mu[i]); }

    __device__ __forceinline__ void descend() {
        MinimiseOutcome outcome = net_.state->outcome;
        if (net_.state->started == 0)
            outcome.evaluations = 1;
        flip_Y_ = net_.state->flip != 0;
        flip_P_ = net_.state->flip_P != 0;
        bool in_order = false, near = false, at_rest = false;
        for (bool anew = net_.state->anew != 0;;) {
            if (anew)
                block_product<R, Op::none, Op::none>(n(), k(), n(), P(), n(), net_.L, n(), tile_,
                                                     [&](int i, int j, T x) {
                                                         Y()[at(i, j)] = x;
                                                     });
            form_gram();
            measure();
            note(outcome, net_.history, eta_, gradient_);
            at_rest = !leaning_;
            in_order = sorted();
            near = close();
            if (outcome.evaluations >= net_.limits.evaluations || outcome.iterations >= net_.limits.iterations ||
                outcome.points >= net_.limits.points)
                break;
            if (at_rest && !in_order) {  // a saddle: N diagonal in the wrong order
                sort();
                ++outcome.evaluations;
                anew = true;
                continue;
            }
            if ((at_rest && near) || !step(outcome))
                break;
            ++outcome.iterations;
            anew = outcome.iterations % orthogonalise_every == 0;
            if (anew)
                orthogonalise();
            if (outcome.iterations >= net_.stop)
                return leave(outcome, anew, false);
        }
        outcome.converged = at_rest && in_order && near ? 1 : 0;
        if (flip_P_)
            each_entry(n(), n(), [&](int i, int j) { net_.P[at(i, j)] = P()[at(i, j)]; });
        leave(outcome, false, true);
    }

    __device__ __forceinline__ void leave(const MinimiseOutcome& outcome, bool anew, bool finished) const {
        if (threadIdx.x > 0)
            return;
        MinimiseState& state = *net_.state;
        state.outcome = outcome;
        state.flip = flip_Y_ ? 1 : 0;
        state.flip_P = flip_P_ ? 1 : 0;
        state.anew = anew ? 1 : 0;
        state.started = 1;
        state.finished = finished ? 1 : 0;
    }

    // N from Y, its blocks of equal mu diagonal. A block of more than two rows is turned twice: the rounding of some
    // sweeps of Jacobi is larger than that of its product, and the second turn takes it away.
    __device__ __forceinline__ void form_gram() {
        const Gauge<T> gauge{n(), k(), first(), last(), cosines(), cosines() + n(), order(),
                             N(), Y(), P(),     X(),    B(),       next_Y(),        other_P()};
        for (int turns = 0;; ++turns) {
            block_product<R, Op::none, Op::transpose>(
                n(), n(), k(), Y(), n(), Y(), n(), tile_,
                [&](int i, int j, T x) {
                    if (i >= j)
                        N()[at(i, j)] = x;
                },
                true);
            if (turns == 2)
                return;
            gauge.turn_pairs();
            bool turned = false;
            for (int a = 0; a < n(); a = last()[a])
                if (last()[a] - a > 2) {
                    gauge.turn_block(a, last()[a] - a);
                    turned = true;
                }
            if (!turned)
                return;
        }
    }

    // eta, the largest N_ii, the gradient's norm, X and its slope, and whether N leans from the diagonal.
    __device__ __forceinline__ void measure() {
        double eta = 0, top = 0;
        each_entry(n(), k(), [&](int i, int j) { eta += mu(i) * wide(Y()[at(i, j)]) * wide(Y()[at(i, j)]); });
        each_of(n(), [&](Index e) {
            const int i = static_cast<int>(e);
            top = top < entry(i, i) ? entry(i, i) : top;
            X()[at(i, i)] = 0;
        });
        eta_ = block_sum(eta, scratch_);
        top_ = block_max(top, scratch_);
        const double rounding = n() * unit;
        double squares = 0, slope = 0;
        int leaning = 0;
        each_lower(n(), false, [&](int i, int j) {
            const double dmu = mu(i) - mu(j), a = entry(i, i), b = entry(j, j), c = entry(i, j);
            const double g = -4 * dmu * c;
            double x = 0;
            if (first()[i] != first()[j]) {
                const double h = 8 * std::abs(dmu) * (std::sqrt((a - b) * (a - b) + 4 * c * c) + damping * (a + b));
                x = h > 0 ? -g / h : 0;
                if (std::abs(c) >
                    net_.limits.offdiagonal * std::sqrt(a * b) + rounding * std::sqrt(top_ * (a < b ? b : a)))
                    leaning = 1;
            }
            squares += g * g;
            slope += g * x;
            X()[at(i, j)] = static_cast<T>(x);
            X()[at(j, i)] = static_cast<T>(-x);
        });
        gradient_ = std::sqrt(block_sum(squares, scratch_));
        slope_ = block_sum(slope, scratch_);
        leaning_ = __syncthreads_or(leaning) != 0;
    }

    // Within the asked gap of the certified bound, where that is known.
    [[nodiscard]] __device__ __forceinline__ bool close() const {
        const double floor = n() * unit * mu(n() - 1) * top_;
        return std::isnan(net_.bound) ||
               eta_ - net_.bound <= net_.limits.gap * (net_.bound < floor ? floor : net_.bound);
    }

    // Descending from block to block; the order inside one is free. A row of Y is right to n u ||L||: below the square
    // of that the order means nothing.
    [[nodiscard]] __device__ __forceinline__ bool sorted() const {
        const double rounding = n() * unit * (n() * unit) * top_;
        int wrong = 0;
        each_of(n(), [&](Index e) {
            const int a = static_cast<int>(e), b = last()[a];
            if (a != first()[a] || b >= n())
                return;
            double smallest = std::numeric_limits<double>::infinity(), largest = 0;
            for (int i = a; i < b; ++i)
                smallest = entry(i, i) < smallest ? entry(i, i) : smallest;
            for (int i = b; i < last()[b]; ++i)
                largest = largest < entry(i, i) ? entry(i, i) : largest;
            if (largest > (1 + order_slack) * smallest + rounding)
                wrong = 1;
        });
        return __syncthreads_or(wrong) == 0;
    }

    // The rows of P by descending N_ii, equal ones in place.
    __device__ __forceinline__ void sort() {
        int* const rank = order();
        each_of(n(), [&](Index e) {
            const int i = static_cast<int>(e);
            int before = 0;
            for (int j = 0; j < n(); ++j)
                before += entry(j, j) > entry(i, i) || (entry(j, j) == entry(i, i) && j < i) ? 1 : 0;
            rank[i] = before;
        });
        __syncthreads();
        each_entry(n(), n(), [&](int i, int j) { other_P()[at(rank[i], j)] = P()[at(i, j)]; });
        flip_P_ = !flip_P_;
        __syncthreads();
    }

    // Length of X in the 2-norm, from below: some steps of the power method on X^T X, all columns in play at first. A
    // warp a row of X, which is minus its column.
    [[nodiscard]] __device__ __forceinline__ double norm_of_X() const {
        const int warp = static_cast<int>(threadIdx.x) / 32, lane = static_cast<int>(threadIdx.x) % 32;
        double *const v = net_.wides, *const w = v + n();
        each_of(n(), [&](Index i) { v[i] = 1 + 0.5 * wide(i % 7) / 7 * (i % 2 == 0 ? 1 : -1); });
        __syncthreads();
        double norm = 0;
        for (int round = 0; round < norm_steps; ++round) {
            for (int j = warp; j < n(); j += block_warps) {
                double product = 0;
                for (int i = lane; i < n(); i += 32)
                    product -= wide(X()[at(i, j)]) * v[i];
                for (int hop = 16; hop > 0; hop /= 2)
                    product += __shfl_xor_sync(0xffffffffU, product, hop);
                if (lane == 0)
                    w[j] = product;
            }
            __syncthreads();
            double before = 0, after = 0;
            each_of(n(), [&](Index i) {
                before += v[i] * v[i];
                after += w[i] * w[i];
            });
            before = std::sqrt(block_sum(before, scratch_));
            after = std::sqrt(block_sum(after, scratch_));
            if (after == 0)
                return 0;
            norm = after / before;
            each_of(n(), [&](Index i) { v[i] = w[i] / after; });
            __syncthreads();
        }
        return norm;
    }

    // B = (I + t X)^-1
    __device__ __forceinline__ void invert(double t) {
        const auto shifted = [&](int i, int j) { return i == j ? T{1} : static_cast<T>(t * wide(X()[at(i, j)])); };
        if constexpr (panels) {
            each_entry(n(), n(), [&](int i, int j) { B()[at(i, j)] = shifted(i, j); });
            __syncthreads();
            block_invert_panels<R>(n(), B(), tile_);
        } else {
            fill_tile<R>(tile_, n(), n(), shifted);
            block_invert_tile<R>(n(), tile_);
            each_entry(n(), n(), [&](int i, int j) { B()[at(i, j)] = tile_[j * tile_stride<R> + i]; });
            __syncthreads();
        }
    }

    // One accepted step of P and Y; false if the line search finds none.
    [[nodiscard]] __device__ __forceinline__ bool step(MinimiseOutcome& outcome) {
        const double length = norm_of_X();
        double t = length > longest_step ? longest_step / length : 1;
        bool found = false;
        for (int trial = 0; !found; ++trial, t *= shrink) {
            if (trial == shrinks || outcome.evaluations >= net_.limits.evaluations)
                return false;
            invert(t);
            double next = 0;
            block_product<R, Op::none, Op::none>(n(), k(), n(), B(), n(), Y(), n(), tile_, [&](int i, int j, T x) {
                const T y = 2 * x - Y()[at(i, j)];
                next_Y()[at(i, j)] = y;
                next += mu(i) * wide(y) * wide(y);
            });
            next = block_sum(next, scratch_);
            ++outcome.evaluations;
            const bool flat =
                std::abs(t * slope_) < flat_slope * unit * std::abs(eta_) && next <= eta_ * (1 + flat_rise * unit);
            found = next <= eta_ + sufficient * t * slope_ || flat;
        }
        block_product<R, Op::none, Op::none>(n(), n(), n(), B(), n(), P(), n(), tile_,
                                             [&](int i, int j, T x) { other_P()[at(i, j)] = 2 * x - P()[at(i, j)]; });
        flip_P_ = !flip_P_;
        flip_Y_ = !flip_Y_;
        return true;
    }

    // P <- P (3 - P^T P) / 2: one Newton-Schulz step back to O(n).
    __device__ __forceinline__ void orthogonalise() {
        block_product<R, Op::transpose, Op::none>(n(), n(), n(), P(), n(), P(), n(), tile_, [&](int i, int j, T x) {
            B()[at(i, j)] = (i == j ? T(1.5) : T{0}) - T(0.5) * x;
        });
        block_product<R, Op::none, Op::none>(n(), n(), n(), P(), n(), B(), n(), tile_,
                                             [&](int i, int j, T x) { other_P()[at(i, j)] = x; });
        flip_P_ = !flip_P_;
    }

    const Network<T>& net_;
    double* scratch_;
    T* tile_;
    bool flip_Y_ = false, flip_P_ = false;
    double eta_ = 0, top_ = 0, gradient_ = 0, slope_ = 0;
    bool leaning_ = false;
};

}  // namespace descrambler::cuda
