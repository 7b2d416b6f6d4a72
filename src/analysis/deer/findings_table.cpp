// Claims, thresholds and verdicts, one rule a finding; docs/findings.md says where they come from.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <string_view>

#include "analysis/deer/findings.hpp"

namespace descrambler {

namespace {

using Group = std::vector<NetworkReading>;

struct Bound {
    double low = -std::numeric_limits<double>::infinity();
    double high = std::numeric_limits<double>::infinity();
    [[nodiscard]] bool holds(double x) const { return low <= x && x <= high; }
};
constexpr Bound at_least(double x) {
    return {.low = x};
}
constexpr Bound at_most(double x) {
    return {.high = x};
}
constexpr Bound between(double low, double high) {
    return {low, high};
}

double value_median(const Group& group, const std::string& key) {  // NaN where no network has the number
    std::vector<double> found;
    for (const NetworkReading& reading : group)
        if (const auto it = reading.values.find(key); it != reading.values.end())
            found.push_back(it->second.descrambled);
    return median_of(std::move(found));
}

double extra_median(const Group& group, const std::string& key) {
    std::vector<double> found;
    for (const NetworkReading& reading : group)
        if (const auto it = reading.extras.find(key); it != reading.extras.end())
            found.push_back(it->second);
    return median_of(std::move(found));
}

// Exponent 1/3, and the cube root fits better than a constant, 1/6, 1/2 and a line. A NaN (not measured) is a no.
bool cube_root_wins(const Group& group) {
    const double cube_root = value_median(group, "cube_root_residual");
    for (const char* other : {"0", "1_6", "1_2", "1"})
        if (!(cube_root < extra_median(group, std::string("cube_root_residual_") + other)))
            return false;
    return std::abs(value_median(group, "cube_root_exponent") - 1.0 / 3) <= 0.05;
}

bool beats(const Group& group, const char* family, const char* one, const char* other) {
    const double fit = value_median(group, family);
    return fit >= value_median(group, one) + 0.05 && fit >= value_median(group, other) + 0.05;
}
bool chebyshev_wins(const Group& group) {
    return beats(group, "chebyshev_r2", "legendre_r2", "covariance_r2") && extra_median(group, "extremum_ratio") > 0.5;
}
bool legendre_wins(const Group& group) {
    return beats(group, "legendre_r2", "chebyshev_r2", "covariance_r2");
}
bool covariance_wins(const Group& group) {
    return beats(group, "covariance_r2", "chebyshev_r2", "legendre_r2");
}

// In `reading`, {value} and {raw} are medians of the trained networks, any other {NAME} is that of an extra; `link`
// stands between a control group and its number.
struct Rule {
    std::string name, unit;
    bool invariant = false;
    std::string claim, reading, link;
    Bound figure, raw;                         // trained networks, descrambled and raw
    bool (*also)(const Group&) = nullptr;      // a further condition of the figure
    std::optional<Bound> untrained, shuffled;  // what the control must show; nothing: that the figure fails
    std::optional<Bound> no_decay;             // nothing: no control of this finding
    std::size_t shuffled_least = 1;            // networks that the shuffled control needs
    bool is_control = false;                   // compares with a control by itself
};

const std::vector<Rule>& rules() {
    static const std::vector<Rule> table{
        {.name = "eta_gain",
         .unit = "dB",
         .claim = "Descrambling turns the noise-like signals after layer 1 into a pattern of interlocking waves.",
         .reading = "Descrambling lowers the roughness of the signals after layer 1 by {value}",
         .link = "by",
         .figure = at_least(40),
         .untrained = at_most(32)},
        {.name = "E6",
         .unit = "1",
         .claim = "The descrambled first layer is compact in its two-dimensional spectrum.",
         .reading = "After descrambling a share of {value} of the spectral energy of layer 1 lies at link frequencies "
                    "up to 6, before it {raw}",
         .link = "reach",
         .figure = at_least(0.90),
         .raw = at_most(0.30),
         .untrained = at_most(0.30)},
        {.name = "top1",
         .unit = "1",
         .claim = "A few spots of the two-dimensional spectrum carry the descrambled first layer.",
         .reading = "The strongest 1 % of the spectrum of layer 1 holds a share of {value} of the energy after "
                    "descrambling and of {raw} before",
         .link = "reach",
         .figure = at_least(0.60),
         .raw = at_most(0.50),
         .untrained = at_most(0.20)},
        {.name = "HFrej",
         .unit = "dB",
         .invariant = true,
         .claim = "Layer 1 is a low-pass filter that removes high-frequency noise.",
         .reading = "Layer 1 suppresses frequencies above half the Nyquist frequency by {value}",
         .link = "by",
         .figure = at_least(25),
         .untrained = at_most(3),
         .shuffled = at_most(20)},
        {.name = "edge",
         .unit = "bin",
         .invariant = true,
         .claim = "The pass band of layer 1 ends well below the Nyquist frequency.",
         .reading = "The gain of layer 1 first falls below a tenth of its largest value at {value}",
         .link = "at",
         .figure = at_most(64)},
        {.name = "DCmarg",
         .unit = "dB",
         .invariant = true,
         .claim = "Layer 1 has a notch at zero frequency that removes the baseline.",
         .reading = "The gain of layer 1 at zero frequency lies at {value} relative to its pass band",
         .link = "at",
         .figure = at_most(-8),
         .untrained = at_least(-3),
         .shuffled = at_least(0),
         .no_decay = at_least(0)},
        {.name = "g_dip_bg",
         .unit = "dB",
         .invariant = true,
         .claim = "Layer 1 passes the dipolar modulation and rejects the background.",
         .reading = "The gain of layer 1 for the dipolar modulation exceeds that for the background by {value}",
         .link = "by",
         .figure = at_least(7),
         .untrained = between(-3, 3),
         .no_decay = at_most(0)},
        {.name = "g_dip_noise",
         .unit = "dB",
         .invariant = true,
         .claim = "Layer 1 passes the dipolar modulation and rejects white noise.",
         .reading = "The gain of layer 1 for the dipolar modulation exceeds that for white noise by {value}",
         .link = "by",
         .figure = at_least(3)},
        {.name = "DC16",
         .unit = "dB",
         .claim = "The notch at zero frequency is visible in the descrambled two-dimensional spectrum.",
         .reading = "At the six lowest link frequencies of the descrambled layer 1 the power at zero frequency lies at "
                    "{value} relative to the next eight bins (raw {raw}; noise-only library "
                    "{DC16_white_noise_library}; non-periodic stencil {DC16_non_periodic_stencil})",
         .link = "at",
         .figure = at_most(-15),
         .untrained = at_least(-3),
         .shuffled = at_least(-3),
         .no_decay = at_least(-3)},
        {.name = "cube_root_exponent",
         .unit = "1",
         .claim = "Layer 1 rearranges frequencies as if the cube root of the axis were taken.",
         .reading = "The link frequency grows with the time frequency to the power {value}; a cube root is 0.333",
         .link = "at",
         .figure = between(1.0 / 3 - 0.05, 1.0 / 3 + 0.05),
         .also = cube_root_wins},
        {.name = "cube_root_residual",
         .unit = "1",
         .claim = "A cube root describes the frequency axis of layer 1 better than other powers.",
         .reading = "A cube root leaves a residual of {value}; the powers 0, 1/6, 1/2 and 1 leave "
                    "{cube_root_residual_0}, {cube_root_residual_1_6}, {cube_root_residual_1_2} and "
                    "{cube_root_residual_1}",
         .link = "have",
         .also = cube_root_wins},
        {.name = "J_MAE",
         .unit = "nm",
         .invariant = true,
         .claim = "The network transforms time into distance: an oscillation lights up the output at its distance.",
         .reading = "The response to the oscillation of one distance peaks {value} away from that distance",
         .link = "at",
         .figure = at_most(0.18),
         .untrained = at_least(1),
         .shuffled = at_least(1),
         .shuffled_least = 3},
        {.name = "J_rank",
         .unit = "1",
         .invariant = true,
         .claim = "The network transforms faster oscillations into shorter distances.",
         .reading = "The rank correlation of the distance put in and the distance that lights up is {value}",
         .link = "reach",
         .figure = at_least(0.99),
         .untrained = at_most(0.3),
         .shuffled = at_most(0.3),
         .shuffled_least = 3},
        {.name = "Sturm6",
         .unit = "1",
         .invariant = true,
         .claim = "The output vectors of layer 2 are ordered by their number of sign changes, as polynomials are.",
         .reading = "{value} of the first six output vectors of layer 2 have as many sign changes as their number says",
         .link = "have",
         .figure = at_least(5),
         .untrained = at_most(0),
         .shuffled = at_most(2)},
        {.name = "DCT20",
         .unit = "1",
         .invariant = true,
         .claim = "The output vectors of layer 2 are smooth.",
         .reading = "The 21 lowest cosines hold a share of {value} of the first ten output vectors of layer 2",
         .link = "reach",
         .figure = at_least(0.97),
         .untrained = at_most(0.15),
         .shuffled = at_most(0.35)},
        {.name = "chebyshev_r2",
         .unit = "1",
         .invariant = true,
         .claim = "The output vectors of layer 2 are distorted Chebyshev polynomials.",
         .reading =
             "Chebyshev polynomials on a warped axis explain {value} of the first six output vectors of layer 2, "
             "against {legendre_r2} by Legendre polynomials and {covariance_r2} by a plain smooth covariance; "
             "equal extrema would give a ratio of 1, found {extremum_ratio}",
         .link = "reach",
         .also = chebyshev_wins},
        {.name = "legendre_r2",
         .unit = "1",
         .invariant = true,
         .claim = "Alternative to Chebyshev, not published: the output vectors are distorted Legendre polynomials.",
         .reading = "Legendre polynomials on a warped axis explain {value} of the first six output vectors of layer 2, "
                    "against {chebyshev_r2} by Chebyshev polynomials",
         .link = "reach",
         .also = legendre_wins},
        {.name = "covariance_r2",
         .unit = "1",
         .invariant = true,
         .claim = "Alternative to Chebyshev, not published: the output vectors are those of any smooth covariance.",
         .reading =
             "Eigenvectors of a plain smooth covariance on a warped axis explain {value} of the first six output "
             "vectors of layer 2, against {chebyshev_r2} by Chebyshev polynomials",
         .link = "reach",
         .also = covariance_wins},
        {.name = "link_orthogonality",
         .unit = "1",
         .claim = "The rows and columns of the descrambled second layer are approximately orthogonal.",
         .reading = "Distant link columns of the descrambled layer 2 have a mean cosine of {value}, raw ones of {raw}",
         .link = "have",
         .figure = at_most(0.1)},
        {.name = "link_frequency",
         .unit = "1",
         .claim = "Along the descrambled link, layer 2 sends fast oscillations to short distances.",
         .reading = "The rank correlation of distance and link frequency in layer 2 is {value} (raw {raw}; descrambled "
                    "by the signals alone {link_frequency_signals})",
         .link = "reach",
         .figure = at_most(-0.8),
         .untrained = at_least(-0.5),
         .shuffled = at_least(-0.5)},
        {.name = "right_vector_purity",
         .unit = "1",
         .claim = "The right singular vectors of the descrambled second layer are sinusoids.",
         .reading = "One frequency holds a share of {value} of a right vector of the descrambled layer 2, {raw} of a "
                    "raw one and {right_vector_purity_signals} of one descrambled by the signals alone",
         .link = "reach",
         .figure = at_least(0.8),
         .untrained = at_most(0.5)},
        {.name = "rank12",
         .unit = "1",
         .invariant = true,
         .claim = "The network regularises by rank: a few singular values carry layer 2.",
         .reading = "The first twelve singular values hold a share of {value} of the energy of layer 2",
         .link = "reach",
         .figure = at_least(0.90),
         .untrained = at_most(0.35)},
        {.name = "r_pair",
         .unit = "1",
         .claim = "Descrambled layers do not depend on the initialisation of the network.",
         .reading = "Spectra of two networks trained independently correlate at {value} after descrambling and at "
                    "{raw} before",
         .link = "at",
         .figure = at_least(0.95),
         .raw = at_most(0.90),
         .untrained = at_most(0.5),
         .shuffled = at_most(0.5)},
        {.name = "r_pair_against_shuffled",
         .unit = "1",
         .claim = "Descrambled layers of networks that learnt differ from those of networks that could not learn.",
         .reading = "Descrambled spectra of a trained network and one trained on shuffled targets correlate at {value}",
         .link = "at",
         .figure = at_most(0.5),
         .is_control = true},
        {.name = "replica_ratio",
         .unit = "1",
         .claim = "Two filters and one regularised linear transform perform like the network.",
         .reading = "The replica makes {value} times the error of the network",
         .link = "at",
         .figure = at_most(1.1)},
    };
    return table;
}

// ---- numbers in sentences ------------------------------------------------------------------------------------------

std::string printed(double x, const std::string& unit) {
    if (std::isnan(x))
        return "not measured";
    if (unit == "bin" && x > 128)  // beyond the last bin of 256 points: the gain never falls that low
        return "nowhere";
    const char* format = unit == "dB" ? "%.1f dB" : unit == "nm" ? "%.2f nm" : unit == "bin" ? "bin %.0f" : "%.3g";
    char text[64];
    std::snprintf(text, sizeof text, format, x + 0.0);
    return text;
}

std::string filled(const Rule& rule, const Group& trained, double value, double raw) {
    std::string text = rule.reading;
    for (std::size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open)) {
        const std::size_t close = text.find('}', open);
        const std::string name = text.substr(open + 1, close - open - 1);
        double number = extra_median(trained, name);
        if (name == "value")
            number = value;
        else if (name == "raw")
            number = raw;
        else if (std::isnan(number))
            number = value_median(trained, name);
        const std::string with = printed(number, rule.unit);
        text.replace(open, close - open + 1, with);
        open += with.size();
    }
    return text;
}

// ---- verdicts ------------------------------------------------------------------------------------------------------

struct Control {
    const char* name;
    const Group& group;
    const std::vector<double>& values;
    std::optional<Bound> bound;
    std::size_t least = 1;
};

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i)
        text += (i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ") + parts[i];
    return text;
}

void judge(const Rule& rule, FindingRow& row, const Group& trained, const Group& untrained, const Group& shuffled,
           const Group& no_decay) {
    const auto figure_holds = [&](const Group& group, const std::vector<double>& values) {
        return rule.figure.holds(spread_of(values).median) && (!rule.also || rule.also(group));
    };
    const double value = spread_of(row.descrambled).median, raw = spread_of(row.raw).median;
    const bool reproduced = figure_holds(trained, row.descrambled) && rule.raw.holds(raw);

    std::vector<Control> controls;
    if (!rule.is_control) {
        controls.push_back({"untrained", untrained, row.untrained, rule.untrained});
        controls.push_back({"shuffled", shuffled, row.shuffled, rule.shuffled, rule.shuffled_least});
        if (rule.no_decay)
            controls.push_back({"no-decay", no_decay, row.no_decay, rule.no_decay});
    }
    std::vector<std::string> missing, failed;
    for (const Control& c : controls) {
        if (c.values.size() < c.least)
            missing.push_back(c.name);
        else if (c.bound ? !c.bound->holds(spread_of(c.values).median) : figure_holds(c.group, c.values))
            failed.push_back(c.name);
    }
    const bool discriminating = missing.empty() && failed.empty();
    row.verdict = !reproduced      ? Verdict::not_reproduced
                  : discriminating ? Verdict::reproduced_and_discriminating
                                   : Verdict::reproduced_not_discriminating;

    row.reading = filled(rule, trained, value, raw);
    std::vector<std::string> parts;
    const auto mention = [&](const char* name, const std::vector<double>& values) {
        if (!values.empty())
            parts.push_back(name + (" " + rule.link) + " " + printed(spread_of(values).median, rule.unit));
    };
    mention("untrained networks", row.untrained);
    mention("networks trained on shuffled targets", row.shuffled);
    mention("networks trained without decay", row.no_decay);
    if (!parts.empty())
        row.reading += "; " + joined(parts);
    const auto noun = [](const std::vector<std::string>& names) {
        return "the " + joined(names) + (names.size() > 1 ? " controls" : " control");
    };
    if (!reproduced)
        row.reading += ", so the claim does not hold";
    else if (failed == std::vector<std::string>{"no-decay"})  // those networks did learn
        row.reading += "; networks trained without decay show it too, so it is no sign of what decay teaches";
    else if (!failed.empty())
        row.reading += "; by " + noun(failed) + " this is no sign of learning";
    if (!missing.empty())
        row.reading += "; " + noun(missing) + (missing.size() > 1 ? " are" : " is") + " missing or too small";
    row.reading += ".";
}

std::vector<double> collect(const Group& group, const std::string& key, double RawAndDescrambled::*which) {
    std::vector<double> found;
    for (const NetworkReading& reading : group)
        if (const auto it = reading.values.find(key); it != reading.values.end())
            found.push_back(it->second.*which);
    return found;
}

}  // namespace

std::vector<FindingRow> findings_table(const Group& trained, const Group& untrained, const Group& shuffled,
                                       const Group& no_decay) {
    std::vector<FindingRow> table;
    for (const Rule& rule : rules()) {
        FindingRow row;
        row.name = rule.name;
        row.unit = rule.unit;
        row.claim = rule.claim;
        row.invariant = rule.invariant;
        row.raw = collect(trained, rule.name, &RawAndDescrambled::raw);
        row.descrambled = collect(trained, rule.name, &RawAndDescrambled::descrambled);
        row.untrained = collect(untrained, rule.name, &RawAndDescrambled::descrambled);
        row.shuffled = collect(shuffled, rule.name, &RawAndDescrambled::descrambled);
        row.no_decay = collect(no_decay, rule.name, &RawAndDescrambled::descrambled);
        if (row.descrambled.empty())
            continue;
        judge(rule, row, trained, untrained, shuffled, no_decay);
        table.push_back(std::move(row));
    }
    return table;
}

}  // namespace descrambler
