// Convolutions of many probes as products of small panels: [depth, positions] of the source, made in the first cache from
// boxes that hold the zeros around an image, times the weights in strips of a few outputs. Where there are few outputs (a
// convolution channel by channel, an image of three colours) the boxes are read directly.
// Every output is one chain of multiply-adds over the depth of a block of channels, and the blocks are added in order: so
// its bits depend neither on the lane, the tile and the thread that it falls to nor on the probes beside it.
// flops  2 depth a number of y, forward and adjoint; see cost.hpp
#include "cpu/convolution.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "cpu/gather_tile.hpp"
#include "cpu/maps.hpp"
#include "cpu/panel_product.hpp"
#include "cpu/stretches.hpp"

namespace descrambler::cpu {
namespace {

constexpr Index wide = tile_columns_of_panel, panels_of_tile = 16;
constexpr Index most_direct = 4;  // outputs that do not pay for a panel
template <class T>
constexpr Index panel_lanes = 3 * vector_lanes<T>;
template <class T>
constexpr Index tile_lanes = panel_lanes<T>* panels_of_tile;
template <class T>
constexpr Index sums_ld = tile_lanes<T> + 2 * vector_lanes<T>;  // a move may write beyond its numbers
constexpr Index line = 64;                                      // bytes

constexpr Index strips_of_item = 16, channels_of_bundle = 32;
constexpr Index products_of_thread = Index{1} << 20;  // some tens of microseconds, and as much to wake a thread

constexpr Index quotient_up(Index a, Index b) {
    return (a + b - 1) / b;
}

template <class T>
using Vector = typename detail::Tile<T, 1, 1>::Vector;

template <class T>
inline void move(const T* from, T* to) {
    const auto value = detail::in_register<Vector<T>>(from);
    std::memcpy(to, &value, sizeof value);
}

template <class T>
struct Job {
    const GatherSum& sum;
    Batch<const T> W, source;
    T beta;
    Batch<T> target;
    const Mask<T>& mask;
    Index width = wide, strips = 0;  // outputs of a strip of weights
    Index bundle = 1;                // groups whose boxes are copied together
    T* weights = nullptr;

    [[nodiscard]] bool direct() const { return sum.outputs <= most_direct; }
    [[nodiscard]] bool boxed() const { return direct() || !sum.pointwise; }
    [[nodiscard]] bool bundled() const { return boxed() && sum.blocks == 1; }
    [[nodiscard]] Index taps() const { return std::ssize(sum.taps); }
    [[nodiscard]] Index channels(Index block) const { return std::min(sum.block, sum.channels - block * sum.block); }
    // weights of a block of channels: strip by strip, [depth][width]
    [[nodiscard]] T* block_weights(Index group, Index block) const {
        return weights + (group * sum.depth() + block * sum.block * taps()) * strips * width;
    }
    [[nodiscard]] const T* channel(Index plane, Index group, Index block) const {
        return source.data + plane / sum.images * source.ld +
               ((plane % sum.images * sum.groups + group) * sum.channels + block * sum.block) * sum.source_size;
    }
    [[nodiscard]] T* output(Index plane, Index group) const {
        return target.data + plane / sum.images * target.ld +
               (plane % sum.images * sum.groups + group) * sum.outputs * sum.target_size;
    }
};

// Memory of a thread.
template <class T>
struct Work {
    T *boxes, *panel, *sums, *parts;
};

// Of a block of channels some strips, strips_of_item at most.
template <class T, int Width>
void pack_strips(const Job<T>& job, Index group, Index block, Index begin, Index end) {
    const GatherSum& sum = job.sum;
    const Index channels = job.channels(block), depth = channels * job.taps();
    const T* const from = job.W.data + group * sum.weight_group + block * sum.block * sum.weight_channel;
    T* const to = job.block_weights(group, block);
    const auto one = [&](Index strip, Index c) {
        const T* w = from + c * sum.weight_channel + strip * Width * sum.weight_output;
        T* at = to + (strip * depth + c * job.taps()) * Width;
        const Index outputs = sum.outputs - strip * Width;
        for (const Index tap : sum.taps) {
            if (outputs >= Width)
                for (Index m = 0; m < Width; ++m)
                    at[m] = w[tap + m * sum.weight_output];
            else
                for (Index m = 0; m < Width; ++m)
                    at[m] = m < outputs ? w[tap + m * sum.weight_output] : T{0};
            at += Width;
        }
    };
    if (sum.weight_channel > sum.weight_output) {  // along the columns of W, either way
        for (Index c = 0; c < channels; ++c)
            for (Index strip = begin; strip < end; ++strip)
                one(strip, c);
    } else {
        for (Index strip = begin; strip < end; ++strip)
            for (Index c = 0; c < channels; ++c)
                one(strip, c);
    }
}

template <class T>
void pack(const Job<T>& job, Index item) {
    const Index parts = quotient_up(job.strips, strips_of_item), begin = item % parts * strips_of_item,
                end = std::min(begin + strips_of_item, job.strips), block = item / parts % job.sum.blocks,
                group = item / parts / job.sum.blocks;
    if (job.width == wide)
        pack_strips<T, wide>(job, group, block, begin, end);
    else if (job.width == 4)
        pack_strips<T, 4>(job, group, block, begin, end);
    else if (job.width == 3)
        pack_strips<T, 3>(job, group, block, begin, end);
    else if (job.width == 2)
        pack_strips<T, 2>(job, group, block, begin, end);
    else
        pack_strips<T, 1>(job, group, block, begin, end);
}

// target = m .* target for a run, where it is still in the cache; of one sum, whose positions are those of the target
template <class T>
void mask_run(const Job<T>& job, Index group, Index plane, Index position, Index count) {
    if (job.mask.bits == nullptr)
        return;
    T* const probe = job.target.data + plane / job.sum.images * job.target.ld;
    Index first = job.output(plane, group) - probe + position;
    for (Index m = 0; m < job.sum.outputs; ++m, first += job.sum.target_size)
        for_stretches(job.mask.off, first, first + count, [&](Index begin, Index stop, T off) {
            for_factors(job.mask.bits, begin, stop, off, [probe](Index i, Index some, const T* factors) {
#pragma omp simd
                for (Index e = 0; e < some; ++e)
                    probe[i + e] *= factors[e];
            });
        });
}

// target (+)= sums[m][lane] for the lanes of a run.
template <class T>
void deliver(const Job<T>& job, Index group, const T* sums, Index plane, Index position, Index count) {
    const auto& [a, b, c] = job.sum.axes;
    const Index spacing = c.spacing;
    const auto put = [&](const T* from, T* to, Index n) {
        if (job.beta == 0 && spacing == 1)
            std::copy_n(from, n, to);
        else if (job.beta == 0)
            for (Index e = 0; e < n; ++e)
                to[e * spacing] = from[e];
        else if (spacing == 1)
            for (Index e = 0; e < n; ++e)
                to[e] += from[e];
        else
            for (Index e = 0; e < n; ++e)
                to[e * spacing] += from[e];
    };
    const Index row = job.sum.contiguous ? job.sum.positions() : c.count;
    for (Index done = 0; done < count;) {
        const Index at = position + done, run = std::min(count - done, row - at % row);
        const Index i = a.first + at / c.count / b.count * a.spacing, j = b.first + at / c.count % b.count * b.spacing,
                    k = c.first + at % c.count * c.spacing;
        T* output = job.output(plane, group) + (i * b.target + j) * c.target + k;
        for (Index m = 0; m < job.sum.outputs; ++m, output += job.sum.target_size)
            put(sums + done + m * sums_ld<T>, output, run);
        done += run;
    }
    mask_run(job, group, plane, position, count);
}

// One panel, its rows `apart`, times all strips: sums[m][lane] = or +=. Panels are always three vectors wide: compilers may round the same
// sum differently in tiles of another width.
template <class T>
void multiply(Index depth, const T* panel, Index apart, Index outputs, const T* weights, bool fresh, T* sums,
              Index ld) {
    for (Index m = 0; m < outputs; m += wide, weights += depth * wide, sums += wide * ld) {
        const auto strip = [&]<int C>(std::integral_constant<int, C>) {
            detail::Tile<T, 3, C> tile;
            tile.template multiply<false>(depth, panel, apart, weights, wide, 1, {});
            if (fresh)
                tile.store(sums, ld, panel_lanes<T>);
            else
                tile.add_to(sums, ld);
        };
        if (outputs - m > 4)
            strip(std::integral_constant<int, wide>{});
        else if (outputs - m > 2)
            strip(std::integral_constant<int, 4>{});
        else if (outputs - m > 1)
            strip(std::integral_constant<int, 2>{});
        else
            strip(std::integral_constant<int, 1>{});
    }
}

template <class T>
void copy_block(const Job<T>& job, const GatherTile& tile, Index group, Index block, T* boxes) {
    if (job.boxed() && !job.bundled())
        tile.copy(
            job.channels(block), [&](Index plane) { return job.channel(plane, group, block); }, boxes);
}

// N moves a row of the panel, or any number.
template <class T, int N>
void fill(const GatherTile& tile, Index channels, std::span<const GatherTile::Move> moves, Index first, const T* boxes,
          T* panel) {
    std::array<Index, std::max(N, 1)> from{}, to{};  // in registers
    for (Index m = 0; m < N; ++m) {
        from[m] = moves[m].from;
        to[m] = moves[m].lane - first;
    }
    for (Index c = 0; c < channels; ++c, boxes += tile.channel())
        for (const Index tap : tile.taps()) {
            if constexpr (N > 0) {
#pragma GCC unroll 8
                for (Index m = 0; m < N; ++m)
                    move(boxes + tap + from[m], panel + to[m]);
            } else {
                for (const GatherTile::Move& m : moves)
                    move(boxes + tap + m.from, panel + m.lane - first);
            }
            panel += panel_lanes<T>;
        }
}

// The panel of a block of channels, [depth][lanes]. Where a position reads its own place only there are no boxes.
template <class T>
void fill_panel(const Job<T>& job, const GatherTile& tile, Index group, Index block, Index p, const T* boxes,
                T* panel) {
    constexpr Index lanes = panel_lanes<T>;
    if (job.sum.pointwise) {
        tile.for_runs(p * lanes, (p + 1) * lanes, [&](Index plane, Index position, Index lane, Index count) {
            const T* from = job.channel(plane, group, block) + position;
            T* to = panel + lane - p * lanes;
            for (Index c = 0; c < job.channels(block); ++c, from += job.sum.source_size, to += lanes)
                if (count == lanes)
                    for (Index v = 0; v < lanes; v += vector_lanes<T>)
                        move(from + v, to + v);
                else
                    std::copy_n(from, count, to);
        });
        return;
    }
    const std::span<const GatherTile::Move> moves = tile.moves(p);
    switch (moves.size()) {
        case 3:
            return fill<T, 3>(tile, job.channels(block), moves, p * lanes, boxes, panel);
        case 4:
            return fill<T, 4>(tile, job.channels(block), moves, p * lanes, boxes, panel);
        case 5:
            return fill<T, 5>(tile, job.channels(block), moves, p * lanes, boxes, panel);
        case 6:
            return fill<T, 6>(tile, job.channels(block), moves, p * lanes, boxes, panel);
        default:
            return fill<T, 0>(tile, job.channels(block), moves, p * lanes, boxes, panel);
    }
}

template <class T>
void sum_by_panels(const Job<T>& job, const GatherTile& tile, const Work<T>& work, Index group, T* boxes) {
    constexpr Index lanes = panel_lanes<T>;
    const GatherSum& sum = job.sum;
    const bool in_place = sum.contiguous && sum.outputs % wide == 0 && (job.beta == 0 || sum.blocks == 1);
    // few strips meet a panel: to copy it costs more than to read it where it is
    const bool as_it_is = sum.pointwise && sum.outputs <= 12 * wide;
    for (Index block = 0; block < sum.blocks; ++block) {
        const Index depth = job.channels(block) * job.taps();
        copy_block(job, tile, group, block, boxes);
        for (Index p = 0; p < tile.panels(); ++p) {
            T* to = work.sums + p * lanes;
            Index ld = sums_ld<T>;
            bool fresh = block == 0;
            const T* panel = work.panel;
            Index apart = lanes;
            tile.for_runs(p * lanes, (p + 1) * lanes, [&](Index plane, Index position, Index, Index count) {
                if (as_it_is && count == lanes) {
                    panel = job.channel(plane, group, block) + position;
                    apart = sum.source_size;
                }
                if (!in_place || count < lanes)
                    return;
                to = job.output(plane, group) + position;
                ld = sum.target_size;
                fresh = fresh && job.beta == 0;
            });
            if (panel == work.panel)
                fill_panel(job, tile, group, block, p, boxes, work.panel);
            multiply(depth, panel, apart, sum.outputs, job.block_weights(group, block), fresh, to, ld);
            if (block + 1 < sum.blocks)
                continue;
            tile.for_runs(p * lanes, (p + 1) * lanes, [&](Index plane, Index position, Index lane, Index count) {
                if (to == work.sums + p * lanes)
                    deliver(job, group, work.sums + lane, plane, position, count);
                else
                    mask_run(job, group, plane, position, count);
            });
        }
    }
}

// V vectors of positions, wherever they lie, times C outputs: parts[C][V] = or +=. A function of its own, because it
// needs all registers.
template <class T, int V, int C>
[[gnu::noinline]] void multiply_moves(Index channels, Index channel, std::span<const Index> taps,
                                      const std::array<const T*, V>& from, const T* w, bool fresh, T* parts) {
    Vector<T> s[C][V];
    const T* at[V];
    std::copy(from.begin(), from.end(), at);
    const auto for_parts = [&](const auto& body) {  // one by one, so that nothing but registers holds the sums
#pragma GCC unroll 4
        for (int m = 0; m < C; ++m)
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v)
                body(s[m][v], parts + (m * V + v) * vector_lanes<T>);
    };
    for_parts([&](Vector<T>& sum, const T* part) { sum = fresh ? Vector<T>{} : detail::in_register<Vector<T>>(part); });
    for (Index c = 0; c < channels; ++c)
        for (const Index tap : taps) {
            const Index place = c * channel + tap;
            T weight[C];
#pragma GCC unroll 4
            for (int m = 0; m < C; ++m)
                weight[m] = w[m];
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) {
                const auto a = detail::in_register<Vector<T>>(at[v] + place);
#pragma GCC unroll 4
                for (int m = 0; m < C; ++m)
                    s[m][v] += a * weight[m];
            }
            w += C;
        }
    for_parts([](const Vector<T>& sum, T* part) { std::memcpy(part, &sum, sizeof sum); });
}

template <class T, int V, int C>
void sum_directly(const Job<T>& job, const GatherTile& tile, const Work<T>& work, Index group, T* boxes) {
    const GatherSum& sum = job.sum;
    const std::span<const GatherTile::Move> moves = tile.moves();
    for (Index block = 0; block < sum.blocks; ++block) {
        copy_block(job, tile, group, block, boxes);
        for (Index n = 0; n < std::ssize(moves); n += V) {
            std::array<const T*, V> from;
            for (Index v = 0; v < V; ++v)
                from[v] = boxes + moves[std::min(n + v, std::ssize(moves) - 1)].from;
            T* const parts = work.parts + (sum.blocks > 1 ? n * C * vector_lanes<T> : 0);
            multiply_moves<T, V, C>(job.channels(block), tile.channel(), tile.taps(), from,
                                    job.block_weights(group, block), block == 0, parts);
            if (block + 1 < sum.blocks)
                continue;
            for (Index v = 0; v < std::min<Index>(V, std::ssize(moves) - n); ++v)
                for (Index m = 0; m < C; ++m)
                    move(parts + (m * V + v) * vector_lanes<T>, work.sums + m * sums_ld<T> + moves[n + v].lane);
        }
    }
    tile.for_runs(0, tile.lanes(), [&](Index plane, Index position, Index lane, Index count) {
        deliver(job, group, work.sums + lane, plane, position, count);
    });
}

template <class T>
void sum_group(const Job<T>& job, const GatherTile& tile, const Work<T>& work, Index group, T* boxes) {
    if (!job.direct())
        sum_by_panels(job, tile, work, group, boxes);
    else if (job.width == 1)
        sum_directly<T, 8, 1>(job, tile, work, group, boxes);
    else if (job.width == 2)
        sum_directly<T, 4, 2>(job, tile, work, group, boxes);
    else if (job.width == 3)
        sum_directly<T, 3, 3>(job, tile, work, group, boxes);
    else
        sum_directly<T, 2, 4>(job, tile, work, group, boxes);
}

template <class T>
void sum_tile(const Job<T>& job, const GatherTile& tile, const Work<T>& work, Index begin, Index end) {
    if (job.boxed())
        tile.clear(job.bundle * job.sum.block, work.boxes);
    for (Index first = begin; first < end; first += job.bundle) {
        const Index count = std::min(job.bundle, end - first);
        if (job.bundled())
            tile.copy(
                count * job.sum.channels, [&](Index plane) { return job.channel(plane, first, 0); }, work.boxes);
        for (Index g = 0; g < count; ++g)
            sum_group(job, tile, work, first + g, work.boxes + g * job.sum.channels * tile.channel());
    }
}

// Numbers for a thread, each array on a line of its own; `shared` more for the first.
template <class T>
std::vector<Work<T>> divide(const Job<T>& job, const GatherTile& tile, Index shared, int threads, Scratch<T>& scratch,
                            T*& shared_at) {
    constexpr Index word = line / static_cast<Index>(sizeof(T)), slack = panel_lanes<T>;
    const auto round = [](Index n) { return quotient_up(n, word) * word; };
    const Index boxes = round(job.bundle * job.sum.block * tile.most_of_channel() + slack),
                panel = round(job.sum.block * job.taps() * panel_lanes<T> + slack),
                sums = round(quotient_up(std::max(job.sum.outputs, most_direct), wide) * wide * sums_ld<T>),
                parts = round((tile_lanes<T> + 8) * most_direct * vector_lanes<T>);
    std::vector<Work<T>> work;
    for (int t = 0; t < threads; ++t) {
        void* at = scratch.of(t, boxes + panel + sums + parts + word + (t == 0 ? shared : 0));
        std::size_t space = 2 * line;
        T* const first = static_cast<T*>(std::align(line, line, at, space));
        work.push_back({first, first + boxes, first + boxes + panel, first + boxes + panel + sums});
        if (t == 0)
            shared_at = work[0].parts + parts;
    }
    return work;
}

template <class T>
void gather(const GatherSum& sum, Batch<const T> W, Batch<const T> source, T beta, Batch<T> target, const Mask<T>& mask,
            Scratch<T>& scratch, int threads) {
    const Index total = target.cols * sum.images * sum.positions();
    if (total == 0 || sum.outputs == 0)
        return;
    threads = static_cast<int>(
        std::min<Index>(threads, 1 + sum.groups * sum.depth() * sum.outputs * total / products_of_thread));
    Job<T> job{sum, W, source, beta, target, mask};
    if (job.direct())
        job.width = sum.outputs;
    job.strips = quotient_up(sum.outputs, job.width);
    if (job.bundled())
        job.bundle = std::clamp<Index>(channels_of_bundle / std::max<Index>(sum.channels, 1), 1, sum.groups);

    const Index panels = quotient_up(total, panel_lanes<T>), wanted = threads > 1 ? 4 * threads : 1;
    const Index lanes = quotient_up(panels, std::max(quotient_up(panels, panels_of_tile), std::min(panels, wanted))) *
                        panel_lanes<T>,
                tiles = quotient_up(total, lanes),
                shares = std::min(sum.groups, quotient_up(wanted, tiles));  // of the groups
    std::vector<GatherTile> places;
    for (int t = 0; t < threads; ++t)
        places.emplace_back(sum, tile_lanes<T>, panel_lanes<T>, vector_lanes<T>);
    const std::vector<Work<T>> work =
        divide(job, places[0], sum.groups * sum.depth() * job.strips * job.width, threads, scratch, job.weights);
#pragma omp parallel num_threads(threads)
    {
        GatherTile& tile = places[static_cast<std::size_t>(omp_get_thread_num())];
        const Work<T>& mine = work[static_cast<std::size_t>(omp_get_thread_num())];
#pragma omp for schedule(static)
        for (Index item = 0; item < sum.groups * sum.blocks * quotient_up(job.strips, strips_of_item); ++item)
            pack(job, item);
#pragma omp for schedule(dynamic) nowait
        for (Index item = 0; item < tiles * shares; ++item) {
            const Index first = item / shares * lanes, share = item % shares;
            tile.place(first, std::min(lanes, total - first));
            sum_tile(job, tile, mine, share * sum.groups / shares, (share + 1) * sum.groups / shares);
        }
    }
}

}  // namespace

template <class T>
void convolve(const Convolution& shape, Batch<const T> W, Batch<const T> x, T beta, Batch<T> y, const Mask<T>& mask,
              Scratch<T>& scratch, int threads) {
    gather(forward_sum(shape, W.ld), W, x, beta, y, mask, scratch, threads);
}

template <class T>
void convolve_adjoint(const Convolution& shape, Batch<const T> W, Batch<const T> y, T beta, Batch<T> x,
                      const Mask<T>& mask, Scratch<T>& scratch, int threads) {
    const std::vector<GatherSum> sums = adjoint_sums(shape, W.ld);
    if (sums.size() > 1 && mask.bits != nullptr) {  // no row of the target is done before all are
        convolve_adjoint(shape, W, y, beta, x, {}, scratch, threads);
        return masked_product<T>(mask.bits, mask.off, x, 0, x, threads);
    }
    const auto empty = [](const GatherSum& sum) { return sum.depth() == 0; };
    if (beta == 0 && std::any_of(sums.begin(), sums.end(), empty)) {  // places that no tap of a strided kernel meets
#pragma omp parallel for schedule(static) num_threads(threads)
        for (Index k = 0; k < x.cols; ++k)
            std::fill_n(x.data + k * x.ld, x.rows, T{0});
    }
    for (const GatherSum& sum : sums)
        if (!empty(sum))
            gather(sum, W, y, beta, x, mask, scratch, threads);
}

template void convolve(const Convolution&, Batch<const float>, Batch<const float>, float, Batch<float>,
                       const Mask<float>&, Scratch<float>&, int);
template void convolve(const Convolution&, Batch<const double>, Batch<const double>, double, Batch<double>,
                       const Mask<double>&, Scratch<double>&, int);
template void convolve_adjoint(const Convolution&, Batch<const float>, Batch<const float>, float, Batch<float>,
                               const Mask<float>&, Scratch<float>&, int);
template void convolve_adjoint(const Convolution&, Batch<const double>, Batch<const double>, double, Batch<double>,
                               const Mask<double>&, Scratch<double>&, int);

}  // namespace descrambler::cpu
