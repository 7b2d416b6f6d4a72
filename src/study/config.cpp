#include "study/config.hpp"

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

// A list of 1 to 16 items, each read and written as T's functions have it.
template <class T>
Key list(std::string name, std::vector<T>& value, const std::string& what, std::function<T(const toml::node&)> from,
         std::function<std::string(const T&)> to) {
    return {std::move(name),
            [=, &value](const toml::node& node) {
                const toml::array* items = node.as_array();
                if (items == nullptr || items->empty() || items->size() > 16)
                    expected("a list of 1 to 16 " + what);
                value.clear();
                for (const toml::node& item : *items)
                    value.push_back(from(item));
            },
            [=, &value] {
                std::string text;
                for (const T& item : value)
                    text += (text.empty() ? "" : ", ") + to(item);
                return "[" + text + "]";
            }};
}

Key reals(std::string name, std::vector<double>& value) {
    return list<double>(
        std::move(name), value, "numbers",
        [](const toml::node& node) {
            const auto found = node.is_number() ? node.value<double>() : std::nullopt;
            if (!found || !std::isfinite(*found))
                expected("a list of numbers");
            return *found;
        },
        [](const double& x) { return shortest(x); });
}

template <class Enum>
Key names(std::string name, std::vector<Enum>& value, std::function<Enum(std::string_view)> from,
          std::function<std::string_view(Enum)> to) {
    return list<Enum>(
        std::move(name), value, "names in quotes",
        [from](const toml::node& node) {
            const auto found = node.value_exact<std::string>();
            if (!found)
                expected("a list of names in quotes");
            return from(*found);
        },
        [to](const Enum& item) { return in_quotes(to(item)); });
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

Task task_from(std::string_view name) {
    for (const Task task : {Task::deer, Task::relaxometry, Task::bandpass})
        if (to_string(task) == name)
            return task;
    throw InputError("expected \"deer\", \"relaxometry\" or \"bandpass\", found '" + std::string(name) + "'");
}

// The task that a key belongs to; nothing: to all of them.
std::optional<Task> task_of(const std::string& key) {
    if (key == "data.task")
        return std::nullopt;
    if (key.starts_with("data.") || key == "analysis.tikhonov")
        return Task::deer;
    if (key.starts_with("relaxometry."))
        return Task::relaxometry;
    if (key.starts_with("bandpass."))
        return Task::bandpass;
    return std::nullopt;
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
        choice<Task>("data.task", c.task, task_from, [](Task t) { return to_string(t); }),
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
        names<Track>("relaxometry.tracks", c.relaxometry.tracks, track_from, [](Track t) { return to_string(t); }),
        reals("relaxometry.snr", c.relaxometry.snr),
        whole("relaxometry.points", c.relaxometry.points, 8, 4096),
        real("relaxometry.span_ms", c.relaxometry.span_ms, 1e-6, 1e6),
        real("relaxometry.time_min_ms", c.relaxometry.time_min_ms, 1e-6, 1e6),
        real("relaxometry.time_max_ms", c.relaxometry.time_max_ms, 1e-6, 1e6),
        real("relaxometry.weight", c.relaxometry.weight, 0, 1),
        whole("relaxometry.grid", c.relaxometry.grid, 2, 200),
        real("relaxometry.penalty", c.relaxometry.penalty, 0, 1e6),
        names<BandpassTarget>("bandpass.targets", c.bandpass.targets, bandpass_target_from,
                              [](BandpassTarget t) { return to_string(t); }),
        whole("bandpass.points", c.bandpass.points, 16, 8192),
        real("bandpass.rate_hz", c.bandpass.rate_hz, 1e-6, 1e9),
        real("bandpass.low_hz", c.bandpass.low_hz, 0, 1e9),
        real("bandpass.high_hz", c.bandpass.high_hz, 0, 1e9),
        reals("bandpass.tones_hz", c.bandpass.tones_hz),
        reals("bandpass.amplitudes", c.bandpass.amplitudes),
        real("bandpass.noise", c.bandpass.noise, 0, 1e3),
        widths("network.hidden", c.hidden),
        activation("network.activation", c.activation),
        activation("network.output_activation", c.output_activation),
        flag("network.renorm", c.renorm),
        either("network.initialisation", c.initial.kind, Initialisation::glorot, "glorot", Initialisation::fan_in,
               "fan_in"),
        real("network.first_weight_scale", c.initial.first_scale, 0, 1e3),
        whole("training.iterations", c.iterations, 1, large),
        whole("training.batch_size", c.batch_size, 1, 1 << 16),
        real("training.rate", c.rate, 1e-12, 10),
        real("training.rate_floor", c.rate_floor, 0, 1),
        real("training.decay", c.decay, 0, 1),
        either("training.loss", c.loss, Loss::mse, "mse", Loss::rmse, "rmse"),
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
        whole("analysis.chart_iterations", c.chart_iterations, 0, 100000),
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

// Keys of another task would do nothing: whoever wrote them expected something else.
void refuse_other_tasks(const toml::table& table, const std::string& prefix, Task task, const std::string& where) {
    for (const auto& [key, node] : table) {
        const std::string name = prefix + std::string(key.str());
        if (node.is_table())
            refuse_other_tasks(*node.as_table(), name + ".", task, where);
        else if (const auto of = task_of(name); of && *of != task)
            throw InputError(where + ": " + name + ": belongs to data.task = \"" + std::string(to_string(*of)) +
                             "\", the task of this study is \"" + std::string(to_string(task)) + "\"");
    }
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
    const toml::table file = whole;
    std::vector<std::pair<toml::table, std::string>> changes;
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
        changes.emplace_back(std::move(table), source);
    }
    StudyConfig config;  // all changes are known before a preset fills [data]
    apply(config, whole, where);
    refuse_other_tasks(file, "", config.task, where);
    for (const auto& [table, source] : changes)
        refuse_other_tasks(table, "", config.task, source);
    try {
        validate(config.data);
        validate(config.relaxometry);
        validate(config.bandpass);
    } catch (const InputError& error) {
        throw InputError(where + ": " + error.what());
    }
    if (config.bootstrap == 1)
        throw InputError(where +
                         ": analysis.bootstrap: expected 0 (none) or at least 2 replicates to compare, found 1");
    if (config.task == Task::deer && config.tikhonov > config.validation)
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
        if (const auto task = task_of(key.name); task && *task != config.task)
            continue;
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

std::string_view to_string(Task task) {
    switch (task) {
        case Task::relaxometry:
            return "relaxometry";
        case Task::bandpass:
            return "bandpass";
        case Task::deer:
            break;
    }
    return "deer";
}

std::vector<Layer> network_layers(const StudyConfig& config) {
    std::vector<Layer> layers;
    Index inputs = config.data.times, outputs = config.data.distances;
    if (config.task == Task::relaxometry)
        inputs = 2 * config.relaxometry.points, outputs = 2;
    else if (config.task == Task::bandpass)
        inputs = outputs = config.bandpass.points;
    for (const Index width : config.hidden) {
        layers.push_back({inputs, width, config.activation, false});
        inputs = width;
    }
    layers.push_back({inputs, outputs, config.output_activation, config.renorm});
    return layers;
}

Index condition_count(const StudyConfig& config) {
    switch (config.task) {
        case Task::relaxometry:
            return condition_count(config.relaxometry);
        case Task::bandpass:
            return std::ssize(config.bandpass.targets);
        case Task::deer:
            break;
    }
    return 1;
}

std::string condition_name(const StudyConfig& config, Index condition) {
    switch (config.task) {
        case Task::relaxometry:
            return condition_name(config.relaxometry, condition);
        case Task::bandpass:
            return std::string(to_string(config.bandpass.targets[static_cast<std::size_t>(condition)]));
        case Task::deer:
            break;
    }
    return "";
}

}  // namespace descrambler
