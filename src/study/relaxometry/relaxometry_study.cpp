#include "study/relaxometry/relaxometry_study.hpp"

#include <algorithm>

#include "descrambler/hdf5.hpp"
#include "io/stacks.hpp"

namespace descrambler {

namespace {

constexpr std::array<const char*, biexponential_vectors> vector_names{"v1", "v2", "v3"};

}  // namespace

void RelaxometryStudy::analyse(StudyData& study, const Execution& execution, const Progress& progress) {
    ConditionStudy own;
    own.examples = 500;
    own.read_answers = [&](const StudyGroup& group, std::span<const Samples> validation,
                           std::span<const Matrix<double>> answers) {
        const Index each = std::ssize(answers) / std::ssize(validation);
        for (Index i = 0; i < std::ssize(answers); ++i)
            groups_[static_cast<std::size_t>(group.kind)].error_ms.push_back(
                recipe_.time_max_ms * root_mean_square(answers[i], validation[i / each].target));
    };
    own.read_networks = [&](std::span<const Samples> library, std::span<const Samples> validation) {
        for (std::size_t c = 0; c < validation.size(); ++c)
            predict_the_mean_ms_.push_back(recipe_.time_max_ms *
                                           root_mean_square(conditions_.mean_answer[c], validation[c].target));
        for (StudyGroup& group : study.groups)
            if (!group.networks.empty())
                read_group(group, execution.threads);
        score_curves(library, study.config.seed, execution.threads);
        add_findings(study);
    };
    read_conditions(study, conditions_, own, execution, progress);
}

void RelaxometryStudy::read_group(StudyGroup& group, int threads) {
    const Index count = std::ssize(group.networks), each = count / condition_count(recipe_);
    std::vector<BiexponentialReading>& found = groups_[static_cast<std::size_t>(group.kind)].biexponential;
    found.resize(group.networks.size());
    group.readings.resize(group.networks.size());
    parallel_items(count, threads,
                   [&](Index i, Backend<double>& on) { found[i] = read_biexponential(on, group.networks[i]); });
    const auto worse_half = [](const Matrix<double>& of_halves) { return std::min(of_halves(0, 0), of_halves(1, 0)); };
    for (Index i = 0; i < count; ++i) {
        // white noise around two exponentials would leave 1/5
        const double before = 1 - worse_half(found[i].r2), after = 1 - worse_half(found[i].smoothed_r2);
        group.readings[i].extras["misfit_after_smoothing_" + condition_name(recipe_, i / each)] =
            before > 0 ? after / before : 0;
    }
}

void RelaxometryStudy::score_curves(std::span<const Samples> library, std::uint64_t seed, int threads) {
    const Index points = recipe_.points;
    curves_ = generic_curve_scores(points, seed);
    const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(threads);
    for (const Samples& of : library) {
        Matrix<double> traces(points, of.input.cols());  // the noisy track
        for (Index j = 0; j < traces.cols(); ++j)
            std::copy_n(of.input.column(j).begin(), points, traces.column(j).begin());
        components_.push_back(principal_component_scores(*on, traces));
    }
}

void RelaxometryStudy::write(const Hdf5Group& root, const StudyData& study) const {
    write_conditions(root, study, conditions_);
    root.create_group("axes").write("time_ms", make_relaxometry_tables<double>(recipe_).time_ms,
                                    {"ms", "times of a trace", "time"});
    for (const StudyGroup& group : study.groups) {
        const auto& items = readings(group.kind).biexponential;
        if (items.empty())
            continue;
        const Hdf5Group at = root.create_group("analysis/" + group.name);
        write_stack<float>(at, "vectors", matrices_of(items, &BiexponentialReading::vectors),
                           {"1", "right singular vectors of W1", "network,input,j"});
        write_stack<float>(at, "curves", matrices_of(items, &BiexponentialReading::curves),
                           {"1", "sums of two exponentials fitted to each half", "network,input,j"});
        write_stack<float>(at, "r2", matrices_of(items, &BiexponentialReading::r2),
                           {"1", "R2 of the fits", "network,half,j"});
        write_stack<float>(at, "smoothed_r2", matrices_of(items, &BiexponentialReading::smoothed_r2),
                           {"1", "R2 of fits to the vectors smoothed over five points", "network,half,j"});
        write_stack<float>(at, "sign_changes", matrices_of(items, &BiexponentialReading::sign_changes),
                           {"1", "sign changes of the smoothed vectors", "network,half,j"});
        write_rows(at, "singular_1", rows_of(items, &BiexponentialReading::singular),
                   {"1", "singular values of W1", "network,n"});
        std::vector<double> likeness;
        for (const BiexponentialReading& item : items)
            likeness.push_back(item.half_likeness);
        at.write("half_likeness", likeness, {"1", "|cosine| of the halves of the first vector", "network"});
        at.write("error_ms", readings(group.kind).error_ms,
                 {"ms", "root mean square error on the validation traces", "network"});
    }
    const Hdf5Group at = root.create_group("curves");
    std::vector<std::string> names;
    std::vector<std::vector<double>> r2;
    for (const CurveScore& score : curves_) {
        names.push_back(score.name);
        r2.push_back(score.r2);
    }
    for (std::size_t c = 0; c < components_.size(); ++c)
        for (const CurveScore& score : components_[c]) {
            names.push_back(score.name + " of " + condition_name(study.config.data, static_cast<Index>(c)));
            r2.push_back(score.r2);
        }
    at.write_text("name", names, {"1", "curves that no network has seen", "kind"});
    write_rows(at, "r2", r2, {"1", "R2 of two exponentials", "kind,curve"});
}

void RelaxometryStudy::summarise(nlohmann::ordered_json& summary, const StudyData& study) const {
    const Index conditions = condition_count(recipe_);
    json::Json list = json::Json::array();
    for (Index c = 0; c < conditions; ++c) {
        json::Json at = condition_json(study, conditions_, c);
        at["predict_the_mean_ms"] = json::number(predict_the_mean_ms_[c]);
        at["error_ms"] = spread_of_groups(
            study, [&](const StudyGroup& group) { return part_of(readings(group.kind).error_ms, c, conditions); });
        for (Index j = 0; j < biexponential_vectors; ++j)
            for (Index h = 0; h < 2; ++h)
                at["r2"][vector_names[j]][h == 0 ? "first" : "second"] =
                    spread_of_groups(study, [&](const StudyGroup& group) {
                        return numbers_of(part_of(readings(group.kind).biexponential, c, conditions),
                                          [&](const BiexponentialReading& reading) { return reading.r2(h, j); });
                    });
        for (const CurveScore& score : components_[c])
            at["curves"][score.name] = json::spread(score.r2);
        list.push_back(std::move(at));
    }
    json::Json curves = json::Json::object();
    for (const CurveScore& score : curves_)
        curves[score.name] = json::spread(score.r2);
    summary["relaxometry"] = {{"conditions", list}, {"curves", curves}};
}

std::unique_ptr<TaskStudy> task_study(const Relaxometry& recipe) {
    return std::make_unique<RelaxometryStudy>(recipe);
}

}  // namespace descrambler
