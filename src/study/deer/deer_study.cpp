#include "study/deer/deer_study.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "descrambler/jacobian.hpp"
#include "descrambler/random.hpp"
#include "study/study_steps.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler {

namespace {

bool is_deep(const StudyConfig& config) {
    return config.hidden.size() > 1;
}

// The findings are defined on two layers between 256 times and 256 distances, drawn with the Fourier stencil.
bool findings_apply(const StudyConfig& config, const DeerDatabase& data) {
    return config.hidden.size() == 1 && data.times == 256 && data.distances == 256 && config.hidden.front() >= 64 &&
           config.stencil == StencilKind::fourier2 && !config.renorm;
}

// The readings of deep networks need enough times and distances.
bool deep_findings_apply(const StudyConfig& config, const DeerDatabase& data) {
    return data.times >= 64 && data.distances >= 32 && config.hidden.front() >= 16 && config.hidden.back() >= 16;
}

// Mean relative error of one answer to everything.
double mean_error(const std::vector<double>& answer, const Matrix<double>& targets) {
    std::vector<double> errors;
    for (Index j = 0; j < targets.cols(); ++j)
        errors.push_back(relative_error(answer, targets.column(j)));
    return mean_of(errors);
}

Matrix<double> first_columns(const Matrix<double>& from, Index count) {
    Matrix<double> part(from.rows(), count);
    std::copy_n(from.data(), part.size(), part.data());
    return part;
}

}  // namespace

// ---- validation -----------------------------------------------------------------------------------------------------

DeerStudy::Ensemble DeerStudy::validate(StudyData& study, const DeerLibrary& validation, int threads) {
    const Matrix<double> input = to_double(validation.input), target = to_double(validation.target);
    const Matrix<double>* const inputs[] = {&input};
    std::vector<Matrix<double>> outputs;
    std::vector<std::vector<double>> errors;
    for (StudyGroup& group : study.groups) {
        std::vector<Matrix<double>> answers = answers_of(group, inputs, threads);
        for (const Matrix<double>& answer : answers) {
            const std::vector<double> error = column_errors(answer, target);
            group.error_mean.push_back(mean_of(error));
            group.error_median.push_back(median_of(error));
            if (group.trained())
                errors.push_back(error);
        }
        if (group.trained())
            outputs = std::move(answers);
    }
    compare_with_peer(study, errors);

    Ensemble all{Matrix<double>(target.rows(), target.cols()), Matrix<double>(target.rows(), target.cols())};
    const double count = static_cast<double>(outputs.size());
    for (std::size_t e = 0; e < all.mean.values().size(); ++e) {
        double sum = 0, squares = 0;
        for (const Matrix<double>& output : outputs)
            sum += output.values()[e];
        all.mean.values()[e] = sum / count;
        for (const Matrix<double>& output : outputs)
            squares += std::pow(output.values()[e] - all.mean.values()[e], 2);
        all.deviation.values()[e] = outputs.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
    }
    study.ensemble_error = column_errors(all.mean, target);
    return all;
}

// The network of median error speaks for the ensemble where one network's traces are shown.
void DeerStudy::compare_with_peer(const StudyData& study, const std::vector<std::vector<double>>& errors) {
    std::vector<std::size_t> order(errors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return study.trained().error_mean[a] < study.trained().error_mean[b];
    });
    const auto traces = static_cast<std::size_t>(task_.tikhonov);
    const std::vector<double>& middle = errors[order[order.size() / 2]];
    median_network_error_.assign(middle.begin(), middle.begin() + task_.tikhonov);
    for (const std::vector<double>& error : errors)
        peer_network_error_.push_back(traces > 0 ? mean_of(std::span(error).first(traces))
                                                 : std::numeric_limits<double>::quiet_NaN());
}

void DeerStudy::show_examples(const DeerLibrary& validation, const Ensemble& ensemble) {
    const Matrix<double> target = to_double(validation.target);
    const Index shown = std::min({Index{6}, target.cols(), task_.tikhonov > 0 ? task_.tikhonov : 6});
    Examples& show = examples_;
    show.trace = first_columns(to_double(validation.trace), shown);
    show.clean = first_columns(to_double(validation.clean), shown);
    for (Index j = 0; j < shown; ++j) {  // the noise-free trace back on the scale of the trace
        double low = 0, range = 1;
        if (task_.database.input == InputScaling::boxed) {
            const auto [smallest, largest] =
                std::minmax_element(show.trace.column(j).begin(), show.trace.column(j).end());
            low = *smallest;
            range = *largest - *smallest;
        }
        for (double& x : show.clean.column(j))
            x = low + range * x;
    }
    show.target = first_columns(target, shown);
    show.mean = first_columns(ensemble.mean, shown);
    show.lower = show.upper = show.mean;
    for (Index e = 0; e < show.mean.size(); ++e) {
        const double width = 2 * ensemble.deviation.data()[e];
        show.lower.data()[e] = std::max(0.0, ensemble.mean.data()[e] - width);
        show.upper.data()[e] = ensemble.mean.data()[e] + width;
    }
    for (Index j = 0; j < shown; ++j) {  // every example on the scale of its own truth, as the peer's answer is
        const double largest = *std::max_element(show.target.column(j).begin(), show.target.column(j).end());
        for (Matrix<double>* part : {&show.target, &show.mean, &show.lower, &show.upper})
            for (double& x : part->column(j))
                x /= largest;
    }
}

void DeerStudy::run_peer(const DeerLibrary& validation, int threads) {
    if (task_.tikhonov == 0)
        return;
    const Index count = task_.tikhonov;
    Matrix<double> traces(task_.database.times, count), targets(task_.database.distances, count);
    for (Index j = 0; j < count; ++j) {
        std::copy_n(validation.trace.column(j).begin(), traces.rows(), traces.column(j).begin());
        std::copy_n(validation.target.column(j).begin(), targets.rows(), targets.column(j).begin());
        const double largest = *std::max_element(targets.column(j).begin(), targets.column(j).end());
        for (double& x : targets.column(j))
            x /= largest;
    }
    peer_ = tikhonov_peer(tables_, traces, targets, threads);
    const Index shown = examples_.target.cols();
    examples_.tikhonov = Matrix<double>(targets.rows(), shown);
    for (Index j = 0; j < shown; ++j)
        std::copy(peer_.fits[static_cast<std::size_t>(j)].distribution.begin(),
                  peer_.fits[static_cast<std::size_t>(j)].distribution.end(), examples_.tikhonov.column(j).begin());
}

// ---- findings -------------------------------------------------------------------------------------------------------

void DeerStudy::read_findings(StudyData& study, const FindingsLibrary& library, const DeerLibrary& validation,
                              int threads) {
    for (StudyGroup& group : study.groups) {
        if (group.networks.empty())
            continue;
        const std::vector<Descrambling>&before = group.layer(1, Tap::before, Criterion::smoothness).networks,
              &after = group.layer(1, Tap::after, Criterion::smoothness).networks,
              &joint = group.layer(1, Tap::after, Criterion::joint).networks;
        group.readings.resize(group.networks.size());
        parallel_items(std::ssize(group.networks), threads, [&](Index i, Backend<double>& on) {
            const Solution& first = before[i].solution;
            ReadingInput input;
            input.network = &group.networks[i];
            input.P1 = &first.P;
            input.P2_signals = &after[i].solution.P;
            input.P2_joint = &joint[i].solution.P;
            input.eta_raw = first.eta_raw;
            input.eta = first.eta;
            group.readings[i] = read_network_findings(on, tables_, library, input);
        });
    }
    const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(threads);
    replica_ =
        fit_replica(*on, library.input, library.target, to_double(validation.input), to_double(validation.target));
    add_ensemble_values(study);
}

namespace {

// Mean picture correlation of each network with the others of its group, from the pairs i < j.
std::vector<double> mean_partner_correlation(std::size_t networks, const std::vector<Alignment>& pairs) {
    std::vector<double> sums(networks, 0);
    std::size_t at = 0;
    for (std::size_t i = 0; i < networks; ++i)
        for (std::size_t j = i + 1; j < networks; ++j, ++at) {
            sums[i] += pairs[at].fft_correlation;
            sums[j] += pairs[at].fft_correlation;
        }
    for (double& sum : sums)
        sum /= static_cast<double>(networks - 1);
    return sums;
}

std::vector<double> mean_row_correlation(std::size_t networks, const std::vector<Alignment>& between) {
    std::vector<double> sums(networks, 0);
    const std::size_t others = between.size() / networks;
    for (std::size_t at = 0; at < between.size(); ++at)
        sums[at / others] += between[at].fft_correlation / static_cast<double>(others);
    return sums;
}

}  // namespace

void DeerStudy::add_ensemble_values(StudyData& study) const {
    for (StudyGroup& group : study.groups) {
        const std::size_t count = group.networks.size();
        if (count >= 2) {
            const auto raw = mean_partner_correlation(count, group.raw_pairs);
            const auto descrambled = mean_partner_correlation(count, group.descrambled_pairs);
            for (std::size_t i = 0; i < count; ++i)
                group.readings[i].values["r_pair"] = {raw[i], descrambled[i]};
        }
        const auto against = [&](const std::vector<double>& raw, const std::vector<double>& descrambled) {
            for (std::size_t i = 0; i < count; ++i)
                group.readings[i].values["r_pair_against_shuffled"] = {raw[i], descrambled[i]};
        };
        if (group.trained() && !study.against_shuffled.empty())
            against(mean_row_correlation(count, study.raw_against_shuffled),
                    mean_row_correlation(count, study.against_shuffled));
        if (group.kind == GroupKind::untrained && !study.untrained_against_shuffled.empty()) {
            const auto values = mean_row_correlation(count, study.untrained_against_shuffled);
            against(values, values);
        }
        if (group.kind == GroupKind::shuffled && count >= 2)
            against(mean_partner_correlation(count, group.raw_pairs),
                    mean_partner_correlation(count, group.descrambled_pairs));
        if (group.trained())
            for (std::size_t i = 0; i < count; ++i) {
                const double ratio = replica_.relative_error_mean / group.error_mean[i];
                group.readings[i].values["replica_ratio"] = {ratio, ratio};
            }
    }
    study.findings =
        findings_table(study.trained().readings, study.group(GroupKind::untrained).readings,
                       study.group(GroupKind::shuffled).readings, study.group(GroupKind::no_decay).readings);
}

void DeerStudy::read_deep_networks(StudyData& study, const FindingsLibrary& library, int threads) const {
    read_deep(study, column_mean(library.input), threads);
    if (!deep_findings_apply(study.config, task_.database))
        return;
    const bool drawn = study.config.stencil == StencilKind::fourier2;
    for (StudyGroup& group : study.groups) {
        if (group.networks.empty())
            continue;
        const StudyLayer& first = group.layer(1, Tap::before, Criterion::smoothness);
        group.readings.resize(group.networks.size());
        parallel_items(std::ssize(group.networks), threads, [&](Index i, Backend<double>& on) {
            group.readings[i] = read_deep_findings(on, tables_, library, group.networks[i],
                                                   drawn ? &first.networks[i].solution : nullptr);
        });
    }
}

// ---- all of it ------------------------------------------------------------------------------------------------------

void DeerStudy::analyse(StudyData& study, const Execution& execution, const Progress& progress) {
    const StudyConfig& config = study.config;
    const int threads = execution.threads;
    constexpr double stages = 7;
    progress("drawing traces", 0, stages);
    Backend<float>& generator = execution.backend<float>();
    DeerLibrary validation, traces;
    {
        const Stopwatch watch(study.seconds["libraries"]);
        const DeerSource<float> source(tables_);
        validation = make_deer_library(generator, source, config.seed, stream::validation, 0, config.validation);
        traces = make_deer_library(generator, source, config.seed, stream::library, 0, config.library);
    }
    progress("validation", 1, stages);
    {
        const Stopwatch watch(study.seconds["validation"]);
        show_examples(validation, validate(study, validation, threads));
        study.predict_the_mean = mean_error(mean_column(to_double(traces.target)), to_double(validation.target));
    }
    stop_here(progress);
    progress("regularisation peer", 2, stages);
    {
        const Stopwatch watch(study.seconds["tikhonov"]);
        run_peer(validation, threads);
    }
    stop_here(progress);
    progress("descrambling", 3, stages);
    const FindingsLibrary library{to_double(traces.input), to_double(traces.clean), to_double(traces.form_factor),
                                  to_double(traces.background), to_double(traces.target)};
    {
        const Stopwatch watch(study.seconds["descrambling"]);
        const Library inputs = library_of(library.input);
        descramble_groups(study, {&inputs, 1}, {.last_layer = true, .controls_as_deep = is_deep(config)}, execution);
    }
    {
        const Stopwatch watch(study.seconds["optimiser"]);
        read_optimiser(study, library_of(library.input), execution);
    }
    stop_here(progress);
    progress("alignment", 4, stages);
    {
        const Stopwatch watch(study.seconds["alignment"]);
        align_groups(study, threads);
    }
    {
        const Stopwatch watch(study.seconds["bootstrap_and_clusters"]);
        relate_networks(study, library.input, threads);
    }
    if (findings_apply(config, task_.database)) {
        progress("findings", 5, stages);
        const Stopwatch watch(study.seconds["findings"]);
        read_findings(study, library, validation, threads);
    }
    if (is_deep(config)) {
        progress("layer by layer", 5, stages);
        const Stopwatch watch(study.seconds["layer_by_layer"]);
        read_deep_networks(study, library, threads);
    }
}

std::unique_ptr<TaskStudy> task_study(const DeerTask& task) {
    return std::make_unique<DeerStudy>(task);
}

}  // namespace descrambler
