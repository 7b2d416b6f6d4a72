#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/inputs.hpp"
#include "cli/stack.hpp"
#include "descrambler/descramble.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

struct Options {
    Common common;
    std::string net, inputs, out, tap = "before";
    Index layer = 1;
    std::optional<Index> network;
    std::optional<double> snr;
    bool include_bias = false, centre = false;
};

void run(const Options& o) {
    const std::string device = make_backend<double>(o.common.execution())->name();  // or refuses it
    check_output_apart(o.out, {o.net, o.inputs});
    const Ensemble ensemble = open_networks(o.net, o.network);
    const Library library = open_library(o.inputs, ensemble, o.net, o.common, o.snr);
    const TapRequest request{
        .layer = o.layer, .tap = tap_from(o.tap), .include_bias = o.include_bias, .centre = o.centre};
    const std::vector<TapGram> grams = tap_grams(ensemble.networks, request, library, o.common.execution());

    const Index n = grams.front().gram.rows();
    std::vector<double> gram, factor, mean;
    nlohmann::ordered_json traces = nlohmann::ordered_json::array();
    for (const TapGram& item : grams) {
        append(gram, item.gram);
        append(factor, item.factor);
        mean.insert(mean.end(), item.mean.begin(), item.mean.end());
        double trace = 0;
        for (Index i = 0; i < n; ++i)
            trace += item.gram(i, i);
        traces.push_back(trace);
    }
    Hdf5File file = Hdf5File::create(o.out);
    const Hdf5Group& root = file.root();
    write(root, "gram", {n, n}, gram,
          {"1", o.centre ? "sum over samples of (s - mean)(s - mean)^T" : "sum over samples of s s^T", "n,n"},
          grams.size());
    write(root, "factor", {n, n}, factor, {"1", "R upper triangular, gram = R^T R", "n,n"}, grams.size());
    write(root, "mean", {n}, mean, {"1", "mean of s over the samples", "n"}, grams.size());
    root.attribute("gram", "samples", static_cast<std::int64_t>(grams.front().samples));
    root.attribute("", "net", o.net);
    root.attribute("", "inputs", o.inputs);
    root.attribute("", "layer", static_cast<std::int64_t>(o.layer));
    root.attribute("", "tap", o.tap);
    root.attribute("", "seed", static_cast<std::int64_t>(seed_of(ensemble, o.common)));
    root.attribute("", "device", device);
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    file.commit();
    if (o.common.json)
        std::printf("%s\n", nlohmann::ordered_json{{"net", o.net},
                                                   {"inputs", o.inputs},
                                                   {"layer", o.layer},
                                                   {"tap", o.tap},
                                                   {"samples", grams.front().samples},
                                                   {"networks", grams.size()},
                                                   {"n", n},
                                                   {"trace", traces},
                                                   {"device", device},
                                                   {"out", o.out}}
                                .dump(2)
                                .c_str());
    else if (!o.common.quiet)
        std::printf("%s: Gram matrices [%td, %td] of %zu network%s over %td samples\n", o.out.c_str(), n, n,
                    grams.size(), grams.size() == 1 ? "" : "s", grams.front().samples);
}

}  // namespace

Command add_gram(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("gram", "Gram matrix of the signals at a tap over a library of inputs");
    command->add_option("NET", o->net, "network, ensemble or study (HDF5)")->required();
    command->add_option("--inputs", o->inputs, std::string(inputs_help))->required();
    command->add_option("--layer", o->layer, "layer, from 1")->required();
    command->add_option("--tap", o->tap, "before (W h) or after (f(W h + b)) the activation")
        ->check(CLI::IsMember({"before", "after"}))
        ->capture_default_str();
    command->add_option("--network", o->network, "one network of the ensemble, from 0");
    command->add_option("--snr", o->snr, "noise added to the inputs: their rms over its standard deviation");
    command->add_flag("--include-bias", o->include_bias, "with the bias of the tapped layer (tap before)");
    command->add_flag("--centre", o->centre, "around the mean over the samples");
    command->add_option("--out", o->out, "result (HDF5): gram, factor, mean")->required();
    o->common.process = process;
    o->common.add_to(*command);
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
