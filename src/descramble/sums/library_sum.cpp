#include "descramble/sums/library_sum.hpp"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "descramble/sums/sum_checkpoint.hpp"
#include "descrambler/files.hpp"
#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

using Clock = std::chrono::steady_clock;
using Range = std::pair<Index, Index>;  // first, one beyond the last

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// The leaves of a rank among those that nobody has yet: equal shares in ascending order.
std::vector<Range> share_of(const Communicator& ranks, Index leaves, const std::vector<Range>& done) {
    std::vector<Range> open;
    Index next = 0, count = 0;
    const auto add = [&](Index first, Index last) {
        if (first < last)
            open.emplace_back(first, last);
        count += std::max<Index>(0, last - first);
    };
    for (const auto& [first, last] : done) {
        add(next, first);
        next = last;
    }
    add(next, leaves);
    const Index begin = count * ranks.rank() / ranks.size(), end = count * (ranks.rank() + 1) / ranks.size();
    std::vector<Range> mine;
    Index at = 0;  // leaves before this range
    for (const auto& [first, last] : open) {
        const Index from = std::clamp(begin - at, Index{0}, last - first),
                    to = std::clamp(end - at, Index{0}, last - first);
        if (from < to)
            mine.emplace_back(first + from, first + to);
        at += last - first;
    }
    return mine;
}

// The part of a rank in a pass: it sums its leaves in waves, writes its checkpoints and from time to time exchanges
// with the others how far they are.
class Pass {
public:
    Pass(const Library& library, const LeafSums& sums, Communicator& ranks, const Streaming& streaming)
        : library_(library),
          sums_(sums),
          ranks_(ranks),
          streaming_(streaming),
          fingerprint_(streaming.fingerprint + "samples = " + std::to_string(library.samples) +
                       "\nleaf = " + std::to_string(sums.samples) + "\n"),
          leaves_((library.samples + sums.samples - 1) / sums.samples),
          tree_(sums.merge) {}

    std::vector<double> run() {
        resume();
        work();
        together(ranks_, [&] {  // a failure is thrown before the stop that it caused on the other ranks
            if (!failure_)
                checkpoint();
            if (failure_)
                std::rethrow_exception(failure_);
        });
        together(ranks_, [&] {
            if (stopped_)
                throw Stopped("stopped after a checkpoint");
        });
        collect();
        std::vector<double> total;
        if (ranks_.rank() == 0)
            total = tree_.total(leaves_);
        broadcast(ranks_, 0, total);
        return total;
    }

private:
    void resume() {
        StoredSum stored;
        if (!streaming_.checkpoints.empty()) {
            together(ranks_, [&] {
                if (ranks_.rank() == 0)
                    make_folder(streaming_.checkpoints);
            });
            stored = read_sum_checkpoints(ranks_, streaming_.checkpoints, fingerprint_, sums_.size, tree_,
                                          streaming_.progress);
            for (const auto& [first, node] : tree_.nodes())
                done_ += node.last() - node.first();
            kept_ = done_;
            foreign_ = std::move(stored.foreign);
        }
        mine_ = share_of(ranks_, leaves_, stored.done);
    }

    void work() {
        const bool lockstep = library_.reading == Reading::together && ranks_.size() > 1;
        Clock::time_point asked{};
        std::unique_ptr<Communicator::PendingSum> pending;
        Pause pause;
        for (;;) {
            const bool busy = !mine_.empty() && !failure_;
            const Clock::time_point start = Clock::now();
            if (busy || lockstep)
                wave();
            else
                pause();
            if (busy && !streaming_.checkpoints.empty() &&  // before another wave
                seconds_since(written_) + seconds_since(start) >= streaming_.checkpoint_seconds)
                checkpoint();
            const bool stop = failure_ || (streaming_.progress.stop && streaming_.progress.stop());
            if (!pending && (lockstep || mine_.empty() || stop || seconds_since(asked) > 0.2)) {
                asked = Clock::now();
                const bool more = !mine_.empty();
                pending = ranks_.start_sum({static_cast<double>(done_), more ? 1.0 : 0.0, stop ? 1.0 : 0.0});
            }
            for (Pause wait; lockstep && !pending->ready(); wait()) {
            }
            if (!pending || !pending->ready())
                continue;
            const std::vector<double> all = pending->values();  // the same on all ranks: all leave together
            pending.reset();
            if (ranks_.rank() == 0)
                streaming_.progress(
                    "summing",
                    std::min(all[0] * static_cast<double>(sums_.samples), static_cast<double>(library_.samples)),
                    static_cast<double>(library_.samples));
            stopped_ = all[2] > 0;
            if (stopped_ || all[1] == 0)
                return;
        }
    }

    // Sums leaves of one range, or none.
    void wave() {
        const Range next = mine_.empty() ? Range{0, 0} : mine_.front();
        const Index count = failure_ ? 0 : std::min(sums_.wave, next.second - next.first);
        try {
            std::vector<std::vector<double>> parts = sums_.leaves(next.first, count);
            for (Index i = 0; i < count; ++i)
                tree_.add({0, next.first + i, std::move(parts[static_cast<std::size_t>(i)])});
        } catch (const std::bad_alloc&) {
            if (library_.reading == Reading::together)
                throw;  // this rank may have missed a collective read: the ranks cannot agree any more
            failure_ = std::current_exception();
            return;
        } catch (...) {
            failure_ = std::current_exception();
            return;
        }
        done_ += count;
        if (count > 0 && (mine_.front().first += count) == mine_.front().second)
            mine_.erase(mine_.begin());
    }

    // Also at the end of a pass: later passes may start from its sums.
    void checkpoint() try {
        if (!streaming_.checkpoints.empty() && (done_ > kept_ || !foreign_.empty())) {
            write_sum_checkpoint(streaming_.checkpoints, ranks_.rank(), fingerprint_, tree_);
            for (const std::filesystem::path& file : std::exchange(foreign_, {})) {
                std::error_code ignored;
                std::filesystem::remove(file, ignored);
            }
            kept_ = done_;
        }
        written_ = Clock::now();
    } catch (...) {
        if (!failure_)
            failure_ = std::current_exception();
    }

    // The nodes of all ranks come together at rank 0, two ranks at a time.
    void collect() {
        const int rank = ranks_.rank(), size = ranks_.size();
        for (int step = 1; step < size; step *= 2) {
            if (rank % (2 * step) == step) {
                const std::map<Index, TreeSum::Node> nodes = tree_.take();
                const Index count = std::ssize(nodes);
                ranks_.send(rank - step, std::as_bytes(std::span(&count, 1)));
                for (const auto& [first, node] : nodes) {
                    std::vector<double> message{static_cast<double>(node.level), static_cast<double>(node.index)};
                    message.insert(message.end(), node.value.begin(), node.value.end());
                    ranks_.send(rank - step, std::as_bytes(std::span(message)));
                }
                return;
            }
            if (rank % (2 * step) != 0 || rank + step >= size)
                continue;
            Index count = 0;
            std::memcpy(&count, ranks_.receive(rank + step).data(), sizeof count);
            for (; count > 0; --count) {
                const Communicator::Bytes bytes = ranks_.receive(rank + step);
                double head[2];
                std::memcpy(head, bytes.data(), sizeof head);
                std::vector<double> value(static_cast<std::size_t>(sums_.size));
                std::memcpy(value.data(), bytes.data() + sizeof head, bytes.size() - sizeof head);
                tree_.add({static_cast<int>(head[0]), static_cast<Index>(head[1]), std::move(value)});
            }
        }
    }

    const Library& library_;
    const LeafSums& sums_;
    Communicator& ranks_;
    const Streaming& streaming_;
    std::string fingerprint_;
    Index leaves_;
    TreeSum tree_;
    std::vector<Range> mine_;
    std::vector<std::filesystem::path> foreign_;
    Index done_ = 0, kept_ = 0;  // leaves summed; of these, on disk
    bool stopped_ = false;
    std::exception_ptr failure_;
    Clock::time_point written_ = Clock::now();
};

}  // namespace

std::vector<double> sum_library(const Library& library, const LeafSums& sums, Communicator& ranks,
                                const Streaming& streaming) {
    return Pass(library, sums, ranks, streaming).run();
}

void add_to(std::span<double> left, std::span<const double> right) {
    for (std::size_t i = 0; i < left.size(); ++i)
        left[i] += right[i];
}

Batch<double> HostThread::memory(Index number, Index rows, Index cols) {
    Buffer<double>& held = memory_[number];
    if (held.size() < rows * cols)
        held = on_->allocate(rows * cols);
    return {held.data(), rows, cols};
}

std::vector<double> sum_on_host(const Library& library, const HostSums& sums, const Execution& execution,
                                const Streaming& streaming) {
    const int threads = threads_of(execution);
    const Index d = library.features, items = sums.items;
    LeafSums leaves;
    leaves.size = items * sums.size;
    // fused: each block is taken when it is needed. That is so where the inputs lie in memory, of which blocks are
    // windows, and for one item where any thread may read, each its own leaf block by block. Otherwise the inputs of a
    // whole wave are read first.
    const bool fused = library.resident != nullptr || (items == 1 && library.reading == Reading::at_once);
    std::vector<HostThread> team(static_cast<std::size_t>(threads));
    leaves.wave = fused && items == 1 ? 2 * threads : std::clamp<Index>((threads + items - 1) / items, 1, 16);
    const auto part = [&](std::vector<double>& leaf, Index item) {
        return std::span(leaf).subspan(static_cast<std::size_t>(item * sums.size), static_cast<std::size_t>(sums.size));
    };
    const auto samples_of = [&](Index first, Index count) {  // of these leaves
        return std::clamp<Index>(library.samples - first * host_leaf, 0, count * host_leaf);
    };
    const auto blocks_of = [](Index samples) { return (samples + library_block - 1) / library_block; };
    leaves.leaves = [&](Index first, Index count) {
        std::vector<std::vector<double>> parts(static_cast<std::size_t>(count));
        Matrix<double> inputs;
        if (!fused) {
            inputs = Matrix<double>(d, count > 0 ? samples_of(first, count) : 0);
            if (library.reading == Reading::at_once)
                parallel_items(blocks_of(inputs.cols()), threads, [&](Index k, Backend<double>&) {
                    const Index at = k * library_block, width = std::min(library_block, inputs.cols() - at);
                    library.read(first * host_leaf + at, inputs.view().columns(at, width));
                });
            else
                library.read(first * host_leaf, inputs.view());
        }
        for (std::vector<double>& leaf : parts)
            leaf.resize(static_cast<std::size_t>(leaves.size));
        parallel_items(items * count, threads, [&](Index i, Backend<double>&) {
            HostThread& thread = team[static_cast<std::size_t>(omp_get_thread_num())];
            const Index leaf = i % count, begin = (first + leaf) * host_leaf, samples = samples_of(first + leaf, 1);
            const HostSums::Block block = [&](Index k) -> Batch<const double> {
                const Index at = k * library_block, width = std::min(library_block, samples - at);
                if (library.resident != nullptr)
                    return {library.resident + (begin + at) * d, d, width};
                if (!fused)
                    return Batch<const double>(inputs.view()).columns(leaf * host_leaf + at, width);
                const Batch<double> X = thread.memory(HostThread::input, d, width);
                library.read(begin + at, X);
                return X;
            };
            sums.leaf(thread, i / count, blocks_of(samples), block,
                      part(parts[static_cast<std::size_t>(leaf)], i / count));
        });
        return parts;
    };
    leaves.merge = [&](std::vector<double>& left, const std::vector<double>& right) {
        parallel_items(items, threads, [&](Index item, Backend<double>& on) {
            const auto from = std::span(right).subspan(static_cast<std::size_t>(item * sums.size),
                                                       static_cast<std::size_t>(sums.size));
            sums.merge(on, part(left, item), from);
        });
    };
    return sum_library(library, leaves, *execution.ranks, streaming);
}

}  // namespace descrambler
