#pragma once

#include "deer.hpp"
#include "descrambler/backend.hpp"
#include "runtime.hpp"

namespace descrambler::cuda {

template <class T>
void train(Context& on, std::shared_ptr<DeerDevice<T>>& deer, const TrainPlan<T>& plan,
           std::span<const MemberPlan> members, Index first, Index last, Batch<T> parameters, Batch<T> m, Batch<T> v,
           Batch<T> loss);

}  // namespace descrambler::cuda
