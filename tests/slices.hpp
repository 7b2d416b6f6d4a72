// Row ranges of taller matrices as operands: the same results as with packed copies of them, and nothing beside them
// touched. For any backend.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/random.hpp"

namespace descrambler::test {

// [rows, cols] x batch within [rows + 5, cols + 1] x batch of NaN.
template <class T>
class Slice {
public:
    Slice(Backend<T>& on, Index rows, Index cols, Index batch, const std::vector<T>& values)
        : on_(on),
          tall_(rows + 5),
          wide_(cols + 1),
          buffer_(on.allocate(tall_ * wide_ * batch)),
          view_(buffer_.view(tall_, wide_, batch).row_range(3, rows).columns(1, cols)) {
        std::vector<T> all(static_cast<std::size_t>(buffer_.size()), std::numeric_limits<T>::quiet_NaN());
        on.upload(all.data(), whole());
        on.upload(values.data(), view_);
    }
    [[nodiscard]] Batch<T> view() const { return view_; }
    [[nodiscard]] Batch<const T> cview() const { return view_; }
    [[nodiscard]] std::vector<T> download() const {
        std::vector<T> all(static_cast<std::size_t>(buffer_.size())),
            values(static_cast<std::size_t>(view_.size() * view_.batch));
        on_.download(Batch<const T>(whole()), all.data());
        on_.download(Batch<const T>(view_), values.data());
        const Batch<T> frame(all.data(), tall_, wide_, view_.batch);
        std::size_t at = 0;
        for (Index b = 0; b < frame.batch; ++b)
            for (Index j = 0; j < frame.cols; ++j)
                for (Index i = 0; i < frame.rows; ++i) {
                    const bool inside = i >= 3 && i < 3 + view_.rows && j >= 1;
                    EXPECT_EQ(std::isnan(frame(i, j, b)), !inside) << i << " " << j << " " << b;
                    if (inside) {
                        EXPECT_EQ(frame(i, j, b), values[at]) << i << " " << j << " " << b;
                        ++at;
                    }
                }
        return values;
    }

private:
    [[nodiscard]] Batch<T> whole() const { return {buffer_.data(), buffer_.size(), 1}; }
    Backend<T>& on_;
    Index tall_, wide_;
    Buffer<T> buffer_;
    Batch<T> view_;
};

template <class T>
std::vector<T> random_values(Index count, std::uint64_t stream) {
    RandomStream random(3, stream);
    std::vector<T> x(static_cast<std::size_t>(count));
    for (T& value : x)
        value = static_cast<T>(random.normal());
    return x;
}

// call(views..., result) leaves the same bits in its result with packed operands and with slices, or numbers that
// differ by no more than `tolerance`.
template <class T, class Call>
void expect_same(Backend<T>& on, const std::vector<std::array<Index, 3>>& shapes, const Call& call,
                 double tolerance = 0) {
    std::vector<Slice<T>> slices;
    std::vector<Buffer<T>> packed;
    std::vector<Batch<T>> views, sliced;
    std::uint64_t stream = 0;
    slices.reserve(shapes.size());
    for (const auto& [rows, cols, batch] : shapes) {
        const std::vector<T> values = random_values<T>(rows * cols * batch, ++stream);
        slices.emplace_back(on, rows, cols, batch, values);
        packed.push_back(on.allocate(rows * cols * batch));
        views.push_back(packed.back().view(rows, cols, batch));
        on.upload(values.data(), views.back());
        sliced.push_back(slices.back().view());
    }
    call(views);
    call(sliced);
    std::vector<T> wanted(static_cast<std::size_t>(views.back().size() * views.back().batch));
    on.download(Batch<const T>(views.back()), wanted.data());
    const std::vector<T> found = slices.back().download();
    for (std::size_t i = 0; i < wanted.size(); ++i)
        EXPECT_LE(std::abs(static_cast<double>(found[i]) - static_cast<double>(wanted[i])), tolerance) << i;
}

template <class T>
void expect_slices_as_packed(Backend<T>& on) {
    using Views = std::vector<Batch<T>>;
    for (const Op a : {Op::none, Op::transpose})
        for (const Op b : {Op::none, Op::transpose})
            expect_same<T>(on,
                           {{a == Op::none ? 7 : 5, a == Op::none ? 5 : 7, 2},
                            {b == Op::none ? 5 : 6, b == Op::none ? 6 : 5, 2},
                            {7, 6, 2}},
                           [&](const Views& v) { on.gemm(a, b, T{2}, v[0], v[1], T(0.5), v[2]); });
    for (const Index n : {Index{48}, Index{33}, Index{140}})  // by panels, by the library, beyond a tile
        expect_same<T>(on, {{n, 70, 2}, {n, n, 2}}, [&](const Views& v) { on.gram(v[0], T(0.5), v[1]); });
    expect_same<T>(on, {{9, 4, 3}, {9, 4, 3}}, [&](const Views& v) { on.axpby(T(0.5), v[0], T(-2), v[1]); });
    // 36 products of numbers below 4, summed in runs of another length
    expect_same<T>(
        on, {{9, 4, 3}, {9, 4, 3}, {1, 1, 3}}, [&](const Views& v) { on.dot(v[0], v[1], v[2]); },
        36 * 16 * static_cast<double>(std::numeric_limits<T>::epsilon()));
    for (const Index samples : {Index{5}, Index{300}})
        for (const bool bias : {true, false}) {
            expect_same<T>(on, {{17, 11, 2}, {17, 1, 2}, {11, samples, 2}, {17, samples, 2}}, [&](const Views& v) {
                on.dense_forward(Activation::tanh, v[0], bias ? Batch<const T>(v[1]) : Batch<const T>(), v[2], v[3]);
            });
            expect_same<T>(on, {{17, 11, 2}, {17, 1, 2}, {11, samples, 2}, {17, 17, 2}}, [&](const Views& v) {
                on.dense_gram(Activation::relu, v[0], bias ? Batch<const T>(v[1]) : Batch<const T>(), v[2], T(0.5),
                              v[3]);
            });
        }
}

// By hand: rows 1 and 2 of a 4 x 3 matrix.
template <class T>
void expect_a_channel_by_hand(Backend<T>& on) {
    const Buffer<T> memory = on.allocate(12), result = on.allocate(4);
    std::vector<T> host{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, part(6), gram(4);
    on.upload(host.data(), memory.view(4, 3));
    const Batch<T> channel = memory.view(4, 3).row_range(1, 2);
    on.download(Batch<const T>(channel), part.data());
    EXPECT_EQ(part, (std::vector<T>{2, 3, 6, 7, 10, 11}));
    on.gram(channel, T{0}, result.view(2, 2));
    on.download(Batch<const T>(result.view(2, 2)), gram.data());
    EXPECT_EQ(gram, (std::vector<T>{140, 158, 158, 179}));
    on.axpby(T{0}, channel, T(10), channel);
    on.download(Batch<const T>(memory.view(4, 3)), host.data());
    EXPECT_EQ(host, (std::vector<T>{1, 20, 30, 4, 5, 60, 70, 8, 9, 100, 110, 12}));
}

template <class T>
void expect_refusals_of_slices(Backend<T>& on) {
    const Buffer<T> memory = on.allocate(8 * 8), other = on.allocate(64);
    const Batch<T> slice = memory.view(8, 8).row_range(2, 4).columns(0, 4), square = other.view(4, 4),
                   column = other.view(4, 1);
    EXPECT_THROW(on.qr(slice, square), std::invalid_argument);
    EXPECT_THROW(on.eigh(slice, column), std::invalid_argument);
    EXPECT_THROW(on.svd(slice, {}, column, {}), std::invalid_argument);
    EXPECT_THROW(on.cholesky_solve(square, slice), std::invalid_argument);
    EXPECT_THROW(on.randomized_svd(slice, 1, 0, 0, 1, column, other.view(1, 1), column), std::invalid_argument);
    EXPECT_THROW(on.cayley(other.view(6, 1), slice), std::invalid_argument);
    EXPECT_THROW(on.random_uniform(1, 1, 0, slice), std::invalid_argument);
    EXPECT_THROW(on.random_normal(1, 1, 0, slice), std::invalid_argument);
    EXPECT_THROW(on.renorm_forward(slice, square), std::invalid_argument);
    EXPECT_THROW(on.dense_backward(Activation::tanh, square, square, square, slice, square, {}, {}),
                 std::invalid_argument);
    EXPECT_THROW(on.adam_step({}, T{1}, T{0}, 1, slice, square, square, square), std::invalid_argument);
}

// exp(2 pi i j / 8) has its whole spectrum at 1; the buffers hold complex numbers.
template <class T>
void expect_complex_buffers(Backend<T>& on) {
    using Complex = std::complex<T>;
    const Buffer<Complex> x = on.allocate_complex(8), y = on.allocate_complex(8);
    std::vector<Complex> host(8);
    for (int j = 0; j < 8; ++j)
        host[static_cast<std::size_t>(j)] = std::polar(T{1}, static_cast<T>(std::numbers::pi * j / 4));
    on.upload(host.data(), x.view(8, 1));
    on.fft(x.view(8, 1), y.view(8, 1));
    on.download(Batch<const Complex>(y.view(8, 1)), host.data());
    for (std::size_t k = 0; k < 8; ++k)
        EXPECT_LE(std::abs(host[k] - Complex(k == 1 ? T{8} : T{0})), 40 * std::numeric_limits<T>::epsilon()) << k;
}

}  // namespace descrambler::test
