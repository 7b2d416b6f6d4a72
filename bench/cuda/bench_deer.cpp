// The generator of DEER traces, single precision: noisy scaled traces and targets. The same sample on CPU and GPU
// differs by rounding; the reference is the CPU backend in single precision, whose noise is the same.
// Rival: a kernel for the distributions, one product, one kernel for what follows; the same random numbers.
#include "bench_cuda.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler::bench {

void bench_deer(Session& session) {
    DeerDatabase database = deer_preset("pnas");
    database.times = database.distances = session.pick(256, 24);
    const Index points = database.times, count = session.pick(100000, 40), checked = session.pick(256, 8);
    if (!session.wants("deer_traces", points))
        return;
    const DeerTables tables = make_deer_tables(database);
    const DeerSource<float> source(tables);
    Backend<float>& on = session.on<float>();
    const Buffer<float> inputs = on.allocate(points * count), targets = on.allocate(points * count);
    const Batch<float> x = inputs.view(points, count), y = targets.view(points, count);
    Matrix<float> input(points, checked), target(points, checked);
    source.draw(*make_cpu_backend<float>(1), 1, 0, 0, input.view(), target.view());
    const std::vector<double> wanted(input.data(), input.data() + input.size()),
        wanted_target(target.data(), target.data() + target.size());
    Index first = 0;
    const auto residual = [&](const Call& run) {
        first = 0;
        clear(on, x);
        clear(on, y);
        run();
        on.synchronise();
        wait(session.rival());
        return std::max(difference(download(on, x.columns(0, checked)), wanted),
                        difference(download(on, y.columns(0, checked)), wanted_target));
    };
    Case c{.kernel = "deer_traces",
           .n = points,
           .d = points,
           .batch = count,
           .dtype = "f32",
           .work = cost::deer_trace(points, points, 4) * static_cast<double>(count)};
    const Call ours = [&] {
        source.draw(on, 1, 0, first, x, y);
        first += count;
    };
    c.contenders.push_back({"descrambler", ours, [&] { return residual(ours); }});
    const Call rival = deer_call(session.rival(), tables, 1, first, x, y);
    session.join(
        c, "cublas", rival, [&] { return residual(rival); }, false);
    session.measure(c);
}

}  // namespace descrambler::bench
