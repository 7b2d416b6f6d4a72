// A study of relaxometry networks: are their singular vectors sums of exponentials?
#pragma once

#include <array>

#include "analysis/relaxometry/biexponential.hpp"
#include "study/conditions.hpp"
#include "study/task_study.hpp"

namespace descrambler {

class RelaxometryStudy final : public TaskStudy {
public:
    struct Group {  // condition after condition
        std::vector<BiexponentialReading> biexponential;
        std::vector<double> error_ms;  // root mean square over samples and both times
    };

    explicit RelaxometryStudy(const Relaxometry& recipe) : recipe_(recipe) {}

    [[nodiscard]] VerdictRule verdict_rule() const override { return {380e3, 380e3}; }
    void analyse(StudyData& study, const Execution& execution, const Progress& progress) override;
    void write(const Hdf5Group& root, const StudyData& study) const override;
    void summarise(nlohmann::ordered_json& summary, const StudyData& study) const override;

    [[nodiscard]] const Relaxometry& recipe() const { return recipe_; }
    [[nodiscard]] const Group& readings(GroupKind kind) const { return groups_[static_cast<std::size_t>(kind)]; }
    [[nodiscard]] const std::vector<double>& predict_the_mean_ms() const { return predict_the_mean_ms_; }
    [[nodiscard]] const std::vector<CurveScore>& curves() const { return curves_; }
    [[nodiscard]] const std::vector<std::vector<CurveScore>>& components() const { return components_; }

private:
    void read_group(StudyGroup& group, int threads);
    void score_curves(std::span<const Samples> library, std::uint64_t seed, int threads);
    void add_findings(StudyData& study) const;

    Relaxometry recipe_;
    ConditionReadings conditions_;
    std::array<Group, 4> groups_;                      // in the order of group_kinds
    std::vector<double> predict_the_mean_ms_;          // [condition]
    std::vector<CurveScore> curves_;                   // curves that no network has seen
    std::vector<std::vector<CurveScore>> components_;  // [condition] principal components of the noisy traces
};

}  // namespace descrambler
