// export: a dense network of an ensemble as an ONNX file.
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/finished.hpp"
#include "cli/graph_inputs.hpp"
#include "cli/inputs.hpp"
#include "descrambler/dense_graph.hpp"
#include "descrambler/onnx.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

struct Options {
    Common common;
    std::string net, out;
    std::optional<Index> network;
    CLI::App* command = nullptr;
};

void check_range(const Network& network) {
    const auto check = [](double number) {
        if (!std::isfinite(static_cast<float>(number)))
            throw InputError("--precision f32: a weight is beyond its range, expected f64");
    };
    for (const DenseLayer& layer : network.layers) {
        std::ranges::for_each(layer.weight.values(), check);
        std::ranges::for_each(layer.bias, check);
    }
}

void run(const Options& o) {
    if (!o.out.ends_with(".onnx"))
        throw InputError("--out " + o.out + ": expected a name that ends with .onnx");
    check_output_apart(o.out, {o.net});
    const bool onnx = ends_as_onnx(o.net) && o.network.value_or(0) == 0;  // nothing of it may be left out
    const Ensemble ensemble = onnx ? dense_ensemble(o.net, false) : open_networks(o.net, o.network);
    if (ensemble.networks.size() > 1)
        throw InputError("--network: expected 0 to " + std::to_string(ensemble.networks.size() - 1) + ", " + o.net +
                         " has " + std::to_string(ensemble.networks.size()) + " networks and an ONNX file holds one");
    const Network& network = ensemble.networks.front();
    const std::string precision = o.common.precision.empty() ? ensemble.precision : o.common.precision;
    if (precision == "f32")
        check_range(network);
    check_remake(o.out, asked(*o.command), o.common);
    OnnxModel model = onnx_of(network, precision == "f32" ? ElementType::f32 : ElementType::f64);
    model.producer = "descrambler";
    model.producer_version = version();
    model.metadata = {{"source", std::filesystem::path(o.net).filename().string()},
                      {"network", std::to_string(o.network.value_or(0))},
                      {"commit", commit()}};
    write_onnx(o.out, model);
    std::string widths = std::to_string(network.inputs());
    for (const DenseLayer& layer : network.layers)
        widths += "-" + std::to_string(layer.weight.rows());
    if (o.common.json)
        std::printf("%s\n", nlohmann::ordered_json{{"net", o.net},
                                                   {"network", o.network.value_or(0)},
                                                   {"widths", widths},
                                                   {"precision", precision},
                                                   {"opset", model.opset},
                                                   {"out", o.out}}
                                .dump(2)
                                .c_str());
    else if (!o.common.quiet)
        std::printf("%s: network %td of %s, %s, %s, opset %d\n", o.out.c_str(), o.network.value_or(0), o.net.c_str(),
                    widths.c_str(), precision.c_str(), static_cast<int>(model.opset));
}

}  // namespace

Command add_export(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("export", "a network of an ensemble as an ONNX file");
    command->add_option("NET", o->net, "network, ensemble or study (HDF5), or a dense network (FILE.onnx)")->required();
    command->add_option("--network", o->network, "which network of the ensemble, from 0 (needed where it has several)");
    command->add_option("--out", o->out, "FILE.onnx; --precision of its numbers: that of NET unless given")->required();
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    o->command = command;
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
