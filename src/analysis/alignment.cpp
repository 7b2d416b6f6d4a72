#include "descrambler/alignment.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "descrambler/spectrum.hpp"

namespace descrambler {
namespace {

// What the scores need of one matrix, computed once per matrix and not once per pair.
struct Prepared {
    Matrix<double> rows;          // T^T A
    double norm = 0;              // ||A||
    std::vector<double> picture;  // folded |FFT2| minus its mean, over its norm; zero where it is constant
};

std::vector<double> standardised(const Matrix<double>& A) {
    std::vector<double> x(A.values().begin(), A.values().end());
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
    double square = 0;
    for (double& v : x) {
        v -= mean;
        square += v * v;
    }
    for (double& v : x)
        v = square > 0 ? v / std::sqrt(square) : 0;
    return x;
}

Prepared prepare(Backend<double>& on, const Stencil& stencil, const Matrix<double>& A) {
    require(A.rows() == stencil.n(), "alignment: the matrix and the stencil differ in height");
    return {multiply(on, Op::transpose, Op::none, stencil.T, A), frobenius(A), standardised(folded_amplitude(on, A))};
}

double nuclear_norm(Backend<double>& on, const Matrix<double>& C) {
    double sum = 0;
    for (const double s : singular_values(on, C))
        sum += s;
    return sum;
}

// Nuclear norm of the diagonal block of C = A B^T that belongs to rows first .. last - 1.
double block_norm(Backend<double>& on, const Matrix<double>& C, Index first, Index last) {
    if (last - first == 1)
        return std::abs(C(first, first));
    if (last - first == 2) {  // ||C||_* = sqrt(||C||_F^2 + 2 |det C|)
        const double a = C(first, first), b = C(first, first + 1), c = C(first + 1, first), d = C(first + 1, first + 1);
        return std::sqrt(a * a + b * b + c * c + d * d + 2 * std::abs(a * d - b * c));
    }
    Matrix<double> block(last - first, last - first);
    for (Index j = first; j < last; ++j)
        for (Index i = first; i < last; ++i)
            block(i - first, j - first) = C(i, j);
    return nuclear_norm(on, block);
}

// Sum over runs of rows with equal label.
template <class Label>
double blocks_norm(Backend<double>& on, const Matrix<double>& C, const Label& label) {
    double sum = 0;
    for (Index first = 0, last = 0; first < C.rows(); first = last) {
        for (last = first; last < C.rows() && label(last) == label(first); ++last) {
        }
        sum += block_norm(on, C, first, last);
    }
    return sum;
}

Alignment compare(Backend<double>& on, const Stencil& stencil, const Prepared& a, const Prepared& b, Scores scores) {
    require(a.rows.cols() == b.rows.cols(), "alignment: the matrices differ in width");
    Alignment out;
    if (a.norm == 0 || b.norm == 0)  // nothing to compare
        return out;
    out.fft_correlation =
        std::clamp(std::inner_product(a.picture.begin(), a.picture.end(), b.picture.begin(), 0.0), -1.0, 1.0);
    const Matrix<double> C = multiply(on, Op::none, Op::transpose, a.rows, b.rows);
    const double scale = 1 / (a.norm * b.norm);
    out.s = scale * blocks_norm(on, C, [&](Index i) { return stencil.block[i]; });
    if (scores == Scores::fine) {
        out.s_octave = out.s_nuc = std::numeric_limits<double>::quiet_NaN();
        return out;
    }
    // Octaves: frequency 0, 1, 2-3, 4-7, ...; unions of the blocks above, so s <= s_octave <= s_nuc.
    out.s_octave =
        scale * blocks_norm(on, C, [&](Index i) { return std::bit_width(static_cast<std::size_t>(stencil.block[i])); });
    out.s_nuc = scale * nuclear_norm(on, C);
    return out;
}

std::vector<Prepared> prepare_all(const Stencil& stencil, const std::vector<Matrix<double>>& matrices, int threads) {
    std::vector<Prepared> out(matrices.size());
    parallel_items(static_cast<Index>(out.size()), threads,
                   [&](Index i, Backend<double>& on) { out[i] = prepare(on, stencil, matrices[i]); });
    return out;
}

}  // namespace

Alignment align(Backend<double>& on, const Stencil& stencil, const Matrix<double>& A, const Matrix<double>& B,
                Scores scores) {
    return compare(on, stencil, prepare(on, stencil, A), prepare(on, stencil, B), scores);
}

std::vector<Alignment> align_all(const Stencil& stencil, const std::vector<Matrix<double>>& matrices, int threads,
                                 Scores scores) {
    const std::vector<Prepared> prepared = prepare_all(stencil, matrices, threads);
    std::vector<std::pair<std::size_t, std::size_t>> pairs;
    for (std::size_t i = 0; i < prepared.size(); ++i)
        for (std::size_t j = i + 1; j < prepared.size(); ++j)
            pairs.emplace_back(i, j);
    std::vector<Alignment> out(pairs.size());
    parallel_items(static_cast<Index>(out.size()), threads, [&](Index p, Backend<double>& on) {
        out[p] = compare(on, stencil, prepared[pairs[p].first], prepared[pairs[p].second], scores);
    });
    return out;
}

std::vector<Alignment> align_between(const Stencil& stencil, const std::vector<Matrix<double>>& a,
                                     const std::vector<Matrix<double>>& b, int threads, Scores scores) {
    const std::vector<Prepared> left = prepare_all(stencil, a, threads), right = prepare_all(stencil, b, threads);
    std::vector<Alignment> out(left.size() * right.size());
    const Index width = static_cast<Index>(right.size());
    parallel_items(static_cast<Index>(out.size()), threads, [&](Index p, Backend<double>& on) {
        out[p] = compare(on, stencil, left[p / width], right[p % width], scores);
    });
    return out;
}

Matrix<double> link_rows(const Descrambling& descrambling, Tap tap) {
    return tap == Tap::before ? descrambling.descrambled_weight : transpose(descrambling.descrambled_weight);
}

}  // namespace descrambler
