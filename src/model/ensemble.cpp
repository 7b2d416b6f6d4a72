#include "descrambler/ensemble.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "descrambler/hdf5.hpp"

namespace descrambler {

namespace {

std::string number(std::size_t i) {
    char text[32];
    std::snprintf(text, sizeof text, "%03zu", i);
    return text;
}

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

void write_database(const Hdf5Group& group, const DeerDatabase& data) {
    const auto text = [&](const char* key, const std::string& value) { group.attribute("", key, value); };
    const auto real = [&](const char* key, double value) { group.attribute("", key, value); };
    const auto whole = [&](const char* key, Index value) {
        group.attribute("", key, static_cast<std::int64_t>(value));
    };
    text("preset", data.preset);
    text("input_scaling", data.input == InputScaling::boxed ? "boxed" : "clean");
    text("target_scaling", data.target == TargetScaling::maximum ? "maximum" : "mean");
    whole("times", data.times);
    whole("distances", data.distances);
    real("span_us", data.span_us);
    whole("peaks_min", data.peaks_min);
    whole("peaks_max", data.peaks_max);
    real("fwhm_min", data.fwhm_min);
    real("fwhm_max", data.fwhm_max);
    real("depth_min", data.depth_min);
    real("depth_max", data.depth_max);
    real("rate_min_mhz", data.rate_min_mhz);
    real("rate_max_mhz", data.rate_max_mhz);
    real("dimension_min", data.dimension_min);
    real("dimension_max", data.dimension_max);
    real("noise_max", data.noise_max);
}

std::optional<DeerDatabase> read_database(const Hdf5Group& group) {
    if (!group.has_attribute("", "preset"))
        return std::nullopt;
    const auto text = [&](const char* key) { return group.text_attribute("", key); };
    const auto real = [&](const char* key) { return group.number_attribute("", key); };
    const auto choice = [&](const char* key, const char* first, const char* second) {
        const std::string value = text(key);
        if (value != first && value != second)
            throw InputError(group.path() + ": attribute " + key + ": expected " + first + " or " + second +
                             ", found '" + value + "'");
        return value == first;
    };
    const auto whole = [&](const char* key, double limit) {
        const double value = real(key);
        if (!(value >= 0 && value <= limit && value == std::floor(value)))
            throw InputError(group.path() + ": attribute " + key + ": expected a whole number from 0 to " +
                             std::to_string(static_cast<Index>(limit)));
        return static_cast<Index>(value);
    };
    DeerDatabase data;
    data.preset = text("preset");
    data.input = choice("input_scaling", "boxed", "clean") ? InputScaling::boxed : InputScaling::clean;
    data.target = choice("target_scaling", "maximum", "mean") ? TargetScaling::maximum : TargetScaling::mean;
    data.times = whole("times", 1 << 20);
    data.distances = whole("distances", 1 << 20);
    data.span_us = real("span_us");
    data.peaks_min = static_cast<int>(whole("peaks_min", 1000));
    data.peaks_max = static_cast<int>(whole("peaks_max", 1000));
    data.fwhm_min = real("fwhm_min");
    data.fwhm_max = real("fwhm_max");
    data.depth_min = real("depth_min");
    data.depth_max = real("depth_max");
    data.rate_min_mhz = real("rate_min_mhz");
    data.rate_max_mhz = real("rate_max_mhz");
    data.dimension_min = real("dimension_min");
    data.dimension_max = real("dimension_max");
    data.noise_max = real("noise_max");
    try {
        validate(data);
    } catch (const InputError& error) {
        throw InputError(group.path() + ": " + error.what());
    }
    return data;
}

void write_ensemble(const std::string& path, const Ensemble& ensemble) {
    Hdf5File file = Hdf5File::create(path);
    const Hdf5Group networks = file.root().create_group("networks");
    for (std::size_t i = 0; i < ensemble.networks.size(); ++i)
        write_network(networks.create_group(number(i)), ensemble.networks[i], ensemble.precision);
    if (ensemble.database || ensemble.relaxometry || ensemble.bandpass) {
        const Hdf5Group input = file.root().create_group("input");
        if (ensemble.database)
            write_database(input, *ensemble.database);
        else if (ensemble.relaxometry)
            write_relaxometry(input, *ensemble.relaxometry);
        else
            write_bandpass(input, *ensemble.bandpass);
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
    for (std::string name = number(0); networks.has(name); name = number(ensemble.networks.size())) {
        ensemble.networks.push_back(read_network(networks.group(name)));
        if (shape_of(ensemble.networks.back()) != shape_of(ensemble.networks.front()))
            throw InputError(path + ": /networks/" + name + ": expected the shape of the first network");
    }
    if (networks.names().size() != ensemble.networks.size())
        throw InputError(path + ": /networks: expected networks numbered from 000 without a gap, found " +
                         std::to_string(networks.names().size()) + " names but no " + number(ensemble.networks.size()));
    if (ensemble.networks.empty())
        throw InputError(path + ": /networks: expected at least one network");
    if (file.root().has("input")) {
        const Hdf5Group input = file.root().group("input");
        ensemble.database = read_database(input);
        ensemble.relaxometry = read_relaxometry(input);
        ensemble.bandpass = read_bandpass(input);
        const Index conditions = ensemble.relaxometry ? condition_count(*ensemble.relaxometry)
                                 : ensemble.bandpass  ? std::ssize(ensemble.bandpass->targets)
                                                      : 1;
        if (std::ssize(ensemble.networks) % conditions != 0)
            throw InputError(path + ": /networks: expected as many networks of each of the " +
                             std::to_string(conditions) + " conditions of /input, found " +
                             std::to_string(ensemble.networks.size()) + " together");
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
