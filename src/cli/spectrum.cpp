#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/finished.hpp"
#include "cli/inputs.hpp"
#include "cli/stack.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/library.hpp"
#include "descrambler/randomized_svd.hpp"
#include "descrambler/reduce.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
    Common common;
    std::string net, inputs, out, reduce, kind = "weight";
    std::optional<std::string> tap;
    Index layer = 1;
    int rank = 0, oversampling = 10, power_iterations = 1;
    std::optional<Index> network;
    std::optional<double> snr;
    bool exact = false;
    CLI::App* command = nullptr;
};

// What is known of one network.
struct Spectrum {
    RandomizedSvd found;
    std::optional<ExactSpectrum> exact;
    std::optional<Reduction> reduction;
    std::optional<ReductionCost> cost;
};

void check(const Options& o) {
    if (o.kind != "weight" && o.kind != "jacobian" && o.kind != "signals")
        throw InputError("--operator " + o.kind + ": expected weight, jacobian or signals");
    const bool weight = o.kind == "weight";
    if (o.out.empty() && o.reduce.empty())
        throw InputError("--out: expected a file for the result, or --reduce for a network of lower rank");
    if (!weight && o.inputs.empty())
        throw InputError("--operator " + o.kind + ": expected --inputs, " +
                         (o.kind == "signals" ? "whose signals are meant" : "whose mean is the base point"));
    if (!weight && !o.reduce.empty())
        throw InputError("--reduce " + o.reduce + ": expected --operator weight, it replaces a weight matrix");
    if (!o.reduce.empty() && o.inputs.empty())
        throw InputError("--reduce " + o.reduce + ": expected --inputs, on which its error is measured");
    if (weight && o.reduce.empty() && !o.inputs.empty())
        throw InputError("--inputs " + o.inputs + ": expected --operator jacobian or signals, or --reduce");
    if (weight && o.tap)
        throw InputError("--tap " + *o.tap + ": expected --operator jacobian or signals");
    if (o.snr && o.inputs.empty())
        throw InputError("--snr: expected --inputs");
    if (!o.out.empty())
        check_output_apart(o.out, {o.net, o.inputs});
    if (!o.reduce.empty()) {
        check_output_apart(o.reduce, {o.net, o.inputs}, "--reduce");
        if (std::filesystem::weakly_canonical(o.reduce) == std::filesystem::weakly_canonical(o.out))
            throw InputError("--reduce " + o.reduce + ": expected another file than --out");
    }
}

// The operator of one network, and a matrix with its exact spectrum for --exact (see exact_spectrum).
struct Source {
    LinearOperator A;
    std::function<Matrix<double>(Backend<double>&)> exact;
};

Source source_of(const Options& o, const Execution& execution, const Network& network, const TapRequest& tap,
                 const std::optional<Library>& library, const std::vector<double>& base) {
    if (o.kind == "weight") {
        const Matrix<double>& W = network.layers[static_cast<std::size_t>(o.layer - 1)].weight;
        return {matrix_operator(W), [&W](Backend<double>&) { return W; }};
    }
    if (o.kind == "jacobian") {
        const Jacobian J = jacobian_at(execution.backend<double>(), network, tap.at, base);
        return {jacobian_operator(J), [J](Backend<double>& own) {
                    Matrix<double> one(J.rows(), J.rows());
                    for (Index i = 0; i < one.rows(); ++i)
                        one(i, i) = 1;
                    return transpose(adjoint(own, J, one));
                }};
    }
    return {signals_operator(network, tap, *library, execution.threads),
            [&network, tap, &library, execution](Backend<double>&) {
                return transpose(tap_grams(std::span(&network, 1), tap, *library, execution).front().factor);
            }};
}

Json statistics(const ErrorStatistics& e) {
    return {{"mean", e.mean}, {"median", e.median}, {"max", e.max}};
}

// Largest relative error of the singular values found.
double value_error(const Spectrum& spectrum) {
    double worst = 0;
    for (std::size_t i = 0; i < spectrum.found.s.size(); ++i)
        if (spectrum.exact->s[i] > 0)
            worst = std::max(worst, std::abs(spectrum.found.s[i] / spectrum.exact->s[i] - 1));
    return worst;
}

Json json_of(const Spectrum& spectrum) {
    const RandomizedSvd& found = spectrum.found;
    Json json{{"singular_values", found.s},
              {"error_bound", found.error_bound},
              {"plain_bound", found.plain_bound},
              {"residual_bound", found.residual_bound},
              {"next_singular_value", found.truncated}};
    if (spectrum.exact)
        json.update(Json{{"true_error", spectrum.exact->error},
                         {"singular_value_error", value_error(spectrum)},
                         {"exact_singular_values", spectrum.exact->s}});
    if (spectrum.reduction) {
        Json reduction{{"spectral_error", spectrum.reduction->spectral_error},
                       {"discarded_energy", spectrum.reduction->discarded_energy},
                       {"outputs", statistics(spectrum.cost->outputs)}};
        if (spectrum.cost->before)
            reduction.update(Json{{"relative_error_before", statistics(*spectrum.cost->before)},
                                  {"relative_error_after", statistics(*spectrum.cost->after)}});
        json["reduction"] = std::move(reduction);
    }
    return json;
}

void write_result(const Options& o, const std::vector<Spectrum>& results, const Json& json,
                  const std::string& asked_for) {
    Hdf5File file = Hdf5File::create(o.out);
    const Hdf5Group& root = file.root();
    std::vector<double> U, s, V, exact;
    for (const Spectrum& result : results) {
        append(U, result.found.U);
        append(V, result.found.V);
        s.insert(s.end(), result.found.s.begin(), result.found.s.end());
        if (result.exact)
            exact.insert(exact.end(), result.exact->s.begin(), result.exact->s.end());
    }
    const RandomizedSvd& one = results.front().found;
    const std::size_t count = results.size();
    const Index k = one.U.cols();
    write(root, "singular_values", {k}, s, {"1", "leading singular values, descending", "rank"}, count);
    write(root, "left_vectors", {one.U.rows(), k}, U, {"1", "left singular vectors", "row,rank"}, count);
    write(root, "right_vectors", {one.V.rows(), k}, V, {"1", "right singular vectors", "column,rank"}, count);
    if (!exact.empty())
        write(root, "exact_singular_values", {static_cast<Index>(results.front().exact->s.size())}, exact,
              {"1", "all singular values, exact to rounding", "number"}, count);
    const auto number = [&](const std::string& name, auto&& value) {
        std::vector<double> values;
        for (const Spectrum& result : results)
            values.push_back(value(result));
        if (count == 1)
            root.attribute("", name, values.front());
        else
            root.attribute("", name, values);
    };
    number("error_bound", [](const Spectrum& r) { return r.found.error_bound; });
    number("plain_bound", [](const Spectrum& r) { return r.found.plain_bound; });
    number("residual_bound", [](const Spectrum& r) { return r.found.residual_bound; });
    number("next_singular_value", [](const Spectrum& r) { return r.found.truncated; });
    if (o.exact) {
        number("true_error", [](const Spectrum& r) { return r.exact->error; });
        number("singular_value_error", value_error);
    }
    if (results.front().reduction) {
        number("reduction_spectral_error", [](const Spectrum& r) { return r.reduction->spectral_error; });
        number("reduction_discarded_energy", [](const Spectrum& r) { return r.reduction->discarded_energy; });
        const auto spread = [&](const std::string& name, auto&& of) {
            number(name + "_mean", [&](const Spectrum& r) { return of(r).mean; });
            number(name + "_median", [&](const Spectrum& r) { return of(r).median; });
            number(name + "_max", [&](const Spectrum& r) { return of(r).max; });
        };
        spread("reduction_outputs", [](const Spectrum& r) { return r.cost->outputs; });
        if (results.front().cost->before) {
            spread("relative_error_before", [](const Spectrum& r) { return *r.cost->before; });
            spread("relative_error_after", [](const Spectrum& r) { return *r.cost->after; });
        }
    }
    for (const auto& [key, value] : json.items())
        if (value.is_string())
            root.attribute("", key, value.get<std::string>());
        else if (value.is_number_integer())
            root.attribute("", key, value.get<std::int64_t>());
        else if (value.is_number())
            root.attribute("", key, value.get<double>());
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    root.attribute("", "request", asked_for);
    file.commit();
}

void print(const Options& o, const Spectrum& r, std::size_t number, Index rows, Index cols) {
    const RandomizedSvd& f = r.found;
    const char* what = o.kind == "weight" ? "weight matrix" : o.kind == "jacobian" ? "Jacobian" : "signals";
    const double first = f.s.front() > 0 ? f.s.front() : 1;
    std::printf("network %zu, layer %td, %s [%td, %td]: singular values %.4g to %.4g (number 1 to %zu)\n", number,
                o.layer, what, rows, cols, f.s.front(), f.s.back(), f.s.size());
    std::printf(
        "  rank %zu leaves an error of at most %.3g in the 2-norm, %.2g %% of the largest singular value; the bound "
        "fails with probability 1e-10\n",
        f.s.size(), f.error_bound, 100 * f.error_bound / first);
    if (r.exact)
        std::printf("  exact: the error is %.3g (%.2g %%), the best of this rank %.3g; singular values right to %.1e\n",
                    r.exact->error, 100 * r.exact->error / first,
                    f.s.size() < r.exact->s.size() ? r.exact->s[f.s.size()] : 0.0, value_error(r));
    if (!r.reduction)
        return;
    const ErrorStatistics& y = r.cost->outputs;
    std::printf(
        "  reduced to a link of %d: the matrix changes by %.3g in the 2-norm and loses %.2g %% of its energy; the "
        "outputs change by %.2g %% (median; mean %.2g %%, largest %.2g %%)\n",
        o.rank, r.reduction->spectral_error, 100 * r.reduction->discarded_energy, 100 * y.median, 100 * y.mean,
        100 * y.max);
    if (r.cost->before)
        std::printf("  relative error against the truth: mean %.4f, was %.4f; median %.4f, was %.4f\n",
                    r.cost->after->mean, r.cost->before->mean, r.cost->after->median, r.cost->before->median);
}

// What was asked for, as it is printed and stored.
Json request_json(const Options& o, Index sketch, Index rows, Index cols, std::uint64_t seed,
                  const std::optional<Library>& library, const TapRequest& tap) {
    Json json{{"net", o.net},
              {"operator", o.kind},
              {"layer", o.layer},
              {"rank", o.rank},
              {"rows", rows},
              {"cols", cols},
              {"oversampling", o.oversampling},
              {"power_iterations", o.power_iterations},
              {"sketch", sketch},
              {"seed", seed}};
    if (o.kind != "weight")
        json["tap"] = to_string(tap.at.side);
    if (library) {
        json["inputs"] = o.inputs;
        json["samples"] = library->samples;
    }
    if (o.snr)
        json["snr"] = *o.snr;
    return json;
}

void run(const Options& o) {
    check(o);
    const Execution execution = o.common.execution();
    Backend<double>* const on = &execution.backend<double>();  // refuses a device that is not there
    Execution here = execution;                                // every rank does the same work
    here.ranks = single_process();
    const Ensemble ensemble = open_networks(o.net, o.network);
    const Index depth = static_cast<Index>(ensemble.networks.front().layers.size());
    if (o.layer < 1 || o.layer > depth)
        throw InputError("--layer " + std::to_string(o.layer) + ": out of range, expected 1 to " +
                         std::to_string(depth));
    std::optional<Library> library;
    if (!o.inputs.empty())
        library = open_library(o.inputs, ensemble, o.net, o.common, execution);
    const std::string asked_for = request_text(*o.command, ensemble, library.value_or(Library()));
    for (const std::string& path : {o.out, o.reduce})
        check_remake(path, asked_for, o.common);
    if (library)
        library = add_noise(*library, o.inputs, o.snr, seed_of(ensemble, o.common), execution);
    const TapRequest tap{.at = {o.layer, tap_from(o.tap.value_or("before"))}};
    const std::vector<double> base = o.kind == "jacobian" ? library_mean(*library, here) : std::vector<double>();
    const RandomizedSvdOptions options{.rank = o.rank,
                                       .oversampling = o.oversampling,
                                       .power_iterations = o.power_iterations,
                                       .seed = seed_of(ensemble, o.common)};
    std::vector<Spectrum> results;
    Ensemble reduced = ensemble;
    Index rows = 0, cols = 0;
    for (std::size_t i = 0; i < ensemble.networks.size(); ++i) {
        const Network& network = ensemble.networks[i];
        const Source source = source_of(o, here, network, tap, library, base);
        rows = source.A.rows;
        cols = source.A.cols;
        Spectrum result{.found = randomized_svd(*on, source.A, options)};
        if (o.exact)
            result.exact = exact_spectrum(*on, source.exact(*on), result.found);
        if (!o.reduce.empty()) {
            result.reduction = reduce_link(*on, network, o.layer, o.rank);
            reduced.networks[i] = result.reduction->network;
            result.cost = reduction_cost(network, reduced.networks[i], *library,
                                         open_targets(o.inputs, ensemble, o.common, execution), o.common.threads);
        }
        results.push_back(std::move(result));
    }

    const Json asked = request_json(o, results.front().found.sketch, rows, cols, options.seed, library, tap);
    if (!o.out.empty())
        write_result(o, results, asked, asked_for);
    reduced.request = asked_for;
    if (!o.reduce.empty())
        write_ensemble(o.reduce, reduced);

    if (o.common.json) {
        Json json = asked;
        if (results.size() == 1)
            json.update(json_of(results.front()));
        else
            for (const Spectrum& result : results)
                json["networks"].push_back(json_of(result));
        std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    } else if (!o.common.quiet) {
        for (std::size_t i = 0; i < results.size(); ++i)
            print(o, results[i], o.network ? static_cast<std::size_t>(*o.network) : i, rows, cols);
    }
}

}  // namespace

Command add_spectrum(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "spectrum", "leading singular values of a layer, with a bound on the error; layers of lower rank");
    command->add_option("NET", o->net, "network, ensemble or study (HDF5), or a dense network (FILE.onnx)")->required();
    command->add_option("--layer", o->layer, "layer, from 1")->required();
    command->add_option("--rank", o->rank, "singular values wanted")->required();
    command->add_option("--operator", o->kind, "weight, jacobian (at the mean input) or signals (of the inputs)")
        ->capture_default_str();
    command->add_option("--inputs", o->inputs, inputs_help);
    command->add_option("--snr", o->snr, "add white noise of rms(inputs) / SNR to the inputs");
    command->add_option("--tap", o->tap, "before or after the activation, for jacobian and signals (default: before)");
    command->add_flag("--exact", o->exact, "the exact singular values and the true error beside them");
    command->add_option("--oversampling", o->oversampling, "columns of the sketch beyond the rank")
        ->check(CLI::Range(0, 1000000))
        ->capture_default_str();
    command->add_option("--power-iterations", o->power_iterations, "each sharpens the sketch by two more products")
        ->check(CLI::Range(0, 1000))
        ->capture_default_str();
    command->add_option("--reduce", o->reduce,
                        "write networks whose layer is replaced by one of this rank (exact singular values)");
    command->add_option("--network", o->network, "one network of the ensemble, from 0 (default: all)");
    command->add_option("--out", o->out, "result (HDF5)");
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    o->command = command;
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
