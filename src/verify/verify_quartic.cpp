// The falsification test of Sule et al.: train on a dipolar frequency that falls as r^-4 instead of r^-3, on the same
// distances and with the same weights to start from, and look at the same features of the descrambled first layer.
//   w4(r) = w(r) r_min / r: equal at the shortest distance, so that nothing is faster than the time grid resolves
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "analysis/deer/findings_parts.hpp"
#include "descrambler/deer_kernel.hpp"
#include "descrambler/descramble.hpp"
#include "tasks/deer_traces.hpp"
#include "verify/verify_parts.hpp"

namespace descrambler::checks {
namespace {

constexpr Index members = 6, iterations = 6000, library_samples = 4096;

DeerTables tables_of(const TrainingRecipe& config, bool quartic) {
    DeerTables tables = make_deer_tables(std::get<DeerTask>(config.data).database);
    if (!quartic)
        return tables;
    std::vector<double> effective;  // r^-3 of it is r_min / r^4
    for (const double r : tables.distance_nm)
        effective.push_back(std::cbrt(r * r * r * r / tables.distance_nm.front()));
    tables.kernel = dipolar_kernel(tables.time_us, effective);
    return tables;
}

std::vector<Network> trained(const TrainingRecipe& config, const DeerTables& tables, const VerifyOptions& options,
                             const Progress& progress, const std::string& stage) {
    const std::vector<Layer> layers = network_layers(config);
    const Index count = parameter_count(layers);
    const auto on = make_cpu_backend<float>(options.threads);
    const Buffer<float> w = on->allocate(count * members), m = on->allocate(count * members),
                        v = on->allocate(count * members), loss = on->allocate(config.iterations * members);
    std::vector<float> host;
    std::vector<MemberPlan> plans;
    for (std::uint64_t member = 0; member < members; ++member) {
        std::ranges::copy(initial_parameters<float>(layers, config.seed, member), std::back_inserter(host));
        plans.push_back({member, config.iterations, config.decay, false});
    }
    on->upload(host.data(), w.view(count, 1, members));
    const DeerSource<float> source(tables);
    TrainPlan<float> plan;
    plan.layers = layers;
    plan.batch_size = config.batch_size;
    plan.rate = config.rate;
    plan.rate_floor = config.rate_floor;
    plan.seed = config.seed;
    plan.samples = &source;
    constexpr Index round = 50;  // between two looks at the progress
    for (Index first = 0; first < config.iterations; first += round) {
        progress(stage, static_cast<double>(first), static_cast<double>(config.iterations));
        const Index last = std::min(first + round, config.iterations);
        on->train(plan, plans, first, last, w.view(count, 1, members), m.view(count, 1, members),
                  v.view(count, 1, members), loss.view(last - first, 1, members));
    }
    on->download(w.view(count, 1, members), host.data());
    std::vector<Network> networks;
    for (Index i = 0; i < members; ++i)
        networks.push_back(unpack(layers, host.data() + i * count));
    return networks;
}

// The notch of a spectrum along time frequency, in bins of 1 / span: where the power, summed over both signs of the
// frequency and interpolated by zero padding, is smallest below bin 4, and how far from zero it first reaches half of
// its maximum below bin 16 (0: it begins above). link: over the rows 1 <= folded k_out <= 6 of P W1; otherwise over all
// rows, and then P does not matter.
struct Notch {
    double place = 0, width = 0;
};
Notch notch_of(Backend<double>& on, const Matrix<double>& A, bool link) {
    constexpr Index fine = 32;
    Matrix<double> padded(A.rows(), fine * A.cols());
    for (Index t = 0; t < A.cols(); ++t)
        std::ranges::copy(A.column(t), padded.column(t).begin());
    const Matrix<double> F = power_spectrum2(on, padded);
    std::vector<double> power;
    for (Index k = 0; k <= 16 * fine; ++k) {
        double sum = 0;
        for (Index i = 0; i < F.rows(); ++i) {
            const Index folded = std::min(i, F.rows() - i);
            if (!link || (folded >= 1 && folded <= 6))
                sum += F(i, k) + F(i, (F.cols() - k) % F.cols());
        }
        power.push_back(sum);
    }
    const auto least = std::min_element(power.begin(), power.begin() + 4 * fine + 1);
    const double half = *std::ranges::max_element(power) / 2;
    const auto edge = std::ranges::find_if(power, [&](double p) { return p >= half; });
    const double above = edge == power.begin() ? 0 : (*edge - half) / (*edge - *(edge - 1));
    return {static_cast<double>(least - power.begin()) / fine,
            (static_cast<double>(edge - power.begin()) - above) / fine};
}

struct Reading {
    std::vector<double> place, width, raw_width, depth, exponent;  // one each network
};

Reading read(const VerifyOptions& options, const TrainingRecipe& config, const DeerTables& tables,
             const std::vector<Network>& networks) {
    Matrix<float> input(std::get<DeerTask>(config.data).database.times, library_samples);
    DeerSource<float>(tables).traces(*make_cpu_backend<float>(options.threads), config.seed, stream::library, 0,
                                     {.input = input.view()});
    const Matrix<double> X = to_double(input);
    const std::vector<Descrambling> found = descramble(networks, library_of(X), {}, Execution::on_cpu(options.threads));
    Reading out;
    out.place.resize(networks.size());
    out.width = out.raw_width = out.depth = out.exponent = out.place;
    parallel_items(std::ssize(networks), options.threads, [&](Index i, Backend<double>& on) {
        NetworkReading reading;
        findings::read_link_spectrum(on, tables,
                                     {.network = &networks[i],
                                      .P1 = &found[i].solution.P,
                                      .eta_raw = found[i].solution.eta_raw,
                                      .eta = found[i].solution.eta},
                                     reading);
        const Notch notch = notch_of(on, found[i].descrambled_weight, true);
        out.place[i] = notch.place;
        out.width[i] = notch.width;
        out.raw_width[i] = notch_of(on, networks[i].layers[0].weight, false).width;
        out.depth[i] = reading.values.at("DC16").descrambled;
        out.exponent[i] = reading.values.at("cube_root_exponent").descrambled;
    });
    return out;
}

// a - b network by network: both started from the same weights
std::vector<double> paired(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> out;
    for (std::size_t i = 0; i < a.size(); ++i)
        out.push_back(a[i] - b[i]);
    return out;
}

std::string spread(const std::vector<double>& values) {
    const auto [low, high] = std::ranges::minmax(values);
    char text[96];
    std::snprintf(text, sizeof text, " (median of %td networks, %.3g to %.3g)", std::ssize(values), low, high);
    return text;
}

}  // namespace

Rows quartic(const VerifyOptions& options, const Progress& progress) {
    TrainingRecipe config;
    config.seed = options.seed;
    config.iterations = iterations;
    std::vector<Network> initial;
    const std::vector<Layer> layers = network_layers(config);
    for (std::uint64_t member = 0; member < members; ++member)
        initial.push_back(unpack(layers, initial_parameters<float>(layers, config.seed, member).data()));
    const DeerTables cubic_tables = tables_of(config, false), quartic_tables = tables_of(config, true);
    const Reading cubic =
        read(options, config, cubic_tables, trained(config, cubic_tables, options, progress, "training on r^-3"));
    const Reading fourth =
        read(options, config, quartic_tables, trained(config, quartic_tables, options, progress, "training on r^-4"));
    const Reading cubic_untrained = read(options, config, cubic_tables, initial);
    const Reading fourth_untrained = read(options, config, quartic_tables, initial);

    Rows rows;
    const auto add = [&](VerifyRow (*kind)(std::string, std::string, double, double, double), const std::string& name,
                         const std::string& statement, double predicted, const std::vector<double>& measured,
                         double tolerance) {
        rows.push_back(kind(name, statement + spread(measured), predicted, median_of(measured), tolerance));
    };
    add(equal, "cubic_notch_place", "trained on r^-3, the notch of P W1 is at zero frequency, bins", 0, cubic.place,
        0.25);
    add(equal, "quartic_notch_place", "trained on r^-4, the notch of P W1 is at zero frequency, bins", 0, fourth.place,
        0.25);
    char from[64];
    std::snprintf(from, sizeof from, "change of its width of %.3g bins", median_of(cubic.width));
    add(at_most, "quartic_notch_width", std::string("r^-4 in place of r^-3 narrows the notch: ") + from, 0,
        paired(fourth.width, cubic.width), 1e-3);
    add(at_least, "quartic_notch_untrained", "untrained networks do not show that: change of width in bins", 0,
        paired(fourth_untrained.width, cubic_untrained.width), 1e-3);
    add(at_most, "quartic_notch_raw", "the raw weights do: change of the width over all rows of W1 in bins", 0,
        paired(fourth.raw_width, cubic.raw_width), 1e-3);
    add(at_least, "quartic_notch_depth", "and the notch becomes shallower: change of DC16 in dB", 0,
        paired(fourth.depth, cubic.depth), 1e-3);
    // The claimed curve k_out ~ k_in^(1/power of the distance); 0.05 as for the exponent in docs/findings.md.
    rows.push_back(as_printed(equal(
        "cubic_curve_as_printed", "the curve of the folded spectrum is a cube root: exponent" + spread(cubic.exponent),
        1.0 / 3, median_of(cubic.exponent), 0.05)));
    const std::vector<double> change = paired(fourth.exponent, cubic.exponent);
    rows.push_back(as_printed(equal("quartic_curve_as_printed",
                                    "and becomes a fourth root with r^-4: change of the exponent" + spread(change),
                                    1.0 / 4 - 1.0 / 3, median_of(change), 1.0 / 24)));
    add(at_least, "quartic_curve", "the exponent does not fall: its change", 0, change, 1e-3);
    return rows;
}

}  // namespace descrambler::checks
