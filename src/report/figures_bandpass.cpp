// Band-pass networks: an example, gains against frequency, singular vectors inside the band, layer 1 in frequency.
#include <algorithm>
#include <cmath>

#include "descrambler/error.hpp"
#include "report/task_report.hpp"

namespace descrambler {

namespace {

struct Band {
    double low_hz, high_hz;
    std::vector<double> tones_hz;
};

Band band_of(const Study& study) {
    const Hdf5Group input = study.root().group("input");
    return {input.number_attribute("", "low_hz"), input.number_attribute("", "high_hz"),
            study.array("input/tones_hz", {-1}).values};
}

Curve upright(double x, double low, double high, const std::string& label) {
    Curve line = straight_line(x, low, x, high, label);
    line.colour = "#555555";
    return line;
}

Figure example_figure(const Study& study, const Summary& summary) {
    Figure f{.section = "training",
             .caption =
                 "The first 100 ms of a validation trace: what was to be answered and what the first network of each "
                 "condition answers. Look for: the answer on the target; the noisy input is many times larger than the "
                 "tone inside the band.",
             .alternative = "Input, target and output of one network against time, by condition.",
             .drawing = {.name = "examples", .title = "Example", .columns = 2, .panel_height = 260},
             .absent = ""};
    const std::vector<double> time = study.array("axes/time_s", {-1}).values;
    const Index points = std::ssize(time), conditions = std::ssize(summary.conditions);
    const Index shown = std::lower_bound(time.begin(), time.end(), 0.1) - time.begin();
    const FileArray<double> input = study.array("examples/input", {conditions, -1, points}),
                            target = study.array("examples/target", input.shape),
                            output = study.array("examples/output", input.shape);
    std::vector<double> ms;
    for (Index i = 0; i < shown; ++i)
        ms.push_back(1e3 * time[static_cast<std::size_t>(i)]);
    for (Index c = 0; c < conditions; ++c) {
        const auto curve = [&](const FileArray<double>& of, const char* label, const char* colour, int dash,
                               double width) {
            const auto from = of.values.begin() + c * of.shape[1] * points;
            return Curve{
                .label = label, .x = ms, .y = {from, from + shown}, .colour = colour, .dash = dash, .width = width};
        };
        Panel panel{.title = summary.conditions[static_cast<std::size_t>(c)].words,
                    .x = axis("time, ms"),
                    .y = axis("signal"),
                    .image = {},
                    .curves = {}};
        panel.curves.push_back(curve(input, "noisy input", "#bbbbbb", 1, 0.8));
        panel.curves.push_back(curve(target, "target", truth_colour, 2, 1.6));
        panel.curves.push_back(curve(output, "output", group_styles[0].colour.c_str(), 1, 1.8));
        f.drawing.panels.push_back(std::move(panel));
    }
    return f;
}

Figure gain_figure(const Study& study, const Summary& summary) {
    Figure f{
        .section = "reading",
        .caption =
            "Gain against frequency of the whole network (mean Jacobian over the library) and of layer 1, median and "
            "range over the networks of a group. Upright lines: the band. Look for: a "
            "flat top between the lines for the filtered target, a needle at the tone for the clean one; controls "
            "without either. Layer 1 keeps part of the random weights it started from, which the whole network does "
            "not pass on.",
        .alternative = "Gain of network and first layer against frequency for trained and control networks.",
        .drawing = {.name = "gain", .title = "Frequency response", .columns = 2, .panel_height = 300},
        .absent = ""};
    const std::vector<GroupStyle> groups = study.groups_with("jacobian_gain");
    if (groups.empty()) {
        f.absent =
            "No frequency responses are stored in this study (/analysis/GROUP/jacobian_gain): they are defined for "
            "one hidden layer.";
        return f;
    }
    const Band band = band_of(study);
    const std::vector<double> frequency = study.array("axes/frequency_hz", {-1}).values;
    const Index conditions = std::ssize(summary.conditions);
    for (Index c = 0; c < conditions; ++c)
        for (const auto& [name, words] : {std::pair{"jacobian_gain", "whole network"}, {"weight_gain", "layer 1"}}) {
            Panel panel{.title = summary.conditions[static_cast<std::size_t>(c)].words + ": " + words,
                        .x = axis("frequency, Hz", 0, frequency.back()),
                        .y = axis("gain"),
                        .image = {},
                        .curves = {}};
            panel.y.logarithmic = true;
            double low = INFINITY, high = 0;
            for (const GroupStyle& group : groups) {
                const FileArray<double> all = study.array("analysis/" + group.name + "/" + name,
                                                          {-1, std::ssize(frequency)}),
                                        own = rows_of_condition(all, c, conditions);
                if (own.shape[0] == 0)
                    continue;
                for (const double x : own.values) {
                    low = x > 0 ? std::min(low, x) : low;
                    high = std::max(high, x);
                }
                panel.curves.push_back(band_over_networks(frequency, own, group));
                panel.curves.back().width = 1.3;
            }
            if (!(low < high))
                continue;
            panel.y.ticks = decade_ticks(panel.curves);
            for (const double edge : {band.low_hz, band.high_hz})
                panel.curves.push_back(upright(edge, low, high, ""));
            for (const double tone : band.tones_hz)
                panel.x.ticks.emplace_back(tone, number_text(tone, 4));
            for (double f_hz = 0; f_hz < frequency.back(); f_hz += 100)
                if (std::none_of(band.tones_hz.begin(), band.tones_hz.end(),
                                 [&](double tone) { return std::abs(tone - f_hz) < 30; }))
                    panel.x.ticks.emplace_back(f_hz, number_text(f_hz, 4));
            f.drawing.panels.push_back(std::move(panel));
        }
    f.absent = missing_controls(groups);
    return f;
}

Figure share_figure(const Study& study, const Summary& summary) {
    Figure f{
        .section = "reading",
        .caption =
            "Energy of the first right singular vectors of layer 1 inside the band, median and range over networks. "
            "Look for: all of them inside for the filtered target; only the two that a tone needs (cosine and sine) "
            "for the clean one; controls on the line of white noise.",
        .alternative = "Share of singular vectors inside the band for trained and control networks.",
        .drawing = {.name = "vector_share",
                    .title = "Singular vectors inside the band",
                    .columns = 2,
                    .panel_height = 260},
        .absent = ""};
    const std::vector<GroupStyle> groups = study.groups_with("vector_share");
    if (groups.empty()) {
        f.absent = "No singular vectors are stored in this study (/analysis/GROUP/vector_share).";
        return f;
    }
    const Band band = band_of(study);
    const std::vector<double> frequency = study.array("axes/frequency_hz", {-1}).values;
    const double white = (band.high_hz - band.low_hz) / frequency.back();
    const Index conditions = std::ssize(summary.conditions);
    for (Index c = 0; c < conditions; ++c) {
        Panel panel{.title = summary.conditions[static_cast<std::size_t>(c)].words,
                    .x = axis("singular vector"),
                    .y = axis("share inside the band", 0, 1.05),
                    .image = {},
                    .curves = {}};
        std::vector<double> number;
        for (const GroupStyle& group : groups) {
            const FileArray<double> own =
                rows_of_condition(study.array("analysis/" + group.name + "/vector_share", {-1, -1}), c, conditions);
            if (own.shape[0] == 0)
                continue;
            number.clear();
            for (Index j = 1; j <= own.shape[1]; ++j)
                number.push_back(static_cast<double>(j));
            Curve curve = band_over_networks(number, own, group);
            curve.marker = group.marker;
            panel.curves.push_back(std::move(curve));
        }
        if (number.empty())
            continue;
        panel.x.low = 0.5;
        panel.x.high = number.back() + 0.5;
        panel.curves.push_back(straight_line(0.5, white, number.back() + 0.5, white, "white noise"));
        f.drawing.panels.push_back(std::move(panel));
    }
    f.absent = missing_controls(groups);
    return f;
}

Panel spectrum_panel(const std::string& title, const Matrix<double>& amplitude, const std::vector<double>& frequency,
                     double most_hz) {
    const Index bins = std::upper_bound(frequency.begin(), frequency.end(), most_hz) - frequency.begin();
    const double top = std::max(*std::max_element(amplitude.values().begin(), amplitude.values().end()), 1e-300);
    Image image{.values = Matrix<double>(amplitude.rows(), bins),
                .x_first = frequency.front(),
                .x_step = frequency[1] - frequency[0],
                .low = -40,
                .high = 0,
                .label = "dB of the maximum"};
    for (Index j = 0; j < bins; ++j)
        for (Index i = 0; i < amplitude.rows(); ++i)
            image.values(i, j) = 20 * std::log10(std::max(amplitude(i, j) / top, 1e-15));
    return {.title = title,
            .x = axis("frequency along time, Hz", 0, frequency[static_cast<std::size_t>(bins - 1)]),
            .y = axis("link index", -0.5, static_cast<double>(amplitude.rows()) - 0.5),
            .image = std::move(image),
            .curves = {}};
}

Figure spectrum_figure(const Study& study, const Summary& summary) {
    Figure f{
        .section = "reading",
        .caption =
            "Rows of layer 1 in frequency, first network of each condition: raw, descrambled, and the untrained "
            "network "
            "descrambled. Look for: the band (filtered) and the tone (clean) as upright stripes before and after: the "
            "energy of a column does not change. Descrambling spreads it evenly over the link, where the raw layer "
            "has it in some units more than in others.",
        .alternative = "Images of the spectrum along time of the rows of layer 1, raw, descrambled and untrained.",
        .drawing = {.name = "layer_1_spectrum", .title = "Layer 1 in frequency", .columns = 3, .panel_height = 260},
        .absent = ""};
    if (!study.has("analysis/trained/spectrum")) {
        f.absent = "No spectra are stored in this study (/analysis/trained/spectrum).";
        return f;
    }
    const Band band = band_of(study);
    const std::vector<double> frequency = study.array("axes/frequency_hz", {-1}).values;
    const double most_hz =
        std::min(frequency.back(),
                 2 * std::max(band.high_hz, *std::max_element(band.tones_hz.begin(), band.tones_hz.end())) / 1.4);
    const Index conditions = std::ssize(summary.conditions);
    for (Index c = 0; c < conditions; ++c)
        for (const auto& [name, words] : {std::pair{"trained/spectrum_raw", "raw"},
                                          {"trained/spectrum", "descrambled"},
                                          {"untrained/spectrum", "untrained, descrambled"}}) {
            const std::string path = std::string("analysis/") + name;
            if (!study.has(path))
                continue;
            const FileArray<double> stack = study.array(path, {conditions, -1, std::ssize(frequency)});
            f.drawing.panels.push_back(
                spectrum_panel(summary.conditions[static_cast<std::size_t>(c)].words + ", " + words, item_of(stack, c),
                               frequency, most_hz));
        }
    if (!study.has("analysis/untrained/spectrum"))
        f.absent = "No untrained control is stored.";
    return f;
}

}  // namespace

void add_bandpass_figures(const Study& study, const Summary& summary, std::vector<Figure>& figures) {
    add_loss_figure(study, summary, figures);
    figures.push_back(example_figure(study, summary));
    figures.push_back(gain_figure(study, summary));
    figures.push_back(share_figure(study, summary));
    figures.push_back(spectrum_figure(study, summary));
}

}  // namespace descrambler
