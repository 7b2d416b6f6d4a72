// What a study does for its task alone, between its networks and its files: one class per task, in a folder of its
// name.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "analysis/finding.hpp"
#include "descrambler/progress.hpp"
#include "study/study_data.hpp"

namespace descrambler {

class Hdf5Group;

class TaskStudy {
public:
    virtual ~TaskStudy() = default;
    [[nodiscard]] virtual VerdictRule verdict_rule() const = 0;
    // Draws libraries and reads every network: fills errors, taps, pairs and findings of the study, and what this keeps
    // for itself. Throws Stopped where progress asks for it.
    virtual void analyse(StudyData& study, const Execution& execution, const Progress& progress) = 0;
    // Its arrays in study.h5, its part of summary.json.
    virtual void write(const Hdf5Group& root, const StudyData& study) const = 0;
    virtual void summarise(nlohmann::ordered_json& summary, const StudyData& study) const = 0;
};

// One line for each task.
[[nodiscard]] std::unique_ptr<TaskStudy> task_study(const DeerTask& task);
[[nodiscard]] std::unique_ptr<TaskStudy> task_study(const Relaxometry& task);
[[nodiscard]] std::unique_ptr<TaskStudy> task_study(const Bandpass& task);

}  // namespace descrambler
