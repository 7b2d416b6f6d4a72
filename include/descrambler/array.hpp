// Arrays. Everything in memory is column-major; files are row-major where their format says so (io/).
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "descrambler/error.hpp"

namespace descrambler {

using Index = std::ptrdiff_t;

// View of `batch` column-major matrices [rows, cols]. Item b starts at data + b * stride, its column j at j * ld; a
// stride of 0 shares one matrix between all items, ld > rows is a range of rows of taller matrices. Trivially copyable:
// kernels take it by value. Nothing is checked against the memory behind it.
template <class T>
struct Batch {
    T* data = nullptr;
    Index rows = 0;
    Index cols = 0;
    Index batch = 1;
    Index stride = 0;
    Index ld = 0;  // leading dimension

    constexpr Batch() = default;
    constexpr Batch(T* data, Index rows, Index cols, Index batch = 1)
        : data(data), rows(rows), cols(cols), batch(batch), stride(rows * cols), ld(rows) {}
    constexpr Batch(T* data, Index rows, Index cols, Index batch, Index stride)
        : data(data), rows(rows), cols(cols), batch(batch), stride(stride), ld(rows) {}
    constexpr Batch(T* data, Index rows, Index cols, Index batch, Index stride, Index ld)
        : data(data), rows(rows), cols(cols), batch(batch), stride(stride), ld(ld) {}
    template <class U>
    requires std::same_as<const U, T>
    constexpr Batch(const Batch<U>& b)  // Batch<T> -> Batch<const T>
        : data(b.data), rows(b.rows), cols(b.cols), batch(b.batch), stride(b.stride), ld(b.ld) {}

    [[nodiscard]] constexpr T& operator()(Index i, Index j, Index b = 0) const { return data[b * stride + j * ld + i]; }
    [[nodiscard]] constexpr Index size() const { return rows * cols; }               // one item
    [[nodiscard]] constexpr bool packed() const { return ld == rows || cols <= 1; }  // columns follow one another
    [[nodiscard]] constexpr Batch item(Index b) const { return {data + b * stride, rows, cols, 1, ld * cols, ld}; }
    [[nodiscard]] constexpr Batch columns(Index first, Index count) const {  // of every item
        return {data + first * ld, rows, count, batch, stride, ld};
    }
    [[nodiscard]] constexpr Batch row_range(Index first, Index count) const {  // of every item: a channel, no copy
        return {data + first, count, cols, batch, stride, ld};
    }
};

// Move-only owner of memory that lives where its backend computes. size: numbers of T. view() throws
// std::invalid_argument where [rows, cols] x batch needs more than size() numbers.
template <class T>
class Buffer {
public:
    using Deleter = std::function<void(T*)>;
    Buffer() = default;
    Buffer(T* data, Index size, Deleter deleter) : data_(data, std::move(deleter)), size_(size) {}
    Buffer(Buffer&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
        data_ = std::move(other.data_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    [[nodiscard]] T* data() const { return data_.get(); }
    [[nodiscard]] Index size() const { return size_; }
    [[nodiscard]] Batch<T> view(Index rows, Index cols, Index batch = 1) const {
        require(rows >= 0 && cols >= 0 && batch >= 0 && rows * cols * batch <= size_, "view exceeds its buffer");
        return {data_.get(), rows, cols, batch};
    }

private:
    std::unique_ptr<T, Deleter> data_{nullptr, [](T*) {}};
    Index size_ = 0;
};

// Owner of one matrix [rows, cols] in host memory, column-major, with value semantics: what the analysis, the files and
// the tests handle. Zero on construction; std::invalid_argument for a negative size. Elements are not range-checked.
template <class T = double>
class Matrix {
public:
    Matrix() = default;
    Matrix(Index rows, Index cols) : rows_(rows), cols_(cols) {
        require(rows >= 0 && cols >= 0, "negative size");
        data_.resize(static_cast<std::size_t>(rows * cols));
    }

    [[nodiscard]] Index rows() const { return rows_; }
    [[nodiscard]] Index cols() const { return cols_; }
    [[nodiscard]] Index size() const { return rows_ * cols_; }
    [[nodiscard]] T* data() { return data_.data(); }
    [[nodiscard]] const T* data() const { return data_.data(); }
    [[nodiscard]] T& operator()(Index i, Index j) { return data_[static_cast<std::size_t>(j * rows_ + i)]; }
    [[nodiscard]] const T& operator()(Index i, Index j) const { return data_[static_cast<std::size_t>(j * rows_ + i)]; }
    [[nodiscard]] std::span<T> column(Index j) { return {data() + j * rows_, static_cast<std::size_t>(rows_)}; }
    [[nodiscard]] std::span<const T> column(Index j) const {
        return {data() + j * rows_, static_cast<std::size_t>(rows_)};
    }
    [[nodiscard]] std::span<T> values() { return data_; }
    [[nodiscard]] std::span<const T> values() const { return data_; }
    [[nodiscard]] Batch<T> view() { return {data(), rows_, cols_}; }
    [[nodiscard]] Batch<const T> view() const { return {data(), rows_, cols_}; }
    bool operator==(const Matrix&) const = default;

private:
    Index rows_ = 0, cols_ = 0;
    std::vector<T> data_;
};

}  // namespace descrambler
