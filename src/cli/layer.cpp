#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/inputs.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

struct Options {
    Common common;
    std::string net, inputs, out;
    std::string tap = "before", criterion = "smoothness", stencil = "fourier2", method = "closed";
    Index layer = 1;
    std::optional<Index> network;
    double lambda = 1;
    bool include_bias = false, centre = false;
};

// One network: [rows, cols]; several: [networks, rows, cols].
void write(const Hdf5Group& root, const std::string& name, const std::vector<const Matrix<double>*>& items,
           Label label) {
    if (items.front()->size() == 0)
        return;
    if (items.size() == 1) {
        root.write(name, *items.front(), label);
        return;
    }
    std::vector<double> values;
    for (const Matrix<double>* item : items)
        for (Index i = 0; i < item->rows(); ++i)
            for (Index j = 0; j < item->cols(); ++j)
                values.push_back((*item)(i, j));
    label.axes = "network," + label.axes;
    root.write(name, {static_cast<Index>(items.size()), items.front()->rows(), items.front()->cols()}, values.data(),
               label);
}

void run(const Options& o) {
    if (o.method != "closed")
        throw InputError("--method " + o.method + ": expected closed");
    const auto on = make_backend<double>(o.common.device, o.common.threads);  // refuses a device that is not there
    check_output_apart(o.out, {o.net, o.inputs});
    const Ensemble ensemble = open_networks(o.net, o.network);
    const Library library = open_library(o.inputs, ensemble, o.net, o.common);
    const DescrambleRequest request{
        .tap = {.layer = o.layer, .tap = tap_from(o.tap), .include_bias = o.include_bias, .centre = o.centre},
        .criterion = criterion_from(o.criterion),
        .stencil = stencil_from(o.stencil),
        .lambda = o.lambda};
    const std::vector<Descrambling> results = descramble(ensemble.networks, library, request, o.common.threads);

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
          {"1", request.tap.tap == Tap::before ? "P W" : "W of the next layer times P^T", "out,in"});
    write(root, "gram", gram, {"1", "what was minimised over: the plain sum over samples, or the joint Gram", "n,n"});
    root.attribute("gram", "samples", static_cast<std::int64_t>(results.front().samples));

    nlohmann::ordered_json json{{"net", o.net},
                                {"inputs", o.inputs},
                                {"layer", o.layer},
                                {"tap", o.tap},
                                {"criterion", o.criterion},
                                {"stencil", o.stencil},
                                {"method", o.method},
                                {"samples", results.front().samples}};
    const auto number = [&](const char* name, auto&& value) {
        std::vector<double> values;
        for (const Descrambling& result : results)
            values.push_back(static_cast<double>(value(result.solution)));
        if (values.size() == 1) {
            root.attribute("", name, values.front());
            json[name] = values.front();
        } else {
            root.attribute("", name, values);
            json[name] = values;
        }
    };
    number("eta_raw", [](const Solution& s) { return s.eta_raw; });
    number("eta", [](const Solution& s) { return s.eta; });
    number("eta_bound", [](const Solution& s) { return s.eta_bound; });
    number("gap", [](const Solution& s) { return s.gap; });
    number("offdiagonal", [](const Solution& s) { return s.offdiagonal; });
    number("orthogonality", [](const Solution& s) { return s.orthogonality; });
    number("rank", [](const Solution& s) { return s.rank; });
    for (const char* key : {"net", "inputs", "tap", "criterion", "stencil", "method"})
        root.attribute("", key, json[key].get<std::string>());
    root.attribute("", "layer", static_cast<std::int64_t>(o.layer));
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    file.commit();

    if (o.common.json)
        std::printf("%s\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace).c_str());
    else if (!o.common.quiet)
        for (std::size_t i = 0; i < results.size(); ++i) {
            const Solution& s = results[i].solution;
            std::printf("network %zu: eta %.6g, from %.6g; bound %.6g, gap %.1e, off-diagonal %.1e, rank %td of %td\n",
                        o.network ? static_cast<std::size_t>(*o.network) : i, s.eta, s.eta_raw, s.eta_bound, s.gap,
                        s.offdiagonal, s.rank, s.P.rows());
        }
}

}  // namespace

Command add_layer(CLI::App& app) {
    const auto o = std::make_shared<Options>();
    CLI::App* command =
        app.add_subcommand("layer", "descramble one layer of a network or of every network of an ensemble");
    command->add_option("NET", o->net, "network, ensemble or study (HDF5)")->required();
    command
        ->add_option("--inputs", o->inputs,
                     "library of inputs: FILE.npy, FILE.h5, FILE.h5:/dataset, deer:N, "
                     "relaxometry:N or bandpass:N")
        ->required();
    command->add_option("--layer", o->layer, "layer, from 1")->required();
    command->add_option("--tap", o->tap, "before or after the activation")->capture_default_str();
    command->add_option("--criterion", o->criterion, "smoothness or joint")->capture_default_str();
    command->add_option("--stencil", o->stencil, "fourier2, dct or diff2")->capture_default_str();
    command->add_option("--method", o->method, "closed: the global minimum in closed form")->capture_default_str();
    command->add_option("--lambda", o->lambda, "weight of the next layer's smoothness, for --criterion joint")
        ->check(CLI::Range(0.0, 1e12))
        ->capture_default_str();
    command->add_option("--network", o->network, "one network of the ensemble, from 0 (default: all)");
    command->add_flag("--include-bias", o->include_bias, "add the bias to the signals (--tap before)");
    command->add_flag("--centre", o->centre, "subtract the mean signal");
    command->add_option("--out", o->out, "result (HDF5)")->required();
    o->common.add_to(*command);
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
