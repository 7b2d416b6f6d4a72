#include "analysis/deer/deep_findings.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/deer/findings_parts.hpp"
#include "descrambler/jacobian.hpp"

namespace descrambler {

namespace {

// What is defined here supposes hidden layers that do not renormalise.
void check_plain(const Network& network, const Matrix<double>& x0) {
    require(x0.rows() == network.inputs() && x0.cols() == 1, "jacobian: x0 [inputs, 1]");
    for (std::size_t k = 0; k + 1 < network.layers.size(); ++k)
        if (network.layers[k].renorm)
            throw InputError("jacobian: layer " + std::to_string(k + 1) +
                             " renormalises its output, expected a plain layer");
}

Index depth_of(const Network& network) {
    return static_cast<Index>(network.layers.size());
}

double low_share(Backend<double>& on, const Stencil& stencil, const Matrix<double>& A) {
    const Matrix<double> rows = multiply(on, Op::transpose, Op::none, stencil.T, A);
    const Index n = rows.rows(), low = 2 * (6 * n / 80) + 1;
    double part = 0, all = 0;
    for (Index j = 0; j < rows.cols(); ++j)
        for (Index i = 0; i < n; ++i) {
            all += rows(i, j) * rows(i, j);
            if (i < low)
                part += rows(i, j) * rows(i, j);
        }
    return findings::ratio(part, all);
}

Matrix<double> block_energies(const Stencil& out, const Stencil& in, const Matrix<double>& E) {
    Matrix<double> B(out.block.back() + 1, in.block.back() + 1);
    for (Index j = 0; j < E.cols(); ++j)
        for (Index i = 0; i < E.rows(); ++i)
            B(out.block[i], in.block[j]) += E(i, j) * E(i, j);
    return B;
}

double greedy_assignment(const Matrix<double>& B) {
    std::vector<std::pair<Index, Index>> cells;
    for (Index j = 0; j < B.cols(); ++j)
        for (Index i = 0; i < B.rows(); ++i)
            cells.emplace_back(i, j);
    std::ranges::stable_sort(cells,
                             [&](const auto& a, const auto& b) { return B(a.first, a.second) > B(b.first, b.second); });
    std::vector<bool> row(static_cast<std::size_t>(B.rows())), column(static_cast<std::size_t>(B.cols()));
    double sum = 0;
    for (const auto& [i, j] : cells)
        if (!row[i] && !column[j]) {
            row[i] = column[j] = true;
            sum += B(i, j);
        }
    return sum;
}

// Pearson correlation of row and column number with the entries of B as weights.
double weighted_correlation(const Matrix<double>& B) {
    double all = 0, f = 0, g = 0;
    const auto over = [&](auto&& body) {
        for (Index j = 0; j < B.cols(); ++j)
            for (Index i = 0; i < B.rows(); ++i)
                body(B(i, j), static_cast<double>(i), static_cast<double>(j));
    };
    over([&](double b, double i, double j) {
        all += b;
        f += b * i;
        g += b * j;
    });
    f = findings::ratio(f, all);
    g = findings::ratio(g, all);
    double ff = 0, gg = 0, fg = 0;
    over([&](double b, double i, double j) {
        ff += b * (i - f) * (i - f);
        gg += b * (j - g) * (j - g);
        fg += b * (i - f) * (j - g);
    });
    return findings::ratio(fg, std::sqrt(ff * gg));
}

}  // namespace

Matrix<double> column_mean(const Matrix<double>& X) {
    Matrix<double> mean(X.rows(), 1);
    for (Index s = 0; s < X.cols(); ++s)
        for (Index t = 0; t < X.rows(); ++t)
            mean(t, 0) += X(t, s) / static_cast<double>(X.cols());
    return mean;
}

Matrix<double> input_jacobian(Backend<double>& on, const Network& network, const Matrix<double>& x0, Index layer) {
    require(layer >= 1 && layer <= depth_of(network), "jacobian: layer out of range");
    check_plain(network, x0);
    return matrix_of(on, jacobian_at(on, network, {layer, Tap::before}, x0.values()));
}

Matrix<double> output_jacobian(Backend<double>& on, const Network& network, const Matrix<double>& x0, Index layer) {
    require(layer >= 1 && layer < depth_of(network), "jacobian: layer out of range");
    check_plain(network, x0);
    Jacobian J = jacobian_at(on, network, {depth_of(network), Tap::before}, x0.values());
    J.factors.erase(J.factors.begin(), J.factors.begin() + layer);  // of the layers that follow
    return transpose(adjoint(on, J, identity(J.rows())));
}

Matrix<double> comparable_rows(Backend<double>& on, const Network& network, const Matrix<double>& x0,
                               const TapRequest& tap, const Matrix<double>& P) {
    if (tap.at.side == Tap::before)
        return multiply(on, Op::none, Op::none, P, input_jacobian(on, network, x0, tap.at.layer));
    if (tap.at.layer == depth_of(network))
        return {};
    return multiply(on, Op::none, Op::transpose, P, output_jacobian(on, network, x0, tap.at.layer));
}

TapReading read_tap(Backend<double>& on, const Stencil& stencil, const Network& network, const TapRequest& tap,
                    const Solution& solution) {
    TapReading reading;
    reading.eta_gain_db = 10 * std::log10(solution.eta_raw / solution.eta);
    if (tap.at.side == Tap::after && tap.at.layer == depth_of(network)) {
        reading.compactness_raw = reading.compactness = std::numeric_limits<double>::quiet_NaN();
        return reading;
    }
    const Matrix<double> A = tap.at.side == Tap::before ? network.layers[tap.at.layer - 1].weight
                                                        : transpose(network.layers[tap.at.layer].weight);
    reading.compactness_raw = low_share(on, stencil, A);
    reading.compactness = low_share(on, stencil, multiply(on, Op::none, Op::none, solution.P, A));
    return reading;
}

double effective_rank(Backend<double>& on, const Matrix<double>& W) {
    const std::vector<double> s = singular_values(on, W);
    double sum = 0, entropy = 0;
    for (const double x : s)
        sum += x;
    for (const double x : s)
        if (x > 0)
            entropy -= x / sum * std::log(x / sum);
    return sum > 0 ? std::exp(entropy) : 0;
}

Embedding read_embedding(Backend<double>& on, const Stencil& out, const Stencil& in, const Matrix<double>& W,
                         const Matrix<double>& P_out, const Matrix<double>& P_in) {
    require(P_out.cols() == W.rows() && P_in.cols() == W.cols() && out.n() == W.rows() && in.n() == W.cols(),
            "embedding: W, P and stencils differ in size");
    Embedding result;
    result.descrambled = multiply(on, Op::none, Op::transpose, multiply(on, Op::none, Op::none, P_out, W), P_in);
    result.E = multiply(on, Op::none, Op::none, multiply(on, Op::transpose, Op::none, out.T, result.descrambled), in.T);
    const Matrix<double> B = block_energies(out, in, result.E);
    double all = 0, diagonal = 0;
    for (Index j = 0; j < B.cols(); ++j)
        for (Index i = 0; i < B.rows(); ++i) {
            all += B(i, j);
            if (i == j)
                diagonal += B(i, j);
        }
    result.diagonal = findings::ratio(diagonal, all);
    result.permutation = findings::ratio(greedy_assignment(B), all);
    result.order = weighted_correlation(B);
    return result;
}

NetworkReading read_deep_findings(Backend<double>& on, const DeerTables& tables, const FindingsLibrary& library,
                                  const Network& network, const Solution* first) {
    const auto at_least = [](const char* what, Index found, Index wanted) {
        if (found < wanted)
            throw InputError(std::string("findings: ") + what + " is " + std::to_string(found) +
                             ", expected at least " + std::to_string(wanted));
    };
    const auto expect = [](const char* what, Index found, Index wanted) {
        if (found != wanted)
            throw InputError(std::string("findings: ") + what + " is " + std::to_string(found) + ", expected " +
                             std::to_string(wanted));
    };
    const Index N = network.inputs(), M = network.outputs();
    at_least("the number of times", N, 64);
    at_least("the number of distances", M, 32);
    at_least("the width of the first layer", network.layers.front().weight.rows(), 16);
    at_least("the width before the last layer", network.layers.back().weight.cols(), 16);
    expect("the number of network inputs", N, std::ssize(tables.time_us));
    expect("the number of network outputs", M, std::ssize(tables.distance_nm));
    expect("the length of a library trace", library.input.rows(), N);
    expect("the length of a library form factor", library.form_factor.rows(), N);
    expect("the length of a library background", library.background.rows(), N);
    at_least("the number of samples in the library", library.input.cols(), 2);

    NetworkReading reading;
    findings::read_filter(on, library, network.layers.front().weight, reading);
    if (first != nullptr) {
        ReadingInput input;
        input.network = &network;
        input.P1 = &first->P;
        input.eta_raw = first->eta_raw;
        input.eta = first->eta;
        findings::read_link_spectrum(on, tables, input, reading);
    }
    findings::read_jacobian(on, tables, library, network, reading);
    const Svd last = svd(on, network.layers.back().weight);
    findings::read_output_order(last, reading);
    reading.singular_1 = singular_values(on, network.layers.front().weight);
    reading.singular_2 = last.s;
    reading.left_vectors = findings::first_columns(last.U, 8);
    for (Index j = 0; j < reading.left_vectors.cols(); ++j) {  // the largest entry of a left vector is positive
        const auto u = reading.left_vectors.column(j);
        if (*std::ranges::max_element(u, {}, [](double x) { return std::abs(x); }) < 0)
            for (double& x : u)
                x = -x;
    }
    return reading;
}

}  // namespace descrambler
