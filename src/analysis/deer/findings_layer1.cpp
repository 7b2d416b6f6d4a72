#include <algorithm>
#include <array>
#include <cmath>

#include "analysis/deer/findings_parts.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/spectrum.hpp"

namespace descrambler::findings {

namespace {

Index folded(Index i, Index n) {
    return std::min(i, n - i);
}

// ||W Z||_F / ||Z||_F, Z minus its mean over the samples
double gain_of(Backend<double>& on, const Matrix<double>& W, const Matrix<double>& Z) {
    const Matrix<double> centred = without_row_means(Z);
    return ratio(frobenius(multiply(on, Op::none, Op::none, W, centred)), frobenius(centred));
}

double low_link_share(const Matrix<double>& F) {  // E6
    double low = 0, all = 0;
    for (Index k = 0; k < F.cols(); ++k)
        for (Index i = 0; i < F.rows(); ++i) {
            all += F(i, k);
            if (folded(i, F.rows()) <= 6)
                low += F(i, k);
        }
    return ratio(low, all);
}

double top_share(const Matrix<double>& F) {  // top1
    std::vector<double> sorted(F.values().begin(), F.values().end());
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    const std::size_t top = sorted.size() / 100;
    double high = 0, all = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        all += sorted[i];
        if (i < top)
            high += sorted[i];
    }
    return ratio(high, all);
}

double notch_depth(const Matrix<double>& F) {  // DC16, in dB of power
    double zero = 0, band = 0;
    for (Index k = 0; k <= 8; ++k)
        for (Index i = 0; i < F.rows(); ++i)
            if (folded(i, F.rows()) >= 1 && folded(i, F.rows()) <= 6)
                (k == 0 ? zero : band) += F(i, k);
    return decibel(std::sqrt(ratio(zero, band / 8)));
}

constexpr std::array cube_root_powers{0.0, 1.0 / 6, 1.0 / 3, 1.0 / 2, 1.0};
constexpr std::array cube_root_names{"0", "1_6", "1_3", "1_2", "1"};
constexpr Index centroid_bins = 32;

struct CubeRoot {
    std::vector<double> centroid;  // c(k), k = 1 .. 32
    Line law;                      // c ~ k^a
    std::array<double, cube_root_powers.size()> residual{};
};

CubeRoot cube_root(const Matrix<double>& F) {
    const Index n = F.rows(), N = F.cols();
    const auto power = [&](Index i, Index k) { return F(i, k) + (k > 0 && 2 * k < N ? F(i, N - k) : 0.0); };
    std::vector<double> noise;
    for (Index k = scaled(90, N); k <= N / 2; ++k)
        for (Index i = 0; i < n; ++i)
            noise.push_back(power(i, k));
    const double floor = median_of(std::move(noise));

    CubeRoot result;
    std::vector<double> bin;
    for (Index k = 1; k <= centroid_bins; ++k) {
        double moment = 0, sum = 0;
        for (Index i = 1; i < n; ++i) {
            const double f = std::max(power(i, k) - floor, 0.0);
            moment += f * static_cast<double>(folded(i, n));
            sum += f;
        }
        result.centroid.push_back(ratio(moment, sum));
        bin.push_back(static_cast<double>(k));
    }
    result.law = power_law(bin, result.centroid);
    for (std::size_t p = 0; p < cube_root_powers.size(); ++p) {
        double cc = 0, ck = 0, kk = 0;
        for (std::size_t k = 0; k < bin.size(); ++k) {
            const double model = std::pow(bin[k], cube_root_powers[p]);
            cc += result.centroid[k] * result.centroid[k];
            ck += result.centroid[k] * model;
            kk += model * model;
        }
        result.residual[p] = std::sqrt(std::max(0.0, 1 - ratio(ck * ck, cc * kk)));
    }
    return result;
}

// Slope of the link frequency at which the oscillation of a distance arrives, over the distance: a cube root means -1.
Line link_frequency_law(Backend<double>& on, const DeerTables& tables, const Matrix<double>& A) {
    const Matrix<double> response = multiply(on, Op::none, Op::none, A, without_row_means(tables.kernel));
    const Matrix<double> power = power_spectrum(on, response);
    const Index M = power.cols();
    std::vector<double> distance, centroid;
    for (Index r = scaled(15, M); r <= scaled(199, M); ++r) {
        double moment = 0, sum = 0;
        for (Index k = 1; k < power.rows(); ++k) {
            moment += static_cast<double>(k) * power(k, r);
            sum += power(k, r);
        }
        distance.push_back(tables.distance_nm[r]);
        centroid.push_back(ratio(moment, sum));
    }
    return power_law(distance, centroid);
}

}  // namespace

void read_filter(Backend<double>& on, const FindingsLibrary& library, const Matrix<double>& W1, NetworkReading& out) {
    out.gain = column_gain(on, W1);
    const auto& H = out.gain;
    const Index half = std::ssize(H) - 1;
    const double peak = *std::max_element(H.begin() + 1, H.begin() + 9);
    const double high = median_of({H.begin() + half / 2, H.end()});
    set(out, "HFrej", decibel(ratio(peak, high)));
    const auto below = std::find_if(H.begin() + 1, H.end(), [&](double h) { return h < 0.1 * peak; });
    set(out, "edge", static_cast<double>(below - H.begin()));  // N/2 + 1 if none

    double square = 0;
    for (Index k = 1; k <= 8; ++k)
        square += H[k] * H[k];
    set(out, "DCmarg", decibel(ratio(H[0], std::sqrt(square / 8))));

    const double dipolar = gain_of(on, W1, library.form_factor);
    const double background = gain_of(on, W1, library.background);
    const double noise = frobenius(W1) / std::sqrt(static_cast<double>(W1.cols()));
    set(out, "g_dip_bg", decibel(ratio(dipolar, background)));
    set(out, "g_dip_noise", decibel(ratio(dipolar, noise)));
    out.extras["gain_form_factor"] = dipolar;
    out.extras["gain_background"] = background;
    out.extras["gain_noise"] = noise;
}

void read_link_spectrum(Backend<double>& on, const DeerTables& tables, const ReadingInput& input, NetworkReading& out) {
    const Matrix<double>& W1 = input.network->layers[0].weight;
    const Matrix<double> PW1 = multiply(on, Op::none, Op::none, *input.P1, W1);
    const Matrix<double> F_raw = power_spectrum2(on, W1), F = power_spectrum2(on, PW1);
    out.spectrum_raw = folded_amplitude(on, W1);
    out.spectrum_descrambled = folded_amplitude(on, PW1);

    set(out, "eta_gain", 0.0, 10 * std::log10(input.eta_raw / input.eta));
    set(out, "E6", low_link_share(F_raw), low_link_share(F));
    set(out, "top1", top_share(F_raw), top_share(F));
    set(out, "DC16", notch_depth(F_raw), notch_depth(F));

    const CubeRoot raw = cube_root(F_raw), fit = cube_root(F);
    out.centroid = fit.centroid;
    set(out, "cube_root_exponent", raw.law.slope, fit.law.slope);
    set(out, "cube_root_residual", raw.residual[2], fit.residual[2]);
    out.extras["cube_root_r2"] = fit.law.r2;
    for (std::size_t p = 0; p < cube_root_powers.size(); ++p)
        out.extras[std::string("cube_root_residual_") + cube_root_names[p]] = fit.residual[p];
    const Line law = link_frequency_law(on, tables, PW1);
    out.extras["link_law_exponent"] = law.slope;
    out.extras["link_law_r2"] = law.r2;
}

void read_notch_controls(Backend<double>& on, const FindingsLibrary& library, const Network& network,
                         NetworkReading& out) {
    const std::span<const Network> one(&network, 1);
    const auto depth = [&](const Library& signals, const DescrambleRequest& request) {
        return notch_depth(
            power_spectrum2(on, descramble(one, signals, request, Execution::on(on)).front().descrambled_weight));
    };
    Matrix<double> unit(network.inputs(), network.inputs());  // every input once: G = W1 W1^T, as for white noise
    for (Index i = 0; i < unit.rows(); ++i)
        unit(i, i) = 1;
    const Library full = library_of(library.input), white = library_of(unit);
    const DescrambleRequest smoothness;
    DescrambleRequest centred, free_end;
    centred.tap.centre = true;
    free_end.stencil = StencilKind::diff2;
    out.extras["DC16_white_noise_library"] = depth(white, smoothness);
    out.extras["DC16_non_periodic_stencil"] = depth(full, free_end);
    out.extras["DC16_centred_library"] = depth(full, centred);
}

}  // namespace descrambler::findings
