#include "randomized_svd.hpp"

#include "simt.hpp"

namespace descrambler::cuda {

template <class T>
void randomized_svd(Context&, Batch<const T>, int, int, int, std::uint64_t, Batch<T>, Batch<T>, Batch<T>) {
    throw Error("randomized_svd: not on the device yet");
}
template void randomized_svd<float>(Context&, Batch<const float>, int, int, int, std::uint64_t, Batch<float>,
                                    Batch<float>, Batch<float>);
template void randomized_svd<double>(Context&, Batch<const double>, int, int, int, std::uint64_t, Batch<double>,
                                     Batch<double>, Batch<double>);

}  // namespace descrambler::cuda
