// The first layer: weights, two-dimensional spectrum, frequency response.
#include <algorithm>
#include <cmath>
#include <limits>

#include "report/figure_parts.hpp"

namespace descrambler {

Image spectrum_image(const Matrix<double>& folded, Index most_rows, Index most_columns, double step_mhz, double depth) {
    const Index n = folded.rows(), N = folded.cols();
    const Index up = std::min(most_rows, (n - 1) / 2), along = std::min(most_columns, (N - 1) / 2);
    const double top = std::max(*std::max_element(folded.values().begin(), folded.values().end()), 1e-300);
    Image image{.values = Matrix<double>(2 * up + 1, 2 * along + 1),
                .x_first = -static_cast<double>(along) * step_mhz,
                .x_step = step_mhz,
                .y_first = -static_cast<double>(up),
                .low = -depth,
                .high = 0,
                .label = "dB of the maximum"};
    for (Index i = -up; i <= up; ++i)
        for (Index j = -along; j <= along; ++j) {
            const double v = std::max(folded((i + n) % n, (j + N) % N) / top, 1e-15);
            image.values(i + up, j + along) = 20 * std::log10(v);
        }
    return image;
}

Panel spectrum_panel(const std::string& title, Image image) {
    const auto last = [](double first, double step, Index count) {
        return first + step * static_cast<double>(count - 1);
    };
    const double right = last(image.x_first, image.x_step, image.values.cols());
    const double top = last(image.y_first, image.y_step, image.values.rows());
    Axis x = axis("frequency along time, MHz", image.x_first - image.x_step / 2, right + image.x_step / 2),
         y = axis("frequency along link, bins", image.y_first - 0.5, top + 0.5);
    return {.title = title, .x = std::move(x), .y = std::move(y), .image = std::move(image), .curves = {}};
}

namespace {

constexpr const char* layer_1 = "layers/layer_1_before_smoothness/descrambled_weight";

// Signed weights over time (along) and link index (up); colours saturate at the 99.5th percentile of the magnitudes.
Panel weight_panel(const Study& study, const std::string& title, const Matrix<double>& weight) {
    std::vector<double> magnitude(weight.values().begin(), weight.values().end());
    for (double& v : magnitude)
        v = std::abs(v);
    const double top = std::max(nearest_quantile(std::move(magnitude), 0.995), 1e-300);
    const double step = (study.time_us.back() - study.time_us.front()) / static_cast<double>(study.times() - 1);
    return {.title = title,
            .x = axis("time, µs", study.time_us.front() - step / 2, study.time_us.back() + step / 2),
            .y = axis("link index", -0.5, static_cast<double>(weight.rows()) - 0.5),
            .image = Image{.values = weight,
                           .x_first = study.time_us.front(),
                           .x_step = step,
                           .diverging = true,
                           .low = -top,
                           .high = top,
                           .label = "weight"},
            .curves = {}};
}

Figure weight_figure(const Study& study) {
    Figure f{.section = "layer-1",
             .caption =
                 "Weights of layer 1 of network 000. Look for: (a) noise-like columns before and (b) interlocking "
                 "waves after descrambling. The pattern itself is no evidence of learning: compare it with the "
                 "descrambled controls (c, d). Descrambling leaves phases and signs along the "
                 "link free, so only the kind of pattern means something, not its position.",
             .alternative = "Images of first-layer weights against time and link index, raw and descrambled.",
             .drawing = {.name = "layer_1_weights",
                         .title = "Weights of layer 1, raw and descrambled",
                         .columns = 2,
                         .panel_height = 270},
             .absent = ""};
    const std::string raw = "networks/000/layer_1/weight";
    if (!study.has(raw) || !study.has(layer_1)) {
        f.absent = std::string("The weights of layer 1 are not stored before and after descrambling (/") + raw + ", /" +
                   layer_1 + ").";
        return f;
    }
    add_weight_panels(
        f, study, {.layer = "layer_1", .descrambled = layer_1, .control = "descrambled_1"},
        [&](const std::string& title, const Matrix<double>& weight) { return weight_panel(study, title, weight); });
    return f;
}

FileArray<double> spectra(const Study& study, const std::string& group, const std::string& name) {
    return study.array("analysis/" + group + "/" + name, {-1, -1, study.times()});
}

Figure spectrum_figure(const Study& study) {
    Figure f{.section = "layer-1",
             .caption =
                 "Two-dimensional spectrum |FFT2| of the weights of layer 1 of the first network of each group, "
                 "made symmetric in the link frequency. Look for: (b) compact structure at low link frequencies "
                 "that is absent from (a); and for how much of it the controls show as well. Descrambling "
                 "moves energy between rows only: the energy of a column, the squared frequency response, is "
                 "the same in (a) and (b).",
             .alternative = "Images of the two-dimensional spectra of layer 1: trained raw and descrambled, controls.",
             .drawing = {.name = "layer_1_spectrum",
                         .title = "Two-dimensional spectrum of layer 1",
                         .columns = 2,
                         .panel_height = 270},
             .absent = ""};
    const std::vector<GroupStyle> groups = study.groups_with("spectrum_descrambled");
    if (groups.empty() || !study.has("analysis/trained/spectrum_raw")) {
        f.absent = "No two-dimensional spectra are stored in this study (/analysis/trained/spectrum_raw).";
        return f;
    }
    const auto add = [&](const std::string& title, const FileArray<double>& stack) {
        f.drawing.panels.push_back(spectrum_panel(
            title, spectrum_image(item_of(stack, 0), stack.shape[1], study.times(), study.frequency_step_mhz(), 60)));
    };
    add("trained, raw", spectra(study, "trained", "spectrum_raw"));
    for (const GroupStyle& group : groups)
        if (group.name != "no_decay")
            add(group.words + ", descrambled", spectra(study, group.name, "spectrum_descrambled"));
    f.absent = missing_groups(groups);
    return f;
}

// Least squares of log c = log scale + a log k; and of c = scale k^power. Bins from 1.
struct PowerLaw {
    double scale = 0, power = 0;
};
PowerLaw free_power(const std::vector<double>& c) {
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (std::size_t k = 0; k < c.size(); ++k)
        if (c[k] > 0) {
            const double lx = std::log(static_cast<double>(k + 1)), ly = std::log(c[k]);
            n += 1, x += lx, y += ly, xx += lx * lx, xy += lx * ly;
        }
    const double spread = n * xx - x * x;
    if (n < 2 || spread <= 0)
        return {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::quiet_NaN()};
    const double power = (n * xy - x * y) / spread;
    return {std::exp((y - power * x) / n), power};
}
PowerLaw cube_root(const std::vector<double>& c) {
    double cm = 0, mm = 0;
    for (std::size_t k = 0; k < c.size(); ++k) {
        const double model = std::cbrt(static_cast<double>(k + 1));
        if (std::isfinite(c[k]))
            cm += c[k] * model, mm += model * model;
    }
    return {cm / mm, 1.0 / 3};
}

Curve law_curve(const PowerLaw& law, std::size_t bins, double step_mhz, const std::string& label,
                const std::string& colour, int dash) {
    Curve curve{.label = label, .x = {}, .y = {}, .colour = colour, .dash = dash, .width = 2};
    for (std::size_t k = 1; k <= bins; ++k) {
        curve.x.push_back(static_cast<double>(k) * step_mhz);
        curve.y.push_back(law.scale * std::pow(static_cast<double>(k), law.power));
    }
    return curve;
}

Figure zoom_figure(const Study& study) {
    Figure f{.section = "layer-1",
             .caption =
                 "The centre of the descrambled spectra (first network of each group). Dots: centroid c(k) of "
                 "the link frequency in every time bin k; lines: best power law and best cube root. Look for: "
                 "a dark column at zero frequency (the notch), and whether the dots follow a cube root "
                 "(published claim) or hardly depend on k. A dark column in an untrained network is put there "
                 "by descrambling itself; the frequency response below is the honest test.",
             .alternative = "Centre of the spectra with link centroids, fitted power law and cube root, four groups.",
             .drawing = {.name = "layer_1_spectrum_zoom",
                         .title = "Low frequencies of layer 1",
                         .columns = 2,
                         .panel_height = 300},
             .absent = ""};
    const std::vector<GroupStyle> groups = study.groups_with("spectrum_descrambled");
    for (const GroupStyle& group : groups) {
        const FileArray<double> stack = spectra(study, group.name, "spectrum_descrambled");
        const double step = study.frequency_step_mhz();
        Image image = spectrum_image(item_of(stack, 0), 16, 33, step, 40);
        // Amplitudes instead of dB: the eye is to judge where the energy is.
        for (double& v : image.values.values())
            v = std::pow(10.0, v / 20);
        std::vector<double> magnitudes(image.values.values().begin(), image.values.values().end());
        image.low = 0;
        image.high = std::max(nearest_quantile(std::move(magnitudes), 0.99), 1e-3);
        image.label = "|FFT2| / maximum";
        Panel panel = spectrum_panel(group.words, std::move(image));
        const std::string centroid_name = "analysis/" + group.name + "/centroid";
        if (study.has(centroid_name)) {
            const std::vector<double> c = row_of(study.array(centroid_name, {stack.shape[0], -1}), 0);
            const PowerLaw best = free_power(c);
            panel.title += ", c(k) ~ k^" + number_text(best.power, 2);
            Curve dots{.label = "centroid c(k)",
                       .x = {},
                       .y = c,
                       .colour = "#FF4040",
                       .dash = 0,
                       .marker = 7,
                       .marker_size = 0.45};
            for (std::size_t k = 1; k <= c.size(); ++k)
                dots.x.push_back(static_cast<double>(k) * step);
            panel.curves = {law_curve(best, c.size(), step, "best power law", "#FF9EC8", 1),
                            law_curve(cube_root(c), c.size(), step, "best cube root", "#56B4E9", 2), dots};
        }
        f.drawing.panels.push_back(std::move(panel));
    }
    f.absent = groups.empty() ? "No descrambled spectra are stored in this study." : missing_groups(groups);
    return f;
}

Figure gain_figure(const Study& study) {
    Figure f{.section = "layer-1",
             .caption =
                 "Frequency response H(k) = ‖W₁ e_k‖ of layer 1, read from the raw weights (descrambling cannot "
                 "change it). Look for: (a) a fall of 25 dB or more towards high frequencies, which the control "
                 "on shuffled targets does not reach; (b) the value at zero frequency: below 0 dB is a notch "
                 "that rejects the baseline, above 0 dB the baseline is amplified.",
             .alternative = "Frequency response of layer 1 for trained and control networks, and its notch at zero.",
             .drawing = {.name = "layer_1_gain",
                         .title = "Frequency response of layer 1",
                         .columns = 2,
                         .panel_height = 340},
             .absent = ""};
    const std::vector<GroupStyle> groups = study.groups_with("gain");
    if (groups.empty()) {
        f.absent = "No frequency responses are stored in this study (/analysis/GROUP/gain).";
        return f;
    }
    const double step = study.frequency_step_mhz();
    f.caption += " One bin is " + number_text(step, 3) + " MHz.";
    const Index bins = study.times() / 2 + 1;
    Panel all{.title = "whole band",
              .x = axis("frequency, MHz", 0, static_cast<double>(bins - 1) * step),
              .y = axis("gain H"),
              .image = {},
              .curves = {}};
    all.y.logarithmic = true;
    const Index zoom = std::min<Index>(bins, 33);
    Panel low{.title = "low frequencies",
              .x = axis("frequency, MHz", -step / 2, static_cast<double>(zoom - 1) * step),
              .y = axis("gain relative to bins 1 to 8, dB"),
              .image = {},
              .curves = {}};
    for (const GroupStyle& group : groups) {
        FileArray<double> gain = study.array("analysis/" + group.name + "/gain", {-1, bins});
        std::vector<double> frequency;
        for (Index k = 0; k < bins; ++k)
            frequency.push_back(static_cast<double>(k) * step);
        all.curves.push_back(band_over_networks(frequency, gain, group));
        for (Index i = 0; i < gain.shape[0]; ++i) {  // so that the value at zero is the margin of the notch
            double* H = gain.values.data() + i * bins;
            double square = 0;
            const Index last = std::min<Index>(8, bins - 1);
            for (Index k = 1; k <= last; ++k)
                square += H[k] * H[k] / static_cast<double>(last);
            for (Index k = 0; k < bins; ++k)
                H[k] = 20 * std::log10(std::max(H[k], 1e-300) / std::sqrt(std::max(square, 1e-300)));
        }
        frequency.resize(static_cast<std::size_t>(zoom));
        Curve curve = band_over_networks(frequency, gain, group);
        curve.marker = group.marker;
        curve.marker_size = 0.35;
        low.curves.push_back(curve);
    }
    low.curves.push_back(straight_line(-step / 2, 0, static_cast<double>(zoom - 1) * step, 0, ""));
    low.curves.back().width = 0.8;
    f.drawing.panels = {all, low};
    f.absent = missing_groups(groups);
    return f;
}

}  // namespace

void add_layer_1_figures(const Study& study, std::vector<Figure>& figures) {
    figures.push_back(weight_figure(study));
    figures.push_back(spectrum_figure(study));
    figures.push_back(zoom_figure(study));
    figures.push_back(gain_figure(study));
}

}  // namespace descrambler
