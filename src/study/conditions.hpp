// Studies of tasks with several conditions, whose samples are an input and a target and nothing else: everything that
// does not depend on what they mean.
#pragma once

#include <functional>

#include "study/study_steps.hpp"
#include "study/summary_parts.hpp"

namespace descrambler {

struct Samples {  // of one condition; columns are samples
    Matrix<double> input, target;
};

// One entry per condition.
struct ConditionReadings {
    std::vector<double> predict_the_mean;     // relative error of the mean target as the answer to everything
    std::vector<Matrix<double>> mean_answer;  // that answer [outputs, validation]
    std::vector<Matrix<double>> example_input, example_target, example_output;  // [., examples]; of the first network
};

struct ConditionStudy {
    Index examples = 1;  // validation samples that are stored
    // What a group answers to the validation samples, network by network, beyond the errors of the study.
    std::function<void(const StudyGroup&, std::span<const Samples> validation, std::span<const Matrix<double>> answers)>
        read_answers;
    // Readings and findings, when taps and pairs are known.
    std::function<void(std::span<const Samples> library, std::span<const Samples> validation)> read_networks;
};
// Libraries, validation, descrambling of the hidden layers, alignment, readings. `readings` is filled before own is
// asked.
void read_conditions(StudyData& study, ConditionReadings& readings, const ConditionStudy& own,
                     const Execution& execution, const Progress& progress);

// Numbers of a group that belong to a condition, trained networks and controls, into a row; P cannot change them.
// values_of(GroupKind) gives them.
template <class F>
void fill_groups(FindingRow& row, const F& values_of) {
    row.raw = row.descrambled = values_of(GroupKind::trained);
    row.untrained = values_of(GroupKind::untrained);
    row.shuffled = values_of(GroupKind::shuffled);
    row.no_decay = values_of(GroupKind::no_decay);
    row.invariant = true;
}

void write_conditions(const Hdf5Group& root, const StudyData& study, const ConditionReadings& readings);
// {trained: {median min max}, untrained: ...} of values_of(group).
template <class F>
[[nodiscard]] json::Json spread_of_groups(const StudyData& study, const F& values_of) {
    json::Json groups = json::Json::object();
    for (const StudyGroup& group : study.groups)
        groups[group.name] = json::spread(values_of(group));
    return groups;
}
// name, predict_the_mean, relative_error and words of a condition.
[[nodiscard]] json::Json condition_json(const StudyData& study, const ConditionReadings& readings, Index condition);

}  // namespace descrambler
