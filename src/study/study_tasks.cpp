// The way of the tasks other than DEER through a study; what they have in common.
#include <algorithm>
#include <cmath>

#include "study/study_steps.hpp"
#include "study/task_data.hpp"

namespace descrambler {

std::pair<std::size_t, std::size_t> range_of(std::size_t items, Index condition, Index conditions) {
    const std::size_t count = items / static_cast<std::size_t>(conditions);
    return {count * static_cast<std::size_t>(condition), count};
}

namespace {

// Drawn in single precision as training draws them, in pieces so that a long library is not held twice.
std::vector<TaskLibrary> draw_libraries(const StudyConfig& config, std::uint64_t stream, Index samples, int threads) {
    const TrainingData<float> data(config);
    const std::vector<Layer> layers = network_layers(config);
    std::vector<TaskLibrary> libraries;
    for (Index c = 0; c < condition_count(config); ++c)
        libraries.push_back(
            {Matrix<double>(layers.front().inputs, samples), Matrix<double>(layers.back().outputs, samples)});
    constexpr Index piece = 256;
    const Index pieces = (samples + piece - 1) / piece;
    parallel_items(pieces * std::ssize(libraries), threads, [&](Index item, Backend<double>&) {
        TaskLibrary& library = libraries[static_cast<std::size_t>(item / pieces)];
        const Index first = item % pieces * piece, count = std::min(piece, samples - first);
        const std::unique_ptr<Backend<float>> on = make_cpu_backend<float>(1);
        Matrix<float> input(library.input.rows(), count), target(library.target.rows(), count);
        data.draw_condition(*on, item / pieces, config.seed, stream, first, input.view(), target.view());
        std::copy(input.values().begin(), input.values().end(), library.input.column(first).data());
        std::copy(target.values().begin(), target.values().end(), library.target.column(first).data());
    });
    return libraries;
}

std::vector<double> mean_column(const Matrix<double>& A) {
    std::vector<double> mean(static_cast<std::size_t>(A.rows()));
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            mean[static_cast<std::size_t>(i)] += A(i, j) / static_cast<double>(A.cols());
    return mean;
}

double root_mean_square(const Matrix<double>& found, const Matrix<double>& truth) {
    double sum = 0;
    for (Index e = 0; e < truth.size(); ++e)
        sum += std::pow(found.data()[e] - truth.data()[e], 2);
    return std::sqrt(sum / static_cast<double>(truth.size()));
}

Matrix<double> first_columns(const Matrix<double>& from, Index count) {
    Matrix<double> part(from.rows(), std::min(count, from.cols()));
    std::copy_n(from.data(), part.size(), part.data());
    return part;
}

void validate_task(StudyData& study, std::span<const TaskLibrary> library, std::span<const TaskLibrary> validation,
                   int threads) {
    const Index conditions = std::ssize(validation);
    const double scale_ms = study.config.relaxometry.time_max_ms;
    for (StudyGroup& group : study.groups) {
        const Index count = std::ssize(group.networks), each = count / conditions;
        std::vector<Matrix<double>> outputs(group.networks.size());
        parallel_items(count, threads, [&](Index i, Backend<double>& on) {
            outputs[static_cast<std::size_t>(i)] = forward(on, group.networks[static_cast<std::size_t>(i)],
                                                           validation[static_cast<std::size_t>(i / each)].input);
        });
        for (Index i = 0; i < count; ++i) {
            const Matrix<double>& truth = validation[static_cast<std::size_t>(i / each)].target;
            const std::vector<double> errors = column_errors(outputs[static_cast<std::size_t>(i)], truth);
            group.error_mean.push_back(mean_of(errors));
            group.error_median.push_back(spread_of(errors).median);
            if (study.config.task == Task::relaxometry)
                group.error_ms.push_back(scale_ms * root_mean_square(outputs[static_cast<std::size_t>(i)], truth));
        }
        if (&group != &study.groups.front())
            continue;
        for (Index c = 0; c < conditions; ++c) {
            const TaskLibrary& at = validation[static_cast<std::size_t>(c)];
            Matrix<double> mean(at.target.rows(), at.target.cols());
            for (Index i = c * each; i < (c + 1) * each; ++i)
                for (Index e = 0; e < mean.size(); ++e)
                    mean.data()[e] += outputs[static_cast<std::size_t>(i)].data()[e] / static_cast<double>(each);
            for (const double error : column_errors(mean, at.target))
                study.ensemble_error.push_back(error);
            const std::vector<double> answer = mean_column(library[static_cast<std::size_t>(c)].target);
            Matrix<double> same(at.target.rows(), at.target.cols());
            for (Index j = 0; j < same.cols(); ++j)
                std::copy(answer.begin(), answer.end(), same.column(j).begin());
            study.task.predict_the_mean.push_back(mean_of(column_errors(same, at.target)));
            study.task.predict_the_mean_ms.push_back(scale_ms * root_mean_square(same, at.target));
            const Index shown = study.config.task == Task::relaxometry ? 500 : 1;
            study.task.example_input.push_back(first_columns(at.input, shown));
            study.task.example_target.push_back(first_columns(at.target, shown));
            study.task.example_output.push_back(first_columns(outputs[static_cast<std::size_t>(c * each)], shown));
        }
    }
    study.predict_the_mean = mean_of(study.task.predict_the_mean);
}

}  // namespace

void analyse_task(StudyData& study, const Execution& execution, const Progress& progress) {
    const int threads = execution.threads;
    const StudyConfig& config = study.config;
    constexpr double stages = 7;
    stop_here(progress);
    progress("drawing samples", 0, stages);
    std::vector<TaskLibrary> library, validation;
    {
        const Stopwatch watch(study.seconds["libraries"]);
        validation = draw_libraries(config, stream::validation, config.validation, threads);
        library = draw_libraries(config, stream::library, config.library, threads);
    }
    stop_here(progress);
    progress("validation", 1, stages);
    {
        const Stopwatch watch(study.seconds["validation"]);
        validate_task(study, library, validation, threads);
    }
    stop_here(progress);
    progress("descrambling", 2, stages);
    {
        const Stopwatch watch(study.seconds["descrambling"]);
        std::vector<Library> inputs;
        for (const TaskLibrary& of : library)
            inputs.push_back(library_of(of.input));
        descramble_groups(study, inputs, execution);
    }
    stop_here(progress);
    progress("alignment", 4, stages);
    {
        const Stopwatch watch(study.seconds["alignment"]);
        align_groups(study, threads);
    }
    stop_here(progress);
    progress("findings", 5, stages);
    const Stopwatch watch(study.seconds["findings"]);
    if (config.task == Task::relaxometry)
        read_relaxometry_findings(study, library, validation, threads);
    else
        read_bandpass_findings(study, library, validation, threads);
}

}  // namespace descrambler
