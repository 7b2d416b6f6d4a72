// What the tests of the CUDA backend share. Public headers only: the same sources run on the test device (tests/simt)
// and on a GPU; without either every test of the program is skipped.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/random.hpp"

namespace descrambler {

template <class T>
std::unique_ptr<Backend<T>> device() {
    return make_cuda_backend<T>(0);
}
template <class T>
std::unique_ptr<Backend<T>> host() {
    return make_cpu_backend<T>(1);
}

class NeedsDevice : public testing::Environment {
    void SetUp() override {
        try {
            (void)device<float>();
        } catch (const InputError& absent) {
            GTEST_SKIP() << absent.what();
        }
    }
};
inline const testing::Environment* const needs_device = testing::AddGlobalTestEnvironment(new NeedsDevice);

// An array [rows, cols] x batch on a device between guard zones of NaN; NaN itself until uploaded.
template <class T>
class OnDevice {
public:
    OnDevice(Backend<T>& backend, Index rows, Index cols, Index batch = 1)
        : backend_(&backend), rows_(rows), cols_(cols), batch_(batch), buffer_(backend.allocate(size() + 2 * guard)) {
        upload(std::vector<T>(static_cast<std::size_t>(size()), nan));
    }
    OnDevice(Backend<T>& backend, Index rows, Index cols, Index batch, const std::vector<T>& values)
        : OnDevice(backend, rows, cols, batch) {
        upload(values);
    }
    OnDevice(Backend<T>& backend, const std::vector<T>& values, Index rows, Index cols, Index batch = 1)
        : OnDevice(backend, rows, cols, batch, values) {}

    [[nodiscard]] Index size() const { return rows_ * cols_ * batch_; }  // of all items
    OnDevice& upload(const std::vector<T>& values) {
        require(static_cast<Index>(values.size()) == size(), "OnDevice: number of values");
        std::vector<T> all(static_cast<std::size_t>(size() + 2 * guard), nan);
        std::copy(values.begin(), values.end(), all.begin() + guard);
        backend_->upload(all.data(), whole());
        return *this;
    }
    [[nodiscard]] Batch<T> view() const { return {buffer_.data() + guard, rows_, cols_, batch_}; }
    [[nodiscard]] Batch<const T> cview() const { return view(); }
    // One item that a batch of this many shares.
    [[nodiscard]] Batch<const T> shared(Index batch) const { return {buffer_.data() + guard, rows_, cols_, batch, 0}; }
    [[nodiscard]] std::vector<T> download() const {
        std::vector<T> all(static_cast<std::size_t>(size() + 2 * guard));
        backend_->download(whole(), all.data());
        for (Index i = 0; i < guard; ++i) {
            if (!std::isnan(all[static_cast<std::size_t>(i)]))
                ADD_FAILURE() << "written " << guard - i << " elements before an array";
            if (!std::isnan(all[static_cast<std::size_t>(guard + size() + i)]))
                ADD_FAILURE() << "written " << i + 1 << " elements beyond an array of " << size();
        }
        return {all.begin() + guard, all.end() - guard};
    }

private:
    static constexpr Index guard = 64;  // elements: 256 bytes or 512, so the array is aligned as an allocation is
    static constexpr T nan = std::numeric_limits<T>::quiet_NaN();
    [[nodiscard]] Batch<T> whole() const { return {buffer_.data(), size() + 2 * guard, 1}; }

    Backend<T>* backend_;
    Index rows_, cols_, batch_;
    Buffer<T> buffer_;
};

// max |a - b| / max |b|; infinite where the sizes differ or a number is missing from one side.
template <class T>
double relative_error(const std::vector<T>& a, const std::vector<T>& b) {
    if (a.size() != b.size())
        return std::numeric_limits<double>::infinity();
    double difference = 0, largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (std::isnan(a[i]) && std::isnan(b[i]))
            continue;
        if (!std::isfinite(a[i]) || !std::isfinite(b[i])) {
            if (a[i] == b[i])
                continue;
            return std::numeric_limits<double>::infinity();
        }
        difference = std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
        largest = std::max(largest, std::abs(static_cast<double>(b[i])));
    }
    return difference == 0 ? 0 : difference / largest;
}

template <class T>
inline constexpr double unit_roundoff = std::numeric_limits<T>::epsilon() / 2.0;

// Standard normals, for operands.
template <class T>
std::vector<T> normals(Index count, std::uint64_t number = 1, std::uint64_t seed = 1) {
    RandomStream random(seed, stream::verify + number);
    std::vector<T> x(static_cast<std::size_t>(count));
    for (T& value : x)
        value = static_cast<T>(random.normal());
    return x;
}

}  // namespace descrambler
