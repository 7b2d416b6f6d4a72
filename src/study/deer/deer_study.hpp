// A study of DEER networks: regularisation as their peer, the published findings, and deep networks layer by layer.
#pragma once

#include "descrambler/deer_database.hpp"
#include "descrambler/filters.hpp"
#include "descrambler/tikhonov.hpp"
#include "study/task_study.hpp"

namespace descrambler {

class DeerStudy final : public TaskStudy {
public:
    explicit DeerStudy(const DeerTask& task) : task_(task), tables_(make_deer_tables(task.database)) {}

    [[nodiscard]] VerdictRule verdict_rule() const override { return {5e6, 1.5e6}; }
    void analyse(StudyData& study, const Execution& execution, const Progress& progress) override;
    void write(const Hdf5Group& root, const StudyData& study) const override;
    void summarise(nlohmann::ordered_json& summary, const StudyData& study) const override;

private:
    struct Examples {  // columns are traces
        Matrix<double> trace, clean, target, mean, lower, upper, tikhonov;
    };
    // The answers of the ensemble to the validation traces: mean and deviation over networks [distances, traces].
    struct Ensemble {
        Matrix<double> mean, deviation;
    };
    [[nodiscard]] Ensemble validate(StudyData& study, const DeerLibrary& validation, int threads);
    void compare_with_peer(const StudyData& study, const std::vector<std::vector<double>>& errors);
    void show_examples(const DeerLibrary& validation, const Ensemble& ensemble);
    void run_peer(const DeerLibrary& validation, int threads);
    void read_findings(StudyData& study, const FindingsLibrary& library, const DeerLibrary& validation, int threads);
    void add_ensemble_values(StudyData& study) const;
    void read_deep_networks(StudyData& study, const FindingsLibrary& library, int threads) const;
    void write_peer(const Hdf5Group& root) const;
    void write_examples(const Hdf5Group& root) const;

    DeerTask task_;
    DeerTables tables_;
    TikhonovPeer peer_;
    std::vector<double> peer_network_error_;    // [networks] mean over the peer's traces
    std::vector<double> median_network_error_;  // [traces] of the network of median error
    Examples examples_;
    Replica replica_;
};

}  // namespace descrambler
