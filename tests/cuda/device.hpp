// What the tests of the CUDA backend share: the device, guarded arrays on it, error norms. Public headers only, so that the
// tests run on the test device and on a GPU alike.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/random.hpp"

namespace descrambler::test {

// The device of the tests, nullptr (and a skip) where there is none.
template <class T>
std::unique_ptr<Backend<T>> find_device() {
    try {
        return make_cuda_backend<T>(0);
    } catch (const InputError&) {
        return nullptr;
    }
}
template <class T>
Backend<T>& device() {
    static const std::unique_ptr<Backend<T>> one = make_cuda_backend<T>(0);
    return *one;
}

// A device array with guard zones of NaN before and behind it.
template <class T>
class OnDevice {
public:
    OnDevice(Backend<T>& on, Index rows, Index cols, Index batch = 1)
        : on_(&on), rows_(rows), cols_(cols), batch_(batch), memory_(on.allocate(count() + 2 * guard)) {
        std::vector<T> fresh(static_cast<std::size_t>(count() + 2 * guard), std::numeric_limits<T>::quiet_NaN());
        on.upload(fresh.data(), memory_.view(count() + 2 * guard, 1));
    }
    OnDevice(Backend<T>& on, const std::vector<T>& host, Index rows, Index cols, Index batch = 1)
        : OnDevice(on, rows, cols, batch) {
        upload(host);
    }
    [[nodiscard]] Index count() const { return rows_ * cols_ * batch_; }
    [[nodiscard]] Batch<T> view() const { return {memory_.data() + guard, rows_, cols_, batch_}; }
    [[nodiscard]] Batch<const T> cview() const { return view(); }
    [[nodiscard]] Batch<const T> shared(Index batch) const { return {memory_.data() + guard, rows_, cols_, batch, 0}; }
    void upload(const std::vector<T>& host) {
        ASSERT_EQ(static_cast<Index>(host.size()), count());
        on_->upload(host.data(), view());
    }
    [[nodiscard]] std::vector<T> download() const {
        std::vector<T> all(static_cast<std::size_t>(count() + 2 * guard));
        on_->download(Batch<const T>(memory_.data(), count() + 2 * guard, 1), all.data());
        for (Index i = 0; i < guard; ++i) {
            EXPECT_TRUE(std::isnan(all[i])) << "written " << guard - i << " before an array";
            EXPECT_TRUE(std::isnan(all[guard + count() + i])) << "written " << i << " behind an array";
        }
        return {all.begin() + guard, all.end() - guard};
    }

private:
    static constexpr Index guard = 64;
    Backend<T>* on_;
    Index rows_, cols_, batch_;
    Buffer<T> memory_;
};

// max |a - b| / max |b|
template <class T>
double relative_error(const std::vector<T>& a, const std::vector<T>& b) {
    EXPECT_EQ(a.size(), b.size());
    double most = 0, error = 0;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        most = std::max(most, std::abs(static_cast<double>(b[i])));
        const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        error = d <= std::numeric_limits<double>::max() ? std::max(error, d) : std::numeric_limits<double>::infinity();
    }
    return most > 0 ? error / most : error;
}

template <class T>
std::vector<T> normals(Index n, std::uint64_t stream) {
    std::vector<T> x(static_cast<std::size_t>(n));
    make_cpu_backend<T>(1)->random_normal(11, stream, 0, {x.data(), n, 1});
    return x;
}

}  // namespace descrambler::test
