// scatter transform: coefficients of signals or images.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/finished.hpp"
#include "cli/inputs.hpp"
#include "cli/scatter.hpp"
#include "core/finite.hpp"
#include "descrambler/error.hpp"
#include "descrambler/npy.hpp"

namespace descrambler::cli {

namespace {

struct Options {
    Common common;
    BankWords bank;
    std::string signals, out, output = "windowed";
    Index orders = 2, memory = 4096;
    bool all_paths = false;
    CLI::App* command = nullptr;
};

struct Signals {
    Grid grid;
    Index count = 0;
    std::vector<double> numbers;  // signal after signal
};

FileArray<double> array_of(const std::string& name) {
    if (name.ends_with(".npy")) {
        Tensor tensor = read_npy_tensor(name);
        return {tensor.shape, tensor.as<double>()};
    }
    const std::size_t colon = name.rfind(":/");
    std::error_code ignored;
    const bool set = colon != name.npos && std::filesystem::is_regular_file(name.substr(0, colon), ignored);
    const Hdf5File file = Hdf5File::open(set ? name.substr(0, colon) : name);
    if (set)
        return file.root().read<double>(name.substr(colon + 2));
    const std::vector<std::string> sets = file.root().datasets();
    if (sets.size() != 1)
        throw InputError(name + ": expected one data set, or FILE.h5:/dataset, found " + std::to_string(sets.size()));
    return file.root().read<double>(sets.front());
}

Signals signals_of(const std::string& name) {
    FileArray<double> array = array_of(name);
    if (array.shape.size() != 2 && array.shape.size() != 3)
        throw InputError(name + ": expected signals [batch, N] or images [batch, N1, N2], found " +
                         std::to_string(array.shape.size()) + " dimensions");
    Signals result{{array.shape.size() == 3 ? array.shape[1] : 1, array.shape.back()},
                   array.shape.front(),
                   std::move(array.values)};
    if (result.count == 0 || result.grid.size() == 0)
        throw InputError(name + ": expected at least one signal, found none");
    if (array.shape.size() == 3 && result.grid.n1 == 1)
        throw InputError(name + ": expected images of several rows, or signals [batch, N], found [batch, 1, N]");
    for (std::size_t i = 0; i < result.numbers.size(); ++i)
        if (!std::isfinite(result.numbers[i]))
            throw InputError(name + ": signal " + std::to_string(static_cast<Index>(i) / result.grid.size()) +
                             ": expected finite numbers, found NaN or infinity");
    return result;
}

template <class T>
Matrix<double> coefficients(const Options& o, const Signals& signals, const ScatteringTransform<T>& transform) {
    Matrix<double> S(transform.features(), signals.count);
    constexpr Index at_once = 64;
    const Progress progress = progress_bar(o.common);
    for (Index first = 0; first < signals.count; first += at_once) {
        const Index count = std::min(at_once, signals.count - first);
        Matrix<T> x(signals.grid.size(), count);
        for (Index i = 0; i < x.size(); ++i)
            x.data()[i] = static_cast<T>(signals.numbers[static_cast<std::size_t>(first * signals.grid.size() + i)]);
        const Matrix<T> part = transform(x);
        if (!all_finite(part.values()))
            throw InputError(o.signals +
                             ": expected signals whose coefficients are within the range of the precision, found "
                             "infinity among signals " +
                             std::to_string(first) + " to " + std::to_string(first + count - 1));
        std::ranges::copy(part.values(), S.data() + first * S.rows());
        progress("signals", static_cast<double>(first + count), static_cast<double>(signals.count));
    }
    return S;
}

struct Done {
    Matrix<double> S, paths;
    Grid output;
    Index step = 1;
};

template <class T>
Done transformed(const Options& o, const Execution& execution, const Signals& signals, const FilterBank& bank) {
    const ScatteringOptions how{o.orders, o.all_paths, padding_from(o.bank.padding), scattering_output_from(o.output)};
    const ScatteringTransform<T> transform(execution.backend<T>(), signals.grid, bank, how);
    const double bytes = static_cast<double>(transform.features()) * static_cast<double>(signals.count) * 8;
    if (bytes > static_cast<double>(o.memory) * 1048576)
        throw InputError("--memory " + std::to_string(o.memory) + ": the coefficients take " +
                         std::to_string(static_cast<Index>(bytes / 1048576) + 1) + " MiB (" +
                         std::to_string(transform.features()) + " of each of " + std::to_string(signals.count) +
                         " signals)");
    return {coefficients(o, signals, transform), path_table(bank, transform.paths(), o.orders), transform.output(),
            transform.step()};
}

void write(const Options& o, const Done& done, const Signals& signals, const FilterBank& bank,
           const std::string& request) {
    Hdf5File file = Hdf5File::create(o.out);
    const Hdf5Group& root = file.root();
    root.attribute("", "request", request);
    write_bank_attributes(root, o.bank, bank);
    root.attribute("", "output", o.output);
    root.attribute("", "orders", static_cast<std::int64_t>(o.orders));
    root.attribute("", "step", static_cast<std::int64_t>(done.step));
    std::vector<Index> shape{signals.count, done.paths.rows()};
    std::string axes = "batch,paths";
    if (o.output != "global") {
        if (!signals.grid.one_dimensional()) {
            shape.push_back(done.output.n1);
            axes += ",rows";
        }
        shape.push_back(done.output.n2);
        axes += signals.grid.one_dimensional() ? ",samples" : ",columns";
    }
    root.write("coefficients", shape, done.S.data(), {"1", "scattering coefficients", axes});
    root.write(
        "paths", done.paths,
        {"1",
         "order, then j, theta (radians), xi and sigma of each wavelet of the path, NaN where it has no more; xi and "
         "sigma of images in radians a sample and samples, of signals in cycles a sample",
         "paths,numbers"});
    file.commit();
}

void run(const Options& o) {
    check_output_apart(o.out, {o.signals});
    const Signals signals = signals_of(o.signals);
    const FilterBank bank = o.bank.bank_for(signals.grid);
    const std::string request = asked(*o.command);
    check_remake(o.out, request, o.common);
    const Execution execution = o.common.device == "auto" ? Execution::on_cpu(o.common.threads) : o.common.execution();
    const Done done = o.common.precision == "f32" ? transformed<float>(o, execution, signals, bank)
                                                  : transformed<double>(o, execution, signals, bank);
    write(o, done, signals, bank, request);
    const std::vector<PaleyBounds> paley = bounds_of(bank, o.common);
    if (o.common.json)
        std::printf("%s\n", nlohmann::ordered_json{{"signals", signals.count},
                                                   {"paths", done.paths.rows()},
                                                   {"features", done.S.rows()},
                                                   {"output", {done.output.n1, done.output.n2}},
                                                   {"step", done.step},
                                                   {"littlewood_paley", {paley.front().least, paley.front().most}},
                                                   {"out", o.out}}
                                .dump(2)
                                .c_str());
    else if (!o.common.quiet)
        std::printf("%s: %td signals, %td paths of %td x %td coefficients, Littlewood-Paley sum %.4g to %.4g\n",
                    o.out.c_str(), signals.count, done.paths.rows(), done.output.n1, done.output.n2,
                    paley.front().least, paley.front().most);
}

}  // namespace

Command add_scatter_transform(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("transform", "scattering coefficients of signals or images");
    command->add_option("X", o->signals, "FILE.npy, FILE.h5 or FILE.h5:/dataset: [batch, N] or [batch, N1, N2]")
        ->required();
    o->bank.add_to(*command);
    command->add_option("--orders", o->orders, "moduli in a row, 0 to 3")->capture_default_str();
    command->add_flag("--all-paths", o->all_paths, "not only paths towards coarser scales (j2 > j1)");
    command->add_option("--output", o->output, "windowed (every 2^J samples), full or global (means of moduli)")
        ->capture_default_str();
    command->add_option("--memory", o->memory, "MiB that the coefficients may take")->capture_default_str();
    command->add_option("--out", o->out, "FILE.h5 with coefficients and paths")->required();
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    o->command = command;
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
