#include "study/study.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <numeric>

#include "descrambler/communicator.hpp"
#include "descrambler/files.hpp"
#include "descrambler/random.hpp"
#include "report/report.hpp"
#include "study/study_data.hpp"
#include "study/study_steps.hpp"
#include "study/task_data.hpp"

namespace descrambler {

namespace {

// ---- members ---------------------------------------------------------------------------------------------------

// Throws Error that names each member that is not there, or not finished.
void load_finished_members(std::vector<MemberState>& members, const StudyOptions& options,
                           const std::filesystem::path& folder) {
    std::string lacking;
    for (MemberState& member : members)
        try {
            auto stored = read_member(folder, options.config, member.name, member.plan);
            if (stored && stored->finished())
                member = std::move(*stored);
            else
                lacking += "; " + member.name +
                           (stored ? ": stopped at iteration " + std::to_string(stored->iteration) + " of " +
                                         std::to_string(member.plan.iterations)
                                   : ": missing");
        } catch (const InputError& error) {
            lacking += "; " + member.name + ": " + error.what();
        }
    if (!lacking.empty())
        throw Error("members not ready" + lacking);
}

// Members that were finished on several kinds of device are each as good as the others, but no run on one kind gives
// their bits.
void warn_of_mixed_devices(const std::vector<MemberState>& members, const std::string& device,
                           const Progress& progress) {
    std::map<std::string, Index> kinds;
    for (const MemberState& member : members)
        ++kinds[member.device.empty() ? device : member.device];
    if (kinds.size() < 2 || !progress.warn)
        return;
    std::string list;
    for (const auto& [kind, count] : kinds)
        list += (list.empty() ? "" : ", ") + std::to_string(count) + " on " + kind;
    progress.warn("members trained on devices of different kinds (" + list +
                  "): a run on one of them gives other last digits");
}

void group_members(StudyData& study, const std::vector<MemberState>& members) {
    const auto add = [&](const std::string& name, const std::string& prefix) {
        StudyGroup group;
        group.name = name;
        for (const MemberState& member : members)
            if (member.name.substr(0, member.name.find_last_of('_') + 1) == prefix) {
                group.networks.push_back(network_of(study.config, member));
                group.loss.push_back(member.loss);
            }
        study.groups.push_back(std::move(group));
    };
    add("trained", "");
    StudyGroup untrained;
    untrained.name = "untrained";
    for (Index c = 0; c < condition_count(study.config); ++c)
        for (Index i = 0; i < study.config.untrained; ++i)
            untrained.networks.push_back(untrained_network(study.config, member_number(c, i)));
    study.groups.push_back(std::move(untrained));
    add("shuffled", "shuffled_");
    add("no_decay", "no_decay_");
}

// ---- validation ------------------------------------------------------------------------------------------------

}  // namespace

double relative_error(std::span<const double> found, std::span<const double> truth) {
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        difference += (found[i] - truth[i]) * (found[i] - truth[i]);
        norm += truth[i] * truth[i];
    }
    return std::sqrt(difference / norm);
}

double mean_of(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<double> column_errors(const Matrix<double>& found, const Matrix<double>& truth) {
    std::vector<double> errors;
    for (Index j = 0; j < truth.cols(); ++j)
        errors.push_back(relative_error(found.column(j), truth.column(j)));
    return errors;
}

namespace {

void validate_networks(StudyData& study, const DeerLibrary& validation, int threads) {
    const Matrix<double> input = to_double(validation.input), target = to_double(validation.target);
    std::vector<Matrix<double>> outputs;
    std::vector<std::vector<double>> errors;
    for (StudyGroup& group : study.groups) {
        std::vector<Matrix<double>> predicted(group.networks.size());
        parallel_items(static_cast<Index>(group.networks.size()), threads, [&](Index i, Backend<double>& on) {
            predicted[static_cast<std::size_t>(i)] = forward(on, group.networks[static_cast<std::size_t>(i)], input);
        });
        for (const Matrix<double>& output : predicted) {
            const std::vector<double> error = column_errors(output, target);
            group.error_mean.push_back(mean_of(error));
            group.error_median.push_back(spread_of(error).median);
            if (&group == &study.groups.front())
                errors.push_back(error);
        }
        if (&group == &study.groups.front())
            outputs = std::move(predicted);
    }

    Matrix<double> mean(target.rows(), target.cols()), deviation(target.rows(), target.cols());
    const double count = static_cast<double>(outputs.size());
    for (std::size_t e = 0; e < mean.values().size(); ++e) {
        double sum = 0, squares = 0;
        for (const Matrix<double>& output : outputs)
            sum += output.values()[e];
        mean.values()[e] = sum / count;
        for (const Matrix<double>& output : outputs)
            squares += std::pow(output.values()[e] - mean.values()[e], 2);
        deviation.values()[e] = outputs.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
    }
    study.ensemble_error = column_errors(mean, target);

    // the network of median error speaks for the ensemble where one network's traces are shown
    std::vector<std::size_t> order(errors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return study.trained().error_mean[a] < study.trained().error_mean[b];
    });
    const auto peer_traces = static_cast<std::size_t>(study.config.tikhonov);
    const std::vector<double>& middle = errors[order[order.size() / 2]];
    study.median_network_error.assign(middle.begin(), middle.begin() + study.config.tikhonov);
    for (const std::vector<double>& error : errors)
        study.peer_network_error.push_back(peer_traces > 0 ? mean_of(std::span(error).first(peer_traces))
                                                           : std::numeric_limits<double>::quiet_NaN());

    const Index shown = std::min({Index{6}, target.cols(), study.config.tikhonov > 0 ? study.config.tikhonov : 6});
    const auto first_columns = [&](const Matrix<double>& from) {
        Matrix<double> part(from.rows(), shown);
        std::copy_n(from.data(), part.size(), part.data());
        return part;
    };
    study.examples.trace = first_columns(to_double(validation.trace));
    study.examples.clean = first_columns(to_double(validation.clean));
    for (Index j = 0; j < shown; ++j) {  // the noise-free trace back on the scale of the trace
        double low = 0, range = 1;
        if (study.config.data.input == InputScaling::boxed) {
            const auto [smallest, largest] =
                std::minmax_element(study.examples.trace.column(j).begin(), study.examples.trace.column(j).end());
            low = *smallest;
            range = *largest - *smallest;
        }
        for (double& x : study.examples.clean.column(j))
            x = low + range * x;
    }
    study.examples.target = first_columns(target);
    study.examples.mean = first_columns(mean);
    study.examples.lower = study.examples.upper = study.examples.mean;
    for (Index e = 0; e < study.examples.mean.size(); ++e) {
        study.examples.lower.data()[e] = std::max(0.0, mean.data()[e] - 2 * deviation.data()[e]);
        study.examples.upper.data()[e] = mean.data()[e] + 2 * deviation.data()[e];
    }
    for (Index j = 0; j < shown; ++j) {  // every example on the scale of its own truth, as the peer's answer is
        const double largest =
            *std::max_element(study.examples.target.column(j).begin(), study.examples.target.column(j).end());
        for (Matrix<double>* part :
             {&study.examples.target, &study.examples.mean, &study.examples.lower, &study.examples.upper})
            for (double& x : part->column(j))
                x /= largest;
    }
}

void run_peer(StudyData& study, const DeerLibrary& validation, int threads) {
    if (study.config.tikhonov == 0)
        return;
    const Index count = study.config.tikhonov;
    Matrix<double> traces(study.config.data.times, count), targets(study.config.data.distances, count);
    for (Index j = 0; j < count; ++j) {
        std::copy_n(validation.trace.column(j).begin(), traces.rows(), traces.column(j).begin());
        std::copy_n(validation.target.column(j).begin(), targets.rows(), targets.column(j).begin());
        const double largest = *std::max_element(targets.column(j).begin(), targets.column(j).end());
        for (double& x : targets.column(j))
            x /= largest;
    }
    study.peer = tikhonov_peer(study.tables, traces, targets, threads);
    const Index shown = study.examples.target.cols();
    study.examples.tikhonov = Matrix<double>(targets.rows(), shown);
    for (Index j = 0; j < shown; ++j)
        std::copy(study.peer.fits[static_cast<std::size_t>(j)].distribution.begin(),
                  study.peer.fits[static_cast<std::size_t>(j)].distribution.end(),
                  study.examples.tikhonov.column(j).begin());
}

// ---- descrambling and findings -----------------------------------------------------------------------------------

}  // namespace

void descramble_groups(StudyData& study, std::span<const Library> libraries, const Execution& execution) {
    const Index conditions = std::ssize(libraries);
    for (StudyGroup& group : study.groups) {
        if (group.networks.empty())
            continue;
        const auto depth = static_cast<Index>(group.networks.front().layers.size());
        // the outputs of the other tasks are two times, or a trace: nothing to be put in order
        const Index last = study.config.task == Task::deer ? depth : depth - 1;
        const Index layers = &group == &study.groups.front() || is_deep(study.config) ? last : 1;
        const auto add = [&](Index layer, Tap tap, Criterion criterion) {
            DescrambleRequest request{.tap = {.layer = layer, .tap = tap},
                                      .criterion = criterion,
                                      .stencil = study.config.stencil,
                                      .lambda = study.config.joint_lambda};
            const std::string name = "layer_" + std::to_string(layer) + "_" + std::string(to_string(tap)) + "_" +
                                     std::string(to_string(criterion));
            try {
                StudyLayer part{name, request, {}};
                for (Index c = 0; c < conditions; ++c)
                    for (Descrambling& d :
                         descramble(part_of(group.networks, c, conditions), libraries[c], request, execution))
                        part.networks.push_back(std::move(d));
                group.layers.push_back(std::move(part));
            } catch (const InputError& error) {  // a network died in training: nobody gave bad input
                throw Error(group.name + " networks, " + name + ": " + error.what());
            }
        };
        for (Index layer = 1; layer <= layers; ++layer) {
            add(layer, Tap::before, Criterion::smoothness);
            add(layer, Tap::after, Criterion::smoothness);
            if (layer < depth)
                add(layer, Tap::after, Criterion::joint);
        }
    }
}

namespace {

// The findings are defined on two layers between 256 times and 256 distances, drawn with the Fourier stencil.
bool findings_apply(const StudyConfig& config) {
    return config.hidden.size() == 1 && config.data.times == 256 && config.data.distances == 256 &&
           config.hidden.front() >= 64 && config.stencil == StencilKind::fourier2 && !config.renorm;
}

void read_findings(StudyData& study, const FindingsLibrary& library, int threads) {
    for (StudyGroup& group : study.groups) {
        group.readings.resize(group.networks.size());
        parallel_items(static_cast<Index>(group.networks.size()), threads, [&](Index i, Backend<double>& on) {
            const auto k = static_cast<std::size_t>(i);
            const Solution& first = group.layers[0].networks[k].solution;
            ReadingInput input;
            input.network = &group.networks[k];
            input.P1 = &first.P;
            input.P2_signals = &group.layers[1].networks[k].solution.P;
            input.P2_joint = &group.layers[2].networks[k].solution.P;
            input.eta_raw = first.eta_raw;
            input.eta = first.eta;
            group.readings[k] = read_network_findings(on, study.tables, library, input);
        });
    }
}

// ---- alignment -----------------------------------------------------------------------------------------------------

}  // namespace

void align_groups(StudyData& study, int threads) {
    const Index conditions = condition_count(study.config);
    const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    const Stencil stencil = make_stencil(*on, study.config.stencil, study.config.hidden.front());
    const auto raw = [](const StudyGroup& group) {
        std::vector<Matrix<double>> weights;
        for (const Network& network : group.networks)
            weights.push_back(network.layers.front().weight);
        return weights;
    };
    const auto descrambled = [](const StudyGroup& group) {
        std::vector<Matrix<double>> weights;
        if (!group.layers.empty())
            for (const Descrambling& network : group.layers.front().networks)
                weights.push_back(network.descrambled_weight);
        return weights;
    };
    const auto within = [&](const std::vector<Matrix<double>>& all) {  // networks of one condition with each other
        std::vector<Alignment> pairs;
        for (Index c = 0; c < conditions; ++c)
            for (const Alignment& pair : align_all(stencil, part_of(all, c, conditions), threads))
                pairs.push_back(pair);
        return pairs;
    };
    const auto between = [&](const std::vector<Matrix<double>>& a, const std::vector<Matrix<double>>& b) {
        std::vector<Alignment> pairs;
        for (Index c = 0; c < conditions; ++c)
            for (const Alignment& pair :
                 align_between(stencil, part_of(a, c, conditions), part_of(b, c, conditions), threads))
                pairs.push_back(pair);
        return pairs;
    };
    for (StudyGroup& group : study.groups) {
        group.raw_pairs = within(raw(group));
        group.descrambled_pairs = within(descrambled(group));
    }
    const StudyGroup &trained = study.trained(), &untrained = *study.group("untrained"),
                     &shuffled = *study.group("shuffled");
    study.against_shuffled = between(descrambled(trained), descrambled(shuffled));
    study.raw_against_shuffled = between(raw(trained), raw(shuffled));
    study.untrained_against_shuffled = between(descrambled(untrained), descrambled(shuffled));
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

void add_ensemble_values(StudyData& study) {
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
        if (group.name == "trained" && !study.against_shuffled.empty())
            against(mean_row_correlation(count, study.raw_against_shuffled),
                    mean_row_correlation(count, study.against_shuffled));
        if (group.name == "untrained" && !study.untrained_against_shuffled.empty()) {
            const auto values = mean_row_correlation(count, study.untrained_against_shuffled);
            against(values, values);
        }
        if (group.name == "shuffled" && count >= 2)
            against(mean_partner_correlation(count, group.raw_pairs),
                    mean_partner_correlation(count, group.descrambled_pairs));
        if (group.name == "trained")
            for (std::size_t i = 0; i < count; ++i) {
                const double ratio = study.replica.relative_error_mean / group.error_mean[i];
                group.readings[i].values["replica_ratio"] = {ratio, ratio};
            }
    }
    study.findings = findings_table(study.trained().readings, study.group("untrained")->readings,
                                    study.group("shuffled")->readings, study.group("no_decay")->readings);
}

// What a member trained for nothing would score: the mean target as the answer to everything.
double predict_the_mean(const Matrix<double>& library_target, const Matrix<double>& validation_target) {
    std::vector<double> mean(static_cast<std::size_t>(library_target.rows()));
    for (Index j = 0; j < library_target.cols(); ++j)
        for (Index i = 0; i < library_target.rows(); ++i)
            mean[static_cast<std::size_t>(i)] += library_target(i, j) / static_cast<double>(library_target.cols());
    double sum = 0;
    for (Index j = 0; j < validation_target.cols(); ++j)
        sum += relative_error(mean, validation_target.column(j));
    return sum / static_cast<double>(validation_target.cols());
}

// Everything a study leaves behind, once it is known.
void write_results(StudyData& study, const std::filesystem::path& folder, const Progress& progress, double stages) {
    progress("writing", stages - 1, stages);
    {
        const Stopwatch watch(study.seconds["writing"]);
        write_study_file(folder / "study.h5", study);
    }
    write_file(folder / "summary.json", summary_json(study));
    progress("report", stages, stages);
    {
        const Stopwatch watch(study.seconds["report"]);
        write_report(folder);
        if (const std::string missing = missing_figures(); !missing.empty() && progress.warn)
            progress.warn(missing);
    }
    write_file(folder / "summary.json", summary_json(study));  // with the time the report took
}

bool holds_a_study(const std::filesystem::path& folder) {
    return std::filesystem::exists(folder / "study.h5") ||
           (std::filesystem::exists(folder / "members") && !std::filesystem::is_empty(folder / "members"));
}

// What follows training, on one rank.
void analyse_study(StudyData& study, const std::vector<MemberState>& members, const StudyOptions& options,
                   const Progress& progress) {
    const StudyConfig& config = options.config;
    for (const MemberState& member : members) {  // over all runs that trained them
        study.seconds["training"] += member.seconds;
        study.trained_samples += static_cast<double>(member.iteration * config.batch_size);
    }
    Execution execution = options.execution;
    execution.ranks = single_process();
    const int threads = execution.threads;
    study.threads = make_cpu_backend<double>(threads)->threads();
    group_members(study, members);

    const double stages = 7;
    if (config.task != Task::deer) {
        analyse_task(study, execution, progress);
        stop_here(progress);
        write_results(study, options.folder, progress, stages);
        return;
    }
    study.tables = make_deer_tables(config.data);
    stop_here(progress);
    progress("drawing traces", 0, stages);
    const std::unique_ptr<Backend<float>> generator = make_backend<float>(execution);
    DeerLibrary validation, library;
    {
        const Stopwatch watch(study.seconds["libraries"]);
        validation = make_deer_library(*generator, study.tables, config.seed, stream::validation, 0, config.validation);
        library = make_deer_library(*generator, study.tables, config.seed, stream::library, 0, config.library);
    }
    progress("validation", 1, stages);
    {
        const Stopwatch watch(study.seconds["validation"]);
        validate_networks(study, validation, threads);
        study.predict_the_mean = predict_the_mean(to_double(library.target), to_double(validation.target));
    }
    stop_here(progress);
    progress("regularisation peer", 2, stages);
    {
        const Stopwatch watch(study.seconds["tikhonov"]);
        run_peer(study, validation, threads);
    }
    stop_here(progress);
    progress("descrambling", 3, stages);
    const FindingsLibrary findings_library{to_double(library.input), to_double(library.clean),
                                           to_double(library.form_factor), to_double(library.background),
                                           to_double(library.target)};
    {
        const Stopwatch watch(study.seconds["descrambling"]);
        const Library traces = library_of(findings_library.input);
        descramble_groups(study, {&traces, 1}, execution);
    }
    {
        const Stopwatch watch(study.seconds["optimiser"]);
        read_optimiser(study, library_of(findings_library.input), execution);
    }
    stop_here(progress);
    progress("alignment", 4, stages);
    {
        const Stopwatch watch(study.seconds["alignment"]);
        align_groups(study, threads);
    }
    {
        const Stopwatch watch(study.seconds["bootstrap_and_clusters"]);
        relate_networks(study, findings_library.input, threads);
    }
    if (findings_apply(config)) {
        progress("findings", 5, stages);
        const Stopwatch watch(study.seconds["findings"]);
        read_findings(study, findings_library, threads);
        const std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(threads);
        study.replica = fit_replica(*on, findings_library.input, findings_library.target, to_double(validation.input),
                                    to_double(validation.target));
        add_ensemble_values(study);
    }
    if (is_deep(config)) {
        progress("layer by layer", 5, stages);
        const Stopwatch watch(study.seconds["layer_by_layer"]);
        read_deep(study, findings_library, threads);
    }
    stop_here(progress);
    write_results(study, options.folder, progress, stages);
}

}  // namespace

void run_study(const StudyOptions& asked, const Progress& progress) {
    StudyOptions options = asked;
    const StudyConfig& config = options.config;
    Communicator& ranks = *options.execution.ranks;
    StudyData study;
    study.config = config;
    study.ranks = ranks.size();
    study.device = settle_device(options.execution);  // or refuses it
    std::vector<MemberState> members = study_members(config);
    const std::filesystem::path folder = options.folder / "members";
    const Leftovers leftovers(folder);
    together(ranks, [&] {
        if (options.members) {
            const auto [first, last] = *options.members;
            if (!(0 <= first && first < last && last <= static_cast<Index>(members.size())))
                throw InputError("--members " + std::to_string(first) + ":" + std::to_string(last) +
                                 ": expected A:B with 0 <= A < B <= " + std::to_string(members.size()) +
                                 " (the ensemble, then its trained controls)");
            members.erase(members.begin() + last, members.end());
            members.erase(members.begin(), members.begin() + first);
        }
        if (ranks.rank() != 0)
            return;
        if (!options.resume && !options.reduce_only && !options.members && holds_a_study(options.folder))
            throw InputError("--out " + options.folder.string() +
                             ": expected an empty folder, it holds a study; --resume goes on with it");
        if (options.reduce_only) {
            load_finished_members(members, options, folder);
            warn_of_mixed_devices(members, members.front().device, progress);
            return;
        }
        make_folder(folder);
        resume_members(members, folder, config, study.device, progress.warn);
        warn_of_mixed_devices(members, study.device, progress);
    });
    if (!options.reduce_only)
        train_members(members, config, options.execution, folder, progress);
    if (options.members)
        return;
    if (ranks.size() > 1) {  // the analysis has the threads of all ranks on its node
        const int threads = options.execution.threads * node_share(ranks).size, cores = take_cores_of_node(ranks);
        options.execution.threads = threads == 0 ? cores : std::min(cores, threads);
    }
    together(ranks, [&] {  // the others sleep
        if (ranks.rank() != 0)
            return;
        analyse_study(study, members, options, progress);
        leftovers.remove();  // every member is finished
    });
}

}  // namespace descrambler
