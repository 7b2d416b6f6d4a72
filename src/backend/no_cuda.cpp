// A build without CUDA.
#include "backend/deer_on_device.hpp"
#include "descrambler/backend.hpp"

namespace descrambler {

bool built_with_cuda() {
    return false;
}

template <class T>
std::unique_ptr<Backend<T>> make_cuda_backend(int) {
    throw InputError("--device cuda: this program was built without CUDA; expected auto or cpu");
}

template <class T>
void deer_on_device(Backend<T>&, const DeerRanges&, const T*, const T*, std::uint64_t, std::span<const std::uint64_t>,
                    Index, const DeerViews<T>&) {
    throw InputError("deer_on_device: this program was built without CUDA");
}

template std::unique_ptr<Backend<float>> make_cuda_backend<float>(int);
template std::unique_ptr<Backend<double>> make_cuda_backend<double>(int);
template void deer_on_device<float>(Backend<float>&, const DeerRanges&, const float*, const float*, std::uint64_t,
                                    std::span<const std::uint64_t>, Index, const DeerViews<float>&);
template void deer_on_device<double>(Backend<double>&, const DeerRanges&, const double*, const double*, std::uint64_t,
                                     std::span<const std::uint64_t>, Index, const DeerViews<double>&);

}  // namespace descrambler
