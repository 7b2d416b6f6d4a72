#include "tasks/relaxometry.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "descrambler/random.hpp"

namespace descrambler {

namespace {

constexpr std::array<std::pair<Track, std::string_view>, 2> tracks{
    {{Track::nd_nd, "nd_nd"}, {Track::nd_reg, "nd_reg"}}};
constexpr std::size_t conditions_limit = 16;

}  // namespace

std::string_view to_string(Track track) {
    return track == Track::nd_nd ? tracks[0].second : tracks[1].second;
}

Track track_from(std::string_view name) {
    for (const auto& [track, known] : tracks)
        if (known == name)
            return track;
    throw InputError("track '" + std::string(name) + "': expected nd_nd or nd_reg");
}

Index condition_count(const Relaxometry& data) {
    return std::ssize(data.tracks) * std::ssize(data.snr);
}

RelaxometryCondition condition_of(const Relaxometry& data, Index condition) {
    require(0 <= condition && condition < condition_count(data), "condition_of: no such condition");
    const Index count = std::ssize(data.snr);
    return {data.tracks[static_cast<std::size_t>(condition / count)],
            data.snr[static_cast<std::size_t>(condition % count)]};
}

std::string condition_name(const Relaxometry& data, Index condition) {
    const RelaxometryCondition c = condition_of(data, condition);
    return std::string(to_string(c.track)) + "_snr" + digits(c.snr, 6);
}

std::string condition_words(const Relaxometry& data, Index condition) {
    const RelaxometryCondition c = condition_of(data, condition);
    return std::string(c.track == Track::nd_nd ? "(ND,ND)" : "(ND,Reg)") + ", SNR " + digits(c.snr);
}

Relaxometry with_condition(const Relaxometry& data, Index condition) {
    const RelaxometryCondition c = condition_of(data, condition);
    Relaxometry own = data;
    own.tracks = {c.track};
    own.snr = {c.snr};
    return own;
}

Index input_count(const Relaxometry& data) {
    return 2 * data.points;
}

Index output_count(const Relaxometry&) {
    return 2;
}

Fields fields(Relaxometry& d) {
    return {
        choices_field<Track>({"relaxometry.tracks", "", "what the two halves of an input hold", "track"}, d.tracks,
                             {Track::nd_nd, Track::nd_reg}, track_from, [](Track t) { return to_string(t); }),
        reals_field({"relaxometry.snr", "", "signal at time 0 over the standard deviation of the noise", "snr"}, d.snr),
        whole_field({"relaxometry.points", "", "points of a trace"}, d.points, 8, 4096),
        real_field({"relaxometry.span_ms", "ms", "length of a trace"}, d.span_ms, 1e-6, 1e6),
        real_field({"relaxometry.time_min_ms", "ms", "shortest relaxation time"}, d.time_min_ms, 1e-6, 1e6),
        real_field({"relaxometry.time_max_ms", "ms", "longest relaxation time"}, d.time_max_ms, 1e-6, 1e6),
        real_field({"relaxometry.weight", "", "share of the shorter time in the signal"}, d.weight, 0, 1),
        whole_field({"relaxometry.grid", "", "times of the grid of the fit"}, d.grid, 2, 200),
        real_field({"relaxometry.penalty", "", "penalty of the fit on long times"}, d.penalty, 0, 1e6),
    };
}

void validate(const Relaxometry& data) {
    Relaxometry copy = data;
    check_limits(fields(copy));
    const auto refuse = [](const std::string& field, const std::string& expectation) {
        throw InputError("relaxometry." + field + ": expected " + expectation);
    };
    if (data.tracks.size() > 2 || (data.tracks.size() == 2 && data.tracks[0] == data.tracks[1]))
        refuse("tracks", "one or both of nd_nd and nd_reg, each once");
    if (static_cast<std::size_t>(condition_count(data)) > conditions_limit)
        refuse("snr", "at least one value, and at most " + std::to_string(conditions_limit) +
                          " pairs of a track and a value, found " + std::to_string(condition_count(data)));
    for (std::size_t i = 0; i < data.snr.size(); ++i) {
        if (!(data.snr[i] > 0 && data.snr[i] <= 1e9))
            refuse("snr", "values above 0 and at most 1e9, found " + digits(data.snr[i], 6));
        if (std::find(data.snr.begin(), data.snr.begin() + static_cast<Index>(i), data.snr[i]) !=
            data.snr.begin() + static_cast<Index>(i))
            refuse("snr", "each value once, found " + digits(data.snr[i], 6) + " twice");
    }
    if (!(data.time_min_ms < data.time_max_ms))
        refuse("time_min_ms", "0 < time_min_ms < time_max_ms <= 1e6, found " + digits(data.time_min_ms, 6) + " and " +
                                  digits(data.time_max_ms, 6));
}

template <class T>
RelaxometryTables<T> make_relaxometry_tables(const Relaxometry& data) {
    validate(data);
    RelaxometryTables<T> tables;
    tables.data = data;
    const Index N = data.points, pairs = data.grid * (data.grid + 1) / 2;
    for (Index j = 0; j < N; ++j)
        tables.time_ms.push_back(data.span_ms * static_cast<double>(j) / static_cast<double>(N - 1));
    tables.model = Matrix<T>(pairs, N);
    const auto grid_time = [&](Index i) {
        return data.time_min_ms +
               (data.time_max_ms - data.time_min_ms) * static_cast<double>(i) / static_cast<double>(data.grid - 1);
    };
    Index pair = 0;
    for (Index a = 0; a < data.grid; ++a)
        for (Index b = a; b < data.grid; ++b, ++pair) {
            const double t1 = grid_time(a), t2 = grid_time(b);
            double offset = data.penalty * (t1 * t1 + t2 * t2) / (data.time_max_ms * data.time_max_ms);
            for (Index j = 0; j < N; ++j) {
                const double t = tables.time_ms[static_cast<std::size_t>(j)];
                const double y = data.weight * std::exp(-t / t1) + (1 - data.weight) * std::exp(-t / t2);
                tables.model(pair, j) = static_cast<T>(y);
                offset += y * y;
            }
            tables.offset.push_back(static_cast<T>(offset));
        }
    return tables;
}

namespace {

// Kept with the backend that draws.
template <class T>
struct RelaxometryMemory {
    std::vector<T> noise, score;
};

// The pair of least ||x - y||^2 + penalty = ||x||^2 + offset - 2 x y; the first of equals.
template <class T>
Index best_pair(const RelaxometryTables<T>& tables, const T* x, std::vector<T>& score) {
    const Index pairs = tables.model.rows();
    T* __restrict s = score.data();
    std::copy(tables.offset.begin(), tables.offset.end(), s);
    for (Index j = 0; j < tables.model.cols(); ++j) {
        const T* __restrict y = tables.model.column(j).data();
        const T twice = 2 * x[j];
#pragma omp simd
        for (Index p = 0; p < pairs; ++p)
            s[p] -= twice * y[p];
    }
    return std::min_element(score.begin(), score.end()) - score.begin();
}

}  // namespace

template <class T>
void relaxometry_samples(Backend<T>& on, const RelaxometryTables<T>& tables, const RelaxometryCondition& condition,
                         std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input, Batch<T> target) {
    const Relaxometry& data = tables.data;
    const Index N = data.points, count = input.data != nullptr ? input.cols : target.cols;
    require(input.data == nullptr || (input.rows == 2 * N && input.batch == 1),
            "relaxometry_samples: the input takes twice the points of the trace");
    require(target.data == nullptr || (target.rows == 2 && target.cols == count && target.batch == 1),
            "relaxometry_samples: the target has two times a sample");
    require(on.on_host(), "relaxometry_samples: drawn on the host");
    const auto blocks = static_cast<std::uint64_t>(1 + (N + 1) / 2);
    auto& [noise, score] = on.template kept<RelaxometryMemory<T>>();
    noise.resize(static_cast<std::size_t>(N));
    score.resize(tables.offset.size());
    for (Index s = 0; s < count; ++s) {
        const std::uint64_t block = static_cast<std::uint64_t>(first + s) * blocks;
        const PhiloxBlock words = philox(seed, stream, block);
        const auto time_of = [&](std::uint32_t word) {
            return data.time_min_ms + (data.time_max_ms - data.time_min_ms) * static_cast<double>(uniform_f32(word));
        };
        const auto [t1, t2] = std::minmax({time_of(words[0]), time_of(words[1])});
        if (target.data != nullptr) {
            target(0, s) = static_cast<T>(t1 / data.time_max_ms);
            target(1, s) = static_cast<T>(t2 / data.time_max_ms);
        }
        if (input.data == nullptr)
            continue;
        on.random_normal(seed, stream, block + 1, {noise.data(), N, 1});
        T* x = &input(0, s);
        for (Index j = 0; j < N; ++j) {
            const double t = tables.time_ms[static_cast<std::size_t>(j)];
            const double y = data.weight * std::exp(-t / t1) + (1 - data.weight) * std::exp(-t / t2);
            x[j] = static_cast<T>(y + static_cast<double>(noise[static_cast<std::size_t>(j)]) / condition.snr);
        }
        if (condition.track == Track::nd_nd) {
            std::copy_n(x, N, x + N);
            continue;
        }
        const Index pair = best_pair(tables, x, score);
        for (Index j = 0; j < N; ++j)
            x[N + j] = tables.model(pair, j);
    }
}

namespace {

template <class T>
class RelaxometrySource final : public SampleSource<T> {
public:
    RelaxometrySource(const Relaxometry& data, Index condition)
        : tables_(make_relaxometry_tables<T>(data)), condition_(condition_of(data, condition)) {}
    [[nodiscard]] Index inputs() const override { return input_count(tables_.data); }
    [[nodiscard]] Index outputs() const override { return output_count(tables_.data); }
    void draw(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
              Batch<T> target) const override {
        relaxometry_samples(on, tables_, condition_, seed, stream, first, input, target);
    }

private:
    RelaxometryTables<T> tables_;
    RelaxometryCondition condition_;
};

}  // namespace

template <class T>
std::unique_ptr<SampleSource<T>> sample_source(const Relaxometry& data, Index condition) {
    return std::make_unique<RelaxometrySource<T>>(data, condition);
}

template RelaxometryTables<float> make_relaxometry_tables<float>(const Relaxometry&);
template RelaxometryTables<double> make_relaxometry_tables<double>(const Relaxometry&);
template void relaxometry_samples<float>(Backend<float>&, const RelaxometryTables<float>&, const RelaxometryCondition&,
                                         std::uint64_t, std::uint64_t, Index, Batch<float>, Batch<float>);
template void relaxometry_samples<double>(Backend<double>&, const RelaxometryTables<double>&,
                                          const RelaxometryCondition&, std::uint64_t, std::uint64_t, Index,
                                          Batch<double>, Batch<double>);

template std::unique_ptr<SampleSource<float>> sample_source(const Relaxometry&, Index);
template std::unique_ptr<SampleSource<double>> sample_source(const Relaxometry&, Index);

}  // namespace descrambler
