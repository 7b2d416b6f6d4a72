// A study of band-pass networks: did they become the filter?
#pragma once

#include <array>

#include "analysis/bandpass/frequency_response.hpp"
#include "study/conditions.hpp"
#include "study/task_study.hpp"

namespace descrambler {

class BandpassStudy final : public TaskStudy {
public:
    explicit BandpassStudy(const Bandpass& recipe) : recipe_(recipe) {}

    [[nodiscard]] VerdictRule verdict_rule() const override { return {100e3, 100e3}; }
    void analyse(StudyData& study, const Execution& execution, const Progress& progress) override;
    void write(const Hdf5Group& root, const StudyData& study) const override;
    void summarise(nlohmann::ordered_json& summary, const StudyData& study) const override;

    [[nodiscard]] const Bandpass& recipe() const { return recipe_; }
    [[nodiscard]] BandRequest band() const;
    [[nodiscard]] static bool applies(const StudyConfig& config);  // the readings are defined on one hidden layer
    // Condition after condition; empty where the readings do not apply.
    [[nodiscard]] const std::vector<ResponseReading>& readings(GroupKind kind) const {
        return groups_[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] const std::vector<double>& predict_the_mean() const { return conditions_.predict_the_mean; }
    [[nodiscard]] const std::vector<double>& filter_error() const { return filter_error_; }

private:
    void read_group(StudyGroup& group, std::span<const Samples> library, int threads);
    void add_findings(StudyData& study) const;

    Bandpass recipe_;
    ConditionReadings conditions_;
    std::array<std::vector<ResponseReading>, 4> groups_;  // in the order of group_kinds
    std::vector<double> filter_error_;                    // [condition] relative error of the ideal filter
};

}  // namespace descrambler
