#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/finished.hpp"
#include "cli/graph_inputs.hpp"
#include "cli/inputs.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/representable.hpp"
#include "descrambler/version.hpp"
#include "io/stacks.hpp"
#include "io/text.hpp"

namespace descrambler::cli {

namespace {

struct Options {
    Common common;
    std::string net, inputs, out;
    std::string tap = "before", criterion = "smoothness", stencil = "fourier2", method, balance = "norm", start,
                group = "o";
    std::vector<std::string> share;
    GraphOptions graph;
    Index layer = 0, evaluations = 0, iterations = 0;  // layer 0: a node of a graph
    std::optional<Index> network;
    double lambda = 1;
    std::optional<double> snr;
    bool include_bias = false, centre = false, jacobian = false, check_gradient = false, representable = false;
    CLI::App* command = nullptr;
};

bool is_file(const std::string& name, const std::string& suffix) {
    return name.ends_with(suffix) || name.find('/') != std::string::npos;
}

// A node of a graph, not a side of the activation of --layer.
bool names_node(const Options& o) {
    return ends_as_onnx(o.net) && o.tap != to_string(Tap::before) && o.tap != to_string(Tap::after);
}

void check(const Options& o) {
    if (o.inputs.empty() && o.criterion != "mds" && o.criterion != "mdn")
        throw InputError("--inputs: expected a library (only the criteria mds and mdn need none)");
    const bool layer = o.command->count("--layer") > 0;
    if (!names_node(o)) {
        if (!layer)
            throw InputError("--layer: expected the layer, from 1 (or --tap NODE of an ONNX file)");
        if (o.graph.given())
            throw InputError("--set, --shape, --input-name: expected --tap NODE of an ONNX file");
        return;
    }
    const auto refuse = [&](const std::string& option) {
        throw InputError(option + ": expected --tap before or after, --tap " + o.tap + " is a node of its own");
    };
    if (layer)
        refuse("--layer");
    if (o.network)
        refuse("--network");
    if (!o.share.empty())
        refuse("--share");
    if (o.jacobian)
        refuse("--jacobian");
}

// LAYER:TAP[:WEIGHT]
SharedTap shared_tap(const std::string& text, const TapRequest& first) {
    const std::string expected = "--share " + text + ": expected LAYER:TAP[:WEIGHT], e.g. 1:after or 2:before:0.5";
    const std::size_t colon = text.find(':'), second = colon == std::string::npos ? colon : text.find(':', colon + 1);
    SharedTap shared{first, 1};
    try {
        shared.tap.at = tap_point_from(std::string_view(text).substr(0, second));
    } catch (const InputError&) {
        throw InputError(expected);
    }
    if (second != std::string::npos) {
        const char* last = text.data() + text.size();
        const auto [weight_end, weight_error] = std::from_chars(text.data() + second + 1, last, shared.weight);
        if (weight_error != std::errc() || weight_end != last || !(shared.weight > 0 && std::isfinite(shared.weight)))
            throw InputError(expected);
    }
    return shared;
}

DescrambleRequest request_of(const Options& o, TapPoint at) {
    DescrambleRequest request;
    request.tap = {.at = at, .include_bias = o.include_bias, .centre = o.centre, .linearised = o.jacobian};
    if (is_file(o.criterion, ".so")) {
        request.criterion = Criterion::user;
        request.objective = [path = o.criterion](const Matrix<double>& S) { return load_objective(path, S); };
    } else {
        request.criterion = criterion_from(o.criterion);
    }
    if (is_file(o.stencil, ".npy")) {
        request.stencil = StencilKind::custom;
        request.stencil_matrix = read_npy(o.stencil);
    } else {
        request.stencil = stencil_from(o.stencil);
    }
    request.lambda = o.lambda;
    for (const std::string& text : o.share)
        request.shared.push_back(shared_tap(text, request.tap));
    request.balance = balance_from(o.balance);
    request.special = o.group == "so";
    request.method = o.method.empty() ? Method::automatic : method_from(o.method);
    request.start = o.start.empty() ? Start::automatic : start_from(o.start);
    request.seed = o.common.seed.value_or(1);
    const Index budget = is_gram(request.criterion) ? 500 : 2000;
    request.evaluations = o.evaluations > 0 ? o.evaluations : budget;
    request.iterations = o.iterations > 0 ? o.iterations : budget;
    request.single_precision = o.common.precision == "f32";
    request.check_gradient = o.check_gradient;
    return request;
}

// One network: [rows, cols]; several: [networks, rows, cols].
void write(const Hdf5Group& root, const std::string& name, const std::vector<const Matrix<double>*>& items,
           Label label) {
    if (items.front()->size() == 0)
        return;
    if (items.size() == 1) {
        root.write(name, *items.front(), label);
        return;
    }
    label.axes = "network," + label.axes;
    write_stack<double>(root, name, items, label);
}

// The course of an iteration, a data set per network: history (one network) or history/NNN.
void write_history(const Hdf5Group& root, const std::vector<Descrambling>& results) {
    for (std::size_t i = 0; i < results.size(); ++i) {
        const auto& points = results[i].solution.history;
        if (points.empty())
            continue;
        Matrix<double> table(static_cast<Index>(points.size()), 4);
        for (Index k = 0; k < table.rows(); ++k) {
            const MinimiseReport::Point& point = points[static_cast<std::size_t>(k)];
            table(k, 0) = static_cast<double>(point.iterations);
            table(k, 1) = static_cast<double>(point.evaluations);
            table(k, 2) = point.eta;
            table(k, 3) = point.gradient;
        }
        root.write(
            results.size() == 1 ? "history" : "history/" + numbered(static_cast<Index>(i)), table,
            {"1", "iterations, evaluations, eta, 2-norm of the gradient on the scale of the method", "point,quantity"});
    }
}

struct Number {
    const char* name;
    double (*of)(const Solution&);
};
constexpr Number numbers[] = {
    {"eta_raw", [](const Solution& s) { return s.eta_raw; }},
    {"eta", [](const Solution& s) { return s.eta; }},
    {"eta_bound", [](const Solution& s) { return s.eta_bound; }},
    {"gap", [](const Solution& s) { return s.gap; }},
    {"offdiagonal", [](const Solution& s) { return s.offdiagonal; }},
    {"orthogonality", [](const Solution& s) { return s.orthogonality; }},
    {"rank", [](const Solution& s) { return static_cast<double>(s.rank); }},
    {"converged", [](const Solution& s) { return s.converged ? 1.0 : 0.0; }},
    {"iterations", [](const Solution& s) { return static_cast<double>(s.iterations); }},
    {"evaluations", [](const Solution& s) { return static_cast<double>(s.evaluations); }},
    {"evaluations_to_gap", [](const Solution& s) { return static_cast<double>(s.evaluations_to_gap); }},
};

nlohmann::ordered_json json_number(double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

void write_representable(const Hdf5Group& root, nlohmann::ordered_json& json, const std::vector<Descrambling>& results,
                         const DescrambleRequest& request) {
    const auto on = make_cpu_backend<double>(1);
    const Index n = results.front().solution.P.rows();
    const Stencil stencil = request.stencil == StencilKind::custom ? make_stencil(*on, request.stencil_matrix)
                                                                   : make_stencil(*on, request.stencil, n);
    std::vector<Representable> chosen;
    std::vector<const Matrix<double>*> P, generator;
    std::vector<double> largest, flips;
    for (const Descrambling& result : results)
        chosen.push_back(cayley_representable(*on, stencil, result.solution.P));
    for (const Representable& item : chosen) {
        P.push_back(&item.P);
        generator.push_back(&item.generator);
        largest.push_back(item.largest_entry);
        flips.push_back(static_cast<double>(item.flips));
    }
    write(root, "descrambler_cayley", P, {"1", "the minimiser with det +1 that a Cayley chart holds", "n,n"});
    write(root, "generator", generator, {"1", "its Q, skew: P (1 + Q) = 1 - Q", "n,n"});
    root.attribute("generator", "largest_entry", largest);
    root.attribute("generator", "flips", flips);
    json["generator"] = {{"largest_entry", largest}, {"flips", flips}};
}

void print(const Options& o, const std::vector<Descrambling>& results) {
    for (std::size_t i = 0; i < results.size(); ++i) {
        const Solution& s = results[i].solution;
        std::printf("network %zu: eta %.6g, from %.6g", o.network ? static_cast<std::size_t>(*o.network) : i, s.eta,
                    s.eta_raw);
        if (std::isfinite(s.eta_bound))
            std::printf("; bound %.6g, gap %.1e", s.eta_bound, s.gap);
        if (std::isfinite(s.offdiagonal))
            std::printf(", off-diagonal %.1e", s.offdiagonal);
        std::printf(", rank %td of %td", s.rank, s.P.rows());
        if (s.evaluations > 0)
            std::printf("; %s: %td evaluations", s.method.c_str(), s.evaluations);
        if (s.evaluations_to_gap > 0)
            std::printf(", %td to a gap of 1e-6", s.evaluations_to_gap);
        if (std::isfinite(results[i].surrogate_ratio))
            std::printf("; eta of the true signals is %.4g times their minimum", results[i].surrogate_ratio);
        std::printf("\n");
        if (!s.converged)
            std::fprintf(stderr, "descrambler: warning: network %zu: method %s did not converge within its budget\n",
                         o.network ? static_cast<std::size_t>(*o.network) : i, s.method.c_str());
    }
}

void write(const Options& o, const DescrambleRequest& request, const std::vector<Descrambling>& results,
           const std::string& asked_for) {
    const std::string method = results.front().solution.method;

    Hdf5File file = Hdf5File::create(o.out);
    const Hdf5Group& root = file.root();
    std::vector<const Matrix<double>*> P, weight, gram;
    for (const Descrambling& result : results) {
        P.push_back(&result.solution.P);
        weight.push_back(&result.descrambled_weight);
        gram.push_back(&result.gram);
    }
    write(root, "descrambler", P, {"1", "P, orthogonal", "n,n"});
    write(root, "descrambled_weight", weight,
          {"1", request.tap.at.side == Tap::before ? "P W" : "W of the next layer times P^T", "out,in"});
    write(root, "gram", gram,
          {"1", "what was minimised over (the plain sum over samples, or the balanced sum); of the signals otherwise",
           "n,n"});
    if (!is_diagonal(request.criterion))
        root.attribute("gram", "samples", static_cast<std::int64_t>(results.front().samples));
    write_history(root, results);

    nlohmann::ordered_json json{{"net", o.net},
                                {"inputs", o.inputs},
                                {"layer", o.layer},
                                {"tap", o.tap},
                                {"criterion", o.criterion},
                                {"stencil", o.stencil},
                                {"method", method},
                                {"samples", results.front().samples}};
    for (const Number& number : numbers) {
        std::vector<double> values;
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (const Descrambling& result : results) {
            values.push_back(number.of(result.solution));
            list.push_back(json_number(values.back()));
        }
        if (values.size() == 1) {
            root.attribute("", number.name, values.front());
            json[number.name] = list.front();
        } else {
            root.attribute("", number.name, values);
            json[number.name] = list;
        }
    }
    if (o.jacobian) {
        std::vector<double> ratios;
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (const Descrambling& result : results) {
            ratios.push_back(result.surrogate_ratio);
            list.push_back(json_number(result.surrogate_ratio));
        }
        root.attribute("", "surrogate_ratio", ratios);
        json["surrogate_ratio"] = results.size() == 1 ? list.front() : list;
    }
    if (o.representable)
        write_representable(root, json, results, request);
    for (const char* key : {"net", "inputs", "tap", "criterion", "stencil", "method"})
        root.attribute("", key, json[key].get<std::string>());
    root.attribute("", "precision", std::string(request.single_precision ? "f32" : "f64"));
    root.attribute("", "layer", static_cast<std::int64_t>(o.layer));
    root.attribute("", "jacobian", static_cast<std::int64_t>(o.jacobian));
    root.attribute("", "ranks", static_cast<std::int64_t>(o.common.process.ranks->size()));
    json["jacobian"] = o.jacobian;
    if (o.snr) {
        root.attribute("", "snr", *o.snr);
        json["snr"] = *o.snr;
    }
    root.attribute("", "request", asked_for);
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    file.commit();

    if (o.common.json)
        std::printf("%s\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
    else if (!o.common.quiet)
        print(o, results);
}

void run(const Options& o) {
    Communicator& ranks = *o.common.process.ranks;
    const bool no_inputs = o.inputs.empty();
    Execution execution = o.common.execution();
    (void)settle_device(execution);  // refuses one that is not there, before anything is read
    Ensemble ensemble;
    DescrambleRequest request;
    std::string files;
    std::optional<NodeTap> node;
    together(ranks, [&] {
        check(o);
        std::vector<std::string> read{o.net, o.inputs};
        for (const std::string& file : o.graph.files())
            read.push_back(file);
        check_output_apart(o.out, read);
        if (names_node(o)) {
            node = open_node(o.net, o.tap, o.graph);
            check_output_apart(o.out, node->external);
        }
        ensemble = node ? node->ensemble : open_networks(o.net, o.network);
        request = request_of(o, node ? node->at : TapPoint{o.layer, tap_from(o.tap)});
        files = content_of_files(*o.command) + (node ? node->content : "");
    });
    Library library;
    if (!no_inputs)
        library = open_library(o.inputs, ensemble, o.net, o.common, execution,
                               node ? std::optional(node->node.before.inputs()) : std::nullopt);
    const std::string asked_for = request_text(*o.command, ensemble, library) + files;
    check_remake(o.out, asked_for, o.common);
    if (!no_inputs)
        library = add_noise(library, o.inputs, o.snr, seed_of(ensemble, o.common), execution);
    if (node && !no_inputs)
        library = together(ranks, [&] { return open_signals(*node, library, execution); });
    // the ranks share the library; what follows from its sums is the same on all of them
    const std::vector<Descrambling> results = descramble(ensemble.networks, library, request, execution);
    together(ranks, [&] {
        if (o.common.leads())
            write(o, request, results, asked_for);
    });
}

}  // namespace

Command add_layer(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<Options>();
    CLI::App* command =
        app.add_subcommand("layer", "descramble one layer of a network or of every network of an ensemble");
    command->add_option("NET", o->net, "network, ensemble or study (HDF5), or a network of any shape (FILE.onnx)")
        ->required();
    command->add_option("--inputs", o->inputs, std::string(inputs_help) + " (mds and mdn need none)");
    command->add_option("--snr", o->snr, "add white noise of rms(inputs) / SNR to the inputs");
    command->add_option("--layer", o->layer, "layer, from 1, of a dense network");
    command
        ->add_option(
            "--tap", o->tap,
            "before or after the activation of --layer; NODE: the outputs W h of a dense node of an ONNX file, "
            "NODE:input: what enters it")
        ->capture_default_str();
    o->graph.add_to(*command, "with --tap NODE: ");
    command
        ->add_option(
            "--criterion", o->criterion,
            "smoothness; joint: and of the next layer's weights; mds, mdn: maximum diagonal sum, norm square of a "
            "square layer; tv: total variation; fourth: fourth moment; FILE.so: your own")
        ->capture_default_str();
    command
        ->add_option("--stencil", o->stencil,
                     "fourier2, dct, diff2, or FILE.npy with a differentiation matrix [m, n] of your own")
        ->capture_default_str();
    command->add_option("--method", o->method,
                        "closed: the global minimum (default where there is one; mdn: its fixed point); riemannian: "
                        "recentred descent on SO(n) (default of tv, fourth and your own); cayley: the published chart, "
                        "L-BFGS from Q = 0");
    command->add_option("--lambda", o->lambda, "weight of the next layer's smoothness, for --criterion joint")
        ->check(CLI::Range(0.0, 1e12))
        ->capture_default_str();
    command->add_option("--share", o->share, "LAYER:TAP[:WEIGHT], a further tap that shares P (may be repeated)")
        ->allow_extra_args(false)
        ->take_all();
    command->add_option("--balance", o->balance, "of the parts of a sum: norm, trace or none")->capture_default_str();
    command->add_option("--group", o->group, "o or so, for --criterion mds")
        ->check(CLI::IsMember({"o", "so"}))
        ->capture_default_str();
    command->add_option("--start", o->start,
                        "of --method riemannian: identity (default), closed (default of tv, fourth and your own) or "
                        "random (--seed)");
    command
        ->add_option("--evaluations", o->evaluations,
                     "budget of an iterative method (default 500; tv, fourth and your own: 2000)")
        ->check(CLI::Range(Index{1}, Index{1} << 40));
    command->add_option("--iterations", o->iterations, "likewise")->check(CLI::Range(Index{1}, Index{1} << 40));
    command->add_flag("--check-gradient", o->check_gradient,
                      "compare the gradient of the criterion with finite differences first");
    command->add_flag("--representable", o->representable,
                      "write the minimiser that a Cayley chart can hold, and its generator, too");
    command->add_option("--network", o->network, "one network of the ensemble, from 0 (default: all)");
    command->add_flag("--include-bias", o->include_bias, "add the bias to the signals (--tap before)");
    command->add_flag("--jacobian", o->jacobian,
                      "the network linearised at the mean input: f(xbar) + J (x - xbar) in place of the signals");
    command->add_flag("--centre", o->centre, "subtract the mean signal");
    command->add_option("--out", o->out, "result (HDF5)")->required();
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    o->command = command;
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
