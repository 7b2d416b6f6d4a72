#include "analysis/deer/findings.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/deer/findings_parts.hpp"

namespace descrambler {

namespace findings {

double decibel(double amplitude_ratio) {
    return 20 * std::log10(std::max(amplitude_ratio, std::numeric_limits<double>::min()));
}

double ratio(double a, double b) {
    return b > 0 ? a / b : 0.0;
}

Line power_law(std::span<const double> x, std::span<const double> y) {
    require(x.size() == y.size(), "power_law: two equally long samples");
    std::vector<double> log_x, log_y;
    for (std::size_t i = 0; i < x.size(); ++i)
        if (y[i] > 0) {
            log_x.push_back(std::log(x[i]));
            log_y.push_back(std::log(y[i]));
        }
    const double n = static_cast<double>(log_x.size());
    double mean_x = 0, mean_y = 0, xx = 0, xy = 0, yy = 0;
    for (std::size_t i = 0; i < log_x.size(); ++i) {
        mean_x += log_x[i] / n;
        mean_y += log_y[i] / n;
    }
    for (std::size_t i = 0; i < log_x.size(); ++i) {
        xx += (log_x[i] - mean_x) * (log_x[i] - mean_x);
        xy += (log_x[i] - mean_x) * (log_y[i] - mean_y);
        yy += (log_y[i] - mean_y) * (log_y[i] - mean_y);
    }
    return {xx > 0 ? xy / xx : 0.0, ratio(xy * xy, xx * yy)};
}

Matrix<double> without_row_means(Matrix<double> A) {
    std::vector<double> mean(static_cast<std::size_t>(A.rows()));
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            mean[i] += A(i, j);
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            A(i, j) -= mean[i] / static_cast<double>(A.cols());
    return A;
}

Matrix<double> first_columns(const Matrix<double>& A, Index count) {
    require(count <= A.cols(), "first_columns: not so many columns");
    Matrix<double> B(A.rows(), count);
    std::copy_n(A.data(), B.size(), B.data());
    return B;
}

std::vector<double> smoothed(std::span<const double> u) {
    constexpr Index reach = 8;  // 4 sigma
    constexpr double sigma = 2;
    std::vector<double> result(u.size());
    const Index last = std::ssize(u) - 1;
    for (Index i = 0; i <= last; ++i) {
        double sum = 0, weights = 0;
        for (Index q = -reach; q <= reach; ++q) {
            const double x = static_cast<double>(q) / sigma, weight = std::exp(-0.5 * x * x);
            sum += weight * u[std::clamp<Index>(i + q, 0, last)];
            weights += weight;
        }
        result[i] = sum / weights;
    }
    return result;
}

double overlap(Backend<double>& on, const Matrix<double>& vectors, const Matrix<double>& basis) {
    const Matrix<double> orthonormal = svd(on, basis).U;
    const double length = frobenius(multiply(on, Op::transpose, Op::none, orthonormal, vectors));
    return length * length / static_cast<double>(vectors.cols());
}

void set(NetworkReading& reading, const std::string& key, double raw, double descrambled) {
    reading.values[key] = {raw, descrambled};
}

void set(NetworkReading& reading, const std::string& key, double invariant) {
    set(reading, key, invariant, invariant);
}

namespace {

void check(const DeerTables& tables, const FindingsLibrary& library, const ReadingInput& input) {
    require(input.network && input.P1 && input.P2_joint && input.P2_signals, "a reading needs a network and its P");
    const Network& net = *input.network;
    if (net.layers.size() != 2)
        throw InputError("findings: the network has " + std::to_string(net.layers.size()) + " layers, expected 2");
    if (net.layers[0].renorm)
        throw InputError("findings: layer 1 renormalises its output, expected a plain layer");
    const Index n = net.layers[0].weight.rows(), N = net.inputs(), M = net.outputs();
    const auto expect = [](const char* what, Index found, Index wanted) {
        if (found != wanted)
            throw InputError(std::string("findings: ") + what + " is " + std::to_string(found) + ", expected " +
                             std::to_string(wanted));
    };
    expect("the number of network inputs", N, std::ssize(tables.time_us));
    expect("the number of network outputs", M, std::ssize(tables.distance_nm));
    const auto at_least = [](const char* what, Index found, Index wanted) {
        if (found < wanted)
            throw InputError(std::string("findings: ") + what + " is " + std::to_string(found) +
                             ", expected at least " + std::to_string(wanted));
    };
    at_least("the link width", n, 16);
    at_least("the number of times", N, 64);
    at_least("the number of distances", M, 32);
    at_least("the number of samples in the library", library.input.cols(), 2);
    expect("the link width of layer 2", net.layers[1].weight.cols(), n);
    expect("the length of a library trace", library.input.rows(), N);
    expect("the length of a library form factor", library.form_factor.rows(), N);
    expect("the length of a library background", library.background.rows(), N);
    expect("the length of a library target", library.target.rows(), M);
    for (const Matrix<double>* P : {input.P1, input.P2_joint, input.P2_signals})
        require(P->rows() == n && P->cols() == n, "P must be square and as wide as the link");
    require(input.eta > 0 && input.eta_raw > 0, "eta must be positive");
}

}  // namespace

}  // namespace findings

NetworkReading read_network_findings(Backend<double>& on, const DeerTables& tables, const FindingsLibrary& library,
                                     const ReadingInput& input) {
    findings::check(tables, library, input);
    NetworkReading reading;
    findings::read_filter(on, library, input.network->layers[0].weight, reading);
    findings::read_link_spectrum(on, tables, input, reading);
    findings::read_jacobian(on, tables, library, *input.network, reading);
    findings::read_link_axis(on, tables, input, reading);
    findings::read_output_vectors(on, tables, library, input, reading);
    if (input.controls)
        findings::read_notch_controls(on, library, *input.network, reading);
    return reading;
}

}  // namespace descrambler
