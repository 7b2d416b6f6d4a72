#include "minimise.hpp"

#include "simt.hpp"

namespace descrambler::cuda {

template <class T>
void minimise(Context&, const MinimiseOptions&, Batch<const T>, Batch<const T>, Batch<T>, std::span<MinimiseReport>) {
    throw Error("minimise: not on the device yet");
}
template void minimise<float>(Context&, const MinimiseOptions&, Batch<const float>, Batch<const float>, Batch<float>,
                              std::span<MinimiseReport>);
template void minimise<double>(Context&, const MinimiseOptions&, Batch<const double>, Batch<const double>,
                               Batch<double>, std::span<MinimiseReport>);

}  // namespace descrambler::cuda
