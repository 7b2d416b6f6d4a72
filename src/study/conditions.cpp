#include "study/conditions.hpp"

#include <algorithm>

#include "descrambler/hdf5.hpp"
#include "descrambler/random.hpp"
#include "io/stacks.hpp"

namespace descrambler {

namespace {

// Drawn in single precision as training draws them, in pieces so that a long library is not held twice.
std::vector<Samples> draw_libraries(const StudyConfig& config, std::uint64_t stream, Index samples, int threads) {
    std::vector<std::unique_ptr<SampleSource<float>>> sources;
    std::vector<Samples> libraries;
    for (Index c = 0; c < condition_count(config.data); ++c) {
        sources.push_back(sample_source<float>(config.data, c));
        libraries.push_back(
            {Matrix<double>(sources.back()->inputs(), samples), Matrix<double>(sources.back()->outputs(), samples)});
    }
    constexpr Index piece = 256;
    const Index pieces = (samples + piece - 1) / piece;
    parallel_items(pieces * std::ssize(libraries), threads, [&](Index item, Backend<double>&) {
        Samples& library = libraries[static_cast<std::size_t>(item / pieces)];
        const Index first = item % pieces * piece, count = std::min(piece, samples - first);
        const std::unique_ptr<Backend<float>> on = make_cpu_backend<float>(1);
        Matrix<float> input(library.input.rows(), count), target(library.target.rows(), count);
        sources[static_cast<std::size_t>(item / pieces)]->draw(*on, config.seed, stream, first, input.view(),
                                                               target.view());
        std::copy(input.values().begin(), input.values().end(), library.input.column(first).data());
        std::copy(target.values().begin(), target.values().end(), library.target.column(first).data());
    });
    return libraries;
}

Matrix<double> first_columns(const Matrix<double>& from, Index count) {
    Matrix<double> part(from.rows(), std::min(count, from.cols()));
    std::copy_n(from.data(), part.size(), part.data());
    return part;
}

// Of the networks of one condition.
Matrix<double> mean_of_answers(std::span<const Matrix<double>> answers) {
    Matrix<double> mean(answers.front().rows(), answers.front().cols());
    for (const Matrix<double>& answer : answers)
        for (Index e = 0; e < mean.size(); ++e)
            mean.data()[e] += answer.data()[e] / static_cast<double>(answers.size());
    return mean;
}

Matrix<double> repeated(const std::vector<double>& column, Index count) {
    Matrix<double> same(std::ssize(column), count);
    for (Index j = 0; j < count; ++j)
        std::copy(column.begin(), column.end(), same.column(j).begin());
    return same;
}

void validate_groups(StudyData& study, const ConditionStudy& own, std::span<const Samples> library,
                     std::span<const Samples> validation, ConditionReadings& readings, int threads) {
    const Index conditions = std::ssize(validation);
    std::vector<const Matrix<double>*> inputs;
    for (Index c = 0; c < conditions; ++c) {
        const Samples& at = validation[c];
        inputs.push_back(&at.input);
        readings.mean_answer.push_back(repeated(mean_column(library[c].target), at.target.cols()));
        readings.predict_the_mean.push_back(mean_of(column_errors(readings.mean_answer.back(), at.target)));
    }
    study.predict_the_mean = mean_of(readings.predict_the_mean);
    for (StudyGroup& group : study.groups) {
        const std::vector<Matrix<double>> answers = answers_of(group, inputs, threads);
        const Index each = std::ssize(answers) / conditions;
        for (Index i = 0; i < std::ssize(answers); ++i) {
            const std::vector<double> errors = column_errors(answers[i], validation[i / each].target);
            group.error_mean.push_back(mean_of(errors));
            group.error_median.push_back(median_of(errors));
        }
        own.read_answers(group, validation, answers);
        if (!group.trained())
            continue;
        for (Index c = 0; c < conditions; ++c) {
            const Matrix<double> mean = mean_of_answers(std::span(answers).subspan(c * each, each));
            for (const double error : column_errors(mean, validation[c].target))
                study.ensemble_error.push_back(error);
            readings.example_input.push_back(first_columns(validation[c].input, own.examples));
            readings.example_target.push_back(first_columns(validation[c].target, own.examples));
            readings.example_output.push_back(first_columns(answers[c * each], own.examples));
        }
    }
}

}  // namespace

void read_conditions(StudyData& study, ConditionReadings& readings, const ConditionStudy& own,
                     const Execution& execution, const Progress& progress) {
    const int threads = execution.threads;
    const StudyConfig& config = study.config;
    constexpr double stages = 7;
    progress("drawing samples", 0, stages);
    std::vector<Samples> library, validation;
    {
        const Stopwatch watch(study.seconds["libraries"]);
        validation = draw_libraries(config, stream::validation, config.validation, threads);
        library = draw_libraries(config, stream::library, config.library, threads);
    }
    stop_here(progress);
    progress("validation", 1, stages);
    {
        const Stopwatch watch(study.seconds["validation"]);
        validate_groups(study, own, library, validation, readings, threads);
    }
    stop_here(progress);
    progress("descrambling", 2, stages);
    {
        const Stopwatch watch(study.seconds["descrambling"]);
        std::vector<Library> inputs;
        for (const Samples& of : library)
            inputs.push_back(library_of(of.input));
        descramble_groups(study, inputs, {}, execution);
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
    own.read_networks(library, validation);
}

void write_conditions(const Hdf5Group& root, const StudyData& study, const ConditionReadings& readings) {
    root.attribute("", "task", std::string(task_name(study.config.data)));
    std::vector<std::string> names;
    for (Index c = 0; c < condition_count(study.config.data); ++c)
        names.push_back(condition_name(study.config.data, c));
    root.write_text("conditions", names, {"1", "data sets; networks of a group stand in their order", "condition"});
    const Hdf5Group at = root.create_group("examples");
    const auto put = [&](const char* name, const std::vector<Matrix<double>>& columns, const char* meaning) {
        std::vector<Matrix<double>> turned;
        for (const Matrix<double>& of : columns)
            turned.push_back(transpose(of));
        std::vector<const Matrix<double>*> items;
        for (const Matrix<double>& of : turned)
            items.push_back(&of);
        write_stack<float>(at, name, items, {"1", meaning, "condition,sample,value"});
    };
    put("input", readings.example_input, "validation inputs");
    put("target", readings.example_target, "what was to be answered");
    put("output", readings.example_output, "answers of the first network of the condition");
}

json::Json condition_json(const StudyData& study, const ConditionReadings& readings, Index condition) {
    const Index conditions = condition_count(study.config.data);
    json::Json at{{"name", condition_name(study.config.data, condition)}};
    at["predict_the_mean"] = json::number(readings.predict_the_mean[condition]);
    at["relative_error"] = spread_of_groups(
        study, [&](const StudyGroup& group) { return part_of(group.error_mean, condition, conditions); });
    at["words"] = condition_words(study.config.data, condition);
    return at;
}

}  // namespace descrambler
