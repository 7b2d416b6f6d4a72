// What band-pass networks are claimed to do, as rows of the findings table; thresholds in docs/findings.md.
#include <algorithm>
#include <cmath>

#include "study/study_steps.hpp"
#include "study/task_findings.hpp"

namespace descrambler {

namespace {

// The readings are defined on one hidden layer.
bool readings_apply(const StudyConfig& config) {
    return config.hidden.size() == 1 && !config.renorm;
}

BandRequest band_of(const Bandpass& data) {
    return {data.rate_hz, data.low_hz, data.high_hz, data.tones_hz};
}

void read_group(StudyGroup& group, const StudyConfig& config, std::span<const TaskLibrary> library, int threads) {
    const Index count = std::ssize(group.networks), each = count / std::ssize(library);
    group.response.resize(group.networks.size());
    group.readings.resize(group.networks.size());
    parallel_items(count, threads, [&](Index i, Backend<double>& on) {
        const auto k = static_cast<std::size_t>(i);
        group.response[k] =
            read_response(on, group.networks[k], band_of(config.bandpass),
                          library[static_cast<std::size_t>(i / each)].input, group.layers[0].networks[k].solution.P);
        const std::string of(to_string(config.bandpass.targets[static_cast<std::size_t>(i / each)]));
        auto& extras = group.readings[k].extras;
        extras["weight_share_" + of] = group.response[k].weight_share;
        extras["band_vectors_" + of] = static_cast<double>(group.response[k].band_vectors);
        extras["low_edge_hz_" + of] = group.response[k].low_edge_hz;
        extras["high_edge_hz_" + of] = group.response[k].high_edge_hz;
    });
}

class Rows {
public:
    explicit Rows(StudyData& study) : study_(study), data_(study.config.bandpass), band_(band_of(data_)) {}

    void add(Index condition) {
        c_ = condition;
        error();
        if (!readings_apply(study_.config))
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
    [[nodiscard]] std::vector<double> values(const char* group, const F& value) const {
        std::vector<double> result;
        for (const ResponseReading& reading : part_of(study_.group(group)->response, c_, std::ssize(data_.targets)))
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
        fill_groups(row, [&](const char* group) {
            return part_of(study_.group(group)->error_mean, c_, std::ssize(data_.targets));
        });
        const double mean = study_.task.predict_the_mean[static_cast<std::size_t>(c_)];
        row.reading = "Relative error " + number_words(median_of(row.raw)) + "; always answering with the mean makes " +
                      number_words(mean) + ", the ideal linear filter " +
                      number_words(study_.task.filter_error[static_cast<std::size_t>(c_)]);
        const auto near_mean = [&](const std::vector<double>& control) { return median_of(control) >= 0.95 * mean; };
        const bool learnt = median_of(row.raw) <= 0.5 * mean;
        push(std::move(row), learnt, near_mean(row.untrained) && near_mean(row.shuffled));
    }

    template <class F>
    void rejection(const std::string& name, const std::string& claim, const F& value) {
        FindingRow row{.name = name + "_" + target(), .unit = "dB", .claim = claim + "; " + words() + "."};
        fill_groups(row, [&](const char* group) { return values(group, value); });
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
        fill_groups(row, [&](const char* group) {
            return values(group, [](const ResponseReading& r) { return r.high_edge_hz - r.low_edge_hz; });
        });
        const auto edge = [&](const char* group, double ResponseReading::*which) {
            return median_of(values(group, [&](const ResponseReading& r) { return r.*which; }));
        };
        const auto fits = [&](const char* group) {  // both edges within a tenth of the width
            return std::abs(edge(group, &ResponseReading::low_edge_hz) - data_.low_hz) <= 0.1 * width &&
                   std::abs(edge(group, &ResponseReading::high_edge_hz) - data_.high_hz) <= 0.1 * width;
        };
        row.reading = "Around the tone inside the band the gain stays above half of its value there from " +
                      number_words(edge("trained", &ResponseReading::low_edge_hz)) + " to " +
                      number_words(edge("trained", &ResponseReading::high_edge_hz)) + " Hz, a width of " +
                      number_words(median_of(row.raw)) + " Hz";
        const bool measured = !row.untrained.empty() && !row.shuffled.empty();
        push(std::move(row), fits("trained"), measured && !fits("untrained") && !fits("shuffled"));
    }

    void vectors() {
        FindingRow row{
            .name = "vector_share_" + target(),
            .unit = "1",
            .claim = "The first two right singular vectors of layer 1 lie inside the band; " + words() + "."};
        fill_groups(row, [&](const char* group) {
            return values(group, [](const ResponseReading& r) { return mean_of(std::span(r.vector_share).first(2)); });
        });
        const double white = band_share_of_noise(band_, data_.points);
        row.reading = "Share of their energy inside the band: " + number_words(median_of(row.raw)) + ", white noise " +
                      number_words(white) + "; so many vectors from the first on have more than half of it there: " +
                      number_words(median_of(values(
                          "trained", [](const ResponseReading& r) { return static_cast<double>(r.band_vectors); })));
        constexpr double figure = 0.8;
        push(std::move(row), median_of(row.raw) >= figure,
             median_of(row.untrained) <= 2 * white && median_of(row.shuffled) < figure);
    }

    void compactness() {
        FindingRow row{.name = "low_link_" + target(),
                       .unit = "1",
                       .claim = "Descrambling gathers layer 1 at low frequencies along the link; " + words() + "."};
        fill_groups(
            row, [&](const char* group) { return values(group, [](const ResponseReading& r) { return r.low_link; }); });
        row.raw = values("trained", [](const ResponseReading& r) { return r.low_link_raw; });
        row.invariant = false;
        row.reading = "Share of the energy of layer 1 at link frequencies up to a thirteenth of its width: " +
                      number_words(median_of(row.descrambled)) + " after descrambling, " +
                      number_words(median_of(row.raw)) + " before";
        constexpr double figure = 0.9, raw_most = 0.3;
        push(std::move(row), median_of(row.descrambled) >= figure && median_of(row.raw) <= raw_most,
             median_of(row.untrained) <= raw_most && median_of(row.shuffled) < figure);
    }

    StudyData& study_;
    const Bandpass& data_;
    BandRequest band_;
    Index c_ = 0;
};

}  // namespace

void read_bandpass_findings(StudyData& study, std::span<const TaskLibrary> library,
                            std::span<const TaskLibrary> validation, int threads) {
    const StudyConfig& config = study.config;
    const BandpassTables<double> tables = make_bandpass_tables<double>(config.bandpass);
    study.task.axis = tables.time_s;
    const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(threads);
    for (const TaskLibrary& at : validation) {
        const Matrix<double> parts = multiply(*on, Op::transpose, Op::none, tables.band, at.input);
        const Matrix<double> filtered = multiply(*on, Op::none, Op::none, tables.band, parts);
        study.task.filter_error.push_back(mean_of(column_errors(filtered, at.target)));
    }
    if (readings_apply(config))
        for (StudyGroup& group : study.groups)
            if (!group.networks.empty())
                read_group(group, config, library, threads);
    Rows rows(study);
    for (Index c = 0; c < std::ssize(library); ++c)
        rows.add(c);
}

}  // namespace descrambler
