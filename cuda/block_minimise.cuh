// What both methods of minimise.cu share: budgets, results, the place of a block's numbers, vectors in double.
#pragma once

#include <cmath>
#include <limits>

#include "block_algebra.cuh"

namespace descrambler::cuda {

struct MinimiseLimits {
    Index evaluations = 0, iterations = 0, points = 0, memory = 0;  // points: room for the history
    double offdiagonal = 0, gap = 0, gradient = 0;
};
struct MinimiseOutcome {
    Index converged = 0, iterations = 0, evaluations = 0, points = 0;
};
// The state of a network between two launches: what the next step needs besides the numbers of its workspace.
struct MinimiseState {
    MinimiseOutcome outcome;
    Index evaluations = 0;                          // including those of the line search under way
    double value = 0, first = 0, slope = 0, t = 0;  // of the line search (block_lbfgs.cuh)
    int flip = 0, flip_P = 0, count = 0, newest = -1;
    int started = 0, anew = 1, finished = 0;
};

// One network: its problem, what it reports, and its memory. It lies in shared memory, where all threads read it again
// after each barrier, so that it takes none of their registers.
template <class T>
struct Network {
    MinimiseLimits limits;
    MinimiseState* state;
    Index stop;  // this launch ends before iteration `stop`
    int n, k;
    const T *mu, *L;
    T* P;
    double bound;  // NaN: unknown
    MinimiseReport::Point* history;
    T* numbers;
    double* wides;
    int* marks;
};
inline constexpr std::size_t network_bytes = 192;

template <class T>
__device__ __forceinline__ double wide(T x) {
    return static_cast<double>(x);
}

__device__ __forceinline__ void note(MinimiseOutcome& outcome, MinimiseReport::Point* history, double eta,
                                     double gradient) {
    if (threadIdx.x == 0)
        history[outcome.points] = {outcome.iterations, outcome.evaluations, eta, gradient};
    ++outcome.points;
}

}  // namespace descrambler::cuda
