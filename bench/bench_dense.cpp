// The training step of an ensemble of DEER networks, with and without the generator.
#include "bench.hpp"
#include "descrambler/mlp.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler::bench {
namespace {

constexpr Index members = 8, batch_size = 256, steps = 20;

struct Stored final : SampleSource<float> {  // one batch, always
    Matrix<float> input{256, batch_size}, target{256, batch_size};
    Index inputs() const override { return input.rows(); }
    Index outputs() const override { return target.rows(); }
    void draw(Backend<float>&, std::uint64_t, std::uint64_t, Index, Batch<float> x, Batch<float> y) const override {
        std::ranges::copy(input.values(), x.data);
        std::ranges::copy(target.values(), y.data);
    }
};

void train(benchmark::State& state, bool generate) {
    const auto on = make_cpu_backend<float>(threads());
    const DeerSource<float> fresh(make_deer_tables(deer_preset("pnas")));
    const std::vector<Layer> layers{{256, 80, Activation::tanh, false}, {80, 256, Activation::logistic, false}};
    const Index count = parameter_count(layers);
    std::vector<float> w, m(static_cast<std::size_t>(count * members)), v(m.size()), loss(steps * members);
    std::vector<MemberPlan> plans;
    for (std::uint64_t i = 0; i < members; ++i) {
        const std::vector<float> start = initial_parameters<float>(layers, 1, i);
        w.insert(w.end(), start.begin(), start.end());
        plans.push_back({i, Index{1} << 30, 1e-6, false});
    }
    // the same work for everyone where data generation is left out: one stored batch, copied in
    Stored stored;
    fresh.draw(*on, 1, 1, 0, stored.input.view(), stored.target.view());
    TrainPlan<float> plan;
    plan.layers = layers;
    plan.batch_size = batch_size;
    plan.samples = generate ? static_cast<const SampleSource<float>*>(&fresh) : &stored;
    Index first = 0;
    for (auto _ : state) {
        on->train(plan, plans, first, first + steps, {w.data(), count, 1, members}, {m.data(), count, 1, members},
                  {v.data(), count, 1, members}, {loss.data(), steps, 1, members});
        first += steps;
    }
    const cost::Cost step = cost::dense_forward(80, 256, batch_size, 4) + cost::dense_forward(256, 80, batch_size, 4) +
                            cost::dense_backward(256, 80, batch_size, true, 4) +
                            cost::dense_backward(80, 256, batch_size, false, 4) + cost::adam_step(count, 4) +
                            (generate ? cost::deer_trace(256, 256, 4) * batch_size : cost::Cost{});
    describe(state, {generate ? "train_with_generator" : "train", 80, 256, members * steps, "f32",
                     step * static_cast<double>(members * steps), static_cast<double>(loss.back())});
}
BENCHMARK_CAPTURE(train, data_excluded, false)->UseRealTime();
BENCHMARK_CAPTURE(train, with_generator, true)->UseRealTime();

}  // namespace
}  // namespace descrambler::bench
