// --all: every row or column of F, streamed into one file by any number of ranks.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <numeric>

#include "cli/interpret_tour.hpp"
#include "cli/operator_file.hpp"
#include "descrambler/error.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

constexpr Index most_part_bytes = Index{64} << 20;  // of the items of a part before they are packed
constexpr Index most_part_items = 512;

// A value of any shape as three axes: planes, rows and columns of images with channels first.
Extents extents_of(const Shape& shape) {
    Extents extents{1, 1, 1};
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
        extents[axis + 3 > shape.size() ? axis + 3 - shape.size() : 0] *= shape[axis];
    return extents;
}

template <class T>
std::vector<Packed> packed(const Matrix<T>& items, const Extents& extents, int threads) {
    std::vector<Packed> result(static_cast<std::size_t>(items.cols()));
    std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (Index k = 0; k < items.cols(); ++k)
        try {
            result[static_cast<std::size_t>(k)] = pack<T>(items.column(k), extents);
        } catch (...) {
#pragma omp critical
            failure = std::current_exception();
        }
    if (failure)
        std::rethrow_exception(failure);
    return result;
}

struct AllRequest {
    bool rows = false;
    Extents extents{};
    Index items = 0;
    int threads = 1;
};

// The missing parts, dealt out in rounds of one a rank; a failure or a stop of one rank ends all after a round.
template <class T>
void compute_parts(const OperatorParts& parts, const std::vector<Index>& missing, const TourOperator<T>& F,
                   const AllRequest& all, Communicator& ranks, const Progress& progress) {
    const auto size = static_cast<std::size_t>(ranks.size()), rank = static_cast<std::size_t>(ranks.rank());
    const Index before = parts.parts() - std::ssize(missing);
    for (std::size_t first = 0; first < missing.size(); first += size) {
        progress(all.rows ? "rows" : "columns", static_cast<double>(before) + static_cast<double>(first),
                 static_cast<double>(parts.parts()));
        together(ranks, [&] {
            if (first + rank >= missing.size())
                return;
            const Index part = missing[first + rank];
            std::vector<Index> which(static_cast<std::size_t>(parts.count_of(part)));
            std::iota(which.begin(), which.end(), parts.first_of(part));
            parts.write(part, packed<T>(all.rows ? F.rows(which) : F.columns(which), all.extents, all.threads));
        });
        const bool stop = progress.stop && progress.stop() && first + size < missing.size();
        std::exception_ptr stopped;
        if (stop)
            stopped = std::make_exception_ptr(Stopped("stopped after a checkpoint"));
        agree(ranks, stopped);
    }
}

template <class T>
void describe(const Hdf5Group& root, const InterpretOptions& o, const InterpretInput& input, const TourOperator<T>& F) {
    root.write("input", o.origin == "raw" ? input.raw : frozen_input(input), {"1", "input x0, C order", "n"});
    root.write("output", F.frozen().output(), {"1", "output y at x0", "N"});
    root.write("residual", F.residual(), {"1", "residual r: y = F x0 + r", "N"});
    root.attribute("", "kind", o.all);
    root.attribute("", "precision", o.common.precision);
    root.attribute("", "freeze", o.freeze);
    root.attribute("", "norm", o.norm);
    root.attribute("", "origin", o.origin);
    root.attribute("", "net", o.net);
    root.attribute("", "input_shape", to_string(input.shape()));
    root.attribute("", "output_shape", to_string(input.graph.output_shape));
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
}

// Whether the parts, of all ranks, are there at once: their list as rank 0 has read it.
std::vector<Index> open_parts(const OperatorParts& parts, const InterpretOptions& o, Communicator& ranks,
                              const Progress& progress) {
    std::vector<double> missing;
    together(ranks, [&] {
        if (ranks.rank() == 0)
            for (const Index part : parts.open(progress, o.common.force))
                missing.push_back(static_cast<double>(part));
    });
    broadcast(ranks, 0, missing);
    return {missing.begin(), missing.end()};
}

void tell(const InterpretOptions& o, const AllRequest& all, Index bytes, std::size_t made, double seconds, int ranks) {
    if (o.common.json)
        std::printf("%s\n", Json{{"net", o.net},
                                 {"all", o.all},
                                 {"items", all.items},
                                 {"extents", all.extents},
                                 {"bytes", bytes},
                                 {"parts_made", made},
                                 {"seconds", seconds},
                                 {"ranks", ranks},
                                 {"out", o.out}}
                                .dump(2, ' ', false, Json::error_handler_t::replace)
                                .c_str());
    else if (!o.common.quiet)
        std::printf("%s: %td %s of F, %.1f MB, %.1f s on %d rank%s\n", o.out.c_str(), all.items, o.all.c_str(),
                    static_cast<double>(bytes) / 1e6, seconds, ranks, ranks == 1 ? "" : "s");
}

}  // namespace

template <class T>
void stream_all(const InterpretOptions& o, const InterpretInput& input, const TourOperator<T>& F,
                const std::string& request, int threads) {
    const auto start = std::chrono::steady_clock::now();
    Communicator& ranks = *o.common.process.ranks;
    const Progress progress = stoppable_progress(o.common);
    AllRequest all;
    all.rows = o.all == "rows";
    all.extents = extents_of(all.rows ? input.shape() : input.graph.output_shape);
    all.items = all.rows ? input.graph.outputs() : input.graph.inputs();
    all.threads = threads;
    const Index item_bytes = all.extents[0] * all.extents[1] * all.extents[2] * static_cast<Index>(sizeof(T));
    const OperatorParts parts(o.out, request, all.items,
                              std::clamp<Index>(most_part_bytes / item_bytes, 1, most_part_items), all.extents);
    const std::vector<Index> missing = open_parts(parts, o, ranks, progress);
    compute_parts(parts, missing, F, all, ranks, progress);
    Index bytes = 0;
    together(ranks, [&] {
        if (ranks.rank() != 0)
            return;
        progress("joining", 0, 1);
        bytes = parts.join([&](const Hdf5Group& root) { describe(root, o, input, F); });
        parts.remove();
    });
    end_progress();
    if (o.common.leads())
        tell(o, all, bytes, missing.size(),
             std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), ranks.size());
}

template void stream_all(const InterpretOptions&, const InterpretInput&, const TourOperator<float>&, const std::string&,
                         int);
template void stream_all(const InterpretOptions&, const InterpretInput&, const TourOperator<double>&,
                         const std::string&, int);

}  // namespace descrambler::cli
