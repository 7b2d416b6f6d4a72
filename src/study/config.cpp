#include "descrambler/config.hpp"

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <numeric>
#include <sstream>

#include "descrambler/files.hpp"
#include "descrambler/mlp.hpp"

namespace descrambler {

namespace {

// One key of the file: how it is read from a TOML node and written back.
struct Key {
    std::string name;  // dotted
    std::function<void(const toml::node&)> read;
    std::function<std::string()> write;
};

std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            result += '\\';
        result += c;
    }
    return result + "\"";
}

std::string shortest(double value) {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    std::string result(text, end);
    if (result.find_first_of(".en") == std::string::npos)
        result += ".0";
    return result;
}

[[noreturn]] void expected(const std::string& what) {
    throw InputError("expected " + what);
}

Key text(std::string name, std::string& value) {
    return {std::move(name),
            [&value](const toml::node& node) {
                const auto found = node.value_exact<std::string>();
                if (!found || found->find_first_of("\n\r") != std::string::npos)
                    expected("a text of one line");
                value = *found;
            },
            [&value] { return in_quotes(value); }};
}

Key flag(std::string name, bool& value) {
    return {std::move(name),
            [&value](const toml::node& node) {
                const auto found = node.value_exact<bool>();
                if (!found)
                    expected("true or false");
                value = *found;
            },
            [&value] { return std::string(value ? "true" : "false"); }};
}

template <class Integer>
Integer whole_number(const toml::node& node, std::int64_t low, std::int64_t high) {
    const auto found = node.value_exact<std::int64_t>();
    if (!found || *found < low || *found > high)
        expected("a whole number from " + std::to_string(low) + " to " + std::to_string(high) +
                 (found ? ", found " + std::to_string(*found) : ""));
    return static_cast<Integer>(*found);
}

template <class Integer>
Key whole(std::string name, Integer& value, std::int64_t low, std::int64_t high) {
    return {std::move(name), [=, &value](const toml::node& node) { value = whole_number<Integer>(node, low, high); },
            [&value] { return std::to_string(value); }};
}

Key real(std::string name, double& value, double low, double high) {
    return {std::move(name),
            [=, &value](const toml::node& node) {
                const auto found = node.is_number() ? node.value<double>() : std::nullopt;
                if (!found || !(*found >= low && *found <= high))  // NaN fails too
                    expected("a number from " + shortest(low) + " to " + shortest(high) +
                             (found ? ", found " + shortest(*found) : ""));
                value = *found;
            },
            [&value] { return shortest(value); }};
}

template <class Enum>
Key choice(std::string name, Enum& value, std::function<Enum(std::string_view)> from,
           std::function<std::string_view(Enum)> to) {
    return {std::move(name),
            [&value, from](const toml::node& node) {
                const auto found = node.value_exact<std::string>();
                if (!found)
                    expected("a name in quotes");
                value = from(*found);
            },
            [&value, to] { return in_quotes(to(value)); }};
}

template <class Enum>
Key either(std::string name, Enum& value, Enum first, std::string first_name, Enum second, std::string second_name) {
    return {std::move(name),
            [=, &value](const toml::node& node) {
                const auto found = node.value_exact<std::string>();
                if (!found || (*found != first_name && *found != second_name))
                    expected("\"" + first_name + "\" or \"" + second_name + "\"");
                value = *found == first_name ? first : second;
            },
            [=, &value] { return in_quotes(value == first ? first_name : second_name); }};
}

Key widths(std::string name, std::vector<Index>& value) {
    return {std::move(name),
            [&value](const toml::node& node) {
                const toml::array* list = node.as_array();
                if (list == nullptr || list->empty() || list->size() > 64)
                    expected("a list of 1 to 64 widths, e.g. [80]");
                value.clear();
                for (const toml::node& width : *list)
                    value.push_back(whole_number<Index>(width, 3, 1 << 13));
            },
            [&value] {
                std::string list;
                for (const Index width : value)
                    list += (list.empty() ? "" : ", ") + std::to_string(width);
                return "[" + list + "]";
            }};
}

// Every key of the format, in the order of the file. A preset fills [data] before the other keys are read.
std::vector<Key> keys_of(StudyConfig& c) {
    const std::int64_t large = std::int64_t{1} << 40;
    const auto activation = [](std::string name, Activation& value) {
        return choice<Activation>(std::move(name), value, activation_from, [](Activation f) { return to_string(f); });
    };
    return {
        text("title", c.title),
        whole("seed", c.seed, 0, std::numeric_limits<std::int64_t>::max()),
        text("data.preset", c.data.preset),
        whole("data.times", c.data.times, 8, 1 << 14),
        whole("data.distances", c.data.distances, 8, 1 << 14),
        real("data.span_us", c.data.span_us, 1e-3, 100),
        whole("data.peaks_min", c.data.peaks_min, 1, deer_peaks_limit),
        whole("data.peaks_max", c.data.peaks_max, 1, deer_peaks_limit),
        real("data.fwhm_min", c.data.fwhm_min, 1e-4, 1),
        real("data.fwhm_max", c.data.fwhm_max, 1e-4, 10),
        real("data.depth_min", c.data.depth_min, 0, 1),
        real("data.depth_max", c.data.depth_max, 0, 1),
        real("data.rate_min_mhz", c.data.rate_min_mhz, 0, 1e3),
        real("data.rate_max_mhz", c.data.rate_max_mhz, 0, 1e3),
        real("data.dimension_min", c.data.dimension_min, 0.1, 6),
        real("data.dimension_max", c.data.dimension_max, 0.1, 6),
        real("data.noise_max", c.data.noise_max, 0, 10),
        either("data.input_scaling", c.data.input, InputScaling::boxed, "boxed", InputScaling::clean, "clean"),
        either("data.target_scaling", c.data.target, TargetScaling::maximum, "maximum", TargetScaling::mean, "mean"),
        widths("network.hidden", c.hidden),
        activation("network.activation", c.activation),
        activation("network.output_activation", c.output_activation),
        flag("network.renorm", c.renorm),
        whole("training.iterations", c.iterations, 1, large),
        whole("training.batch_size", c.batch_size, 1, 1 << 16),
        real("training.rate", c.rate, 1e-12, 10),
        real("training.rate_floor", c.rate_floor, 0, 1),
        real("training.decay", c.decay, 0, 1),
        either<std::string>("training.precision", c.precision, "f32", "f32", "f64", "f64"),
        real("training.checkpoint_seconds", c.checkpoint_seconds, 0, 1e9),
        whole("ensemble.networks", c.networks, 1, 100000),
        whole("controls.untrained", c.untrained, 0, 1000),
        whole("controls.shuffled", c.shuffled, 0, 1000),
        whole("controls.no_decay", c.no_decay, 0, 1000),
        whole("controls.iterations", c.control_iterations, 1, large),
        whole("analysis.library", c.library, 2, 1 << 18),
        whole("analysis.validation", c.validation, 1, 1 << 18),
        whole("analysis.tikhonov", c.tikhonov, 0, 1 << 18),
        choice<StencilKind>("analysis.stencil", c.stencil, stencil_from, [](StencilKind k) { return to_string(k); }),
        real("analysis.joint_lambda", c.joint_lambda, 0, 1e12),
        whole("analysis.bootstrap", c.bootstrap, 0, 200),
    };
}

Index distance(std::string_view a, std::string_view b) {  // Levenshtein
    std::vector<Index> row(b.size() + 1);
    std::iota(row.begin(), row.end(), Index{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        Index diagonal = row[0];
        row[0] = static_cast<Index>(i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const Index substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
        }
    }
    return row.back();
}

std::string nearest(const std::string& name, const std::vector<Key>& keys) {
    // "iterations" is nearest to "training.iterations" although a prefix is missing
    const auto score = [&](const Key& key) {
        const std::string last = key.name.substr(key.name.rfind('.') + 1);
        return std::min(distance(name, key.name), distance(name.substr(name.rfind('.') + 1), last) + 1);
    };
    return std::min_element(keys.begin(), keys.end(), [&](const Key& a, const Key& b) { return score(a) < score(b); })
        ->name;
}

void read_table(const toml::table& table, const std::string& prefix, const std::vector<Key>& keys,
                const std::string& where) {
    for (const auto& [key, node] : table) {
        const std::string name = prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key.str());
        const auto known = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
        const bool is_section =
            std::any_of(keys.begin(), keys.end(), [&](const Key& k) { return k.name.starts_with(name + "."); });
        if (known != keys.end()) {
            try {
                known->read(node);
            } catch (const InputError& error) {
                throw InputError(where + ": " + name + ": " + error.what());
            }
        } else if (is_section && node.is_table()) {
            read_table(*node.as_table(), name, keys, where);
        } else if (is_section) {
            throw InputError(where + ": " + name + ": expected a section [" + name + "]");
        } else if (node.is_table() && !node.as_table()->empty()) {  // an unknown section: its first key tells more
            read_table(*node.as_table(), name, keys, where);
        } else {
            throw InputError(where + ": " + name + ": unknown key; the nearest known one is " + nearest(name, keys));
        }
    }
}

toml::table parse_toml(const std::string& text, const std::string& where) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        std::string what(error.description());
        std::replace(what.begin(), what.end(), '\n', ' ');
        throw InputError(where + ": line " + std::to_string(error.source().begin.line) + ": " + what);
    }
}

void merge(toml::table& into, const toml::table& changes) {
    for (const auto& [key, node] : changes)
        if (node.is_table() && into[key].is_table())
            merge(*into[key].as_table(), *node.as_table());
        else
            into.insert_or_assign(key, node);
}

void apply(StudyConfig& config, const toml::table& table, const std::string& where) {
    // the preset first: other keys of [data] are changes to it
    if (const auto preset = table["data"]["preset"]; preset.is_value()) {
        try {
            const auto name = preset.value_exact<std::string>();
            if (!name)
                expected("a name in quotes");
            config.data = deer_preset(*name);
        } catch (const InputError& error) {
            throw InputError(where + ": data.preset: " + error.what());
        }
    }
    read_table(table, "", keys_of(config), where);
}

}  // namespace

StudyConfig parse_config(const std::string& text, const std::string& where, const std::vector<std::string>& overrides) {
    toml::table whole = parse_toml(text, where);
    {
        StudyConfig trial;
        apply(trial, whole, where);
    }
    for (const std::string& change : overrides) {
        const std::string source = "--set " + change;
        const std::size_t equals = change.find('=');
        if (equals == std::string::npos || equals == 0 || change.find('\n') != std::string::npos)
            throw InputError(source + ": expected KEY=VALUE");
        const std::string key = change.substr(0, equals), value = change.substr(equals + 1);
        toml::table table;
        try {
            table = parse_toml(key + " = " + value, source);
        } catch (const InputError&) {  // a name without quotes
            table = parse_toml(key + " = " + in_quotes(value), source);
        }
        StudyConfig trial;
        apply(trial, table, source);  // so that a mistake is told of --set, not of the file
        merge(whole, table);
    }
    StudyConfig config;  // all changes are known before a preset fills [data]
    apply(config, whole, where);
    try {
        validate(config.data);
    } catch (const InputError& error) {
        throw InputError(where + ": " + error.what());
    }
    if (config.bootstrap == 1)
        throw InputError(where +
                         ": analysis.bootstrap: expected 0 (none) or at least 2 replicates to compare, found 1");
    if (config.tikhonov > config.validation)
        throw InputError(where + ": analysis.tikhonov: expected at most analysis.validation = " +
                         std::to_string(config.validation) + ", found " + std::to_string(config.tikhonov));
    return config;
}

StudyConfig read_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
    return parse_config(read_file(path, std::size_t{1} << 20), path.string(), overrides);
}

std::string to_toml(const StudyConfig& config) {
    StudyConfig copy = config;
    std::ostringstream out;
    std::string section;
    for (const Key& key : keys_of(copy)) {
        const std::size_t dot = key.name.find('.');
        const std::string of = dot == std::string::npos ? "" : key.name.substr(0, dot);
        if (of != section) {
            out << "\n[" << of << "]\n";
            section = of;
        }
        out << (dot == std::string::npos ? key.name : key.name.substr(dot + 1)) << " = " << key.write() << "\n";
    }
    return out.str();
}

std::vector<Layer> network_layers(const StudyConfig& config) {
    std::vector<Layer> layers;
    Index inputs = config.data.times;
    for (const Index width : config.hidden) {
        layers.push_back({inputs, width, config.activation, false});
        inputs = width;
    }
    layers.push_back({inputs, config.data.distances, config.output_activation, config.renorm});
    return layers;
}

}  // namespace descrambler
