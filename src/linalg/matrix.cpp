#include "descrambler/matrix.hpp"

#include <omp.h>

#include <cmath>
#include <complex>
#include <exception>

namespace descrambler {

namespace {

// A host matrix where the backend computes: itself on the host, a copy on a device.
class Operand {
public:
    Operand(Backend<double>& on, const Matrix<double>& A) : view_(A.view()) {
        if (on.on_host())
            return;
        copy_ = on.allocate(A.size());
        on.upload(A.data(), copy_.view(A.rows(), A.cols()));
        view_ = copy_.view(A.rows(), A.cols());
    }
    [[nodiscard]] Batch<const double> view() const { return view_; }

private:
    Buffer<double> copy_;
    Batch<const double> view_;
};

// A host matrix that a primitive writes, or, with `filled`, changes: its values are uploaded first. get() gives the
// result.
class Result {
public:
    Result(Backend<double>& on, Matrix<double> A, bool filled = false)
        : on_(on), host_(std::move(A)), view_(host_.view()) {
        if (on.on_host())
            return;
        copy_ = on.allocate(host_.size());
        view_ = copy_.view(host_.rows(), host_.cols());
        if (filled)
            on.upload(host_.data(), view_);
    }
    Result(const Result&) = delete;
    Result& operator=(const Result&) = delete;
    [[nodiscard]] Batch<double> view() const { return view_; }
    [[nodiscard]] Matrix<double> get() {
        if (!on_.on_host())
            on_.download(view_, host_.data());
        return std::move(host_);
    }
    [[nodiscard]] std::vector<double> numbers() {
        const Matrix<double> values = get();
        return {values.values().begin(), values.values().end()};
    }

private:
    Backend<double>& on_;
    Matrix<double> host_;
    Buffer<double> copy_;
    Batch<double> view_;
};

}  // namespace

Matrix<double> transpose(const Matrix<double>& A) {
    Matrix<double> result(A.cols(), A.rows());
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            result(j, i) = A(i, j);
    return result;
}

Matrix<double> multiply(Backend<double>& on, Op a, Op b, const Matrix<double>& A, const Matrix<double>& B) {
    const Operand left(on, A), right(on, B);
    Result product(on, Matrix<double>(a == Op::none ? A.rows() : A.cols(), b == Op::none ? B.cols() : B.rows()));
    on.gemm(a, b, 1.0, left.view(), right.view(), 0.0, product.view());
    return product.get();
}

Matrix<double> gram(Backend<double>& on, const Matrix<double>& S) {
    const Operand signals(on, S);
    Result result(on, Matrix<double>(S.rows(), S.rows()));
    on.gram(signals.view(), 0.0, result.view());
    return result.get();
}

Svd svd(Backend<double>& on, const Matrix<double>& A) {
    const Index k = std::min(A.rows(), A.cols());
    Result a(on, A, true), U(on, Matrix<double>(A.rows(), k)), s(on, Matrix<double>(k, 1)),
        V(on, Matrix<double>(A.cols(), k));
    on.svd(a.view(), U.view(), s.view(), V.view());
    return {U.get(), s.numbers(), V.get()};
}

std::vector<double> singular_values(Backend<double>& on, const Matrix<double>& A) {
    Result a(on, A, true), s(on, Matrix<double>(std::min(A.rows(), A.cols()), 1));
    on.svd(a.view(), {}, s.view(), {});
    return s.numbers();
}

Eigh eigh(Backend<double>& on, const Matrix<double>& A) {
    Result a(on, A, true), w(on, Matrix<double>(A.rows(), 1));
    on.eigh(a.view(), w.view());
    return {w.numbers(), a.get()};
}

Matrix<double> cholesky_solve(Backend<double>& on, const Matrix<double>& A, const Matrix<double>& B) {
    Result a(on, A, true), b(on, B, true);
    on.cholesky_solve(a.view(), b.view());
    return b.get();
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

// Fourier transforms of the columns.
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
