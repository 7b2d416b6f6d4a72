#include "analysis/bandpass/frequency_response.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "descrambler/executor.hpp"
#include "descrambler/spectrum.hpp"

namespace descrambler {

namespace {

bool inside(const BandRequest& band, double f) {
    return band.low_hz <= f && f <= band.high_hz;
}

// A bin between 0 and N/2 stands for two frequencies.
double bin_weight(Index k, Index points) {
    return k == 0 || 2 * k == points ? 1 : 2;
}

// Share of the band in squared amplitudes at the bins 0 .. N/2.
double band_share(const BandRequest& band, std::span<const double> power, Index points) {
    double in = 0, all = 0;
    for (Index k = 0; k < std::ssize(power); ++k) {
        const double p = bin_weight(k, points) * power[static_cast<std::size_t>(k)];
        all += p;
        if (inside(band, static_cast<double>(k) * band.rate_hz / static_cast<double>(points)))
            in += p;
    }
    return all > 0 ? in / all : 0;
}

double rejection_db(const Matrix<double>& A, const BandRequest& band) {
    double kept = INFINITY, rejected = 0;
    for (const double f : band.tones_hz)
        if (inside(band, f))
            kept = std::min(kept, tone_gain(A, f, band.rate_hz));
        else
            rejected = std::max(rejected, tone_gain(A, f, band.rate_hz));
    if (!std::isfinite(kept) || rejected == 0)  // no tone on one side: nothing to compare
        return 0;
    return 20 * std::log10(std::max(kept / rejected, 1e-15));
}

Matrix<double> row_spectra(Backend<double>& on, const Matrix<double>& A) {  // [n, N/2 + 1] amplitudes
    Matrix<double> spectra = transpose(power_spectrum(on, transpose(A)));
    for (double& x : spectra.values())
        x = std::sqrt(x);
    return spectra;
}

double low_link_share(Backend<double>& on, const Matrix<double>& A) {
    const Matrix<double> F = power_spectrum2(on, A);
    const Index n = F.rows(), last = n / 13;  // 6 of 80 links, as docs/findings.md has it for DEER
    double low = 0, all = 0;
    for (Index j = 0; j < F.cols(); ++j)
        for (Index i = 0; i < n; ++i) {
            all += F(i, j);
            if (std::min(i, n - i) <= last)
                low += F(i, j);
        }
    return all > 0 ? low / all : 0;
}

}  // namespace

double band_share_of_noise(const BandRequest& band, Index points) {
    return band_share(band, std::vector<double>(static_cast<std::size_t>(points / 2 + 1), 1.0), points);
}

double tone_gain(const Matrix<double>& A, double frequency_hz, double rate_hz) {
    std::vector<double> real(static_cast<std::size_t>(A.rows())), imaginary(real);
    for (Index t = 0; t < A.cols(); ++t) {
        const double turn = frequency_hz * static_cast<double>(t) / rate_hz;
        const double angle = 2 * std::numbers::pi * (turn - std::floor(turn));
        const double c = std::cos(angle), s = std::sin(angle);
        for (Index i = 0; i < A.rows(); ++i) {
            real[static_cast<std::size_t>(i)] += c * A(i, t);
            imaginary[static_cast<std::size_t>(i)] -= s * A(i, t);
        }
    }
    double square = 0;
    for (std::size_t i = 0; i < real.size(); ++i)
        square += real[i] * real[i] + imaginary[i] * imaginary[i];
    return std::sqrt(square / static_cast<double>(A.cols()));
}

// mean of diag(d2) W2 diag(d1) W1 = (W2 o mean of d2 d1^T) W1
Matrix<double> mean_jacobian(Backend<double>& on, const Network& network, const Matrix<double>& traces) {
    if (network.layers.size() != 2 || network.layers[0].renorm || network.layers[1].renorm)
        throw InputError("frequency response: expected a network of two layers without renormalisation, found " +
                         std::to_string(network.layers.size()) + " layers");
    if (traces.rows() != network.inputs() || traces.cols() == 0)
        throw InputError("frequency response: expected traces of " + std::to_string(network.inputs()) +
                         " points, found " + std::to_string(traces.rows()));
    const LayerRecord first = record_layer(on, network.layers[0], traces),
                      second = record_layer(on, network.layers[1], first.value);
    Matrix<double> mixed = multiply(on, Op::none, Op::transpose, second.slope, first.slope);
    for (Index e = 0; e < mixed.size(); ++e)
        mixed.data()[e] *= network.layers[1].weight.data()[e] / static_cast<double>(traces.cols());
    return multiply(on, Op::none, Op::none, mixed, network.layers[0].weight);
}

ResponseReading read_response(Backend<double>& on, const Network& network, const BandRequest& band,
                              const Matrix<double>& traces, const Matrix<double>& P) {
    const Matrix<double> J = mean_jacobian(on, network, traces);
    const Matrix<double>& W = network.layers.front().weight;
    const Index N = W.cols();
    require(P.rows() == W.rows() && P.cols() == W.rows(), "read_response: P does not fit the first layer");
    ResponseReading reading;
    const auto gain = [&](const Matrix<double>& A) {
        std::vector<double> values = column_gain(on, A);
        for (double& x : values)
            x /= std::sqrt(static_cast<double>(N));
        return values;
    };
    reading.weight_gain = gain(W);
    reading.jacobian_gain = gain(J);
    reading.weight_rejection_db = rejection_db(W, band);
    reading.jacobian_rejection_db = rejection_db(J, band);

    const double step_hz = band.rate_hz / static_cast<double>(N);
    const auto kept =
        std::find_if(band.tones_hz.begin(), band.tones_hz.end(), [&](double f) { return inside(band, f); });
    const double centre = kept == band.tones_hz.end() ? 0.5 * (band.low_hz + band.high_hz) : *kept;
    const std::vector<double>& H = reading.jacobian_gain;
    const Index last = std::ssize(H) - 1, middle = std::clamp<Index>(std::lround(centre / step_hz), 0, last);
    const double half = 0.5 * H[static_cast<std::size_t>(middle)];
    Index low = middle, high = middle;
    while (low > 0 && H[static_cast<std::size_t>(low - 1)] >= half)
        --low;
    while (high < last && H[static_cast<std::size_t>(high + 1)] >= half)
        ++high;
    reading.low_edge_hz = static_cast<double>(low) * step_hz;
    reading.high_edge_hz = static_cast<double>(high) * step_hz;

    std::vector<double> power(reading.weight_gain);
    for (double& x : power)
        x *= x;
    reading.weight_share = band_share(band, power, N);
    const Matrix<double> V = power_spectrum(on, svd(on, W).V);
    for (Index j = 0; j < V.cols(); ++j) {
        const double share = band_share(band, V.column(j), N);
        if (j < response_vectors)
            reading.vector_share.push_back(share);
        if (reading.band_vectors == j && share > 0.5)
            ++reading.band_vectors;
    }

    const Matrix<double> descrambled = multiply(on, Op::none, Op::none, P, W);
    reading.low_link_raw = low_link_share(on, W);
    reading.low_link = low_link_share(on, descrambled);
    reading.spectrum_raw = row_spectra(on, W);
    reading.spectrum = row_spectra(on, descrambled);
    return reading;
}

}  // namespace descrambler
