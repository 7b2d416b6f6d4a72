#include "descrambler/spectral_split.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/error.hpp"

namespace descrambler {
namespace {

double dot(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += a[i] * b[i];
    return sum;
}

// R, or R^T where that is the taller one, by unit vectors of the smaller side.
Matrix<double> tall_matrix(Backend<double>& on, const LinearOperator& R) {
    constexpr Index block = 64;
    const bool tall = R.rows >= R.cols;
    const Index count = std::min(R.rows, R.cols);
    Matrix<double> A(std::max(R.rows, R.cols), count);
    for (Index first = 0; first < count; first += block) {
        Matrix<double> units(count, std::min(block, count - first));
        for (Index k = 0; k < units.cols(); ++k)
            units(first + k, k) = 1;
        const Matrix<double> images = tall ? R.apply(on, units) : R.adjoint(on, units);
        std::ranges::copy(images.values(), A.data() + first * A.rows());
    }
    return A;
}

// The singular values of A and its right vectors (of the triangle: A^T A = T^T T), or its left ones.
Svd svd_of_tall(Backend<double>& on, const Matrix<double>& A, bool left) {
    if (left)
        return svd(on, A);
    Buffer<double> work = on.allocate(A.size()), triangle = on.allocate(A.cols() * A.cols());
    on.upload(A.data(), work.view(A.rows(), A.cols()));
    on.triangularise(work.view(A.rows(), A.cols()), triangle.view(A.cols(), A.cols()));
    Matrix<double> T(A.cols(), A.cols());
    on.download(triangle.view(A.cols(), A.cols()), T.data());
    return svd(on, T);
}

void fix_signs(Matrix<double>& V) {
    for (Index k = 0; k < V.cols(); ++k) {
        const auto column = V.column(k);
        const auto largest =
            std::ranges::max_element(column, [](double a, double b) { return std::abs(a) < std::abs(b); });
        if (largest != column.end() && *largest < 0)
            for (double& number : column)
                number = -number;
    }
}

Matrix<double> first_columns(const Matrix<double>& A, Index count) {
    Matrix<double> result(A.rows(), count);
    std::copy_n(A.data(), result.size(), result.data());
    return result;
}

}  // namespace

RightSpectrum right_spectrum(Backend<double>& on, const LinearOperator& R, const SplitOptions& options) {
    const Index smaller = std::min(R.rows, R.cols), larger = std::max(R.rows, R.cols);
    RightSpectrum result;
    result.full = smaller <= options.largest_full &&
                  larger <= options.full_bytes / static_cast<Index>(sizeof(double)) / std::max<Index>(smaller, 1);
    Matrix<double> V;
    if (result.full) {
        const bool wide = R.rows < R.cols;
        Svd found = svd_of_tall(on, tall_matrix(on, R), wide);
        result.s = std::move(found.s);
        V = std::move(wide ? found.U : found.V);
        result.pairs = smaller;
    } else {
        LanczosOptions lanczos = options.lanczos;
        lanczos.wanted = static_cast<int>(std::min(options.terms, smaller));
        LanczosSvd found = lanczos_svd(on, R, lanczos);
        result.s = std::move(found.s);
        V = std::move(found.V);
        result.converged = found.converged;
        result.pairs = found.pairs;
    }
    const double least = static_cast<double>(larger) * options.rounding * (result.s.empty() ? 0 : result.s.front());
    const auto rank = std::ranges::find_if(result.s, [least](double s) { return s <= least; }) - result.s.begin();
    result.s.resize(static_cast<std::size_t>(rank));
    result.V = first_columns(V, rank);
    fix_signs(result.V);
    return result;
}

Matrix<double> left_vectors(Backend<double>& on, const LinearOperator& R, const RightSpectrum& spectrum, Index count) {
    require(count >= 0 && count <= std::ssize(spectrum.s), "left_vectors: expected a count up to the rank");
    Matrix<double> U = R.apply(on, first_columns(spectrum.V, count));
    for (Index k = 0; k < count; ++k)
        for (double& number : U.column(k))
            number /= spectrum.s[static_cast<std::size_t>(k)];
    return U;
}

SplitTerms split_terms(const RightSpectrum& spectrum, std::span<const double> x, std::span<const double> row,
                       double linear, double bias, double y) {
    require(std::ssize(x) == spectrum.V.rows() && x.size() == row.size(), "split_terms: x and row must be [cols]");
    SplitTerms terms;
    terms.linear = linear;
    terms.bias = bias;
    terms.y = y;
    double sum = 0;
    for (Index k = 0; k < spectrum.V.cols(); ++k) {
        const auto phi = spectrum.V.column(k);
        const double along = dot(row, phi), projection = dot(phi, x);  // lambda_k psi_k = <R^T L_j, phi_k>
        terms.psi.push_back(along / spectrum.s[static_cast<std::size_t>(k)]);
        terms.projection.push_back(projection);
        terms.alpha.push_back(along * projection);
        sum += terms.alpha.back();
        terms.size += std::abs(terms.alpha.back());
    }
    terms.rest = linear - sum;
    terms.size += std::abs(terms.rest) + std::abs(bias);
    const double difference = sum + (spectrum.full ? 0 : terms.rest) + bias - y;
    terms.error = terms.size > 0 ? std::abs(difference) / terms.size : std::abs(difference);
    return terms;
}

std::vector<Term> ToldApart::all() const {
    std::vector<Term> terms = pruned.terms;
    if (closes)
        terms.push_back({rest_term, closing, true});
    return terms;
}

ToldApart tell_apart(const RightSpectrum& spectrum, const SplitTerms& terms, Index most, double threshold) {
    std::vector<Term> leading;
    for (Index k = 0; k < std::min<Index>(most, std::ssize(terms.alpha)); ++k)
        leading.push_back({k, terms.alpha[static_cast<std::size_t>(k)], false});
    ToldApart result;
    result.pruned = prune(leading, threshold);
    result.closing = terms.linear;
    for (const Term& term : result.pruned.terms)
        result.closing -= term.value;
    result.closes = !spectrum.full || result.pruned.terms.size() < terms.alpha.size();
    return result;
}

Matrix<double> similarity(Backend<double>& on, const Matrix<double>& V) {
    Matrix<double> result = multiply(on, Op::transpose, Op::none, V, V);
    for (double& number : result.values())
        number = std::abs(number);
    return result;
}

}  // namespace descrambler
