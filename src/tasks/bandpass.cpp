#include "tasks/bandpass.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "descrambler/random.hpp"

namespace descrambler {

namespace {

constexpr std::uint64_t phase_blocks = bandpass_tones_limit / 4;  // four words each
constexpr Index tile_columns = 32;

}  // namespace

std::string_view to_string(BandpassTarget target) {
    return target == BandpassTarget::filtered ? "filtered" : "clean";
}

BandpassTarget bandpass_target_from(std::string_view name) {
    for (const BandpassTarget target : {BandpassTarget::filtered, BandpassTarget::clean})
        if (to_string(target) == name)
            return target;
    throw InputError("target '" + std::string(name) + "': expected filtered or clean");
}

Index input_count(const Bandpass& data) {
    return data.points;
}

Index output_count(const Bandpass& data) {
    return data.points;
}

Index condition_count(const Bandpass& data) {
    return std::ssize(data.targets);
}

std::string condition_name(const Bandpass& data, Index condition) {
    return std::string(to_string(data.targets.at(static_cast<std::size_t>(condition))));
}

std::string condition_words(const Bandpass& data, Index condition) {
    return "target " + condition_name(data, condition);
}

Bandpass with_condition(const Bandpass& data, Index condition) {
    Bandpass own = data;
    own.targets = {data.targets.at(static_cast<std::size_t>(condition))};
    return own;
}

Fields fields(Bandpass& d) {
    return {
        choices_field<BandpassTarget>({"bandpass.targets", "", "what the networks were trained to answer", "target"},
                                      d.targets, {BandpassTarget::filtered, BandpassTarget::clean},
                                      bandpass_target_from, [](BandpassTarget t) { return to_string(t); }),
        whole_field({"bandpass.points", "", "points of a trace"}, d.points, 16, 8192),
        real_field({"bandpass.rate_hz", "Hz", "sampling rate"}, d.rate_hz, 1e-6, 1e9),
        real_field({"bandpass.low_hz", "Hz", "lower edge of the band"}, d.low_hz, 0, 1e9),
        real_field({"bandpass.high_hz", "Hz", "upper edge of the band"}, d.high_hz, 0, 1e9),
        reals_field({"bandpass.tones_hz", "Hz", "frequencies of the tones", "tone"}, d.tones_hz),
        reals_field({"bandpass.amplitudes", "", "their amplitudes", "tone"}, d.amplitudes),
        real_field({"bandpass.noise", "", "standard deviation of the noise"}, d.noise, 0, 1e3),
    };
}

void validate(const Bandpass& data) {
    Bandpass copy = data;
    check_limits(fields(copy));
    const auto refuse = [](const std::string& field, const std::string& expectation) {
        throw InputError("bandpass." + field + ": expected " + expectation);
    };
    if (data.targets.size() > 2 || (data.targets.size() == 2 && data.targets[0] == data.targets[1]))
        refuse("targets", "one or both of filtered and clean, each once");
    if (!(data.low_hz < data.high_hz && data.high_hz <= data.rate_hz / 2))
        refuse("low_hz", "0 <= low_hz < high_hz <= rate_hz / 2 = " + digits(data.rate_hz / 2, 6) + ", found " +
                             digits(data.low_hz, 6) + " and " + digits(data.high_hz, 6));
    const double step = data.rate_hz / static_cast<double>(data.points);
    if (std::ceil(data.low_hz / step) > std::floor(data.high_hz / step))
        refuse("high_hz", "a band that holds a multiple of rate_hz / points = " + digits(step, 6) + ", found " +
                              digits(data.low_hz, 6) + " to " + digits(data.high_hz, 6));
    for (const double f : data.tones_hz)
        if (!(f > 0 && f < data.rate_hz / 2))
            refuse("tones_hz",
                   "values above 0 and below rate_hz / 2 = " + digits(data.rate_hz / 2, 6) + ", found " + digits(f, 6));
    if (data.amplitudes.size() != data.tones_hz.size())
        refuse("amplitudes", "one for each of the " + std::to_string(data.tones_hz.size()) + " tones, found " +
                                 std::to_string(data.amplitudes.size()));
    for (const double a : data.amplitudes)
        if (!(a >= 0 && a <= 1e3))
            refuse("amplitudes", "values from 0 to 1000, found " + digits(a, 6));
}

template <class T>
BandpassTables<T> make_bandpass_tables(const Bandpass& data) {
    validate(data);
    BandpassTables<T> tables;
    tables.data = data;
    const Index N = data.points, tones = std::ssize(data.tones_hz);
    for (Index j = 0; j < N; ++j)
        tables.time_s.push_back(static_cast<double>(j) / data.rate_hz);
    tables.sine = tables.cosine = Matrix<T>(N, tones);
    for (Index k = 0; k < tones; ++k)
        for (Index j = 0; j < N; ++j) {
            // the turn modulo 1 before it is multiplied by 2 pi
            const double turn = data.tones_hz[static_cast<std::size_t>(k)] * tables.time_s[static_cast<std::size_t>(j)];
            const double angle = 2 * std::numbers::pi * (turn - std::floor(turn));
            tables.sine(j, k) = static_cast<T>(std::sin(angle));
            tables.cosine(j, k) = static_cast<T>(std::cos(angle));
        }
    const double step = data.rate_hz / static_cast<double>(N);
    const auto first = static_cast<Index>(std::ceil(data.low_hz / step)),
               last = static_cast<Index>(std::floor(data.high_hz / step));
    std::vector<std::vector<double>> columns;
    for (Index k = first; k <= last; ++k) {
        const bool alone = k == 0 || 2 * k == N;  // its sine is zero
        const double norm = std::sqrt((alone ? 1.0 : 2.0) / static_cast<double>(N));
        std::vector<double> cosine, sine;
        for (Index j = 0; j < N; ++j) {
            const double angle = 2 * std::numbers::pi * static_cast<double>(k * j % N) / static_cast<double>(N);
            cosine.push_back(norm * std::cos(angle));
            sine.push_back(norm * std::sin(angle));
        }
        columns.push_back(std::move(cosine));
        if (!alone)
            columns.push_back(std::move(sine));
    }
    tables.band = Matrix<T>(N, std::ssize(columns));
    for (Index c = 0; c < tables.band.cols(); ++c)
        std::transform(columns[static_cast<std::size_t>(c)].begin(), columns[static_cast<std::size_t>(c)].end(),
                       tables.band.column(c).begin(), [](double x) { return static_cast<T>(x); });
    return tables;
}

namespace {

// Kept with the backend that draws.
template <class T>
struct BandpassMemory {
    Matrix<T> x, y;               // [points, tile_columns]
    std::vector<T> noise, parts;  // [points], [bins, tile_columns]
};

}  // namespace

template <class T>
void bandpass_samples(Backend<T>& on, const BandpassTables<T>& tables, BandpassTarget kind, std::uint64_t seed,
                      std::uint64_t stream, Index first, Batch<T> input, Batch<T> target) {
    const Bandpass& data = tables.data;
    const Index N = data.points, tones = tables.sine.cols(), bins = tables.band.cols();
    const Index count = input.data != nullptr ? input.cols : target.cols;
    require(input.data == nullptr || (input.rows == N && input.batch == 1), "bandpass_samples: wrong number of points");
    require(target.data == nullptr || (target.rows == N && target.cols == count && target.batch == 1),
            "bandpass_samples: wrong shape of the target");
    require(on.on_host(), "bandpass_samples: drawn on the host");
    if (count == 0)
        return;
    const auto blocks = phase_blocks + static_cast<std::uint64_t>((N + 1) / 2);
    const bool filter = target.data != nullptr && kind == BandpassTarget::filtered;
    auto& [x, y, noise, parts] = on.template kept<BandpassMemory<T>>();
    if (x.rows() != N)
        x = y = Matrix<T>(N, tile_columns);
    noise.resize(static_cast<std::size_t>(N));
    parts.resize(static_cast<std::size_t>(bins * tile_columns));
    const Batch<const T> B = tables.band.view();
    for (Index tile = first / tile_columns; tile * tile_columns < first + count; ++tile) {
        const Index begin = std::max(first, tile * tile_columns),
                    end = std::min(first + count, (tile + 1) * tile_columns);
        std::fill(y.values().begin(), y.values().end(), T{0});
        for (Index sample = begin; sample < end; ++sample) {
            const Index s = sample - tile * tile_columns;
            const std::uint64_t block = static_cast<std::uint64_t>(sample) * blocks;
            on.random_normal(seed, stream, block + phase_blocks, {noise.data(), N, 1});
            for (Index j = 0; j < N; ++j)
                x(j, s) = static_cast<T>(data.noise) * noise[static_cast<std::size_t>(j)];
            PhiloxBlock words{};
            for (Index k = 0; k < tones; ++k) {
                if (k % 4 == 0)
                    words = philox(seed, stream, block + static_cast<std::uint64_t>(k / 4));
                const auto tone = static_cast<std::size_t>(k);
                const double phase = 2 * std::numbers::pi * static_cast<double>(uniform_f32(words[tone % 4]));
                const T along = static_cast<T>(data.amplitudes[tone] * std::cos(phase)),
                        across = static_cast<T>(data.amplitudes[tone] * std::sin(phase));
                const bool kept = data.low_hz <= data.tones_hz[tone] && data.tones_hz[tone] <= data.high_hz;
                for (Index j = 0; j < N; ++j) {
                    const T value = along * tables.sine(j, k) + across * tables.cosine(j, k);
                    x(j, s) += value;
                    if (kept)
                        y(j, s) += value;
                }
            }
            if (input.data != nullptr)
                std::copy_n(x.column(s).begin(), N, &input(0, sample - first));
        }
        if (filter) {
            // always a whole tile, since the bits of a column may depend on the size of the product
            const Batch<T> part(parts.data(), bins, tile_columns);
            on.gemm(Op::transpose, Op::none, T{1}, B, x.view(), T{0}, part);
            on.gemm(Op::none, Op::none, T{1}, B, part, T{0}, y.view());
        }
        for (Index sample = begin; sample < end && target.data != nullptr; ++sample)
            std::copy_n(y.column(sample - tile * tile_columns).begin(), N, &target(0, sample - first));
    }
}

namespace {

template <class T>
class BandpassSource final : public SampleSource<T> {
public:
    BandpassSource(const Bandpass& data, Index condition)
        : tables_(make_bandpass_tables<T>(data)), condition_(data.targets.at(static_cast<std::size_t>(condition))) {}
    [[nodiscard]] Index inputs() const override { return input_count(tables_.data); }
    [[nodiscard]] Index outputs() const override { return output_count(tables_.data); }
    void draw(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
              Batch<T> target) const override {
        bandpass_samples(on, tables_, condition_, seed, stream, first, input, target);
    }

private:
    BandpassTables<T> tables_;
    BandpassTarget condition_;
};

}  // namespace

template <class T>
std::unique_ptr<SampleSource<T>> sample_source(const Bandpass& data, Index condition) {
    return std::make_unique<BandpassSource<T>>(data, condition);
}

template BandpassTables<float> make_bandpass_tables<float>(const Bandpass&);
template BandpassTables<double> make_bandpass_tables<double>(const Bandpass&);
template void bandpass_samples<float>(Backend<float>&, const BandpassTables<float>&, BandpassTarget, std::uint64_t,
                                      std::uint64_t, Index, Batch<float>, Batch<float>);
template void bandpass_samples<double>(Backend<double>&, const BandpassTables<double>&, BandpassTarget, std::uint64_t,
                                       std::uint64_t, Index, Batch<double>, Batch<double>);

template std::unique_ptr<SampleSource<float>> sample_source(const Bandpass&, Index);
template std::unique_ptr<SampleSource<double>> sample_source(const Bandpass&, Index);

}  // namespace descrambler
