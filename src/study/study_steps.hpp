// The steps of a study that every task takes, and the one that is its own.
#pragma once

#include <chrono>
#include <span>

#include "study/study_data.hpp"

namespace descrambler {

// Adds the seconds of its life to a stage.
class Stopwatch {
public:
    explicit Stopwatch(double& seconds) : seconds_(seconds) {}
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;
    ~Stopwatch() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

private:
    double& seconds_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

inline void stop_here(const Progress& progress) {
    if (progress.stop && progress.stop())
        throw Stopped("stopped after a checkpoint");
}

[[nodiscard]] double relative_error(std::span<const double> found, std::span<const double> truth);  // |f - t| / |t|
[[nodiscard]] double mean_of(std::span<const double> values);
[[nodiscard]] std::vector<double> column_errors(const Matrix<double>& found, const Matrix<double>& truth);

// Every tap of the hidden layers (of DEER: of all layers); one library a condition.
void descramble_groups(StudyData& study, std::span<const Library> libraries, const Execution& execution);
// Pairs of networks of one condition.
void align_groups(StudyData& study, int threads);

// Tasks other than DEER: libraries, validation, descrambling, alignment, and the readings of the task.
void analyse_task(StudyData& study, const Execution& execution, const Progress& progress);
// Readings and findings of each, from what analyse_task has drawn and descrambled; columns are samples.
struct TaskLibrary {
    Matrix<double> input, target;
};
void read_relaxometry_findings(StudyData& study, std::span<const TaskLibrary> library,
                               std::span<const TaskLibrary> validation, int threads);
void read_bandpass_findings(StudyData& study, std::span<const TaskLibrary> library,
                            std::span<const TaskLibrary> validation, int threads);
class Hdf5Group;
void write_task(const Hdf5Group& root, const StudyData& study);

}  // namespace descrambler
