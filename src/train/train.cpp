#include "train/train.hpp"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>

#include "descrambler/communicator.hpp"
#include "descrambler/random.hpp"
#include "io/text.hpp"
#include "train/member_queue.hpp"
#include "train/member_samples.hpp"
#include "train/resident.hpp"

namespace descrambler {

namespace {

// What a round adds to the record of a member: the mean loss of every interval that it completes.
void record_losses(MemberState& member, Index interval, Index first, Index end,
                   const std::function<double(Index iteration)>& loss) {
    for (Index iteration = first; iteration < end; ++iteration) {
        member.loss_sum += loss(iteration);
        ++member.loss_terms;
        if ((iteration + 1) % interval == 0 || iteration + 1 == member.plan.iterations) {
            member.loss.push_back(member.loss_sum / static_cast<double>(member.loss_terms));
            member.loss_sum = 0;
            member.loss_terms = 0;
        }
    }
    member.iteration = std::max(member.iteration, end);
}

// Trains members that stand at the same iteration from `first` to `last`, in `resident`. One whose loss is not finite
// stays as it was; it is told to failed(member, why).
template <class T>
void train_together(Backend<T>& on, Resident<T>& resident, const TrainingRecipe& recipe, const MemberSamples<T>& data,
                    std::span<MemberState* const> members, Index first, Index last,
                    const std::function<void(std::size_t, const std::string&)>& failed) {
    const std::vector<Layer> layers = network_layers(recipe);
    const Index batch = static_cast<Index>(members.size()), steps = last - first;
    const Buffer<T> loss = on.allocate(steps * batch);
    resident.hold(members);
    resident.begin();

    std::vector<MemberPlan> plans;
    for (const MemberState* member : members)
        plans.push_back(member->plan);
    TrainPlan<T> plan;
    plan.layers = layers;
    plan.batch_size = recipe.batch_size;
    plan.rate = recipe.rate;
    plan.rate_floor = recipe.rate_floor;
    plan.seed = recipe.seed;
    plan.loss = recipe.loss;
    plan.samples = &data;
    on.train(plan, plans, first, last, resident.parameters(), resident.first_moment(), resident.second_moment(),
             loss.view(steps, 1, batch));

    std::vector<T> losses(static_cast<std::size_t>(steps * batch));
    on.download(loss.view(steps, 1, batch), losses.data());
    const auto loss_of = [&](Index i, Index iteration) {
        return static_cast<double>(losses[static_cast<std::size_t>(i * steps + iteration - first)]);
    };
    for (Index i = 0; i < batch; ++i) {
        MemberState& member = *members[i];
        const Index end = std::min(last, member.plan.iterations);
        Index lost = first;
        while (lost < end && std::isfinite(loss_of(i, lost)))
            ++lost;
        if (lost < end) {
            resident.take_back(static_cast<std::size_t>(i));
            failed(static_cast<std::size_t>(i), "the loss is not finite at iteration " + std::to_string(lost) +
                                                    "; a smaller training.rate may help");
            continue;
        }
        record_losses(member, loss_interval(recipe), first, end,
                      [&](Index iteration) { return loss_of(i, iteration); });
    }
}

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// What the workers of a rank share.
struct Workshop {
    std::vector<MemberState>& members;
    const TrainingRecipe& recipe;
    const Execution& execution;
    const std::string& device;  // its kind
    const std::filesystem::path& folder;
    const Progress& progress;
    MemberQueue& queue;
    int workers = 1;    // here
    Index width = 1;    // members that a worker trains at a time
    double total = 0;   // iterations of all members of the job
    std::mutex disk{};  // HDF5 serves one thread at a time
    std::atomic<int> working{0};
};

// One worker: a core of the host with a member, or a device with many. It takes members from the queue, trains those
// that are furthest behind in rounds of half a second, and writes them every checkpoint_seconds, when they are finished
// and when all have to stop.
template <class T>
class Worker {
public:
    // speaks: it is on the main thread, which alone talks to the other ranks.
    Worker(Workshop& shop, const MemberSamples<T>& data, bool speaks, Backend<T>& on)
        : shop_(shop),
          data_(data),
          speaks_(speaks),
          on_(on),
          resident_(on, parameter_count(network_layers(shop.recipe))) {}

    void run() {
        Pause pause;
        for (;;) {
            while (std::ssize(held_) < shop_.width && take()) {
            }
            if (speaks_)
                speak();
            if (shop_.queue.stopping()) {
                write();
                return;
            }
            if (!held_.empty()) {
                round();
                pause = Pause();
            } else if (!shop_.queue.closed()) {
                announce(shop_.width);
                pause();
            } else if (speaks_ && shop_.working > 1) {  // the main thread has to stay, to hear of a stop
                pause();
            } else {
                return;
            }
        }
    }

private:
    bool take() {
        const std::optional<Index> taken = shop_.queue.take(announced_ > 0);
        if (!taken)
            return false;
        announced_ -= announced_ > 0 ? 1 : 0;
        MemberState& member = shop_.members[static_cast<std::size_t>(*taken)];
        if (shop_.execution.ranks->rank() != 0) {  // rank 0 has read it
            const std::lock_guard lock(shop_.disk);
            resume_members({&member, 1}, shop_.folder, shop_.recipe, shop_.device, {});  // rank 0 has told of damage
        }
        member.device = shop_.device;
        held_.push_back({*taken, member.iteration});
        return true;
    }
    void announce(Index members) {  // as many in all, including those that have not come yet
        for (; announced_ < members; ++announced_)
            shop_.queue.want();
    }
    void speak() {
        if (shop_.progress.stop && shop_.progress.stop())
            shop_.queue.stop();
        shop_.queue.serve();
        if (shop_.execution.ranks->rank() == 0)
            shop_.progress("training", shop_.queue.iterations(), shop_.total);
    }
    MemberState& member(std::size_t i) { return shop_.members[static_cast<std::size_t>(held_[i].member)]; }

    void round() {
        Index behind = member(0).iteration;
        for (std::size_t i = 1; i < held_.size(); ++i)
            behind = std::min(behind, member(i).iteration);
        Index last = behind + steps_, first_end = std::numeric_limits<Index>::max();
        std::vector<MemberState*> together;
        std::vector<Index> numbers;
        for (std::size_t i = 0; i < held_.size(); ++i) {
            MemberState& one = member(i);
            first_end = std::min(first_end, one.plan.iterations);
            if (one.iteration > behind) {  // members ahead wait until the others have caught up
                last = std::min(last, one.iteration);
            } else {
                together.push_back(&one);
                numbers.push_back(held_[i].member);
            }
        }
        if (last + 2 * steps_ >= first_end)  // the next member can be on its way meanwhile
            announce(shop_.width + 1 - std::ssize(held_));
        const Clock::time_point start = Clock::now();
        std::vector<Index> failed;
        train_together(on_, resident_, shop_.recipe, data_, together, behind, last,
                       [&](std::size_t i, const std::string& why) {
                           shop_.queue.fail(numbers[i], why);
                           failed.push_back(numbers[i]);
                       });
        const double seconds = seconds_since(start);
        double advanced = 0;
        for (MemberState* one : together) {
            advanced += static_cast<double>(one->iteration - behind);
            one->seconds +=
                seconds / static_cast<double>(std::ssize(together) * shop_.workers * shop_.execution.ranks->size());
        }
        shop_.queue.advance(advanced);
        if (last == behind + steps_)
            steps_ = std::clamp<Index>(static_cast<Index>(0.5 * static_cast<double>(steps_) / std::max(seconds, 1e-3)),
                                       1, std::min<Index>(4 * steps_, 100000));
        const bool due = seconds_since(written_) + seconds >= shop_.recipe.checkpoint_seconds;  // before another round
        for (std::size_t i = 0; i < held_.size();) {
            const bool lost = std::ranges::find(failed, held_[i].member) != failed.end();
            if (due || lost || member(i).finished())
                write(held_[i]);
            if (lost || member(i).finished()) {
                resident_.fetch(member(i));
                held_.erase(held_.begin() + static_cast<Index>(i));
            } else {
                ++i;
            }
        }
        if (due)
            written_ = Clock::now();
    }

    struct Held {
        Index member = 0;
        Index on_disk = 0;  // iterations, in its file
    };
    void write(Held& held) {
        const MemberState& one = shop_.members[static_cast<std::size_t>(held.member)];
        if (shop_.folder.empty() || held.on_disk == one.iteration)
            return;
        resident_.fetch(one);
        const std::lock_guard lock(shop_.disk);
        write_member(shop_.folder, shop_.recipe, one);
        held.on_disk = one.iteration;
    }
    void write() {
        for (Held& held : held_)
            write(held);
    }

    Workshop& shop_;
    const MemberSamples<T>& data_;
    bool speaks_;
    Backend<T>& on_;
    Resident<T> resident_;
    std::vector<Held> held_;
    Index steps_ = 16;     // of a round; the bits do not depend on them
    Index announced_ = 0;  // wanted and not yet taken
    Clock::time_point written_ = Clock::now();
};

template <class T>
void train_here(Workshop& shop, const MemberSamples<T>& data, bool on_host) {
    std::exception_ptr failure;
    std::mutex guard;
#pragma omp parallel num_threads(shop.workers)
    {
#pragma omp single
        shop.working = omp_get_num_threads();
        try {
            const std::unique_ptr<Backend<T>> own = on_host ? make_cpu_backend<T>(1) : nullptr;
            Worker<T>(shop, data, omp_get_thread_num() == 0, own ? *own : shop.execution.backend<T>()).run();
        } catch (...) {
            const std::lock_guard lock(guard);
            if (!failure)
                failure = std::current_exception();
            shop.queue.stop();  // the others write what they have
        }
        --shop.working;
    }
    shop.queue.leave();
    if (failure)
        std::rethrow_exception(failure);
}

template <class T>
void train_all(std::vector<MemberState>& members, const TrainingRecipe& recipe, Execution execution,
               const std::filesystem::path& folder, const Progress& progress) {
    Communicator& ranks = *execution.ranks;
    const std::string device = settle_device(execution);
    const bool on_host = execution.device == "cpu";
    const int threads = threads_of(execution);
    require(ranks.size() == 1 || !folder.empty(), "ranks exchange members through a folder");
    // rank 0 knows what is on disk
    std::vector<double> done;
    for (const MemberState& member : members)
        done.push_back(static_cast<double>(member.iteration));
    broadcast(ranks, 0, done);
    std::vector<Index> order;
    double total = 0, finished = 0;
    for (std::size_t i = 0; i < members.size(); ++i) {
        const auto length = static_cast<double>(members[i].plan.iterations);
        total += length;
        finished += std::min(done[i], length);
        if (done[i] < length)
            order.push_back(static_cast<Index>(i));
    }
    const auto left = [&](Index i) { return static_cast<double>(members[i].plan.iterations) - done[i]; };
    std::ranges::stable_sort(order, [&](Index a, Index b) { return left(a) > left(b); });  // short ones fill the end

    MemberQueue queue(ranks, order);
    if (ranks.rank() == 0)
        queue.advance(finished);
    Workshop shop{members, recipe, execution, device, folder, progress, queue};
    shop.total = total;
    if (on_host)
        shop.workers = static_cast<int>(std::clamp<Index>(std::ssize(order), 1, threads));
    else  // a device takes its share at once
        shop.width = std::max<Index>(1, (std::ssize(order) + ranks.size() - 1) / ranks.size());
    std::optional<MemberSamples<T>> data;
    together(ranks, [&] { data.emplace(recipe.data); });
    together(ranks, [&] { train_here<T>(shop, *data, on_host); });
    together(ranks, [&] {
        if (ranks.rank() != 0)
            return;
        if (progress.report)
            progress("training", queue.iterations(), total);
        if (queue.stopping())
            throw Stopped("stopped after a checkpoint");
        std::string lost;
        for (const auto& [member, why] : queue.failures())
            lost +=
                (lost.empty() ? "member " : "; member ") + members[static_cast<std::size_t>(member)].name + ": " + why;
        if (!lost.empty())
            throw Error(lost);
        for (MemberState& member : members)  // what the others have trained
            if (!member.finished()) {
                auto stored = read_member(folder, recipe, member.name, member.plan);
                if (!stored || !stored->finished())
                    throw Error("member " + member.name +
                                ": its file is not what another rank has written; expected a "
                                "folder that all ranks share: " +
                                folder.string());
                member = std::move(*stored);
            }
    });
}

}  // namespace

std::vector<MemberState> study_members(const TrainingRecipe& recipe) {
    std::vector<MemberState> members;
    const std::vector<Layer> layers = network_layers(recipe);
    const auto add = [&](const std::string& name, MemberPlan plan) {
        MemberState member;
        member.name = name;
        member.plan = plan;
        member.parameters =
            recipe.precision == "f32"
                ? pack<double>(unpack(
                      layers, initial_parameters<float>(layers, recipe.seed, plan.member, recipe.initial).data()))
                : initial_parameters<double>(layers, recipe.seed, plan.member, recipe.initial);
        member.first_moment.resize(member.parameters.size());
        member.second_moment.resize(member.parameters.size());
        members.push_back(std::move(member));
    };
    const Index control = std::min(recipe.iterations, recipe.control_iterations);
    const Index conditions = condition_count(recipe.data);
    // networks of one condition stand side by side; names count through, numbers say the condition
    const auto add_all = [&](const std::string& prefix, Index count, MemberPlan plan, std::uint64_t kind) {
        for (Index c = 0; c < conditions; ++c)
            for (Index i = 0; i < count; ++i) {
                plan.member = kind + member_number(c, i);
                add(prefix + numbered(c * count + i), plan);
            }
    };
    add_all("", recipe.networks, {0, recipe.iterations, recipe.decay, false}, 0);
    add_all("shuffled_", recipe.shuffled, {0, control, recipe.decay, true}, stream::control);
    add_all("no_decay_", recipe.no_decay, {0, control, 0.0, false}, 2 * stream::control);
    return members;
}

Index loss_interval(const TrainingRecipe& recipe) {
    return std::max<Index>(1, recipe.iterations / 200);
}

void train_members(std::vector<MemberState>& members, const TrainingRecipe& recipe, const Execution& execution,
                   const std::filesystem::path& folder, const Progress& progress) {
    if (recipe.precision == "f32")
        train_all<float>(members, recipe, execution, folder, progress);
    else
        train_all<double>(members, recipe, execution, folder, progress);
}

Network network_of(const TrainingRecipe& recipe, const MemberState& member) {
    return unpack(network_layers(recipe), member.parameters.data());
}

Network untrained_network(const TrainingRecipe& recipe, std::uint64_t member) {
    const std::vector<Layer> layers = network_layers(recipe);
    return unpack(layers,
                  initial_parameters<float>(layers, recipe.seed, 3 * stream::control + member, recipe.initial).data());
}

}  // namespace descrambler
