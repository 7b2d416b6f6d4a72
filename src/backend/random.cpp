#include "descrambler/backend/random.hpp"

#include "backend/shapes.hpp"

namespace descrambler {

template <class T>
void Random<T>::random_uniform(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Batch<T> x) {
    require(packed(x), "random_uniform: takes no leading dimension");
    do_random_uniform(seed, stream, first_block, x);
}

template <class T>
void Random<T>::random_normal(std::uint64_t seed, std::uint64_t stream, std::uint64_t first_block, Batch<T> x) {
    require(packed(x), "random_normal: takes no leading dimension");
    do_random_normal(seed, stream, first_block, x);
}

template class Random<float>;
template class Random<double>;

}  // namespace descrambler
