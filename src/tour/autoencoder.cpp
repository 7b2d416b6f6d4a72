#include "tour/autoencoder.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <exception>
#include <mutex>

#include "descrambler/communicator.hpp"
#include "descrambler/random.hpp"

namespace descrambler::tour {

namespace {

constexpr Index most_losses = 200;

class Columns final : public SampleSource<float> {
public:
    explicit Columns(const DenseJob& job) : inputs_(*job.inputs), targets_(*job.targets) {}
    [[nodiscard]] Index inputs() const override { return inputs_.rows(); }
    [[nodiscard]] Index outputs() const override { return targets_.rows(); }
    void draw(Backend<float>&, std::uint64_t seed, std::uint64_t stream, Index first, Batch<float> input,
              Batch<float> target) const override {
        for (Index j = 0; j < input.cols; ++j) {
            RandomStream random(seed, stream, static_cast<std::uint64_t>(first + j));
            const Index k = random.below(static_cast<std::uint32_t>(inputs_.cols()));
            std::ranges::copy(inputs_.column(k), &input(0, j));
            std::ranges::copy(targets_.column(k), &target(0, j));
        }
    }

private:
    const Matrix<float>&inputs_, &targets_;
};

void check(const DenseJob& job) {
    require(job.inputs != nullptr && job.targets != nullptr && job.inputs->cols() > 0 &&
                job.inputs->cols() == job.targets->cols() && job.inputs->cols() < (Index{1} << 32),
            "train_dense: " + job.name + ": as many targets as inputs, one at least");
    require(job.iterations > 0, "train_dense: " + job.name + ": no iterations");
}

TrainPlan<float> plan_of(const DenseJob& job, const Columns& samples) {
    TrainPlan<float> plan;
    plan.layers = job.layers;
    plan.batch_size = job.batch_size;
    plan.rate = job.rate;
    plan.rate_floor = job.rate_floor;
    plan.seed = job.seed;
    plan.samples = &samples;
    return plan;
}

// Trains in rounds, so that a stop is heard: advance(steps) after each.
template <class Advance>
TrainedDense train(Backend<float>& on, const DenseJob& job, const Advance& advance) {
    const auto start = std::chrono::steady_clock::now();
    const Columns samples(job);
    const TrainPlan<float> plan = plan_of(job, samples);
    const std::vector<MemberPlan> member{{job.member, job.iterations, job.decay, job.shuffled}};
    std::vector<float> state = initial_parameters<float>(job.layers, job.seed, job.member, job.initial);
    const Index count = std::ssize(state);
    const Buffer<float> w = on.allocate(count), m = on.allocate(count), v = on.allocate(count);
    on.upload(state.data(), w.view(count, 1));
    std::vector<float> zeros(state.size());
    on.upload(zeros.data(), m.view(count, 1));
    on.upload(zeros.data(), v.view(count, 1));

    TrainedDense result;
    result.interval = std::max<Index>(1, (job.iterations + most_losses - 1) / most_losses);
    for (Index first = 0; first < job.iterations; first += result.interval) {
        const Index steps = std::min(result.interval, job.iterations - first);
        const Buffer<float> loss = on.allocate(steps);
        on.train(plan, member, first, first + steps, w.view(count, 1), m.view(count, 1), v.view(count, 1),
                 loss.view(steps, 1));
        std::vector<float> losses(static_cast<std::size_t>(steps));
        on.download(Batch<const float>(loss.view(steps, 1)), losses.data());
        double mean = 0;
        for (const float one : losses)
            mean += static_cast<double>(one) / static_cast<double>(steps);
        if (!std::isfinite(mean))
            throw Error(job.name + ": the loss is not finite before iteration " + std::to_string(first + steps));
        result.loss.push_back(mean);
        advance(steps);
    }
    on.download(Batch<const float>(w.view(count, 1)), state.data());
    result.network = unpack(job.layers, state.data());
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return result;
}

}  // namespace

std::vector<TrainedDense> train_dense(std::span<const DenseJob> jobs, const Execution& execution,
                                      const Progress& progress) {
    double total = 0;
    for (const DenseJob& job : jobs) {
        check(job);
        total += static_cast<double>(job.iterations);
    }
    std::vector<TrainedDense> results(jobs.size());
    std::vector<std::exception_ptr> failures(jobs.size());
    std::mutex speaking;  // one thread tells of progress at a time
    double done = 0;
    std::atomic<bool> stopped{false};
    const auto advance = [&](Index steps) {
        const std::lock_guard lock(speaking);
        done += static_cast<double>(steps);
        progress("training", done, total);
        if (stopped || (progress.stop && progress.stop())) {
            stopped = true;
            throw Stopped("stopped while a network was trained");
        }
    };
    Execution own = execution;
    (void)settle_device(own);
    const bool on_host = own.device == "cpu";
    const int threads = on_host ? static_cast<int>(std::clamp<Index>(std::ssize(jobs), 1, threads_of(own))) : 1;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (std::size_t i = 0; i < jobs.size(); ++i)
        try {
            const std::unique_ptr<Backend<float>> host = on_host ? make_cpu_backend<float>(1) : nullptr;
            results[i] = train(host ? *host : own.backend<float>(), jobs[i], advance);
        } catch (...) {
            failures[i] = std::current_exception();
        }
    for (const std::exception_ptr& failure : failures)
        if (failure)
            std::rethrow_exception(failure);
    return results;
}

Network untrained(const DenseJob& job) {
    return unpack(job.layers, initial_parameters<float>(job.layers, job.seed, job.member, job.initial).data());
}

std::vector<Layer> relu_layers(std::span<const Index> widths, bool bias) {
    require(widths.size() >= 2, "relu_layers: an input and an output");
    std::vector<Layer> layers;
    for (std::size_t k = 1; k < widths.size(); ++k)
        layers.push_back(
            {widths[k - 1], widths[k], k + 1 < widths.size() ? Activation::relu : Activation::identity, false, bias});
    return layers;
}

Network chained(const Network& a, const Network& b) {
    require(a.outputs() == b.inputs(), "chained: networks do not chain");
    Network both = a;
    both.layers.insert(both.layers.end(), b.layers.begin(), b.layers.end());
    return both;
}

Network head_of(const Network& network, Index layers) {
    require(layers >= 1 && layers <= std::ssize(network.layers), "head_of: as many layers as there are");
    return {{network.layers.begin(), network.layers.begin() + layers}};
}

Matrix<float> to_single(const Matrix<double>& A) {
    Matrix<float> result(A.rows(), A.cols());
    std::ranges::transform(A.values(), result.data(), [](double x) { return static_cast<float>(x); });
    return result;
}

}  // namespace descrambler::tour
