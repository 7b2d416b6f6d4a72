#include "tasks/deer.hpp"

#include "tasks/deer_traces.hpp"

namespace descrambler {

namespace {

// Setting it fills the whole database: it comes before the other fields.
Field preset_field(DeerDatabase& data) {
    return {"data.preset",
            "",
            "settings that the other fields start from",
            either_of({"pnas", "deernet2"}),
            [&data](const Value& given) {
                const auto* name = std::get_if<std::string>(&given);
                if (name == nullptr)
                    throw InputError("expected a name in quotes");
                if (*name == data.preset)  // of one that was changed: keep the changes
                    return;
                if (*name != "pnas" && *name != "deernet2")
                    throw InputError("expected pnas or deernet2, found '" + *name + "'");
                data = deer_preset(*name);
            },
            [&data] { return Value(data.preset); }};
}

}  // namespace

Fields fields(DeerDatabase& d) {
    return {
        preset_field(d),
        whole_field({"data.times", "", "points of a trace"}, d.times, 4, deer_points_limit),
        whole_field({"data.distances", "", "points of a distribution"}, d.distances, 4, deer_points_limit),
        real_field({"data.span_us", "us", "length of a trace"}, d.span_us, 1e-3, 100),
        whole_field({"data.peaks_min", "", "fewest peaks of a distribution"}, d.peaks_min, 1, deer_peaks_limit),
        whole_field({"data.peaks_max", "", "most peaks of a distribution"}, d.peaks_max, 1, deer_peaks_limit),
        real_field({"data.fwhm_min", "", "narrowest peak over its distance"}, d.fwhm_min, 1e-4, 1),
        real_field({"data.fwhm_max", "", "widest peak over the range of distances"}, d.fwhm_max, 1e-4, 10),
        real_field({"data.depth_min", "", "smallest modulation depth"}, d.depth_min, 0, 1),
        real_field({"data.depth_max", "", "largest modulation depth"}, d.depth_max, 0, 1),
        real_field({"data.rate_min_mhz", "MHz", "smallest rate of the background"}, d.rate_min_mhz, 0, 1e3),
        real_field({"data.rate_max_mhz", "MHz", "largest rate of the background"}, d.rate_max_mhz, 0, 1e3),
        real_field({"data.dimension_min", "", "smallest dimension of the background"}, d.dimension_min, 0.1, 6),
        real_field({"data.dimension_max", "", "largest dimension of the background"}, d.dimension_max, 0.1, 6),
        real_field({"data.noise_max", "", "largest standard deviation of the noise over the modulation depth"},
                   d.noise_max, 0, 10),
        either_field({"data.input_scaling", "", "traces scaled to 0 .. 1, or as they are"}, d.input,
                     InputScaling::boxed, "boxed", InputScaling::clean, "clean"),
        either_field({"data.target_scaling", "", "distributions over their maximum, or over their mean"}, d.target,
                     TargetScaling::maximum, "maximum", TargetScaling::mean, "mean"),
    };
}

Fields fields(DeerTask& task) {
    Fields all = fields(task.database);
    all.push_back(whole_field({"analysis.tikhonov", "", "validation traces that the regularisation peer answers too"},
                              task.tikhonov, 0, 1 << 18));
    all.back().stored = false;
    return all;
}

void validate(const DeerTask& task) {
    validate(task.database);
}

Index input_count(const DeerTask& task) {
    return task.database.times;
}

Index output_count(const DeerTask& task) {
    return task.database.distances;
}

Index condition_count(const DeerTask&) {
    return 1;
}

std::string condition_name(const DeerTask&, Index) {
    return "";
}

std::string condition_words(const DeerTask&, Index) {
    return "";
}

DeerTask with_condition(const DeerTask& task, Index) {
    return task;
}

template <class T>
std::unique_ptr<SampleSource<T>> sample_source(const DeerTask& task, Index) {
    return std::make_unique<DeerSource<T>>(make_deer_tables(task.database));
}

template std::unique_ptr<SampleSource<float>> sample_source(const DeerTask&, Index);
template std::unique_ptr<SampleSource<double>> sample_source(const DeerTask&, Index);

}  // namespace descrambler
