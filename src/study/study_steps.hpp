// The steps of a study that its tasks share.
#pragma once

#include <chrono>
#include <span>

#include "descrambler/progress.hpp"
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

// ---- members -------------------------------------------------------------------------------------------------------

// Throws Error that names each member that is not there, or not finished.
void load_finished_members(std::vector<MemberState>& members, const TrainingRecipe& recipe,
                           const std::filesystem::path& folder);
// Warns where members were finished on several kinds of device: each is as good as any other, but no single run gives
// the same bits for all of them.
void warn_of_mixed_devices(const std::vector<MemberState>& members, const std::string& device,
                           const Progress& progress);
// The networks of all groups, from members and untrained ones.
void group_members(StudyData& study, const std::vector<MemberState>& members);

// ---- readings that do not depend on the task -----------------------------------------------------------------------

// Answers of every network of a group; inputs[c] are those of condition c.
[[nodiscard]] std::vector<Matrix<double>> answers_of(const StudyGroup& group,
                                                     std::span<const Matrix<double>* const> inputs, int threads);
// Which taps of which groups are descrambled: three per hidden layer, and the last layer where the outputs are an axis.
struct TapChoice {
    bool last_layer = false;        // of the trained networks
    bool controls_as_deep = false;  // otherwise the first layer of the controls
};
// One library per condition. Throws Error that names group and tap where signals are not finite.
void descramble_groups(StudyData& study, std::span<const Library> libraries, const TapChoice& choice,
                       const Execution& execution);
// Pairs of networks of one condition, and trained against shuffled ones.
void align_groups(StudyData& study, int threads);

}  // namespace descrambler
