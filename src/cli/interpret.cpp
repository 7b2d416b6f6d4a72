// interpret: a network frozen at an input, and what is asked about the linear operator that it then is.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <sstream>

#include "cli/finished.hpp"
#include "cli/inputs.hpp"
#include "descrambler/frozen.hpp"
#include "descrambler/graph.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/lanczos.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
    Common common;
    std::string net, input, out, rows, columns, contributions, freeze = "frozen", norm = "std";
    std::string input_name, output_name;
    std::vector<std::string> set, shape;
    Index svd = 0;
    Index memory = 1024;  // MiB
    std::int64_t assume_opset = 0;
    std::optional<Index> network;
    std::optional<std::uint64_t> random_weights;
    bool residual = false, explain = false, softmax = false;
    CLI::App* command = nullptr;
};

std::pair<std::string, std::string> name_and_value(const std::string& option, const std::string& text) {
    const std::size_t at = text.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size())
        throw InputError(option + " " + text + ": expected NAME=VALUE");
    return {text.substr(0, at), text.substr(at + 1)};
}

// Whole numbers between separators: "5,17", "1x3x64x64".
std::vector<Index> whole_numbers(const std::string& option, const std::string& text, char separator) {
    std::vector<Index> numbers;
    std::istringstream words(text);
    for (std::string word; std::getline(words, word, separator);) {
        if (word.empty() || word.size() > 18 || word.find_first_not_of("0123456789") != std::string::npos)
            throw InputError(option + " " + text + ": expected whole numbers with '" + separator + "' between them");
        numbers.push_back(std::stoll(word));
    }
    if (numbers.empty())
        throw InputError(option + ": expected whole numbers with '" + std::string(1, separator) + "' between them");
    return numbers;
}

bool is_onnx(const std::string& path) {
    return path.ends_with(".onnx");
}

Graph open_graph(const Options& o, std::string& source) {
    if (!is_onnx(o.net)) {
        const Ensemble ensemble = open_networks(o.net, o.network.value_or(0));
        source = o.net;
        return graph_of(ensemble.networks.front());
    }
    const OnnxModel model = read_onnx(o.net);
    ImportOptions options;
    for (const std::string& text : o.set) {
        const auto [name, file] = name_and_value("--set", text);
        options.set[name] = read_npy_tensor(file);
    }
    for (const std::string& text : o.shape) {
        const auto [name, extents] = name_and_value("--shape", text);
        options.shapes[name] = whole_numbers("--shape", extents, 'x');
    }
    options.input = o.input_name;
    options.output = o.output_name;
    options.logits = !o.softmax;
    options.assume_opset = o.assume_opset;
    options.random_weights = o.random_weights.has_value();
    options.seed = o.random_weights.value_or(1);
    source = model.producer.empty() ? o.net : o.net + " (" + model.producer + ")";
    return import_onnx(model, options);
}

std::vector<double> open_input(const Options& o, const Graph& graph) {
    const Tensor x = read_npy_tensor(o.input);
    const Shape& shape = graph.values[static_cast<std::size_t>(graph.input)].shape;
    const auto squeezed = [](const Shape& of) {
        Shape rest = of;
        while (!rest.empty() && rest.front() == 1)
            rest.erase(rest.begin());
        return rest;
    };
    if (squeezed(x.shape) != squeezed(shape) && x.shape != Shape{volume(shape)})
        throw InputError(o.input + ": shape " + to_string(x.shape) + ", expected " + to_string(shape));
    return x.as<double>();
}

std::vector<Index> places(const std::string& option, const std::string& text, Index size, const char* what) {
    if (text.empty())
        return {};
    std::vector<Index> numbers = whole_numbers(option, text, ',');
    for (const Index number : numbers)
        if (number >= size)
            throw InputError(option + " " + text + ": " + std::to_string(number) + " is out of range, expected 0 to " +
                             std::to_string(size - 1) + ", " + what);
    return numbers;
}

struct Answers {
    std::vector<double> x0, y, r;
    std::vector<Index> row_index, column_index, output_index;
    Matrix<double> rows, columns;  // [inputs, count], [outputs, count]
    std::optional<LanczosSvd> svd;
    std::optional<Contributions> contributions;
    double conservation = 0, norm_r = 0, norm_Fx = 0, norm_y = 0;
    Index recorded = 0;
};

double norm(const std::vector<double>& numbers) {
    double sum = 0;
    for (const double number : numbers)
        sum += number * number;
    return std::sqrt(sum);
}

template <class T>
Matrix<double> in_double(const Matrix<T>& from) {
    Matrix<double> to(from.rows(), from.cols());
    std::ranges::copy(from.values(), to.values().begin());
    return to;
}

template <class T>
Answers answers(const Options& o, const Execution& execution, const Graph& graph, const std::vector<double>& input,
                std::uint64_t seed) {
    const FreezeOptions options{freeze_rule_from(o.freeze), norm_rule_from(o.norm)};
    FrozenNetwork<T> frozen(execution.backend<T>(), execution.backend<double>(), graph, input, options);
    frozen.set_memory(o.memory << 20);
    Answers a;
    a.x0 = input;
    a.y = frozen.output();
    const Parts<T> parts = frozen.parts();
    a.r.assign(parts.residual.begin(), parts.residual.end());
    const std::vector<double> linear(parts.linear.begin(), parts.linear.end());
    double worst = 0, scale = 0;
    for (std::size_t i = 0; i < linear.size(); ++i) {
        const double off = std::abs(linear[i] + a.r[i] - a.y[i]);
        if (!(off <= worst))  // what is no number stays
            worst = off;
        scale = std::max(scale, std::abs(linear[i]) + std::abs(a.r[i]));
    }
    a.conservation = scale > 0 ? worst / scale : 0;
    a.norm_r = norm(a.r);
    a.norm_Fx = norm(linear);
    a.norm_y = norm(a.y);
    a.recorded = frozen.recorded_bytes();
    a.row_index = places("--rows", o.rows, frozen.outputs(), "the outputs");
    a.column_index = places("--columns", o.columns, frozen.inputs(), "the inputs");
    a.output_index = places("--contributions", o.contributions, frozen.outputs(), "the outputs");
    if (!a.row_index.empty())
        a.rows = in_double(frozen.rows(a.row_index));
    if (!a.column_index.empty())
        a.columns = in_double(frozen.columns(a.column_index));
    if (!a.output_index.empty())
        a.contributions = frozen.contributions(a.output_index);
    if (o.svd > 0) {
        LanczosOptions lanczos;
        lanczos.wanted = static_cast<int>(o.svd);
        lanczos.seed = seed;
        a.svd = lanczos_svd(execution.backend<double>(), operator_of(frozen), lanczos);
    }
    return a;
}

Json json_of(const Options& o, const Graph& graph, const Answers& a) {
    Json json{{"net", o.net},
              {"input", o.input},
              {"input_shape", graph.values[static_cast<std::size_t>(graph.input)].shape},
              {"output_shape", graph.output_shape},
              {"freeze", o.freeze},
              {"norm", o.norm},
              {"precision", o.common.precision},
              {"norm_y", a.norm_y},
              {"norm_Fx", a.norm_Fx},
              {"norm_r", a.norm_r},
              {"residual_share", a.norm_r / std::max(a.norm_r + a.norm_Fx, 1e-300)},
              {"residual_over_output", a.norm_r / std::max(a.norm_y, 1e-300)},
              {"conservation_error", a.conservation},
              {"recorded_bytes", a.recorded},
              {"remarks", graph.remarks}};
    if (a.svd) {
        json["sigma"] = a.svd->s;
        json["operator_pairs"] = a.svd->pairs;
        json["converged"] = a.svd->converged;
    }
    if (a.contributions)
        for (std::size_t k = 0; k < a.output_index.size(); ++k) {
            Json parts = Json::array();  // names may occur twice
            for (std::size_t i = 0; i < a.contributions->names.size(); ++i)
                parts.push_back({{"name", a.contributions->names[i]},
                                 {"value", a.contributions->values(static_cast<Index>(i), static_cast<Index>(k))}});
            json["contributions"].push_back({{"output", a.output_index[k]},
                                             {"y", a.y[static_cast<std::size_t>(a.output_index[k])]},
                                             {"parts", std::move(parts)}});
        }
    return json;
}

void write_rows(const Hdf5Group& root, const std::string& name, const Matrix<double>& columns, const Label& label) {
    root.write(name, {columns.cols(), columns.rows()}, columns.data(),
               label);  // a column in memory is a row of the file
}

void write_result(const Options& o, const Graph& graph, const Answers& a, const std::string& asked_for) {
    Hdf5File file = Hdf5File::create(o.out);
    const Hdf5Group& root = file.root();
    const auto index = [&](const std::string& name, const std::vector<Index>& list, const char* meaning) {
        const std::vector<std::int64_t> numbers(list.begin(), list.end());
        root.write(name, numbers, {"1", meaning, "count"});
    };
    root.write("input", a.x0, {"1", "input x0, C order", "n"});
    root.write("output", a.y, {"1", "output y at x0", "N"});
    root.write("residual", a.r, {"1", "residual r: y = F x0 + r", "N"});
    if (!a.row_index.empty()) {
        write_rows(root, "rows", a.rows, {"1", "rows of F", "count,n"});
        index("row_index", a.row_index, "outputs of the rows");
    }
    if (!a.column_index.empty()) {
        write_rows(root, "columns", a.columns, {"1", "columns of F", "count,N"});
        index("column_index", a.column_index, "inputs of the columns");
    }
    if (a.svd) {
        root.write("sigma", a.svd->s, {"1", "leading singular values of F", "M"});
        write_rows(root, "left", a.svd->U, {"1", "left singular vectors", "M,N"});
        write_rows(root, "right", a.svd->V, {"1", "right singular vectors", "M,n"});
        root.attribute("", "operator_pairs", static_cast<std::int64_t>(a.svd->pairs));
    }
    if (a.contributions) {
        write_rows(root, "contributions", a.contributions->values,
                   {"1", "parts of the outputs, which they sum to", "count,parts"});
        root.write_text("contribution_names", a.contributions->names,
                        {"1", "input, and nodes with an offset", "parts"});
        index("contribution_index", a.output_index, "outputs that are split into parts");
    }
    root.attribute("", "conservation_error", a.conservation);
    root.attribute("", "freeze", o.freeze);
    root.attribute("", "norm", o.norm);
    root.attribute("", "precision", o.common.precision);
    root.attribute("", "net", o.net);
    root.attribute("", "input_shape", to_string(graph.values[static_cast<std::size_t>(graph.input)].shape));
    root.attribute("", "output_shape", to_string(graph.output_shape));
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    root.attribute("", "request", asked_for);
    file.commit();
}

void print(const Options& o, const Graph& graph, const Answers& a) {
    std::printf("%s: %s to %s, %s%s\n", o.net.c_str(),
                to_string(graph.values[static_cast<std::size_t>(graph.input)].shape).c_str(),
                to_string(graph.output_shape).c_str(), o.freeze.c_str(),
                o.freeze == "frozen" ? (", norms " + o.norm).c_str() : "");
    std::printf(
        "  |y| = %.6g, |F x0| = %.6g, |r| = %.6g: r is %.3g of both, %.3g of y; F x0 + r - y is %.1e of its parts\n",
        a.norm_y, a.norm_Fx, a.norm_r, a.norm_r / std::max(a.norm_r + a.norm_Fx, 1e-300),
        a.norm_r / std::max(a.norm_y, 1e-300), a.conservation);
    for (const std::string& remark : graph.remarks)
        std::printf("  %s\n", one_line(remark).c_str());
    if (a.svd) {
        std::printf("  singular values:");
        for (const double s : a.svd->s)
            std::printf(" %.5g", s);
        std::printf("%s (%td operator pairs)\n", a.svd->converged ? "" : ", not converged", a.svd->pairs);
    }
    const auto show = [](const char* what, Index number, std::span<const double> values) {
        const auto [low, high] = std::ranges::minmax(values);
        double sum = 0;
        for (const double value : values)
            sum += value * value;
        std::printf("  %s %td: norm %.5g, from %.4g to %.4g\n", what, number, std::sqrt(sum), low, high);
    };
    for (Index k = 0; k < a.rows.cols(); ++k)
        show("row", a.row_index[static_cast<std::size_t>(k)], a.rows.column(k));
    for (Index k = 0; k < a.columns.cols(); ++k)
        show("column", a.column_index[static_cast<std::size_t>(k)], a.columns.column(k));
    for (std::size_t k = 0; k < a.output_index.size(); ++k) {
        std::printf("  output %td = %.6g:\n", a.output_index[k], a.y[static_cast<std::size_t>(a.output_index[k])]);
        for (std::size_t i = 0; i < a.contributions->names.size(); ++i)
            std::printf("    %-40s %12.6g\n", one_line(a.contributions->names[i]).c_str(),
                        a.contributions->values(static_cast<Index>(i), static_cast<Index>(k)));
    }
    if (!o.out.empty())
        std::printf("  written to %s\n", o.out.c_str());
}

void explain(const Graph& graph, const std::string& source) {
    std::printf("%s\ninput %s: %s\n", one_line(source).c_str(),
                one_line(graph.values[static_cast<std::size_t>(graph.input)].name).c_str(),
                to_string(graph.values[static_cast<std::size_t>(graph.input)].shape).c_str());
    for (const GraphNode& node : graph.nodes)
        std::printf("  %-32s %-20s %-14s %s\n", one_line(node.name).c_str(), node.onnx.c_str(),
                    std::string(operator_name(node.op)).c_str(),
                    to_string(graph.values[static_cast<std::size_t>(node.output)].shape).c_str());
    std::printf("output: %s\n", to_string(graph.output_shape).c_str());
    for (const std::string& remark : graph.remarks)
        std::printf("  %s\n", one_line(remark).c_str());
}

void run(Options o) {
    if (o.input.empty() && !o.explain)
        throw InputError("--input: expected a file of the input (FILE.npy), or --explain, which needs none");
    if (o.network && is_onnx(o.net))
        throw InputError("--network: expected an ensemble (HDF5)");
    if (o.common.precision.empty())
        o.common.precision = "f64";
    if (!o.out.empty())
        check_output_apart(o.out, {o.net, o.input});
    (void)freeze_rule_from(o.freeze);
    (void)norm_rule_from(o.norm);
    std::string source;
    const Graph graph = open_graph(o, source);
    if (o.explain)
        explain(graph, source);
    if (graph.inputs() == 0 || graph.outputs() == 0)
        throw InputError(o.net + ": input " + to_string(graph.values[static_cast<std::size_t>(graph.input)].shape) +
                         ", output " + to_string(graph.output_shape) + ", expected numbers in both");
    if (o.input.empty())
        return;
    const std::string asked_for = asked(*o.command);
    check_remake(o.out, asked_for, o.common);
    const std::vector<double> x0 = open_input(o, graph);
    const Execution execution = o.common.execution();
    if (o.svd < 0 || o.svd > std::min(graph.inputs(), graph.outputs()))
        throw InputError("--svd " + std::to_string(o.svd) + ": expected 1 to " +
                         std::to_string(std::min(graph.inputs(), graph.outputs())));
    const std::uint64_t seed = o.common.seed.value_or(1);
    const Answers a = o.common.precision == "f32" ? answers<float>(o, execution, graph, x0, seed)
                                                  : answers<double>(o, execution, graph, x0, seed);
    if (!o.out.empty())
        write_result(o, graph, a, asked_for);
    if (o.common.json)
        std::printf("%s\n", json_of(o, graph, a).dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    else if (!o.common.quiet)
        print(o, graph, a);
}

}  // namespace

Command add_interpret(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand(
        "interpret", "any network frozen at an input: y = F x + r, its rows, columns, parts and singular vectors");
    command->add_option("NET", o->net, "network: FILE.onnx, or an ensemble or study (HDF5)")->required();
    command->add_option("--input", o->input, "the input x0: FILE.npy, with or without the batch axis");
    command->add_flag("--residual", o->residual, "the residual r; it is computed and written in any case");
    command->add_option("--rows", o->rows, "rows of F, by output: 5,17 (C order without the batch axis, from 0)");
    command->add_option("--columns", o->columns, "columns of F, by input");
    command->add_option("--svd", o->svd, "leading singular triplets of F");
    command->add_option("--contributions", o->contributions, "outputs to be split into parts, node by node");
    command->add_flag("--explain", o->explain, "the graph: nodes, operators, shapes; alone it needs no input");
    command->add_option("--freeze", o->freeze, "frozen (decisions kept) or taylor (tangents, F is the Jacobian)")
        ->capture_default_str();
    command->add_option("--norm", o->norm, "what norms keep when frozen: std, mean+std or none")->capture_default_str();
    command->add_option("--set", o->set, "another input bound to values: NAME=FILE.npy");
    command->add_option("--shape", o->shape, "extents of an input that are free: NAME=1x3x64x64");
    command->add_option("--input-name", o->input_name, "which input is x0 (default: the largest)");
    command->add_option("--output-name", o->output_name, "which value is y (default: the only output)");
    command->add_flag("--softmax", o->softmax, "keep a last softmax (default: it is cut, y are the logits)");
    command->add_option("--assume-opset", o->assume_opset, "read a newer file as this opset");
    command->add_option("--random-weights", o->random_weights,
                        "random numbers of this seed for all that is learnt: a control");
    command->add_option("--memory", o->memory, "MiB for the values of probes")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    command->add_option("--network", o->network, "one network of an ensemble, from 0 (default: the first)");
    command->add_option("--out", o->out, "result (HDF5)");
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    o->command = command;
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
