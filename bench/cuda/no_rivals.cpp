// A build without CUDA, for the test device: nobody to compare with.
#include "rivals.hpp"

namespace descrambler::bench {

struct Rival {};

DeviceFacts device_facts(int) {
    return {};
}
std::shared_ptr<Rival> make_rival(int) {
    return std::make_shared<Rival>();
}
void wait(Rival&) {}
Call graphed(Rival&, const Call&) {
    return {};
}
Call empty_launch(Rival&) {
    return {};
}
Call copy_call(Rival&, const void*, void*, std::size_t) {
    return {};
}
Call cayley_call(Rival&, Batch<const double>, Batch<double>) {
    return {};
}
Call cayley_pullback_call(Rival&, Batch<const double>, Batch<const double>, Batch<double>) {
    return {};
}
Call tikhonov_call(Rival&, Batch<const double>, Batch<const double>, Batch<const double>, Batch<double>,
                   Batch<double>) {
    return {};
}
template <class T>
Call gram_call(Rival&, Batch<const T>, Batch<T>) {
    return {};
}
template <class T>
Call dense_gram_call(Rival&, Batch<const T>, Batch<const T>, Batch<const T>, Batch<T>) {
    return {};
}
template <class T>
Call gemm_call(Rival&, Batch<const T>, Batch<const T>, Batch<T>) {
    return {};
}
Call eigh_call(Rival&, Batch<const double>, Batch<double>, Batch<double>) {
    return {};
}
Call qr_call(Rival&, Batch<const double>, Batch<double>) {
    return {};
}
Call gesvd_call(Rival&, Batch<const double>, Batch<double>, Batch<double>, Batch<double>) {
    return {};
}
Call gesvda_call(Rival&, Batch<const double>, Batch<double>, Batch<double>, Batch<double>) {
    return {};
}
Call gesvdr_call(Rival&, Batch<const double>, int, int, int, Batch<double>) {
    return {};
}
Call closed_forms_call(Rival&, Batch<const double>, Batch<const double>, Batch<const double>, Batch<double>,
                       Batch<double>) {
    return {};
}
Call deer_call(Rival&, const DeerTables&, std::uint64_t, const Index&, Batch<float>, Batch<float>) {
    return {};
}
TrainCalls train_calls(Rival&, const TrainShape&, Batch<const float>, Batch<const float>, Batch<float>, Batch<float>,
                       Batch<float>, Batch<float>) {
    return {};
}

template Call gram_call<float>(Rival&, Batch<const float>, Batch<float>);
template Call gram_call<double>(Rival&, Batch<const double>, Batch<double>);
template Call gemm_call<float>(Rival&, Batch<const float>, Batch<const float>, Batch<float>);
template Call gemm_call<double>(Rival&, Batch<const double>, Batch<const double>, Batch<double>);
template Call dense_gram_call<float>(Rival&, Batch<const float>, Batch<const float>, Batch<const float>, Batch<float>);
template Call dense_gram_call<double>(Rival&, Batch<const double>, Batch<const double>, Batch<const double>,
                                      Batch<double>);

}  // namespace descrambler::bench
