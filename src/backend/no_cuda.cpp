// A build without CUDA.
#include "descrambler/backend.hpp"

namespace descrambler {

bool built_with_cuda() {
    return false;
}

template <class T>
std::unique_ptr<Backend<T>> make_cuda_backend(int) {
    throw InputError("--device cuda: this program was built without CUDA; expected auto or cpu");
}
template std::unique_ptr<Backend<float>> make_cuda_backend<float>(int);
template std::unique_ptr<Backend<double>> make_cuda_backend<double>(int);

}  // namespace descrambler
