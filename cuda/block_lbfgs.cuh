// L-BFGS over q in P = cayley(q) from q = 0, one block per network: lbfgs.hpp on the device, with its pairs, its weak
// Wolfe line search and its tests. One call of the functional serves the start and every trial. Sources: Nocedal, Math.
// Comput. 35 (1980) 773; Lewis, Overton, Math. Program. 141 (2013) 135 (the bisection).
#pragma once

#include "block_cayley.cuh"
#include "block_minimise.cuh"
#include "core/descent.hpp"

namespace descrambler::cuda {

template <class T, class Functional>
class ChartDescent {
public:
    static constexpr std::size_t tile_bytes = Functional::shared_bytes;
    // x, x', g, g', d, the pairs s and y, the functional's workspace; the result q is left in x
    [[nodiscard]] static Index numbers(Index n, Index k, Index memory) {
        return (5 + 2 * memory) * (n * (n - 1) / 2) + Functional::workspace(n, k);
    }
    // <s, y> and <y, y> of the pairs, and the recursion's alpha
    [[nodiscard]] static Index wides(Index, Index memory) { return 3 * memory; }
    [[nodiscard]] static Index marks(Index) { return 0; }

    __device__ static __forceinline__ void run(const Network<T>& net, double* scratch, T* tile) {
        ChartDescent(net, scratch).descend(tile);
    }

private:
    __device__ __forceinline__ ChartDescent(const Network<T>& net, double* scratch) : net_(net), scratch_(scratch) {}

    [[nodiscard]] __device__ __forceinline__ Index size() const {
        return static_cast<Index>(net_.n) * (net_.n - 1) / 2;
    }
    [[nodiscard]] __device__ __forceinline__ T* vector(Index place) const { return net_.numbers + place * size(); }
    // The accepted point and the trial change places.
    [[nodiscard]] __device__ __forceinline__ T* x() const { return vector(flip_); }
    [[nodiscard]] __device__ __forceinline__ T* next() const { return vector(1 - flip_); }
    [[nodiscard]] __device__ __forceinline__ T* g() const { return vector(2 + flip_); }
    [[nodiscard]] __device__ __forceinline__ T* next_g() const { return vector(3 - flip_); }
    [[nodiscard]] __device__ __forceinline__ T* d() const { return vector(4); }
    [[nodiscard]] __device__ __forceinline__ int place(int age) const {  // of the pair so many steps old
        const int memory = static_cast<int>(net_.limits.memory);
        return (newest_ + memory - age) % memory;
    }
    [[nodiscard]] __device__ __forceinline__ T* s(int age) const { return vector(5 + 2 * place(age)); }
    [[nodiscard]] __device__ __forceinline__ T* y(int age) const { return vector(6 + 2 * place(age)); }
    [[nodiscard]] __device__ __forceinline__ double& sy(int age) const { return net_.wides[place(age)]; }
    [[nodiscard]] __device__ __forceinline__ double& yy(int age) const {
        return net_.wides[net_.limits.memory + place(age)];
    }
    [[nodiscard]] __device__ __forceinline__ double& alpha(int age) const {
        return net_.wides[2 * net_.limits.memory + age];
    }

    // A thread meets the same entries of every vector: only sums need a barrier.
    template <class F>
    [[nodiscard]] __device__ __forceinline__ double sum(F&& f) const {
        double own = 0;
        each_of(size(), [&](Index e) { own += f(e); });
        return block_sum(own, scratch_);
    }
    [[nodiscard]] __device__ __forceinline__ double inner(const T* a, const T* b) const {
        return sum([&](Index e) { return wide(a[e]) * wide(b[e]); });
    }

    __device__ __forceinline__ void try_step(double t) const {
        T* const to = next();
        const T *const from = x(), *const along = d();
        each_of(size(), [&](Index e) { to[e] = from[e] + static_cast<T>(t * wide(along[e])); });
        __syncthreads();
    }

    __device__ __forceinline__ void descend(T* tile) {
        MinimiseOutcome outcome = net_.state->outcome;
        double value = net_.state->value, first = net_.state->first, slope = net_.state->slope, t = net_.state->t;
        double low = 0, high = 0;
        Index evaluations = net_.state->evaluations;  // the outcome counts those up to the last accepted step
        flip_ = net_.state->flip;
        count_ = net_.state->count;
        newest_ = net_.state->newest;
        int trial = 0;
        bool start = net_.state->started == 0;
        if (start)
            each_of(size(), [&](Index e) { next()[e] = 0; });
        __syncthreads();
        for (;; start = false) {
            T* const workspace = vector(5 + 2 * net_.limits.memory);
            double found =
                Functional::evaluate(net_.n, net_.k, net_.mu, net_.L, next(), next_g(), workspace, scratch_, tile);
            found = wide(static_cast<T>(found));  // the functional's value is of the caller's precision
            ++evaluations;
            if (!start) {
                const bool rises = !(found <= value + descent::sufficient * t * slope);
                if (rises || inner(d(), next_g()) < descent::wolfe_curvature * slope) {
                    (rises ? high : low) = t;
                    t = high > 0 ? (low + high) / 2 : 2 * t;
                    if (++trial == descent::lbfgs_trials || evaluations >= net_.limits.evaluations)
                        break;
                    try_step(t);
                    continue;
                }
                add_pair();
                ++outcome.iterations;
            }
            flip_ = 1 - flip_;
            value = found;
            outcome.evaluations = evaluations;
            const double norm = std::sqrt(inner(g(), g()));
            if (start)
                first = norm;
            note(outcome, net_.history, value, norm);
            if (value - net_.bound <= net_.limits.gap * std::abs(net_.bound) ||
                (start ? norm == 0 : norm <= net_.limits.gradient * first)) {
                outcome.converged = 1;
                break;
            }
            if (outcome.iterations >= net_.limits.iterations || evaluations >= net_.limits.evaluations)
                break;
            slope = direction();
            if (!(slope < 0)) {  // rounding: start again from the gradient
                count_ = 0;
                slope = -inner(g(), g());
                each_of(size(), [&](Index e) { d()[e] = -g()[e]; });
            }
            low = high = 0;
            trial = 0;
            t = count_ == 0 ? std::min(1.0, 1 / std::sqrt(-slope)) : 1.0;
            try_step(t);
            if (outcome.iterations >= net_.stop) {
                if (threadIdx.x == 0)
                    *net_.state = {outcome, evaluations, value, first, slope, t, flip_, 0, count_, newest_, 1, 0, 0};
                return;
            }
        }
        if (flip_ != 0) {
            each_of(size(), [&](Index e) { vector(0)[e] = vector(1)[e]; });
            __syncthreads();
        }
        if (threadIdx.x == 0) {
            net_.state->outcome = outcome;
            net_.state->finished = 1;
        }
    }

    // s = x' - x, y = g' - g, unless without positive curvature.
    __device__ __forceinline__ void add_pair() {
        const T *const a = x(), *const b = next(), *const u = g(), *const v = next_g();
        double own_sy = 0, own_ss = 0, own_yy = 0;
        each_of(size(), [&](Index e) {
            const double s = wide(b[e] - a[e]), y = wide(v[e] - u[e]);
            own_sy += s * y;
            own_ss += s * s;
            own_yy += y * y;
        });
        const double curvature = block_sum(own_sy, scratch_), ss = block_sum(own_ss, scratch_),
                     square = block_sum(own_yy, scratch_);
        const int memory = static_cast<int>(net_.limits.memory);
        if (memory == 0 || !(curvature > descent::least_curvature * std::sqrt(ss * square)))
            return;
        newest_ = (newest_ + 1) % memory;
        count_ = count_ < memory ? count_ + 1 : memory;
        T *const to_s = s(0), *const to_y = y(0);
        each_of(size(), [&](Index e) {
            to_s[e] = b[e] - a[e];
            to_y[e] = v[e] - u[e];
        });
        if (threadIdx.x == 0) {
            sy(0) = curvature;
            yy(0) = square;
        }
        __syncthreads();
    }

    // d = -H g by the two-loop recursion; returns <d, g>. Each pass also takes the product that the next one wants.
    [[nodiscard]] __device__ __forceinline__ double direction() const {
        T* const to = d();
        const T* const from = g();
        if (count_ == 0) {
            each_of(size(), [&](Index e) { to[e] = -from[e]; });
            return -inner(from, from);
        }
        const T* then = s(0);
        double product = sum([&](Index e) {
            to[e] = from[e];
            return wide(then[e]) * wide(from[e]);
        });
        for (int age = 0; age < count_; ++age) {  // product = <s, d>
            const bool last = age + 1 == count_;
            const double a = product / sy(age), scale = last ? sy(0) / yy(0) : 1;
            if (threadIdx.x == 0)
                alpha(age) = a;
            const T* const v = y(age);
            then = last ? v : s(age + 1);
            product = sum([&](Index e) {
                T entry = to[e] + static_cast<T>(-a * wide(v[e]));
                entry = static_cast<T>(scale * wide(entry));
                to[e] = entry;
                return wide(then[e]) * wide(entry);
            });
        }
        for (int age = count_ - 1; age >= 0; --age) {  // product = <y, d>
            const double factor = alpha(age) - product / sy(age);
            const T* const v = s(age);
            const bool last = age == 0;
            then = last ? from : y(age - 1);
            product = sum([&](Index e) {
                const T entry = to[e] + static_cast<T>(factor * wide(v[e]));
                to[e] = last ? -entry : entry;
                return wide(then[e]) * wide(to[e]);
            });
        }
        return product;
    }

    const Network<T>& net_;
    double* scratch_;
    int flip_ = 0, count_ = 0, newest_ = -1;
};

}  // namespace descrambler::cuda
