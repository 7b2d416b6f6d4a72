// The calls that go to the vendor's libraries, at sizes and shapes that reach them: products of every kind, transforms,
// eigenvalues, Cholesky, QR of few wide matrices, SVD beyond 512. Against the CPU backend, or residuals with tolerances
// c n u of the norm.
#include <gtest/gtest.h>

#include <array>
#include <complex>

#include "cuda/device.hpp"
#include "cuda/residuals.hpp"

namespace descrambler {
namespace {

template <class T>
class Vendor : public testing::Test {
protected:
    std::unique_ptr<Backend<T>> gpu = device<T>();
    std::unique_ptr<Backend<T>> cpu = host<T>();
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(Vendor, Precisions);

template <class T>
std::vector<T> product(Backend<T>& on, Op a, Op b, T alpha, T beta, Index m, Index n, Index k, Index batch,
                       bool shared) {
    const Index items = shared ? 1 : batch;
    const OnDevice<T> A(on, normals<T>(m * k * items, 1), a == Op::none ? m : k, a == Op::none ? k : m, items);
    const OnDevice<T> B(on, normals<T>(k * n * batch, 2), b == Op::none ? k : n, b == Op::none ? n : k, batch);
    const OnDevice<T> C(on, normals<T>(m * n * batch, 3), m, n, batch);
    on.gemm(a, b, alpha, shared ? A.shared(batch) : A.cview(), B.cview(), beta, C.view());
    return C.download();
}

TYPED_TEST(Vendor, GemmOfEveryKind) {
    using T = TypeParam;
    const std::array<std::array<Index, 3>, 6> shapes{
        {{1, 1, 1}, {5, 3, 7}, {33, 1, 64}, {1, 65, 31}, {80, 256, 80}, {257, 129, 100}}};
    for (const auto& [m, n, k] : shapes)
        for (const Op a : {Op::none, Op::transpose})
            for (const Op b : {Op::none, Op::transpose})
                for (const bool shared : {false, true}) {
                    const T alpha = shared ? T{1} : T(-0.5), beta = b == Op::none ? T{0} : T(2);
                    const auto found = product<T>(*this->gpu, a, b, alpha, beta, m, n, k, 3, shared);
                    const auto wanted = product<T>(*this->cpu, a, b, alpha, beta, m, n, k, 3, shared);
                    EXPECT_LE(relative_error(found, wanted), 2 * static_cast<double>(k + 4) * unit_roundoff<T>)
                        << m << " x " << n << " x " << k << (a == Op::none ? ", A" : ", A^T")
                        << (b == Op::none ? " B" : " B^T") << (shared ? ", one A" : "");
                }
}

TYPED_TEST(Vendor, GemmForgetsAResultWithFactorZero) {
    using T = TypeParam;
    const OnDevice<T> A(*this->gpu, normals<T>(12, 1), 4, 3), B(*this->gpu, normals<T>(6, 2), 3, 2);
    const OnDevice<T> C(*this->gpu, 4, 2);  // NaN
    this->gpu->gemm(Op::none, Op::none, T{1}, A.cview(), B.cview(), T{0}, C.view());
    for (const T x : C.download())
        EXPECT_TRUE(std::isfinite(x));
}

template <class T>
std::vector<T> transform(Backend<T>& on, Index n, Index cols, Index batch) {
    const Index size = n * cols * batch;
    const std::vector<T> numbers = normals<T>(2 * size, 4);
    std::vector<std::complex<T>> host;
    for (Index i = 0; i < size; ++i)
        host.emplace_back(numbers[2 * i], numbers[2 * i + 1]);
    const Buffer<std::complex<T>> x = on.allocate_complex(size), y = on.allocate_complex(size);
    on.upload(host.data(), x.view(n, cols, batch));
    on.fft(x.view(n, cols, batch), y.view(n, cols, batch));
    on.download(y.view(n, cols, batch), host.data());
    std::vector<T> found;
    for (const std::complex<T>& z : host) {
        found.push_back(z.real());
        found.push_back(z.imag());
    }
    return found;
}

TYPED_TEST(Vendor, FftOfEveryLength) {
    using T = TypeParam;
    for (const Index n : {1, 2, 7, 64, 243, 510, 1024})
        for (const Index batch : {1, 3})
            EXPECT_LE(relative_error(transform<T>(*this->gpu, n, 5, batch), transform<T>(*this->cpu, n, 5, batch)),
                      32 * unit_roundoff<T>)
                << n << " points, batch of " << batch;
}

// Of complex numbers their transform; of real ones the spectrum after a way there and back, parts one after another.
template <class T, class Number>
std::vector<Number> transformed(Backend<T>& on, const FourierShape& shape, const std::vector<Number>& x) {
    const Index points = shape.points(), columns = std::ssize(x) / points / 2;  // two items
    const auto allocate = [&] {
        if constexpr (std::is_same_v<T, Number>)
            return on.allocate(std::ssize(x));
        else
            return on.allocate_complex(std::ssize(x));
    };
    const auto from = allocate(), to = allocate();
    const Batch<Number> in = from.view(points, columns, 2), out = to.view(points, columns, 2);
    on.upload(x.data(), in);
    if constexpr (std::is_same_v<T, Number>) {
        const Index rows = shape.n1 * shape.half();
        const auto between = on.allocate_complex(rows * columns * 2);
        const Batch<std::complex<T>> spectra = between.view(rows, columns, 2);
        shape.n1 == 1 ? on.real_fft(in, spectra) : on.real_fft2(shape.n1, shape.n2, in, spectra);
        shape.n1 == 1 ? on.real_ifft(spectra, out) : on.real_ifft2(shape.n1, shape.n2, spectra, out);
        shape.n1 == 1 ? on.real_fft(out, spectra) : on.real_fft2(shape.n1, shape.n2, out, spectra);
        std::vector<std::complex<T>> frequencies(static_cast<std::size_t>(rows * columns * 2));
        on.download(spectra, frequencies.data());
        std::vector<T> parts;
        for (const std::complex<T>& z : frequencies) {
            parts.push_back(z.real());
            parts.push_back(z.imag());
        }
        return parts;
    } else {
        if (shape.n1 == 1)
            on.ifft(in, out);
        else
            shape.inverse ? on.ifft2(shape.n1, shape.n2, in, out) : on.fft2(shape.n1, shape.n2, in, out);
        std::vector<Number> found(x.size());
        on.download(out, found.data());
        return found;
    }
}

TYPED_TEST(Vendor, TransformsOfImagesRealOnesAndInverses) {
    using T = TypeParam;
    for (const FourierShape& shape : {FourierShape{1, 30, true}, {1, 17, true}, {6, 5}, {66, 40, true}, {7, 1, true}}) {
        const Index size = shape.points() * 3 * 2;
        const std::vector<T> x = normals<T>(size, 6), imaginary = normals<T>(size, 7);
        const double tolerance = 32 * unit_roundoff<T>;
        EXPECT_LE(relative_error(transformed<T>(*this->gpu, shape, x), transformed<T>(*this->cpu, shape, x)), tolerance)
            << shape.n1 << " x " << shape.n2 << ", real";
        std::vector<std::complex<T>> z;
        for (std::size_t i = 0; i < x.size(); ++i)
            z.emplace_back(x[i], imaginary[i]);
        const auto found = transformed<T>(*this->gpu, shape, z), wanted = transformed<T>(*this->cpu, shape, z);
        double difference = 0, norm = 0;
        for (std::size_t i = 0; i < z.size(); ++i) {
            difference += static_cast<double>(std::norm(found[i] - wanted[i]));
            norm += static_cast<double>(std::norm(wanted[i]));
        }
        EXPECT_LE(std::sqrt(difference / norm), tolerance) << shape.n1 << " x " << shape.n2;
    }
}

TYPED_TEST(Vendor, SvdBeyondTheKernelsOfOurOwn) {
    using T = TypeParam;
    for (const auto& [m, n] : {std::pair<Index, Index>{530, 514}, {514, 530}}) {
        const std::vector<T> A = normals<T>(m * n, 5);
        const Index k = std::min(m, n);
        OnDevice<T> a(*this->gpu, A, m, n), U(*this->gpu, m, k), s(*this->gpu, k, 1), V(*this->gpu, n, k);
        this->gpu->svd(a.view(), U.view(), s.view(), V.view());
        const std::vector<T> u = U.download(), sigma = s.download(), v = V.download();
        const double tolerance = 8 * static_cast<double>(k) * unit_roundoff<T>;
        EXPECT_LE(residual<T>(item(A, m, n, 0), item(u, m, k, 0), sigma.data(), item(v, n, k, 0), true), tolerance);
        EXPECT_LE(orthogonality<T>(item(u, m, k, 0)), tolerance);
        EXPECT_LE(orthogonality<T>(item(v, n, k, 0)), tolerance);
        EXPECT_TRUE(std::is_sorted(sigma.begin(), sigma.end(), std::greater<T>()));
        a.upload(A);
        this->gpu->svd(a.view(), {}, s.view(), {});
        EXPECT_LE(relative_error(s.download(), sigma), tolerance) << "values alone";
    }
}

TYPED_TEST(Vendor, EighOfRealSizes) {
    using T = TypeParam;
    for (const Index n : {1, 33, 200}) {
        const Index batch = 3;
        std::vector<T> A(static_cast<std::size_t>(n * n * batch));
        const std::vector<T> random = normals<T>(n * n * batch, 6);
        for (Index b = 0; b < batch; ++b)
            for (Index i = 0; i < n; ++i)
                for (Index j = 0; j < n; ++j)
                    A[b * n * n + i + j * n] = (random[b * n * n + i + j * n] + random[b * n * n + j + i * n]) / 2;
        OnDevice<T> a(*this->gpu, A, n, n, batch), w(*this->gpu, n, 1, batch);
        this->gpu->eigh(a.view(), w.view());
        const std::vector<T> vectors = a.download(), values = w.download();
        const double tolerance = 8 * static_cast<double>(n + 8) * unit_roundoff<T>;
        for (Index b = 0; b < batch; ++b) {
            const Batch<const T> V = item(vectors, n, n, b);
            EXPECT_LE(residual<T>(item(A, n, n, b), V, values.data() + b * n, V, true), tolerance) << n;
            EXPECT_LE(orthogonality<T>(V), tolerance) << n;
            EXPECT_TRUE(std::is_sorted(values.begin() + b * n, values.begin() + (b + 1) * n)) << n;
        }
    }
}

TYPED_TEST(Vendor, CholeskySolvesRealSizesAndRefusesWhatIsNotPositive) {
    using T = TypeParam;
    const Index n = 150, r = 7, batch = 3;
    std::vector<T> A(static_cast<std::size_t>(n * n * batch)), X = normals<T>(n * r * batch, 7);
    const std::vector<T> random = normals<T>(n * n * batch, 8);
    for (Index b = 0; b < batch; ++b)
        for (Index i = 0; i < n; ++i)
            for (Index j = 0; j < n; ++j)
                A[b * n * n + i + j * n] = i == j ? static_cast<T>(3 * n)
                                                  : (random[b * n * n + i + j * n] + random[b * n * n + j + i * n]) / 2;
    std::vector<T> B(X.size());
    const std::vector<T> right = X;
    for (Index b = 0; b < batch; ++b)
        for (Index c = 0; c < r; ++c)
            for (Index i = 0; i < n; ++i) {
                double sum = 0;
                for (Index j = 0; j < n; ++j)
                    sum += static_cast<double>(A[b * n * n + i + j * n]) *
                           static_cast<double>(right[b * n * r + j + c * n]);
                B[b * n * r + i + c * n] = static_cast<T>(sum);
            }
    OnDevice<T> a(*this->gpu, A, n, n, batch), x(*this->gpu, B, n, r, batch);
    this->gpu->cholesky_solve(a.view(), x.view());
    EXPECT_LE(relative_error(x.download(), X), 16 * static_cast<double>(n) * unit_roundoff<T>);
    A[n * n] = -1;  // the first pivot of item 1
    a.upload(A);
    x.upload(B);
    try {
        this->gpu->cholesky_solve(a.view(), x.view());
        ADD_FAILURE() << "item 1 is not positive definite";
    } catch (const Error& error) {
        EXPECT_STREQ(error.what(), "cholesky_solve: item 1 did not factorise");
    }
}

TYPED_TEST(Vendor, QrOfFewWideMatrices) {
    using T = TypeParam;
    const Index m = 300, n = 200, batch = 2;
    const std::vector<T> A = normals<T>(m * n * batch, 9);
    OnDevice<T> a(*this->gpu, A, m, n, batch), R(*this->gpu, n, n, batch);
    this->gpu->qr(a.view(), R.view());
    const std::vector<T> q = a.download(), upper = R.download();
    const double tolerance = 8 * static_cast<double>(m) * unit_roundoff<T>;
    for (Index b = 0; b < batch; ++b) {
        EXPECT_LE(residual<T>(item(A, m, n, b), item(q, m, n, b), nullptr, item(upper, n, n, b), false), tolerance);
        EXPECT_LE(orthogonality<T>(item(q, m, n, b)), tolerance);
        for (Index j = 0; j < n; ++j)
            for (Index i = j + 1; i < n; ++i)
                ASSERT_EQ(upper[b * n * n + i + j * n], T{0});
    }
}

}  // namespace
}  // namespace descrambler
