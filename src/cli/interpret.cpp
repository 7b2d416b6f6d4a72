// interpret: options, and the answers.
#include "cli/interpret.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "cli/finished.hpp"
#include "cli/inputs.hpp"
#include "cli/interpret_tour.hpp"
#include "cli/numbers.hpp"
#include "core/finite.hpp"
#include "core/of_file.hpp"
#include "descrambler/error.hpp"

namespace descrambler::cli {

namespace {

template <class T>
Matrix<double> in_double(const Matrix<T>& from) {
    Matrix<double> to(from.rows(), from.cols());
    std::ranges::copy(from.values(), to.values().begin());
    return to;
}

// Single precision may end where the network itself, in double precision, does not.
void check_finite(const InterpretOptions& o, std::span<const double> numbers, const char* what) {
    if (!all_finite(numbers))
        throw InputError(o.net + ": " + what + " at this input is not finite in " + o.common.precision +
                         (o.common.precision == "f32" ? ", expected --precision f64" : ""));
}

// max |F x + r - y| over max (|F x| + |r|), of finite numbers
double conservation_error(const std::vector<double>& linear, const std::vector<double>& r,
                          const std::vector<double>& y) {
    double worst = 0, scale = 0;
    for (std::size_t i = 0; i < linear.size(); ++i) {
        worst = std::max(worst, std::abs(linear[i] + r[i] - y[i]));
        scale = std::max(scale, std::abs(linear[i]) + std::abs(r[i]));
    }
    return scale > 0 ? worst / scale : 0;
}

// With x = (raw - mean) / scale: F x + r = (F / scale) raw + (r - F (mean / scale)).
struct Raw {
    std::vector<double> linear, r;  // F (raw / scale), r - F (mean / scale)
};
// images(V) = F V
template <class T, class Images>
Raw at_raw(const Images& images_of, const InterpretInput& input, const std::vector<double>& r) {
    Matrix<T> V(input.graph.inputs(), 2);
    for (Index i = 0; i < V.rows(); ++i) {
        const auto e = static_cast<std::size_t>(i);
        V(i, 0) = static_cast<T>(input.raw[e] / input.scale[e]);
        V(i, 1) = static_cast<T>(input.mean[e] / input.scale[e]);
    }
    const Matrix<T> images = images_of(V);
    Raw result;
    for (Index i = 0; i < images.rows(); ++i) {
        result.linear.push_back(images(i, 0));
        result.r.push_back(r[static_cast<std::size_t>(i)] - static_cast<double>(images(i, 1)));
    }
    return result;
}

// F / scale, column by column.
LinearOperator over_scale(LinearOperator F, std::vector<double> scale) {
    const auto divided = [scale = std::move(scale)](Matrix<double> X) {
        for (Index k = 0; k < X.cols(); ++k)
            for (Index i = 0; i < X.rows(); ++i)
                X(i, k) /= scale[static_cast<std::size_t>(i)];
        return X;
    };
    return {F.rows, F.cols,
            [F, divided](Backend<double>& on, const Matrix<double>& X) { return F.apply(on, divided(X)); },
            [F, divided](Backend<double>& on, const Matrix<double>& Y) { return divided(F.adjoint(on, Y)); }};
}

// Rows and columns of F / scale.
void divide(InterpretAnswers& a, const std::vector<double>& scale) {
    for (Index k = 0; k < a.rows.cols(); ++k)
        for (Index i = 0; i < a.rows.rows(); ++i)
            a.rows(i, k) /= scale[static_cast<std::size_t>(i)];
    for (Index k = 0; k < a.columns.cols(); ++k)
        for (double& number : a.columns.column(k))
            number /= scale[static_cast<std::size_t>(a.column_index[static_cast<std::size_t>(k)])];
}

// The part of the input, <F_j, x0>, becomes <F_j, raw / scale>, and that of its origin, -<F_j, mean / scale>.
void split_input(Contributions& parts, const InterpretInput& input) {
    const Matrix<double>& rows = parts.rows;
    Matrix<double> values(parts.values.rows() + 1, parts.values.cols());
    for (Index k = 0; k < values.cols(); ++k) {
        for (Index i = 0; i < rows.rows(); ++i) {
            const auto e = static_cast<std::size_t>(i);
            values(0, k) += rows(i, k) * (input.raw[e] / input.scale[e]);
            values(1, k) -= rows(i, k) * (input.mean[e] / input.scale[e]);
        }
        for (Index i = 1; i < parts.values.rows(); ++i)
            values(i + 1, k) = parts.values(i, k);
    }
    parts.values = std::move(values);
    parts.names.insert(parts.names.begin() + 1, "origin");
    parts.nodes.insert(parts.nodes.begin() + 1, -1);
}

std::vector<std::vector<ReceptiveField>> fields_of(const InterpretOptions& o, const InterpretInput& input,
                                                   const Contributions& parts) {
    const auto all = receptive_fields(input.graph, o.freezing(), input.axes);
    std::vector<std::vector<ReceptiveField>> fields;
    for (const Index node : parts.nodes)
        fields.push_back(node < 0 ? std::vector<ReceptiveField>(input.axes.size(), {1, 1, 0, false})
                                  : all[static_cast<std::size_t>(node)]);
    return fields;
}

// y, r and F x0 are there: what they say, for the origin that is asked for.
template <class T, class Images>
void set_shares(InterpretAnswers& a, const InterpretOptions& o, const InterpretInput& input,
                const std::vector<double>& linear, const Images& images_of) {
    check_finite(o, linear, "F x0");
    check_finite(o, a.r, "the residual");
    a.norm_y = norm_of(a.y);
    a.here = {norm_of(linear), norm_of(a.r)};
    a.conservation = conservation_error(linear, a.r, a.y);
    const bool raw = o.origin == "raw";
    if (!input.shifted && !raw)
        return;
    Raw other = at_raw<T>(images_of, input, a.r);
    a.at_input = a.here;
    a.at_raw = {norm_of(other.linear), norm_of(other.r)};
    if (raw) {
        a.here = *a.at_raw;
        a.conservation = std::max(a.conservation, conservation_error(other.linear, other.r, a.y));
        a.x0 = input.raw;
        a.r = std::move(other.r);
    }
}

// Nothing is recorded: every block of probes runs beside the network.
template <class T>
InterpretAnswers answers_in_two_batches(const InterpretOptions& o, const Execution& execution,
                                        const InterpretInput& input) {
    InterpretAnswers a;
    a.x0 = shifted_input(input);
    const std::vector<double> x0 = a.x0;
    a.column_index = places("--columns", o.columns, input.graph.inputs(), "the inputs");
    constexpr Index block = 16;  // columns whose unit vectors are there at once
    a.peak = 0;
    const auto run = [&](const Matrix<T>& V, Index offsets) {
        TwoBatch<T> both = two_batch<T>(execution.backend<T>(), execution.backend<double>(), input.graph, x0,
                                        o.freezing(), V, offsets, o.memory << 20);
        a.peak = std::max(*a.peak, both.peak_bytes);
        a.y = std::move(both.output);
        return std::move(both.image);
    };
    Matrix<T> V(input.graph.inputs(), 2);  // 0 through the offsets, x0
    std::ranges::transform(x0, V.column(1).begin(), [](double number) { return static_cast<T>(number); });
    const Matrix<double> parts = in_double(run(V, 1));
    a.r.assign(parts.column(0).begin(), parts.column(0).end());
    set_shares<T>(a, o, input, {parts.column(1).begin(), parts.column(1).end()},
                  [&](const Matrix<T>& probes) { return run(probes, 0); });
    const Index count = std::ssize(a.column_index);
    if (count > 0)
        a.columns = Matrix<double>(input.graph.outputs(), count);
    for (Index first = 0; first < count; first += block) {
        Matrix<T> units(input.graph.inputs(), std::min(block, count - first));
        for (Index k = 0; k < units.cols(); ++k)
            units(a.column_index[static_cast<std::size_t>(first + k)], k) = 1;
        const Matrix<T> images = run(units, 0);
        std::ranges::copy(images.values(), a.columns.data() + first * images.rows());
    }
    check_finite(o, a.columns.values(), "a column");
    if (o.origin == "raw")
        divide(a, input.scale);
    return a;
}

template <class T>
InterpretAnswers answers(const InterpretOptions& o, const Execution& execution, const InterpretInput& input,
                         std::uint64_t seed) {
    if (o.two_batch)
        return answers_in_two_batches<T>(o, execution, input);
    const bool raw = o.origin == "raw";
    InterpretAnswers a;
    a.x0 = shifted_input(input);
    FrozenNetwork<T> frozen(execution.backend<T>(), execution.backend<double>(), input.graph, a.x0, o.freezing());
    frozen.set_memory(o.memory << 20);
    a.row_index = places("--rows", o.rows, frozen.output());
    a.column_index = places("--columns", o.columns, frozen.inputs(), "the inputs");
    a.output_index = places("--contributions", o.contributions, frozen.output());
    a.recorded = frozen.recorded_bytes();
    a.y = frozen.output();
    const Parts<T> parts = frozen.parts();
    a.r.assign(parts.residual.begin(), parts.residual.end());
    set_shares<T>(a, o, input, {parts.linear.begin(), parts.linear.end()},
                  [&](const Matrix<T>& V) { return frozen.apply(V); });
    if (!a.row_index.empty())
        a.rows = in_double(frozen.rows(a.row_index));
    if (!a.column_index.empty())
        a.columns = in_double(frozen.columns(a.column_index));
    check_finite(o, a.rows.values(), "a row");
    check_finite(o, a.columns.values(), "a column");
    if (raw)
        divide(a, input.scale);
    if (!a.output_index.empty()) {
        a.contributions = frozen.contributions(a.output_index);
        check_finite(o, a.contributions->values.values(), "a part");
        if (raw)
            split_input(*a.contributions, input);
        a.fields = fields_of(o, input, *a.contributions);
    }
    if (o.discussion.wanted())
        a.discussion = discussed(o, input, frozen, execution, seed);
    if (o.svd > 0) {
        LanczosOptions lanczos;
        lanczos.wanted = static_cast<int>(o.svd);
        lanczos.seed = seed;
        LinearOperator F = operator_of(frozen);
        a.svd = lanczos_svd(execution.backend<double>(), raw ? over_scale(std::move(F), input.scale) : std::move(F),
                            lanczos);
    }
    return a;
}

void check_svd(const InterpretOptions& o, const Graph& graph) {
    if (o.svd < 0 || o.svd > std::min(graph.inputs(), graph.outputs()))
        throw InputError("--svd " + std::to_string(o.svd) + ": expected 1 to " +
                         std::to_string(std::min(graph.inputs(), graph.outputs())));
}
void check_numbers(const InterpretOptions& o, const InterpretInput& input) {
    if (input.graph.inputs() == 0 || input.graph.outputs() == 0)
        throw InputError(o.net + ": input " + to_string(input.shape()) + ", output " +
                         to_string(input.graph.output_shape) + ", expected numbers in both");
}

void check(const InterpretOptions& o) {
    if (o.input.empty() && !o.explain)
        throw InputError("--input: expected a file of the input (.npy, .png or .jpg), or --explain, which needs none");
    for (const auto& [name, text] : {std::pair<const char*, const std::string*>{"--input", &o.input},
                                     {"--rows", &o.rows},
                                     {"--columns", &o.columns},
                                     {"--contributions", &o.contributions},
                                     {"--mean", &o.mean},
                                     {"--scale", &o.scale},
                                     {"--out", &o.out},
                                     {"--pictures", &o.pictures},
                                     {"--report", &o.report},
                                     {"--layout", &o.layout}})
        if (o.command->count(name) > 0 && text->empty())
            throw InputError(std::string(name) + ": expected a value, found nothing");
    if (o.command->count("--svd") > 0 && o.svd < 1)
        throw InputError("--svd " + std::to_string(o.svd) + ": expected 1 or more");
    if (o.input.empty())
        for (const char* option : {"--rows", "--columns", "--svd", "--contributions", "--discussion", "--votes",
                                   "--split", "--adversarial", "--baselines", "--deconvolution", "--measures",
                                   "--residual", "--two-batch", "--out", "--pictures", "--report"})
            if (o.command->count(option) > 0)
                throw InputError(std::string(option) + ": expected --input, --explain alone needs none");
    if (o.two_batch &&
        (!o.rows.empty() || !o.contributions.empty() || o.svd > 0 || o.discussion.wanted() || o.baselines.wanted()))
        throw InputError(
            "--two-batch: expected no --rows, --contributions, --svd, --discussion, --votes, --baselines and "
            "--deconvolution, which need the way back and a record");
    o.discussion.check(*o.command);
    o.attack.check(*o.command);
    o.baselines.check(*o.command);
    if (o.origin != "input" && o.origin != "raw")
        throw InputError("--origin: expected input or raw, found \"" + o.origin + "\"");
    std::vector<std::string> read{o.net, o.input.starts_with('@') ? o.input.substr(1) : o.input};
    for (const std::string& file : o.given.files())
        read.push_back(file);
    for (const std::vector<std::string>& files : {o.split.files(), o.region.files()})
        read.insert(read.end(), files.begin(), files.end());
    o.split.check(o);
    o.region.check(o);
    if (!o.out.empty())
        check_output_apart(o.out, read);
    check_folders_apart(o, read);
    (void)o.freezing();
}

InterpretInput open_checked(const InterpretOptions& o) {
    check(o);
    check_tour(o);
    InterpretInput input = open_interpreted(o);
    if (!o.out.empty())
        check_output_apart(o.out, input.external);
    check_folders_apart(o, input.external);
    check_numbers(o, input);
    return input;
}

void run(InterpretOptions o) {
    if (o.common.precision.empty())
        o.common.precision = "f64";
    if (o.input.starts_with('@')) {
        check(o);
        return run_list(o);
    }
    const InterpretInput input = together(*o.common.process.ranks, [&] { return open_checked(o); });
    if (!o.all.empty() || !o.viewer.empty() || !o.walk.empty())
        return of_file(o.net, [&] { run_tour(o, input, asked(*o.command)); });
    if (o.explain && !o.common.json && !o.common.quiet)
        print_explained(o, input);
    if (o.input.empty()) {
        if (o.common.json)
            std::printf("%s\n", explained(o, input).dump(2, ' ', false, Json::error_handler_t::replace).c_str());
        return;
    }
    const std::string asked_for = asked(*o.command);
    check_remake(o.out, asked_for, o.common);
    check_pictures(o, asked_for);
    check_report(o, asked_for);
    const Execution execution = o.common.execution();
    InterpretAnswers a = interpreted(o, execution, input);
    if (o.measures || !o.report.empty())
        a.measures = measured_maps(o, input, a, execution.backend<double>());
    if (!o.out.empty())
        write_result(o, input, a, asked_for);
    if (!o.pictures.empty())
        write_pictures(o, input, a, asked_for);
    if (!o.report.empty())
        write_report_page(o, input, a, asked_for);
    if (o.common.json)
        std::printf("%s\n", json_of(o, input, a).dump(2, ' ', false, Json::error_handler_t::replace).c_str());
    else if (!o.common.quiet)
        print(o, input, a);
}

void add_input_options(CLI::App& command, InterpretOptions& o) {
    command.add_option("--input", o.input,
                       "the input x0: FILE.npy, with or without the batch axis, or a picture, FILE.png or FILE.jpg "
                       "(numbers from 0 to 255); @LIST: a file with such a file on each line");
    command.add_option(
        "--mean", o.mean,
        "x0 = (raw - mean) / scale, raw the numbers of the file: one for all or one a channel (default: 0)");
    command.add_option("--scale", o.scale, "the same: 255 for pictures of networks that take 0 to 1 (default: 1)");
    command.add_option("--layout", o.layout, "axes of the input: nchw or nhwc (default: read from its shape)");
    command
        .add_option("--origin", o.origin,
                    "what F multiplies: input (what the network takes) or raw (the numbers of the file)")
        ->capture_default_str();
    o.given.add_to(command);
    command.add_option("--output-name", o.output_name, "which value is y (default: the only output)");
}

}  // namespace

std::vector<double> shifted_input(const InterpretInput& input) {
    std::vector<double> x0;
    for (std::size_t i = 0; i < input.raw.size(); ++i)
        x0.push_back((input.raw[i] - input.mean[i]) / input.scale[i]);
    return x0;
}

InterpretAnswers interpreted(const InterpretOptions& o, const Execution& execution, const InterpretInput& input) {
    check_numbers(o, input);
    check_svd(o, input.graph);
    const std::uint64_t seed = o.common.seed.value_or(1);
    return of_file(o.net, [&] {
        InterpretAnswers a = o.common.precision == "f32" ? answers<float>(o, execution, input, seed)
                                                         : answers<double>(o, execution, input, seed);
        if (o.split.given())
            a.split = split_answers(o, execution, input, a.x0, seed);
        if (o.region.given())
            a.region = region_answers(o, execution, input, a.x0);
        if (o.attack.epsilon)
            a.attack = attacked(o, input, execution.backend<double>(), seed);
        if (o.baselines.wanted())
            a.baselines = compared(o, input, execution, shifted_input(input), seed);
        return a;
    });
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

std::vector<Index> places(const std::string& option, const std::string& text, const std::vector<double>& y) {
    if (text == "top")
        return {std::ranges::max_element(y) - y.begin()};
    return places(option, text, std::ssize(y), "the outputs");
}

double norm_of(std::span<const double> numbers) {
    double sum = 0;
    for (const double number : numbers)
        sum += number * number;
    if (std::isfinite(sum) && sum > 1e-280)
        return std::sqrt(sum);
    double largest = 0, scaled = 0;  // squares of large and small numbers
    for (const double number : numbers)
        largest = std::max(largest, std::abs(number));
    if (largest == 0)
        return 0;
    for (const double number : numbers)
        scaled += (number / largest) * (number / largest);
    return largest * std::sqrt(scaled);
}

double Share::of_both() const {
    return norm_r / std::max(norm_r + norm_Fx, 1e-300);
}

namespace {

// Headings of --help; what is not named here stands below "Options".
void group_options(CLI::App& command) {
    const std::pair<const char*, std::vector<const char*>> groups[] = {
        {"The input",
         {"--input", "--mean", "--scale", "--layout", "--origin", "--set", "--shape", "--input-name", "--output-name"}},
        {"Questions about F and r",
         {"--explain", "--residual", "--rows", "--columns", "--svd", "--contributions", "--measures"}},
        {"Discussions, votes, attacks",
         {"--discussion", "--discussion-rule", "--votes", "--adversarial", "--target", "--clip"}},
        {"Baselines", {"--baselines", "--methods", "--grad-cam-node", "--deconvolution"}},
        {"Spectral split",
         {"--split", "--split-output", "--split-top", "--split-full", "--prune-threshold", "--prune-quantile",
          "--split-set", "--kink", "--bias-images"}},
        {"All rows or columns", {"--all", "--viewer", "--walk"}},
        {"How the network is frozen",
         {"--freeze", "--norm", "--softmax", "--two-batch", "--assume-opset", "--random-weights", "--network"}},
        {"Results", {"--out", "--pictures", "--report", "--json", "--quiet", "--force"}}};
    for (const auto& [heading, names] : groups)
        for (const char* name : names)
            command.get_option(name)->group(heading);
}

}  // namespace

Command add_interpret(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<InterpretOptions>();
    CLI::App* command = app.add_subcommand(
        "interpret", "any network frozen at an input: y = F x + r, its rows, columns, parts and singular vectors");
    command->add_option("NET", o->net, "network: FILE.onnx, or an ensemble or study (HDF5)")->required();
    add_input_options(*command, *o);
    command->add_flag("--residual", o->residual,
                      "tell range, mean and norm of the residual r; it is written in any case");
    command->add_option(
        "--rows", o->rows,
        "rows of F, by output: 5,17 (C order without the batch axis, from 0), or top: the largest output");
    command->add_option("--columns", o->columns, "columns of F, by input");
    command->add_option("--svd", o->svd, "leading singular triplets of F");
    command->add_option("--contributions", o->contributions,
                        "outputs to be split into parts, node by node, with receptive fields");
    o->discussion.add_to(*command);
    o->attack.add_to(*command);
    o->baselines.add_to(*command);
    o->split.add_to(*command);
    command->add_flag("--measures", o->measures,
                      "numbers for all that has the shape of an image: where its energy lies, how fine it is, how far "
                      "it reaches");
    o->region.add_to(*command);
    command->add_flag("--explain", o->explain,
                      "the graph: nodes, shapes, how each is frozen, receptive field, bytes, work; alone it needs no "
                      "input");
    command->add_option("--freeze", o->freeze, "frozen (decisions kept) or taylor (tangents, F is the Jacobian)")
        ->capture_default_str();
    command->add_option("--norm", o->norm, "what norms keep when frozen: std, mean+std or none")->capture_default_str();
    command->add_flag("--two-batch", o->two_batch,
                      "record nothing: the probes run beside the network (residual and columns alone); memory does not "
                      "grow with the depth");
    command->add_flag("--softmax", o->softmax, "keep a last softmax (default: it is cut, y are the logits)");
    command->add_option("--assume-opset", o->assume_opset, "read a newer file as this opset");
    command
        ->add_option("--random-weights", o->random_weights,
                     "random numbers of this seed for all that is learnt: a control")
        ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
    command
        ->add_option("--memory", o->memory,
                     "MiB for the values that probes have inside the network; weights, record and answers come on top")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    command->add_option("--network", o->network, "one network of an ensemble, from 0 (default: the first)");
    command->add_option("--out", o->out, "result (HDF5)");
    command->add_option("--pictures", o->pictures, "folder for pictures (PNG) of all that has the shape of an image");
    command->add_option("--report", o->report,
                        "folder for a page (HTML) to read: what was asked, what the numbers mean, maps and tables");
    add_tour_options(*command, *o);
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    o->command = command;
    group_options(*command);
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
