#include "study/bandpass/bandpass_study.hpp"

#include "descrambler/hdf5.hpp"
#include "descrambler/matrix.hpp"
#include "io/stacks.hpp"

namespace descrambler {

BandRequest BandpassStudy::band() const {
    return {recipe_.rate_hz, recipe_.low_hz, recipe_.high_hz, recipe_.tones_hz};
}

bool BandpassStudy::applies(const StudyConfig& config) {
    return config.hidden.size() == 1 && !config.renorm;
}

void BandpassStudy::analyse(StudyData& study, const Execution& execution, const Progress& progress) {
    ConditionStudy own;
    own.read_answers = [](const StudyGroup&, std::span<const Samples>, std::span<const Matrix<double>>) {};
    own.read_networks = [&](std::span<const Samples> library, std::span<const Samples> validation) {
        const BandpassTables<double> tables = make_bandpass_tables<double>(recipe_);
        const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(execution.threads);
        for (const Samples& at : validation) {
            const Matrix<double> parts = multiply(*on, Op::transpose, Op::none, tables.band, at.input);
            const Matrix<double> filtered = multiply(*on, Op::none, Op::none, tables.band, parts);
            filter_error_.push_back(mean_of(column_errors(filtered, at.target)));
        }
        if (applies(study.config))
            for (StudyGroup& group : study.groups)
                if (!group.networks.empty())
                    read_group(group, library, execution.threads);
        add_findings(study);
    };
    read_conditions(study, conditions_, own, execution, progress);
}

void BandpassStudy::read_group(StudyGroup& group, std::span<const Samples> library, int threads) {
    const Index count = std::ssize(group.networks), each = count / std::ssize(library);
    std::vector<ResponseReading>& found = groups_[static_cast<std::size_t>(group.kind)];
    found.resize(group.networks.size());
    group.readings.resize(group.networks.size());
    const StudyLayer& first = group.layer(1, Tap::before, Criterion::smoothness);
    parallel_items(count, threads, [&](Index i, Backend<double>& on) {
        found[i] = read_response(on, group.networks[i], band(), library[i / each].input, first.networks[i].solution.P);
        const std::string of = condition_name(recipe_, i / each);
        auto& extras = group.readings[i].extras;
        extras["weight_share_" + of] = found[i].weight_share;
        extras["band_vectors_" + of] = static_cast<double>(found[i].band_vectors);
        extras["low_edge_hz_" + of] = found[i].low_edge_hz;
        extras["high_edge_hz_" + of] = found[i].high_edge_hz;
    });
}

void BandpassStudy::write(const Hdf5Group& root, const StudyData& study) const {
    write_conditions(root, study, conditions_);
    const Hdf5Group axes = root.create_group("axes");
    axes.write("time_s", make_bandpass_tables<double>(recipe_).time_s, {"s", "times of a trace", "time"});
    const double step = recipe_.rate_hz / static_cast<double>(recipe_.points);
    std::vector<double> frequency;
    for (Index k = 0; k <= recipe_.points / 2; ++k)
        frequency.push_back(static_cast<double>(k) * step);
    axes.write("frequency_hz", frequency, {"Hz", "frequencies of the gains", "bin"});
    const Index conditions = condition_count(recipe_);
    for (const StudyGroup& group : study.groups) {
        const auto& items = readings(group.kind);
        if (items.empty())
            continue;
        const Hdf5Group at = root.create_group("analysis/" + group.name);
        write_rows(at, "weight_gain", rows_of(items, &ResponseReading::weight_gain),
                   {"1", "gain of W1, ||W1 e|| / sqrt N", "network,bin"});
        write_rows(at, "jacobian_gain", rows_of(items, &ResponseReading::jacobian_gain),
                   {"1", "gain of the mean Jacobian", "network,bin"});
        write_rows(at, "vector_share", rows_of(items, &ResponseReading::vector_share),
                   {"1", "energy of the right singular vectors of W1 inside the band", "network,j"});
        std::vector<const Matrix<double>*> raw, descrambled;  // of the first network of each condition
        for (Index c = 0; c < conditions; ++c) {
            const ResponseReading& first = items[range_of(items.size(), c, conditions).first];
            raw.push_back(&first.spectrum_raw);
            descrambled.push_back(&first.spectrum);
        }
        write_stack<float>(at, "spectrum_raw", raw,
                           {"1", "|FFT along time| of W1, first network", "condition,link,bin"});
        write_stack<float>(at, "spectrum", descrambled,
                           {"1", "|FFT along time| of P W1, first network", "condition,link,bin"});
    }
}

void BandpassStudy::summarise(nlohmann::ordered_json& summary, const StudyData& study) const {
    json::Json list = json::Json::array();
    for (Index c = 0; c < condition_count(recipe_); ++c) {
        json::Json at = condition_json(study, conditions_, c);
        at["filter_error"] = json::number(filter_error_[c]);
        list.push_back(std::move(at));
    }
    summary["bandpass"] = {{"conditions", list}, {"curves", json::Json::object()}};
}

std::unique_ptr<TaskStudy> task_study(const Bandpass& recipe) {
    return std::make_unique<BandpassStudy>(recipe);
}

}  // namespace descrambler
