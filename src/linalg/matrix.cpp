#include "descrambler/matrix.hpp"

#include <omp.h>

#include <cmath>
#include <complex>
#include <exception>

namespace descrambler {

namespace {

Buffer<double> on_device(Backend<double>& on, const Matrix<double>& A) {
    Buffer<double> buffer = on.allocate(A.size());
    on.upload(A.data(), buffer.view(A.rows(), A.cols()));
    return buffer;
}

Matrix<double> on_host(Backend<double>& on, Batch<const double> A) {
    Matrix<double> result(A.rows, A.cols);
    on.download(A, result.data());
    return result;
}

}  // namespace

Matrix<double> transpose(const Matrix<double>& A) {
    Matrix<double> result(A.cols(), A.rows());
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            result(j, i) = A(i, j);
    return result;
}

Matrix<double> multiply(Backend<double>& on, Op a, Op b, const Matrix<double>& A, const Matrix<double>& B) {
    const Buffer<double> left = on_device(on, A), right = on_device(on, B);
    const Index rows = a == Op::none ? A.rows() : A.cols(), cols = b == Op::none ? B.cols() : B.rows();
    const Buffer<double> product = on.allocate(rows * cols);
    on.gemm(a, b, 1.0, left.view(A.rows(), A.cols()), right.view(B.rows(), B.cols()), 0.0, product.view(rows, cols));
    return on_host(on, product.view(rows, cols));
}

Matrix<double> gram(Backend<double>& on, const Matrix<double>& S) {
    const Buffer<double> signals = on_device(on, S);
    const Buffer<double> result = on.allocate(S.rows() * S.rows());
    on.gram(signals.view(S.rows(), S.cols()), 0.0, result.view(S.rows(), S.rows()));
    return on_host(on, result.view(S.rows(), S.rows()));
}

Svd svd(Backend<double>& on, const Matrix<double>& A) {
    const Index k = std::min(A.rows(), A.cols());
    const Buffer<double> a = on_device(on, A);
    const Buffer<double> U = on.allocate(A.rows() * k), s = on.allocate(k), V = on.allocate(A.cols() * k);
    on.svd(a.view(A.rows(), A.cols()), U.view(A.rows(), k), s.view(k, 1), V.view(A.cols(), k));
    const Matrix<double> values = on_host(on, s.view(k, 1));
    return {on_host(on, U.view(A.rows(), k)),
            {values.values().begin(), values.values().end()},
            on_host(on, V.view(A.cols(), k))};
}

std::vector<double> singular_values(Backend<double>& on, const Matrix<double>& A) {
    const Index k = std::min(A.rows(), A.cols());
    const Buffer<double> a = on_device(on, A), s = on.allocate(k);
    on.svd(a.view(A.rows(), A.cols()), {}, s.view(k, 1), {});
    const Matrix<double> values = on_host(on, s.view(k, 1));
    return {values.values().begin(), values.values().end()};
}

Eigh eigh(Backend<double>& on, const Matrix<double>& A) {
    const Buffer<double> a = on_device(on, A), w = on.allocate(A.rows());
    on.eigh(a.view(A.rows(), A.cols()), w.view(A.rows(), 1));
    const Matrix<double> values = on_host(on, w.view(A.rows(), 1));
    return {{values.values().begin(), values.values().end()}, on_host(on, a.view(A.rows(), A.cols()))};
}

Matrix<double> cholesky_solve(Backend<double>& on, const Matrix<double>& A, const Matrix<double>& B) {
    const Buffer<double> a = on_device(on, A), b = on_device(on, B);
    on.cholesky_solve(a.view(A.rows(), A.cols()), b.view(B.rows(), B.cols()));
    return on_host(on, b.view(B.rows(), B.cols()));
}

Matrix<double> identity(Index n) {
    Matrix<double> I(n, n);
    for (Index i = 0; i < n; ++i)
        I(i, i) = 1;
    return I;
}

double orthogonality(Backend<double>& on, const Matrix<double>& P) {
    const Matrix<double> E = gram(on, P);
    double worst = 0;
    for (Index j = 0; j < E.cols(); ++j)
        for (Index i = 0; i < E.rows(); ++i)
            worst = std::max(worst, std::abs(E(i, j) - (i == j ? 1 : 0)));
    return worst;
}

double frobenius(const Matrix<double>& A) {
    double sum = 0;
    for (const double x : A.values())
        sum += x * x;
    return std::sqrt(sum);
}

Matrix<double> to_double(const Matrix<float>& A) {
    Matrix<double> result(A.rows(), A.cols());
    for (std::size_t i = 0; i < A.values().size(); ++i)
        result.values()[i] = static_cast<double>(A.values()[i]);
    return result;
}

namespace {

using Complex = std::complex<double>;

// Transforms of the columns.
Matrix<Complex> transform(Backend<double>& on, const Matrix<Complex>& A) {
    const Buffer<Complex> in = on.allocate_complex(A.size()), out = on.allocate_complex(A.size());
    on.upload(A.data(), in.view(A.rows(), A.cols()));
    on.fft(in.view(A.rows(), A.cols()), out.view(A.rows(), A.cols()));
    Matrix<Complex> result(A.rows(), A.cols());
    on.download(out.view(A.rows(), A.cols()), result.data());
    return result;
}

}  // namespace

Matrix<double> power_spectrum2(Backend<double>& on, const Matrix<double>& A) {
    Matrix<Complex> rows(A.cols(), A.rows());  // A^T: the second index first
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            rows(j, i) = A(i, j);
    rows = transform(on, rows);
    Matrix<Complex> columns(A.rows(), A.cols());
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            columns(i, j) = rows(j, i);
    columns = transform(on, columns);
    Matrix<double> power(A.rows(), A.cols());
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            power(i, j) = std::norm(columns(i, j));
    return power;
}

Matrix<double> power_spectrum(Backend<double>& on, const Matrix<double>& A) {
    Matrix<Complex> columns(A.rows(), A.cols());
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            columns(i, j) = A(i, j);
    columns = transform(on, columns);
    Matrix<double> power(A.rows() / 2 + 1, A.cols());
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < power.rows(); ++i)
            power(i, j) = std::norm(columns(i, j));
    return power;
}

void parallel_items(Index n, int threads, const std::function<void(Index, Backend<double>&)>& body) {
    const int team = threads > 0 ? threads : omp_get_max_threads();
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(n));
#pragma omp parallel num_threads(team) if (n > 1)
    {
        const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
#pragma omp for schedule(dynamic, 1)
        for (Index i = 0; i < n; ++i) {
            try {
                body(i, *on);
            } catch (...) {
                failures[static_cast<std::size_t>(i)] = std::current_exception();
            }
        }
    }
    for (const std::exception_ptr& failure : failures)
        if (failure)
            std::rethrow_exception(failure);
}

}  // namespace descrambler
