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

// One network: its problem, what it reports, and memory of its own.
template <class T>
struct Network {
    int n = 0, k = 0;
    const T *mu = nullptr, *L = nullptr;
    T* P = nullptr;
    double bound = 0;  // NaN: unknown
    MinimiseReport::Point* history = nullptr;
    T* numbers = nullptr;
    double* wide = nullptr;
    int* marks = nullptr;
};

template <class T>
__device__ __forceinline__ double wide(T x) {
    return static_cast<double>(x);
}

__device__ __forceinline__ void note(MinimiseOutcome& outcome, MinimiseReport::Point* history, Index iterations,
                                     double eta, double gradient) {
    if (threadIdx.x == 0)
        history[outcome.points] = {iterations, outcome.evaluations, eta, gradient};
    ++outcome.points;
}

}  // namespace descrambler::cuda
