// Training of a hundred networks 256-80-256, batch 256, single precision (K4a), fresh traces for every network and
// step. A call is `steps` steps; the target is that of an epoch of 1e6 samples a network, scaled to the steps of a
// call. The residual is that of the parameters of the first network after four steps, ||w - w'|| / ||w'||, against the
// CPU backend in fp64 on the same samples. Rivals: strided batched gemms with kernels between, with their own
// composition of the generator, and on one stored batch: the latter leave the data out, we never do.
#include <algorithm>

#include "bench_cuda.hpp"
#include "descrambler/mlp.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler::bench {
namespace {

constexpr Index checked_steps = 4;

// The fp32 samples of a plan, for one in fp64; always the first batch if stored.
class InSinglePrecision final : public SampleSource<double> {
public:
    InSinglePrecision(const DeerTables& tables, bool stored) : source_(tables), stored_(stored) {}
    Index inputs() const override { return source_.inputs(); }
    Index outputs() const override { return source_.outputs(); }
    void draw(Backend<double>&, std::uint64_t seed, std::uint64_t stream, Index first, Batch<double> x,
              Batch<double> y) const override {
        Matrix<float> input(x.rows, x.cols), target(y.rows, y.cols);
        source_.draw(*make_cpu_backend<float>(1), seed, stream, stored_ ? 0 : first, input.view(), target.view());
        std::ranges::copy(input.values(), x.data);
        std::ranges::copy(target.values(), y.data);
    }

private:
    DeerSource<float> source_;
    bool stored_;
};

// Parameters of the first network after the checked steps on fp32 samples, fresh ones or always the first batch.
std::vector<double> reference(Session& session, const DeerTables& tables, const std::vector<Layer>& layers,
                              const TrainPlan<float>& like, const MemberPlan& member, std::vector<double> w,
                              bool stored) {
    const InSinglePrecision source(tables, stored);
    TrainPlan<double> plan;
    plan.layers = layers;
    plan.batch_size = like.batch_size;
    plan.seed = like.seed;
    plan.samples = &source;
    std::vector<double> m(w.size()), v(w.size()), loss(checked_steps);
    const auto count = static_cast<Index>(w.size());
    session.cpu().train(plan, {&member, 1}, 0, checked_steps, {w.data(), count, 1}, {m.data(), count, 1},
                        {v.data(), count, 1}, {loss.data(), checked_steps, 1});
    return w;
}

}  // namespace

void bench_mlp(Session& session) {
    DeerDatabase database = deer_preset("pnas");
    database.times = database.distances = session.pick(256, 24);
    const Index points = database.times, hidden = session.pick(80, 5), members = session.pick(100, 2),
                batch = session.pick(256, 8), steps = session.pick(20, checked_steps);
    if (!session.wants("train", points))
        return;
    const DeerTables tables = make_deer_tables(database);
    const DeerSource<float> source(tables);
    const std::vector<Layer> layers{{points, hidden, Activation::tanh, false},
                                    {hidden, points, Activation::logistic, false}};
    const Index count = parameter_count(layers);
    Backend<float>& on = session.on<float>();
    std::vector<float> start;
    std::vector<MemberPlan> plans;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(members); ++i) {
        const std::vector<float> w = initial_parameters<float>(layers, 1, i);
        start.insert(start.end(), w.begin(), w.end());
        plans.push_back({i, Index{1} << 40, 1e-6, false});
    }
    TrainPlan<float> plan;
    plan.layers = layers;
    plan.batch_size = batch;
    plan.samples = &source;

    const Buffer<float> ws = on.allocate(count * members), ms = on.allocate(count * members),
                        vs = on.allocate(count * members), losses = on.allocate(steps * members),
                        inputs = on.allocate(points * batch * members), targets = on.allocate(points * batch * members),
                        fresh_inputs = on.allocate(points * batch * members),
                        fresh_targets = on.allocate(points * batch * members);
    const Batch<float> w = ws.view(count, 1, members), m = ms.view(count, 1, members), v = vs.view(count, 1, members);
    const auto restart = [&] {
        on.upload(start.data(), w);
        on.axpby(0, w, 0, m);
        on.axpby(0, w, 0, v);
        on.synchronise();
    };
    const std::vector<double> first_start(start.begin(), start.begin() + count);
    const std::vector<double> fresh = reference(session, tables, layers, plan, plans[0], first_start, false),
                              stored = reference(session, tables, layers, plan, plans[0], first_start, true);
    for (Index i = 0; i < members; ++i)
        source.draw(on, plan.seed, static_cast<std::uint64_t>(i), 0, inputs.view(points, batch, members).item(i),
                    targets.view(points, batch, members).item(i));

    Case c{.kernel = "train",
           .n = points,
           .d = hidden,
           .batch = members,
           .dtype = "f32",
           .note = std::to_string(steps) + " steps a call; target: an epoch of 1e6 samples in 1 s, scaled"};
    const double epoch_steps = 1e6 / static_cast<double>(batch);
    c.target_us = 1e6 * static_cast<double>(steps) / epoch_steps;
    c.work =
        (cost::dense_forward(hidden, points, batch, 4) + cost::dense_forward(points, hidden, batch, 4) +
         cost::dense_backward(points, hidden, batch, true, 4) + cost::dense_backward(hidden, points, batch, false, 4) +
         cost::adam_step(count, 4) + cost::deer_trace(points, points, 4) * static_cast<double>(batch)) *
        static_cast<double>(members * steps);
    Index iteration = 0;
    const auto train = [&](Index number) {
        on.train(plan, plans, iteration, iteration + number, w, m, v, {losses.data(), number, 1, members});
        iteration += number;
    };
    restart();
    c.contenders.push_back({"descrambler", [&] { train(steps); },
                            [&] {
                                restart();
                                iteration = 0;
                                train(checked_steps);
                                on.synchronise();
                                return difference(download(on, w.item(0)), fresh);
                            }});

    const TrainShape shape{points, hidden,          points,          plan.rate,
                           1e-6,   plan.adam.beta1, plan.adam.beta2, plan.adam.epsilon};
    // parameters of the rivals: their own, so that each keeps to its steps
    const Buffer<float> rw = on.allocate(count * members), rm = on.allocate(count * members),
                        rv = on.allocate(count * members), rl = on.allocate(members);
    const Batch<float> W = rw.view(count, 1, members), M = rm.view(count, 1, members), V = rv.view(count, 1, members);
    const TrainCalls on_stored = train_calls(session.rival(), shape, inputs.view(points, batch, members),
                                             targets.view(points, batch, members), W, M, V, rl.view(1, 1, members));
    const TrainCalls on_fresh =
        train_calls(session.rival(), shape, fresh_inputs.view(points, batch, members),
                    fresh_targets.view(points, batch, members), W, M, V, rl.view(1, 1, members));
    Index sample = 0;
    const Call draw = deer_call(session.rival(), tables, plan.seed, sample, fresh_inputs.view(points, batch, members),
                                fresh_targets.view(points, batch, members));
    const auto residual = [&](const TrainCalls& calls, const Call& step, const std::vector<double>& wanted) {
        on.upload(start.data(), W);
        on.axpby(0, W, 0, M);
        on.axpby(0, W, 0, V);
        on.synchronise();
        calls.restart();
        sample = 0;
        for (Index i = 0; i < checked_steps; ++i)
            step();
        wait(session.rival());
        return difference(download(on, W.item(0)), wanted);
    };
    if (on_stored.step) {
        const Call graph = graphed(session.rival(), on_stored.step),
                   fresh_graph = graphed(session.rival(), on_fresh.step);
        const Call step = graph ? graph : on_stored.step, fresh_step = fresh_graph ? fresh_graph : on_fresh.step;
        const std::string suffix = graph ? "_graph" : "";
        const Call draw_and_step = [&, fresh_step] {
            draw();
            sample += batch;
            fresh_step();
        };
        const auto repeated = [&](const Call& call) {
            return [&, call] {
                for (Index i = 0; i < steps; ++i)
                    call();
            };
        };
        session.join(
            c, "cublas" + suffix + "_data_excluded", repeated(step),
            [&, step] { return residual(on_stored, step, stored); }, false);
        session.join(
            c, "cublas" + suffix, repeated(draw_and_step),
            [&, draw_and_step] { return residual(on_fresh, draw_and_step, fresh); }, false);
        session.measure(c);
        return;
    }
    session.measure(c);
}

}  // namespace descrambler::bench
