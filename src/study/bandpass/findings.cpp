// What band-pass networks are claimed to do, as rows of the findings table; thresholds in docs/findings.md.
#include <algorithm>
#include <cmath>

#include "study/bandpass/bandpass_study.hpp"

namespace descrambler {

namespace {

class Rows {
public:
    Rows(StudyData& study, const BandpassStudy& own)
        : study_(study), own_(own), data_(own.recipe()), band_(own.band()) {}

    void add(Index condition) {
        c_ = condition;
        error();
        if (!own_.applies(study_.config))
            return;
        rejection("jacobian_rejection", "The network as a whole passes the tone inside the band and rejects the others",
                  [](const ResponseReading& r) { return r.jacobian_rejection_db; });
        passband();
        rejection("weight_rejection", "Layer 1 by itself passes the tone inside the band and rejects the others",
                  [](const ResponseReading& r) { return r.weight_rejection_db; });
        vectors();
        compactness();
    }

private:
    template <class F>
    [[nodiscard]] std::vector<double> values(GroupKind group, const F& value) const {
        std::vector<double> result;
        for (const ResponseReading& reading : part_of(own_.readings(group), c_, condition_count(data_)))
            result.push_back(value(reading));
        return result;
    }
    void push(FindingRow row, bool reproduced, bool discriminating) {
        study_.findings.push_back(judged(std::move(row), reproduced, discriminating));
    }
    [[nodiscard]] std::string target() const {
        return std::string(to_string(data_.targets[static_cast<std::size_t>(c_)]));
    }
    [[nodiscard]] std::string words() const {
        return data_.targets[static_cast<std::size_t>(c_)] == BandpassTarget::filtered ? "trained on the filtered trace"
                                                                                       : "trained on the clean tone";
    }

    void error() {
        FindingRow row{.name = "error_" + target(),
                       .unit = "1",
                       .claim = "The network answers with the filtered signal; " + words() + "."};
        fill_groups(
            row, [&](GroupKind group) { return part_of(study_.group(group).error_mean, c_, condition_count(data_)); });
        const double mean = own_.predict_the_mean()[static_cast<std::size_t>(c_)];
        row.reading = "Relative error " + number_words(median_of(row.raw)) + "; always answering with the mean makes " +
                      number_words(mean) + ", the ideal linear filter " +
                      number_words(own_.filter_error()[static_cast<std::size_t>(c_)]);
        const auto near_mean = [&](const std::vector<double>& control) { return median_of(control) >= 0.95 * mean; };
        const bool learnt = median_of(row.raw) <= 0.5 * mean;
        push(std::move(row), learnt, near_mean(row.untrained) && near_mean(row.shuffled));
    }

    template <class F>
    void rejection(const std::string& name, const std::string& claim, const F& value) {
        FindingRow row{.name = name + "_" + target(), .unit = "dB", .claim = claim + "; " + words() + "."};
        fill_groups(row, [&](GroupKind group) { return values(group, value); });
        row.reading = "The gain at the tone inside the band exceeds the larger gain at the tones outside by " +
                      number_words(median_of(row.raw)) + " dB";
        constexpr double figure = 20, untrained_most = 3;
        push(std::move(row), median_of(row.raw) >= figure,
             median_of(row.untrained) <= untrained_most && median_of(row.shuffled) < figure);
    }

    void passband() {
        const double width = data_.high_hz - data_.low_hz;
        FindingRow row{.name = "passband_" + target(),
                       .unit = "Hz",
                       .claim = "Its pass-band is the band of the target, " + number_words(data_.low_hz) + " to " +
                                number_words(data_.high_hz) + " Hz; " + words() + "."};
        fill_groups(row, [&](GroupKind group) {
            return values(group, [](const ResponseReading& r) { return r.high_edge_hz - r.low_edge_hz; });
        });
        const auto edge = [&](GroupKind group, double ResponseReading::*which) {
            return median_of(values(group, [&](const ResponseReading& r) { return r.*which; }));
        };
        const auto fits = [&](GroupKind group) {  // both edges within a tenth of the width
            return std::abs(edge(group, &ResponseReading::low_edge_hz) - data_.low_hz) <= 0.1 * width &&
                   std::abs(edge(group, &ResponseReading::high_edge_hz) - data_.high_hz) <= 0.1 * width;
        };
        row.reading = "Around the tone inside the band the gain stays above half of its value there from " +
                      number_words(edge(GroupKind::trained, &ResponseReading::low_edge_hz)) + " to " +
                      number_words(edge(GroupKind::trained, &ResponseReading::high_edge_hz)) + " Hz, a width of " +
                      number_words(median_of(row.raw)) + " Hz";
        const bool measured = !row.untrained.empty() && !row.shuffled.empty();
        push(std::move(row), fits(GroupKind::trained),
             measured && !fits(GroupKind::untrained) && !fits(GroupKind::shuffled));
    }

    void vectors() {
        FindingRow row{
            .name = "vector_share_" + target(),
            .unit = "1",
            .claim = "The first two right singular vectors of layer 1 lie inside the band; " + words() + "."};
        fill_groups(row, [&](GroupKind group) {
            return values(group, [](const ResponseReading& r) { return mean_of(std::span(r.vector_share).first(2)); });
        });
        const double white = band_share_of_noise(band_, data_.points);
        row.reading = "Share of their energy inside the band: " + number_words(median_of(row.raw)) + ", white noise " +
                      number_words(white) + "; so many vectors from the first on have more than half of it there: " +
                      number_words(median_of(values(GroupKind::trained, [](const ResponseReading& r) {
                          return static_cast<double>(r.band_vectors);
                      })));
        constexpr double figure = 0.8;
        push(std::move(row), median_of(row.raw) >= figure,
             median_of(row.untrained) <= 2 * white && median_of(row.shuffled) < figure);
    }

    void compactness() {
        FindingRow row{.name = "low_link_" + target(),
                       .unit = "1",
                       .claim = "Descrambling gathers layer 1 at low frequencies along the link; " + words() + "."};
        fill_groups(
            row, [&](GroupKind group) { return values(group, [](const ResponseReading& r) { return r.low_link; }); });
        row.raw = values(GroupKind::trained, [](const ResponseReading& r) { return r.low_link_raw; });
        row.invariant = false;
        row.reading = "Share of the energy of layer 1 at link frequencies up to a thirteenth of its width: " +
                      number_words(median_of(row.descrambled)) + " after descrambling, " +
                      number_words(median_of(row.raw)) + " before";
        constexpr double figure = 0.9, raw_most = 0.3;
        push(std::move(row), median_of(row.descrambled) >= figure && median_of(row.raw) <= raw_most,
             median_of(row.untrained) <= raw_most && median_of(row.shuffled) < figure);
    }

    StudyData& study_;
    const BandpassStudy& own_;
    const Bandpass& data_;
    BandRequest band_;
    Index c_ = 0;
};

}  // namespace

void BandpassStudy::add_findings(StudyData& study) const {
    Rows rows(study, *this);
    for (Index c = 0; c < condition_count(recipe_); ++c)
        rows.add(c);
}

}  // namespace descrambler
