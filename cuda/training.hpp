#pragma once

#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

// backend: the one that the context belongs to, for the source of the samples.
template <class T>
void train(Context& on, Backend<T>& backend, const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first,
           Index last, Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss);

}  // namespace descrambler::cuda
