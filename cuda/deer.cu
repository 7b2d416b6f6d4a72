#include "deer.hpp"

#include "simt.hpp"

namespace descrambler::cuda {

template <class T>
struct DeerDevice {};
template <class T>
void deer_traces(Context&, std::shared_ptr<DeerDevice<T>>&, const DeerTables&, std::uint64_t, std::uint64_t, Index,
                 const DeerSamples<T>&) {
    throw Error("deer_traces: not on the device yet");
}
template void deer_traces<float>(Context&, std::shared_ptr<DeerDevice<float>>&, const DeerTables&, std::uint64_t,
                                 std::uint64_t, Index, const DeerSamples<float>&);
template void deer_traces<double>(Context&, std::shared_ptr<DeerDevice<double>>&, const DeerTables&, std::uint64_t,
                                  std::uint64_t, Index, const DeerSamples<double>&);

}  // namespace descrambler::cuda
