#include "train.hpp"

#include "simt.hpp"

namespace descrambler::cuda {

template <class T>
void train(Context&, const TrainPlan<T>&, std::span<const MemberPlan>, Index, Index, Batch<T>, Batch<T>, Batch<T>,
           Batch<T>) {
    throw Error("train: not on the device yet");
}
template void train<float>(Context&, const TrainPlan<float>&, std::span<const MemberPlan>, Index, Index, Batch<float>,
                           Batch<float>, Batch<float>, Batch<float>);
template void train<double>(Context&, const TrainPlan<double>&, std::span<const MemberPlan>, Index, Index,
                            Batch<double>, Batch<double>, Batch<double>, Batch<double>);

}  // namespace descrambler::cuda
