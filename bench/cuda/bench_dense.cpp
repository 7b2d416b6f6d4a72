// Training of a hundred networks 256-80-256, batch 256, single precision, fresh traces for every network and step. A
// call is `steps` steps; the target is that of an epoch of 1e6 samples per network, scaled to the steps of a call. The
// residual is that of the parameters of the first network after four steps, ||w - w'|| / ||w'||, against the CPU
// backend in fp64 on the same samples. Rivals: strided batched gemms with kernels between, once with their own
// composition of the generator and once on one stored batch, without the generator; ours always draws its data.
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

// A hundred networks and one batch of samples, where the backend computes.
class Hundred {
public:
    Hundred(Session& session, Index points, Index hidden, Index members, Index batch, const SampleSource<float>& source)
        : points(points),
          hidden(hidden),
          members(members),
          batch(batch),
          layers{{points, hidden, Activation::tanh, false}, {hidden, points, Activation::logistic, false}},
          count(parameter_count(layers)),
          on_(session.on<float>()),
          inputs_(on_.allocate(points * batch * members)),
          targets_(on_.allocate(points * batch * members)) {
        for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(members); ++i) {
            const std::vector<float> w = initial_parameters<float>(layers, 1, i);
            start.insert(start.end(), w.begin(), w.end());
            plans.push_back({i, Index{1} << 40, 1e-6, false});
        }
        plan.layers = layers;
        plan.batch_size = batch;
        plan.samples = &source;
        for (Index i = 0; i < members; ++i)
            source.draw(on_, plan.seed, static_cast<std::uint64_t>(i), 0, inputs().item(i), targets().item(i));
    }
    [[nodiscard]] Batch<float> inputs() const { return inputs_.view(points, batch, members); }
    [[nodiscard]] Batch<float> targets() const { return targets_.view(points, batch, members); }

    const Index points, hidden, members, batch;
    const std::vector<Layer> layers;
    const Index count;
    std::vector<float> start;
    std::vector<MemberPlan> plans;
    TrainPlan<float> plan;

private:
    Backend<float>& on_;
    Buffer<float> inputs_, targets_;
};

// Parameters and moments of all networks: each contender has its own, so that it keeps to its steps.
class Parameters {
    Backend<float>& on_;
    const std::vector<float>& start_;
    Buffer<float> w_, m_, v_;

public:
    const Batch<float> w, m, v;

    Parameters(Backend<float>& on, const Hundred& all)
        : on_(on),
          start_(all.start),
          w_(on.allocate(all.count * all.members)),
          m_(on.allocate(all.count * all.members)),
          v_(on.allocate(all.count * all.members)),
          w(w_.view(all.count, 1, all.members)),
          m(m_.view(all.count, 1, all.members)),
          v(v_.view(all.count, 1, all.members)) {}
    void restart() const {
        on_.upload(start_.data(), w);
        on_.axpby(0, w, 0, m);
        on_.axpby(0, w, 0, v);
        on_.synchronise();
    }
};

cost::Cost work_of(const Hundred& all, Index steps) {
    return (cost::dense_forward(all.hidden, all.points, all.batch, 4) +
            cost::dense_forward(all.points, all.hidden, all.batch, 4) +
            cost::dense_backward(all.points, all.hidden, all.batch, true, 4) +
            cost::dense_backward(all.hidden, all.points, all.batch, false, 4) + cost::adam_step(all.count, 4) +
            cost::deer_trace(all.points, all.points, 4) * static_cast<double>(all.batch)) *
           static_cast<double>(all.members * steps);
}

// Measures the case with the vendor's compositions beside it, where there are any: on one stored batch (`stored`: the
// parameters that are right there) and on fresh ones.
void measure_beside_rivals(Session& session, Case& c, const Hundred& all, const DeerTables& tables, Index steps,
                           const std::vector<double>& fresh, const std::vector<double>& stored) {
    Backend<float>& on = session.on<float>();
    const AdamOptions& adam = all.plan.adam;
    const TrainShape shape{all.points, all.hidden, all.points, all.plan.rate,
                           1e-6,       adam.beta1, adam.beta2, adam.epsilon};
    const Parameters own(on, all);
    const Index samples = all.points * all.batch * all.members;
    const Buffer<float> losses = on.allocate(all.members), fresh_x = on.allocate(samples),
                        fresh_y = on.allocate(samples);
    const Batch<float> x = fresh_x.view(all.points, all.batch, all.members),
                       y = fresh_y.view(all.points, all.batch, all.members), loss = losses.view(1, 1, all.members);
    const TrainCalls on_stored =
        train_calls(session.rival(), shape, all.inputs(), all.targets(), own.w, own.m, own.v, loss);
    if (!on_stored.step) {
        session.measure(c);
        return;
    }
    const TrainCalls on_fresh = train_calls(session.rival(), shape, x, y, own.w, own.m, own.v, loss);
    Index sample = 0;
    const Call draw = deer_call(session.rival(), tables, all.plan.seed, sample, x, y);
    const auto residual = [&](const TrainCalls& calls, const Call& step, const std::vector<double>& wanted) {
        own.restart();
        calls.restart();
        sample = 0;
        for (Index i = 0; i < checked_steps; ++i)
            step();
        wait(session.rival());
        return difference(download(on, own.w.item(0)), wanted);
    };
    const Call graph = graphed(session.rival(), on_stored.step), fresh_graph = graphed(session.rival(), on_fresh.step);
    const Call step = graph ? graph : on_stored.step, fresh_step = fresh_graph ? fresh_graph : on_fresh.step;
    const std::string suffix = graph ? "_graph" : "";
    const Call draw_and_step = [&, fresh_step] {
        draw();
        sample += all.batch;
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
}

}  // namespace

void bench_mlp(Session& session) {
    DeerDatabase database = deer_preset("pnas");
    database.times = database.distances = session.pick(256, 24);
    const Index points = database.times, steps = session.pick(20, checked_steps);
    if (!session.wants("train", points))
        return;
    const DeerTables tables = make_deer_tables(database);
    const DeerSource<float> source(tables);
    const Hundred all(session, points, session.pick(80, 5), session.pick(100, 2), session.pick(256, 8), source);
    Backend<float>& on = session.on<float>();
    const Parameters own(on, all);
    const Buffer<float> losses = on.allocate(steps * all.members);
    const std::vector<double> first_start(all.start.begin(), all.start.begin() + all.count);
    const std::vector<double> fresh =
                                  reference(session, tables, all.layers, all.plan, all.plans[0], first_start, false),
                              stored =
                                  reference(session, tables, all.layers, all.plan, all.plans[0], first_start, true);

    Case c{.kernel = "train",
           .n = points,
           .d = all.hidden,
           .batch = all.members,
           .dtype = "f32",
           .note = std::to_string(steps) + " steps a call; target: an epoch of 1e6 samples in 1 s, scaled"};
    c.target_us = static_cast<double>(steps * all.batch);  // of 1e6 samples a second
    c.work = work_of(all, steps);
    Index iteration = 0;
    const auto train = [&](Index number) {
        on.train(all.plan, all.plans, iteration, iteration + number, own.w, own.m, own.v,
                 {losses.data(), number, 1, all.members});
        iteration += number;
    };
    own.restart();
    c.contenders.push_back({"descrambler", [&] { train(steps); },
                            [&] {
                                own.restart();
                                iteration = 0;
                                train(checked_steps);
                                on.synchronise();
                                return difference(download(on, own.w.item(0)), fresh);
                            }});
    measure_beside_rivals(session, c, all, tables, steps, fresh, stored);
}

}  // namespace descrambler::bench
