// Whole optimisation steps on the CPU: one member of the ensemble stays on one core for the length of the call, so that
// its weights, moments and activations stay in that core's cache.
#pragma once

#include "descrambler/backend.hpp"

namespace descrambler::cpu {

template <class T>
void train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last, Batch<T> parameters,
           Batch<T> m, Batch<T> v, Batch<T> loss, int threads);

}  // namespace descrambler::cpu
