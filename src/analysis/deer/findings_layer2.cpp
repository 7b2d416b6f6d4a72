#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "analysis/deer/deep_findings.hpp"
#include "analysis/deer/findings_parts.hpp"
#include "descrambler/spectrum.hpp"

namespace descrambler::findings {

namespace {

// Inner bins twice: the one-sided power spectrum of real columns of length n.
Matrix<double> one_sided(Backend<double>& on, const Matrix<double>& A) {
    Matrix<double> power = power_spectrum(on, A);
    for (Index j = 0; j < power.cols(); ++j)
        for (Index k = 1; 2 * k < A.rows(); ++k)
            power(k, j) *= 2;
    return power;
}

struct Centroids {
    std::vector<double> at, frequency;
};

// Frequency of the rows of J against their distance, noise floor removed, without zero frequency.
Centroids row_frequencies(Backend<double>& on, const Matrix<double>& J, const std::vector<double>& distance_nm) {
    const Matrix<double> power = power_spectrum(on, transpose(J));
    const Index last = power.rows() - 1, M = power.cols();
    Centroids result;
    for (Index r = scaled(15, M); r <= scaled(199, M); ++r) {
        const auto bins = power.column(r);
        const double floor = median_of({bins.begin() + last / 2, bins.end()});
        double moment = 0, sum = 0;
        for (Index k = 1; k <= last; ++k) {
            const double p = std::max(bins[k] - floor, 0.0);
            moment += static_cast<double>(k) * p;
            sum += p;
        }
        result.at.push_back(distance_nm[r]);
        result.frequency.push_back(ratio(moment, sum));
    }
    return result;
}

// F5b: rank correlation of distance and link frequency; B = P W2^T [n, M].
double link_frequency(Backend<double>& on, const Matrix<double>& B, const std::vector<double>& distance_nm) {
    const Matrix<double> power = one_sided(on, B);
    const Index last = power.rows() - 1, M = B.cols();
    Centroids result;
    for (Index r = scaled(20, M); r <= scaled(235, M); ++r) {
        const auto bins = power.column(r);
        const double floor = median_of({bins.begin() + last / 2, bins.end()});
        double moment = 0, sum = 0;
        for (Index k = 0; k <= last; ++k) {
            const double p = std::max(bins[k] - floor, 0.0);
            moment += static_cast<double>(k) * p;
            sum += p;
        }
        result.at.push_back(distance_nm[r]);
        result.frequency.push_back(ratio(moment, sum));
    }
    return spearman(result.at, result.frequency);
}

// Cosines between the rows of B.
Matrix<double> cosines(Backend<double>& on, const Matrix<double>& B) {
    Matrix<double> C = gram(on, B);
    std::vector<double> length;
    for (Index i = 0; i < C.rows(); ++i)
        length.push_back(std::sqrt(C(i, i)));
    for (Index j = 0; j < C.cols(); ++j)
        for (Index i = 0; i < C.rows(); ++i)
            C(i, j) = ratio(C(i, j), length[i] * length[j]);
    return C;
}

double mean_far_cosine(const Matrix<double>& C, Index band) {
    double sum = 0;
    Index count = 0;
    for (Index j = 0; j < C.cols(); ++j)
        for (Index i = 0; i < C.rows(); ++i)
            if (std::abs(i - j) > band) {
                sum += std::abs(C(i, j));
                ++count;
            }
    return ratio(sum, static_cast<double>(count));
}

double band_share(const Matrix<double>& C, Index band) {
    double near = 0, all = 0;
    for (Index j = 0; j < C.cols(); ++j)
        for (Index i = 0; i < C.rows(); ++i) {
            all += C(i, j) * C(i, j);
            if (std::abs(i - j) <= band)
                near += C(i, j) * C(i, j);
        }
    return ratio(near, all);
}

// F7: how much of the power of each column sits in its largest bin and the two beside it; mean.
double purity(Backend<double>& on, const Matrix<double>& V) {
    const Matrix<double> power = one_sided(on, V);
    double sum = 0;
    for (Index j = 0; j < power.cols(); ++j) {
        const auto bins = power.column(j);
        const Index top = std::max_element(bins.begin(), bins.end()) - bins.begin();
        double near = 0, all = 0;
        for (Index k = 0; k < power.rows(); ++k) {
            all += bins[k];
            if (std::abs(k - top) <= 1)
                near += bins[k];
        }
        sum += ratio(near, all);
    }
    return sum / static_cast<double>(power.cols());
}

double largest(std::span<const double> u) {
    double top = 0;
    for (const double x : u)
        top = std::max(top, std::abs(x));
    return top;
}

Index sign_changes(std::span<const double> u) {  // of the smoothed vector, small values left out
    const std::vector<double> v = smoothed(u);
    const double least = 0.05 * largest(v);
    Index changes = 0;
    double previous = 0;
    for (const double x : v) {
        if (std::abs(x) < least)
            continue;
        if (x * previous < 0)
            ++changes;
        previous = x;
    }
    return changes;
}

double low_cosine_share(std::span<const double> u) {  // orthonormal DCT-II, bins 0 .. 20
    const double n = static_cast<double>(u.size());
    double low = 0, all = 0;
    for (const double x : u)
        all += x * x;
    for (int k = 0; k <= 20; ++k) {
        double c = 0;
        for (std::size_t i = 0; i < u.size(); ++i)
            c += u[i] * std::cos(std::numbers::pi * (2 * static_cast<double>(i) + 1) * k / (2 * n));
        low += c * c * (k == 0 ? 1 : 2) / n;
    }
    return ratio(low, all);
}

// Smallest over largest interior extremum: 1 for Chebyshev polynomials. 0 where there is none.
double extremum_ratio(std::span<const double> u) {
    const std::vector<double> v = smoothed(u);
    const double least = 0.05 * largest(v);
    double low = std::numeric_limits<double>::infinity(), high = 0;
    for (std::size_t i = 1; i + 1 < v.size(); ++i) {
        const double x = std::abs(v[i]);
        const bool extremum = (v[i] - v[i - 1]) * (v[i + 1] - v[i]) <= 0 && v[i] != v[i - 1];
        if (extremum && x >= least) {
            low = std::min(low, x);
            high = std::max(high, x);
        }
    }
    return high > 0 ? low / high : 0.0;
}

Matrix<double> cosine_basis(Index points, Index count) {
    Matrix<double> basis(points, count);
    for (Index j = 0; j < count; ++j)
        for (Index i = 0; i < points; ++i)
            basis(i, j) = std::cos(std::numbers::pi * static_cast<double>(i * j) / static_cast<double>(points - 1));
    return basis;
}

Matrix<double> polynomial_basis(Index points, Index count) {  // Chebyshev: same span as powers, better conditioned
    Matrix<double> basis(points, count);
    for (Index j = 0; j < count; ++j)
        for (Index i = 0; i < points; ++i) {
            const double x = 2 * static_cast<double>(i) / static_cast<double>(points - 1) - 1;
            basis(i, j) = std::cos(static_cast<double>(j) * std::acos(x));
        }
    return basis;
}

// Leading principal components of the columns of Z; 1024 samples are plenty for ten of them.
Matrix<double> principal_components(Backend<double>& on, const Matrix<double>& Z, Index count) {
    const Matrix<double> sample = without_row_means(first_columns(Z, std::min<Index>(Z.cols(), 1024)));
    const Eigh e = eigh(on, gram(on, sample));
    Matrix<double> leading(Z.rows(), count);
    for (Index j = 0; j < count; ++j)
        std::copy_n(e.V.column(Z.rows() - 1 - j).data(), Z.rows(), leading.column(j).data());
    return leading;
}

}  // namespace

void read_jacobian(Backend<double>& on, const DeerTables& tables, const FindingsLibrary& library,
                   const Network& network, NetworkReading& out) {
    const Matrix<double> J =
        input_jacobian(on, network, column_mean(library.input), static_cast<Index>(network.layers.size()));
    out.jacobian_response = without_row_means(multiply(on, Op::none, Op::none, J, without_row_means(tables.kernel)));

    const std::vector<double>& distance = tables.distance_nm;
    const Index M = std::ssize(distance);
    out.jacobian_peak_nm.assign(distance.size(), std::numeric_limits<double>::quiet_NaN());
    std::vector<double> in, peak;
    double error = 0;
    for (Index r = scaled(15, M); r <= scaled(199, M); ++r) {
        const auto response = out.jacobian_response.column(r);
        in.push_back(distance[r]);
        peak.push_back(distance[std::max_element(response.begin(), response.end()) - response.begin()]);
        out.jacobian_peak_nm[r] = peak.back();
        error += std::abs(peak.back() - in.back());
    }
    set(out, "J_MAE", error / static_cast<double>(in.size()));
    set(out, "J_rank", spearman(in, peak));

    const Centroids rows = row_frequencies(on, J, distance);
    out.extras["jacobian_frequency_exponent"] = power_law(rows.at, rows.frequency).slope;
    out.extras["jacobian_frequency_rank"] = spearman(rows.at, rows.frequency);
}

void read_link_axis(Backend<double>& on, const DeerTables& tables, const ReadingInput& input, NetworkReading& out) {
    const Matrix<double>& W2 = input.network->layers[1].weight;
    const Matrix<double> raw = transpose(W2);  // [n, M], link along the columns
    const Matrix<double> joint = multiply(on, Op::none, Op::transpose, *input.P2_joint, W2);
    const Matrix<double> signals = multiply(on, Op::none, Op::transpose, *input.P2_signals, W2);

    set(out, "link_frequency", link_frequency(on, raw, tables.distance_nm),
        link_frequency(on, joint, tables.distance_nm));
    out.extras["link_frequency_signals"] = link_frequency(on, signals, tables.distance_nm);

    out.link_gram_raw = cosines(on, raw);
    out.link_gram_descrambled = cosines(on, joint);
    const Matrix<double> signal_gram = cosines(on, signals);
    set(out, "link_orthogonality", mean_far_cosine(out.link_gram_raw, 8),
        mean_far_cosine(out.link_gram_descrambled, 8));
    out.extras["link_orthogonality_signals"] = mean_far_cosine(signal_gram, 8);
    out.extras["link_band_raw"] = band_share(out.link_gram_raw, 8);
    out.extras["link_band_signals"] = band_share(signal_gram, 8);
    out.extras["link_band"] = band_share(out.link_gram_descrambled, 8);
    out.extras["distance_orthogonality"] = mean_far_cosine(cosines(on, W2), scaled(25, W2.rows()));
}

void read_output_order(const Svd& output, NetworkReading& out) {
    double in_order = 0, smooth = 0, leading = 0, all = 0;
    for (Index j = 0; j < 10; ++j) {
        smooth += low_cosine_share(output.U.column(j)) / 10;
        if (j < 6 && sign_changes(output.U.column(j)) == j)
            in_order += 1;
    }
    for (std::size_t j = 0; j < output.s.size(); ++j) {
        all += output.s[j] * output.s[j];
        if (j < 12)
            leading += output.s[j] * output.s[j];
    }
    set(out, "Sturm6", in_order);
    set(out, "DCT20", smooth);
    set(out, "rank12", ratio(leading, all));
}

void read_output_vectors(Backend<double>& on, const DeerTables& tables, const FindingsLibrary& library,
                         const ReadingInput& input, NetworkReading& out) {
    const Svd first = svd(on, input.network->layers[0].weight), second = svd(on, input.network->layers[1].weight);
    out.singular_1 = first.s;
    out.singular_2 = second.s;

    const Matrix<double> right = first_columns(second.V, 10), left = first_columns(second.U, 10);
    const Matrix<double> right_joint = multiply(on, Op::none, Op::none, *input.P2_joint, right);
    set(out, "right_vector_purity", purity(on, right), purity(on, right_joint));
    out.extras["right_vector_purity_signals"] = purity(on, multiply(on, Op::none, Op::none, *input.P2_signals, right));

    read_output_order(second, out);
    double evenness = 0;
    for (Index j = 2; j <= 7; ++j)
        evenness += extremum_ratio(left.column(j)) / 6;
    const double knee = 2 * median_of(first.s);
    out.extras["knee"] =
        static_cast<double>(std::count_if(first.s.begin(), first.s.end(), [&](double s) { return s > knee; }));

    const WarpedFit fit = warped_fits(on, first_columns(left, 6), tables.distance_nm);
    set(out, "chebyshev_r2", fit.chebyshev);
    set(out, "legendre_r2", fit.legendre);
    set(out, "covariance_r2", fit.covariance);
    out.extras["extremum_ratio"] = evenness;
    if (input.controls) {
        const Index M = left.rows();
        out.extras["chebyshev_r2_of_covariance"] = chebyshev_fit(covariance_vectors(on, tables.distance_nm));
        out.extras["span_polynomials"] = overlap(on, first_columns(left, 6), polynomial_basis(M, 6));
        out.extras["span_cosines"] = overlap(on, first_columns(left, 6), cosine_basis(M, 6));
        out.extras["left_overlap_targets"] = overlap(on, left, principal_components(on, library.target, 10));
        out.extras["right_overlap_inputs"] =
            overlap(on, first_columns(first.V, 10), principal_components(on, library.input, 10));
    }

    // Signs for the figures: the largest entry of a left vector is positive.
    out.left_vectors = first_columns(left, 8);
    out.right_vectors = first_columns(right_joint, 8);
    for (Index j = 0; j < 8; ++j) {
        const auto u = out.left_vectors.column(j), v = out.right_vectors.column(j);
        const double top =
            *std::max_element(u.begin(), u.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
        if (top < 0) {
            for (double& x : u)
                x = -x;
            for (double& x : v)
                x = -x;
        }
    }
}

}  // namespace descrambler::findings
