// The whole minimisation of eta = sum_i mu_i ||row_i(P L)||^2 over SO(n), L [n, k], in one launch (cayley: and one that
// makes P from q), one block of 256 threads per network, without the host between iterations. Both methods of
// src/cpu/minimise.cpp, step by step:
//   riemannian  preconditioned descent, the chart centred anew at every step  (block_descent.cuh, block_gauge.cuh)
//   cayley      L-BFGS over q in P = cayley(q), from q = 0                    (block_lbfgs.cuh)
// Matrices live in a workspace of each network in global memory (its level-2 cache), products and inverses pass through
// shared memory and registers (block_algebra.cuh); the functional of the chart keeps three matrices in shared memory
// where n <= 80 and a block has as much. On devices with little shared memory, which are slow in double precision and
// may also draw a desktop, a launch ends after some iterations and the next goes on, with the same bits. A batch that
// does not fit into memory goes in parts; the numbers of an item do not depend on that.
// Shared memory at n = 80 in double: 52096 bytes (riemannian), 155776 bytes (cayley); at most 242 registers.
// flops  2 n^2 (n + k) per evaluation and n^2 (k + 2 n) more per accepted step (riemannian); 2 n^3 + 6 n^2 k per
//        evaluation (cayley)
// bytes  2 n k and n k + 2 n^2 words; n k + n^2 words
// Source: docs/numerics.md, "Methods".
#include "minimise.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "block_descent.cuh"
#include "block_lbfgs.cuh"
#include "cayley.hpp"

namespace descrambler::cuda {

namespace {

// Memory of all networks in global memory; each_... of a kind belong to one network.
template <class T>
struct Workspace {
    T* numbers = nullptr;
    double* wides = nullptr;
    int* marks = nullptr;
    MinimiseReport::Point* history = nullptr;
    MinimiseState* states = nullptr;
    Index each_number = 0, each_wide = 0, each_mark = 0;
};

template <class T, class Method>
__global__ void __launch_bounds__(block_threads, 1)
    minimise_kernel(MinimiseLimits limits, Index iterations, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                    const double* bounds, Workspace<T> memory) {
    static_assert(sizeof(Network<T>) <= network_bytes);
    double* const scratch = dynamic_shared<double>();
    Network<T>* const net = reinterpret_cast<Network<T>*>(scratch + block_warps);
    T* const tile = reinterpret_cast<T*>(reinterpret_cast<unsigned char*>(net) + network_bytes);
    const Index item = blockIdx.x;
    MinimiseState* const state = memory.states + item;
    if (state->finished != 0)
        return;  // the whole block
    if (threadIdx.x == 0)
        *net = {limits,
                state,
                state->outcome.iterations + iterations,
                static_cast<int>(L.rows),
                static_cast<int>(L.cols),
                mu.item(item).data,
                L.item(item).data,
                P.item(item).data,
                bounds[item],
                memory.history + item * limits.points,
                memory.numbers + item * memory.each_number,
                memory.wides + item * memory.each_wide,
                memory.marks + item * memory.each_mark};
    __syncthreads();
    Method::run(*net, scratch, tile);
}

template <class Method>
constexpr std::size_t minimise_shared = block_warps * sizeof(double) + network_bytes + Method::tile_bytes;

// Iterations of a launch: all, or those of well under a second where double precision is slow.
Index iterations_a_launch(const Context& on, Index n) {
    constexpr std::size_t of_a_fast_device = 160 * 1024;
    if (on.shared_bytes() >= of_a_fast_device)
        return std::numeric_limits<Index>::max() / 2;
    return std::clamp<Index>((Index{1} << 28) / (n * n * n), 1, 16);
}

// Memory of the networks that go together.
template <class T>
struct Space {
    Memory<T> numbers;
    Memory<double> wides;
    Memory<int> marks;
    Memory<MinimiseReport::Point> history;
    Memory<MinimiseState> states;
};

template <class T, class Method>
void run(Context& on, const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
         std::span<MinimiseReport> reports) {
    const bool chart = options.method == Minimiser::cayley;
    const Index n = L.rows, batch = L.batch;
    MinimiseLimits limits{options.evaluations, options.iterations, 0, options.memory, options.offdiagonal,
                          options.gap,         options.gradient};
    // every point but the first costs an evaluation; sorting adds points without an iteration, but is rare
    const Index most_points = chart ? options.iterations : 2 * std::min(options.iterations, options.evaluations) + 16;
    limits.points = std::max<Index>(std::min(options.evaluations, most_points), 0) + 1;
    Workspace<T> memory;
    memory.each_number = Method::numbers(n, L.cols, options.memory);
    memory.each_wide = Method::wides(n, options.memory);
    memory.each_mark = Method::marks(n);
    const std::size_t bytes = static_cast<std::size_t>(memory.each_number) * sizeof(T) +
                              static_cast<std::size_t>(memory.each_wide + 1) * sizeof(double) +
                              static_cast<std::size_t>(memory.each_mark) * sizeof(int) + sizeof(MinimiseState) +
                              static_cast<std::size_t>(limits.points) * sizeof(MinimiseReport::Point);
    Index most = items_that_fit(on, batch, bytes);
    const Space<T> space = make_what_fits(most, [&](Index count) {
        return Space<T>{Memory<T>(on, count * memory.each_number), Memory<double>(on, count * memory.each_wide),
                        Memory<int>(on, count * memory.each_mark),
                        Memory<MinimiseReport::Point>(on, count * limits.points), Memory<MinimiseState>(on, count)};
    });
    memory.numbers = space.numbers.data();
    memory.wides = space.wides.data();
    memory.marks = space.marks.data();
    memory.history = space.history.data();
    memory.states = space.states.data();

    std::vector<double> bound = options.bound;
    bound.resize(static_cast<std::size_t>(batch), std::numeric_limits<double>::quiet_NaN());
    Memory<double> bounds(on, batch);
    bounds.upload(bound.data());
    std::vector<MinimiseReport::Point> points(static_cast<std::size_t>(most * limits.points));
    std::vector<MinimiseState> states(static_cast<std::size_t>(most));
    for (Index first = 0; first < batch; first += most) {
        const Index count = std::min(most, batch - first);
        std::ranges::fill(states, MinimiseState{});
        on.to_device(memory.states, states.data(), states.size() * sizeof(MinimiseState));
        const auto unfinished = [](const MinimiseState& state) { return state.finished == 0; };
        while (std::any_of(states.begin(), states.begin() + count, unfinished)) {
            launch(on, minimise_kernel<T, Method>, dim3(static_cast<unsigned>(count)), block_threads,
                   minimise_shared<Method>, limits, iterations_a_launch(on, n), items(mu, first, count),
                   items(L, first, count), items(P, first, count), bounds.data() + first, memory);
            space.states.download(states.data());
        }
        if (chart)
            cayley(on, Batch<const T>(memory.numbers, n * (n - 1) / 2, 1, count, memory.each_number),
                   items(P, first, count));
        space.history.download(points.data());
        for (Index b = 0; b < count; ++b) {
            const MinimiseOutcome& outcome = states[static_cast<std::size_t>(b)].outcome;
            const auto start = points.begin() + b * limits.points;
            reports[static_cast<std::size_t>(first + b)] = {
                outcome.converged != 0, outcome.iterations, outcome.evaluations, {start, start + outcome.points}};
        }
    }
}

}  // namespace

template <class T>
void minimise(Context& on, const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
              std::span<MinimiseReport> reports) {
    if (L.batch == 0)
        return;
    constexpr int R = largest_tile<T>;
    const Index n = L.rows;
    const auto with = [&]<class Method>(std::type_identity<Method>) { run<T, Method>(on, options, mu, L, P, reports); };
    if (options.method == Minimiser::riemannian) {
        if (n <= tile_side<2>)
            with(std::type_identity<Descent<T, 2, false>>{});
        else if (n <= tile_side<5>)
            with(std::type_identity<Descent<T, 5, false>>{});
        else
            with(std::type_identity<Descent<T, R, true>>{});
    } else {
        if (n <= tile_side<2>)
            with(std::type_identity<ChartDescent<T, ResidentTikhonov<T, 2>>>{});
        else if (n <= tile_side<5> && minimise_shared<ChartDescent<T, ResidentTikhonov<T, 5>>> <= on.shared_bytes())
            with(std::type_identity<ChartDescent<T, ResidentTikhonov<T, 5>>>{});
        else
            with(std::type_identity<ChartDescent<T, StreamedTikhonov<T, R>>>{});
    }
}

template void minimise<float>(Context&, const MinimiseOptions&, Batch<const float>, Batch<const float>, Batch<float>,
                              std::span<MinimiseReport>);
template void minimise<double>(Context&, const MinimiseOptions&, Batch<const double>, Batch<const double>,
                               Batch<double>, std::span<MinimiseReport>);

}  // namespace descrambler::cuda
