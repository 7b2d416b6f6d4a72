#include "descrambler/ensemble.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/hdf5.hpp"
#include "io/text.hpp"

namespace descrambler {

namespace {

void check_finite(const std::string& where, std::span<const double> values) {
    const auto bad = std::find_if_not(values.begin(), values.end(), [](double x) { return std::isfinite(x); });
    if (bad != values.end())
        throw InputError(where + ": value " + std::to_string(bad - values.begin()) + " is not finite");
}

}  // namespace

void write_network(const Hdf5Group& group, const Network& network, const std::string& precision) {
    for (std::size_t k = 0; k < network.layers.size(); ++k) {
        const DenseLayer& layer = network.layers[k];
        const std::string name = "layer_" + std::to_string(k + 1);
        const Hdf5Group at = group.create_group(name);
        const Label weight{"1", "weight matrix of layer " + std::to_string(k + 1), "out,in"};
        const Label bias{"1", "bias of layer " + std::to_string(k + 1), "out"};
        if (precision == "f32") {
            Matrix<float> w(layer.weight.rows(), layer.weight.cols());
            std::transform(layer.weight.values().begin(), layer.weight.values().end(), w.values().begin(),
                           [](double x) { return static_cast<float>(x); });
            at.write("weight", w, weight);
            if (!layer.bias.empty())
                at.write("bias", std::vector<float>(layer.bias.begin(), layer.bias.end()), bias);
        } else {
            at.write("weight", layer.weight, weight);
            if (!layer.bias.empty())
                at.write("bias", layer.bias, bias);
        }
        group.attribute(name, "activation", std::string(to_string(layer.activation)));
        group.attribute(name, "renorm", static_cast<std::int64_t>(layer.renorm));
    }
}

Network read_network(const Hdf5Group& group) {
    Network network;
    while (group.has("layer_" + std::to_string(network.layers.size() + 1))) {
        const std::string name = "layer_" + std::to_string(network.layers.size() + 1);
        const Hdf5Group at = group.group(name);
        DenseLayer layer;
        layer.weight = at.read_matrix<double>("weight");
        const std::string where = at.path();
        if (layer.weight.size() == 0)
            throw InputError(where + "/weight: expected a matrix [out, in], found an empty one");
        check_finite(where + "/weight", layer.weight.values());
        if (!network.layers.empty() && network.layers.back().weight.rows() != layer.weight.cols())
            throw InputError(where + "/weight: expected " + std::to_string(network.layers.back().weight.rows()) +
                             " columns (outputs of the layer before), found " + std::to_string(layer.weight.cols()));
        if (at.has("bias")) {
            layer.bias = at.read_vector<double>("bias");
            check_finite(where + "/bias", layer.bias);
            if (static_cast<Index>(layer.bias.size()) != layer.weight.rows())
                throw InputError(where + "/bias: expected " + std::to_string(layer.weight.rows()) +
                                 " values (rows of the weight), found " + std::to_string(layer.bias.size()));
        }
        if (!group.has_attribute(name, "activation"))
            throw InputError(where + ": expected the attribute activation");
        try {
            layer.activation = activation_from(group.text_attribute(name, "activation"));
        } catch (const InputError& error) {
            throw InputError(where + ": " + error.what());
        }
        if (group.has_attribute(name, "renorm")) {
            const double renorm = group.number_attribute(name, "renorm");
            if (renorm != 0 && renorm != 1)
                throw InputError(where + ": attribute renorm: expected 0 or 1");
            layer.renorm = renorm == 1;
        }
        network.layers.push_back(std::move(layer));
    }
    if (network.layers.empty())
        throw InputError(group.path() + ": expected groups layer_1, layer_2, ...");
    for (const std::string& name : group.names())  // nothing may be cut off silently
        if (name.starts_with("layer_") &&
            !std::any_of(network.layers.begin(), network.layers.end(), [&](const auto& layer) {
                return name == "layer_" + std::to_string(&layer - network.layers.data() + 1);
            }))
            throw InputError(group.path() + ": expected layers numbered from 1 without a gap, found " + name +
                             " after " + std::to_string(network.layers.size()));
    return network;
}

void write_ensemble(const std::string& path, const Ensemble& ensemble) {
    Hdf5File file = Hdf5File::create(path);
    const Hdf5Group networks = file.root().create_group("networks");
    for (std::size_t i = 0; i < ensemble.networks.size(); ++i)
        write_network(networks.create_group(numbered(static_cast<Index>(i))), ensemble.networks[i], ensemble.precision);
    if (ensemble.recipe) {
        const Hdf5Group input = file.root().create_group("input");
        write_recipe(input, *ensemble.recipe);
        if (ensemble.seed)
            input.attribute("", "seed", static_cast<std::int64_t>(*ensemble.seed));
    }
    if (!ensemble.request.empty())
        file.root().attribute("", "request", ensemble.request);
    file.root().attribute("", "precision", ensemble.precision);
    file.root().attribute("", "ranks", static_cast<std::int64_t>(ensemble.ranks));
    file.commit();
}

Ensemble read_ensemble(const std::string& path) {
    const Hdf5File file = Hdf5File::open(path);
    if (!file.root().has("networks"))
        throw InputError(path + ": expected a group /networks with networks 000, 001, ...");
    const Hdf5Group networks = file.root().group("networks");
    Ensemble ensemble;
    for (std::string name = numbered(0); networks.has(name); name = numbered(std::ssize(ensemble.networks))) {
        ensemble.networks.push_back(read_network(networks.group(name)));
        if (shape_of(ensemble.networks.back()) != shape_of(ensemble.networks.front()))
            throw InputError(path + ": /networks/" + name + ": expected the shape of the first network");
    }
    if (networks.names().size() != ensemble.networks.size())
        throw InputError(path + ": /networks: expected networks numbered from 000 without a gap, found " +
                         std::to_string(networks.names().size()) + " names but no " +
                         numbered(std::ssize(ensemble.networks)));
    if (ensemble.networks.empty())
        throw InputError(path + ": /networks: expected at least one network");
    if (file.root().has("input")) {
        const Hdf5Group input = file.root().group("input");
        ensemble.recipe = read_recipe(input);
        if (input.has_attribute("", "seed")) {
            const double seed = input.number_attribute("", "seed");
            if (!(seed >= 0 && seed <= 9e18))
                throw InputError(path + ": /input: attribute seed: expected a whole number, not negative");
            ensemble.seed = static_cast<std::uint64_t>(seed);
        }
    }
    if (file.root().has_attribute("", "precision"))
        ensemble.precision = file.root().text_attribute("", "precision") == "f64" ? "f64" : "f32";
    return ensemble;
}

}  // namespace descrambler
