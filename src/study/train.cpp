#include "descrambler/train.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "descrambler/random.hpp"
#include "study/task_data.hpp"

namespace descrambler {

namespace {

std::string numbered(const std::string& prefix, Index i) {
    char text[32];
    std::snprintf(text, sizeof text, "%03td", i);
    return prefix + text;
}

// Trains members that stand at the same iteration from `first` to `last`.
template <class T>
void train_together(Backend<T>& on, const StudyConfig& config, const TrainingData<T>& data,
                    std::span<MemberState* const> members, Index first, Index last) {
    const std::vector<Layer> layers = network_layers(config);
    const Index count = parameter_count(layers), batch = static_cast<Index>(members.size()), steps = last - first;
    const Buffer<T> w = on.allocate(count * batch), m = on.allocate(count * batch), v = on.allocate(count * batch),
                    loss = on.allocate(steps * batch);
    std::vector<T> host(static_cast<std::size_t>(count * batch));
    const auto send = [&](std::vector<double> MemberState::*field, const Buffer<T>& to) {
        for (Index i = 0; i < batch; ++i)
            std::transform((members[i]->*field).begin(), (members[i]->*field).end(), host.begin() + i * count,
                           [](double x) { return static_cast<T>(x); });
        on.upload(host.data(), to.view(count, 1, batch));
    };
    const auto fetch = [&](std::vector<double> MemberState::*field, const Buffer<T>& from) {
        on.download(from.view(count, 1, batch), host.data());
        for (Index i = 0; i < batch; ++i)
            std::transform(host.begin() + i * count, host.begin() + (i + 1) * count, (members[i]->*field).begin(),
                           [](T x) { return static_cast<double>(x); });
    };
    send(&MemberState::parameters, w);
    send(&MemberState::first_moment, m);
    send(&MemberState::second_moment, v);

    std::vector<MemberPlan> plans;
    for (const MemberState* member : members)
        plans.push_back(member->plan);
    TrainPlan<T> plan;
    plan.layers = layers;
    plan.batch_size = config.batch_size;
    plan.rate = config.rate;
    plan.rate_floor = config.rate_floor;
    plan.seed = config.seed;
    plan.loss = config.loss;
    plan.deer = data.deer();
    plan.samples = data.samples(config.seed);
    on.train(plan, plans, first, last, w.view(count, 1, batch), m.view(count, 1, batch), v.view(count, 1, batch),
             loss.view(steps, 1, batch));

    std::vector<T> losses(static_cast<std::size_t>(steps * batch));
    on.download(loss.view(steps, 1, batch), losses.data());
    const auto loss_of = [&](Index i, Index iteration) {
        return static_cast<double>(losses[static_cast<std::size_t>(i * steps + iteration - first)]);
    };
    // all are looked at before any member is touched: a divergence leaves every member as it was
    for (Index i = 0; i < batch; ++i)
        for (Index iteration = first; iteration < std::min(last, members[i]->plan.iterations); ++iteration)
            if (!std::isfinite(loss_of(i, iteration)))
                throw Error("member " + members[i]->name + ": the loss is not finite at iteration " +
                            std::to_string(iteration) + "; a smaller training.rate may help");
    fetch(&MemberState::parameters, w);
    fetch(&MemberState::first_moment, m);
    fetch(&MemberState::second_moment, v);
    const Index interval = loss_interval(config);
    for (Index i = 0; i < batch; ++i) {
        MemberState& member = *members[i];
        const Index end = std::min(last, member.plan.iterations);
        for (Index iteration = first; iteration < end; ++iteration) {
            member.loss_sum += loss_of(i, iteration);
            ++member.loss_terms;
            if ((iteration + 1) % interval == 0 || iteration + 1 == member.plan.iterations) {
                member.loss.push_back(member.loss_sum / static_cast<double>(member.loss_terms));
                member.loss_sum = 0;
                member.loss_terms = 0;
            }
        }
        member.iteration = std::max(member.iteration, end);
    }
}

template <class T>
void train_all(std::vector<MemberState>& members, const StudyConfig& config, const Execution& execution,
               const std::filesystem::path& folder, const Progress& progress) {
    using Clock = std::chrono::steady_clock;
    const std::unique_ptr<Backend<T>> on = make_backend<T>(execution);
    const TrainingData<T> data(config);
    // A round is what happens between two looks at signals and clocks: about a second, whatever the ensemble. Its
    // length follows the measured time; the bits do not depend on it.
    Index round = 16;
    std::vector<Index> on_disk(members.size(), -1);
    const auto write_all = [&] {
        for (std::size_t i = 0; i < members.size() && !folder.empty(); ++i)
            if (on_disk[i] != members[i].iteration) {
                write_member(folder, config, members[i]);
                on_disk[i] = members[i].iteration;
            }
    };
    const auto done = [&] {
        return std::accumulate(members.begin(), members.end(), 0.0,
                               [](double sum, const MemberState& m) { return sum + static_cast<double>(m.iteration); });
    };
    const double total = std::accumulate(members.begin(), members.end(), 0.0, [](double sum, const MemberState& m) {
        return sum + static_cast<double>(m.plan.iterations);
    });
    Clock::time_point written = Clock::now();
    progress("training", done(), total);
    for (;;) {
        // those that are furthest behind go first: after an interruption members may stand at different rounds
        Index behind = -1;
        for (const MemberState& member : members)
            if (!member.finished() && (behind < 0 || member.iteration < behind))
                behind = member.iteration;
        if (behind < 0)
            break;
        Index last = behind + round;
        for (const MemberState& member : members)  // those in front wait to be caught up with
            if (!member.finished() && member.iteration > behind)
                last = std::min(last, member.iteration);
        std::vector<MemberState*> together;
        for (MemberState& member : members)
            if (!member.finished() && member.iteration == behind)
                together.push_back(&member);
        const Clock::time_point start = Clock::now();
        try {
            train_together(*on, config, data, together, behind, last);
        } catch (...) {
            write_all();
            throw;
        }
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        for (MemberState* member : together)
            member->seconds += seconds / static_cast<double>(together.size());
        if (last == behind + round)
            round = std::clamp<Index>(static_cast<Index>(static_cast<double>(round) / std::max(seconds, 1e-3)), 1,
                                      std::min<Index>(4 * round, 100000));
        progress("training", done(), total);
        if (progress.stop && progress.stop()) {
            write_all();
            throw Stopped("stopped after a checkpoint");
        }
        if (std::chrono::duration<double>(Clock::now() - written).count() >= config.checkpoint_seconds) {
            write_all();
            written = Clock::now();
        }
    }
    write_all();
}

}  // namespace

std::vector<MemberState> study_members(const StudyConfig& config) {
    std::vector<MemberState> members;
    const std::vector<Layer> layers = network_layers(config);
    const auto add = [&](const std::string& name, MemberPlan plan) {
        MemberState member;
        member.name = name;
        member.plan = plan;
        member.parameters =
            config.precision == "f32"
                ? pack<double>(unpack(
                      layers, initial_parameters<float>(layers, config.seed, plan.member, config.initial).data()))
                : initial_parameters<double>(layers, config.seed, plan.member, config.initial);
        member.first_moment.resize(member.parameters.size());
        member.second_moment.resize(member.parameters.size());
        members.push_back(std::move(member));
    };
    const Index control = std::min(config.iterations, config.control_iterations);
    const Index conditions = condition_count(config);
    // networks of one condition stand side by side; names count through, numbers say the condition
    const auto add_all = [&](const std::string& prefix, Index count, MemberPlan plan, std::uint64_t kind) {
        for (Index c = 0; c < conditions; ++c)
            for (Index i = 0; i < count; ++i) {
                plan.member = kind + member_number(c, i);
                add(numbered(prefix, c * count + i), plan);
            }
    };
    add_all("", config.networks, {0, config.iterations, config.decay, false}, 0);
    add_all("shuffled_", config.shuffled, {0, control, config.decay, true}, stream::control);
    add_all("no_decay_", config.no_decay, {0, control, 0.0, false}, 2 * stream::control);
    return members;
}

Index loss_interval(const StudyConfig& config) {
    return std::max<Index>(1, config.iterations / 200);
}

void train_members(std::vector<MemberState>& members, const StudyConfig& config, const Execution& execution,
                   const std::filesystem::path& folder, const Progress& progress) {
    if (config.precision == "f32")
        train_all<float>(members, config, execution, folder, progress);
    else
        train_all<double>(members, config, execution, folder, progress);
}

Network network_of(const StudyConfig& config, const MemberState& member) {
    return unpack(network_layers(config), member.parameters.data());
}

Network untrained_network(const StudyConfig& config, std::uint64_t member) {
    const std::vector<Layer> layers = network_layers(config);
    return unpack(layers,
                  initial_parameters<float>(layers, config.seed, 3 * stream::control + member, config.initial).data());
}

}  // namespace descrambler
