#include "cli/inputs.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <mutex>

#include "cli/graph_inputs.hpp"
#include "descrambler/files.hpp"
#include "descrambler/library.hpp"
#include "descrambler/random.hpp"
#include "descrambler/shards.hpp"
#include "io/checksum.hpp"
#include "tasks/task.hpp"

namespace descrambler::cli {

namespace {

constexpr Index most_stored_bytes = Index{1} << 28;  // of a library that is kept in memory

// N of "deer:N": 8192 or 1e6.
Index count_of(const std::string& inputs, std::size_t prefix) {
    double count = 0;
    const char* end = inputs.data() + inputs.size();
    const auto [parsed, error] = std::from_chars(inputs.data() + prefix, end, count);
    if (error != std::errc() || parsed != end || !(count >= 1 && count <= 1e15) || count != std::floor(count))
        throw InputError("--inputs " + inputs + ": expected " + inputs.substr(0, prefix) + "N with N from 1 to 1e15");
    return static_cast<Index>(count);
}

// On the host any thread draws, with a backend of its own out of a pool (it keeps working memory); a device draws for
// the one thread that asks it.
class Generator {
public:
    explicit Generator(const Execution& execution)
        : execution_(execution), on_host_(execution.backend<float>().on_host()), pool_(std::make_shared<Pool>()) {}
    [[nodiscard]] Reading reading() const { return on_host_ ? Reading::at_once : Reading::in_turn; }
    // draw(on, Y) into X.
    template <class Draw>
    void operator()(Batch<double> X, const Draw& draw) const {
        if (!on_host_)
            return draw_on(execution_.backend<float>(), X, draw);
        std::unique_ptr<Backend<float>> on = pool_->take();
        draw_on(*on, X, draw);
        pool_->give(std::move(on));
    }

private:
    template <class Draw>
    static void draw_on(Backend<float>& on, Batch<double> X, const Draw& draw) {
        const Buffer<float> block = on.allocate(X.size());
        draw(on, block.view(X.rows, X.cols));
        std::vector<float> host(static_cast<std::size_t>(X.size()));
        on.download(block.view(X.rows, X.cols), host.data());
        std::copy(host.begin(), host.end(), X.data);
    }
    struct Pool {
        std::mutex mutex;
        std::vector<std::unique_ptr<Backend<float>>> idle;
        std::unique_ptr<Backend<float>> take() {
            const std::lock_guard lock(mutex);
            if (idle.empty())
                return make_cpu_backend<float>(1);
            std::unique_ptr<Backend<float>> on = std::move(idle.back());
            idle.pop_back();
            return on;
        }
        void give(std::unique_ptr<Backend<float>> on) {
            const std::lock_guard lock(mutex);
            idle.push_back(std::move(on));
        }
    };
    Execution execution_;
    bool on_host_;
    std::shared_ptr<Pool> pool_;
};

// The samples of a task under one condition.
struct TaskSamples {
    std::shared_ptr<const SampleSource<float>> source;
    Generator generate;
    std::uint64_t seed;

    TaskSamples(const TaskRecipe& recipe, std::uint64_t seed, const Execution& execution)
        : source(sample_source<float>(recipe, 0)),
          generate(source->on_device() ? execution : Execution::on_cpu()),
          seed(seed) {}
    void operator()(Index first, Batch<double> X, bool targets) const {
        generate(X, [&](Backend<float>& on, Batch<float> to) {
            source->draw(on, seed, stream::library, first, targets ? Batch<float>() : to,
                         targets ? to : Batch<float>());
        });
    }
};

// "TASK:N" with a task that is known.
bool names_a_task(const std::string& inputs, const TaskRecipe& recipe) {
    return inputs.starts_with(std::string(task_name(recipe)) + ":");
}

// "TASK:N" or "noise:N": no file.
bool is_generated(const std::string& inputs) {
    const std::vector<TaskRecipe> known = standard_recipes();
    return inputs.starts_with("noise:") ||
           std::ranges::any_of(known, [&](const TaskRecipe& task) { return names_a_task(inputs, task); });
}

// "TASK:N": samples of the condition that the networks were trained under.
Library task_library(const std::string& inputs, const Ensemble& ensemble, const std::string& net, const Common& common,
                     const Execution& execution) {
    const Index count = count_of(inputs, inputs.find(':') + 1), width = ensemble.networks.front().inputs();
    const std::optional<TaskRecipe> recipe = task_recipe(ensemble, net);
    if (!recipe || !names_a_task(inputs, *recipe))
        throw InputError("--inputs " + inputs + ": expected a network with such an input recipe (/input), " + net +
                         " has none");
    if (condition_count(*recipe) > 1)
        throw InputError("--inputs " + inputs + ": expected networks of one condition, those of " + net + " have " +
                         std::to_string(condition_count(*recipe)) + "; --network chooses one");
    if (input_count(*recipe) != width)
        throw InputError("--inputs " + inputs + ": inputs have " + std::to_string(input_count(*recipe)) +
                         " values, the network takes " + std::to_string(width));
    const TaskSamples samples(*recipe, seed_of(ensemble, common), execution);
    return {width, count, [samples](Index first, Batch<double> X) { samples(first, X, false); },
            samples.generate.reading()};
}

// By some inputs of every file, the first and the last among them. Not by its time: copies are the same.
std::string content_of(const Shards& shards) {
    constexpr Index most = 8;
    Index total = 0;
    Checksum sum;
    Matrix<double> input(shards.features(), 1);
    for (const Shards::File& file : shards.files()) {
        sum.add(static_cast<std::uint64_t>(file.samples));
        const Index count = std::min(most, file.samples), step = std::max<Index>(1, file.samples / most);
        for (Index i = 0; i < count; ++i) {
            shards.read(file.first + (i + 1 < count ? i * step : file.samples - 1), input.view());
            for (const double x : input.values())
                sum.add(x);
        }
        total += count;
    }
    return "checksum " + sum.text() + " of " + std::to_string(total) + " of them";
}

// Files: kept in memory where they are small, otherwise read again in each pass.
Library stored_library(const std::string& inputs, Index width, const Execution& execution) {
    const std::shared_ptr<Communicator>& ranks = execution.ranks;
    const auto shards = together(*ranks, [&] { return std::make_shared<const Shards>(Shards::open(inputs, width)); });
    const Index count = shards->samples();
    Library library;
    if (ranks->size() == 1 && count <= most_stored_bytes / static_cast<Index>(sizeof(double)) / shards->features()) {
        const auto stored = std::make_shared<Matrix<double>>(width, count);
        shards->read(0, stored->view());
        library = library_of(*stored);
        library.read = [stored, read = library.read](Index first, Batch<double> X) { read(first, X); };
    } else if (shards->wants_all(*ranks)) {
        library = {width, count,
                   [shards, ranks](Index first, Batch<double> X) { shards->read_together(*ranks, first, X); },
                   Reading::together};
    } else {
        library = {width, count, [shards](Index first, Batch<double> X) { shards->read(first, X); }};
    }
    library.content = [shards, ranks] {  // one rank reads for all
        const std::string mine =
            together(*ranks, [&] { return ranks->rank() == 0 ? content_of(*shards) : std::string(); });
        return all_gather(*ranks, mine).front();
    };
    return library;
}

}  // namespace

Ensemble open_networks(const std::string& net, std::optional<Index> network) {
    Ensemble ensemble = ends_as_onnx(net) ? dense_ensemble(net) : read_ensemble(net);
    const std::optional<TaskRecipe> recipe = task_recipe(ensemble, net);  // or refuses it
    if (network) {
        if (*network < 0 || *network >= static_cast<Index>(ensemble.networks.size()))
            throw InputError("--network " + std::to_string(*network) + ": expected 0 to " +
                             std::to_string(ensemble.networks.size() - 1) + ", as " + net + " has them");
        if (recipe && condition_count(*recipe) > 1)  // the condition of this network alone
            ensemble.recipe = to_recipe(
                with_condition(*recipe, *network / (std::ssize(ensemble.networks) / condition_count(*recipe))));
        ensemble.networks = {ensemble.networks[static_cast<std::size_t>(*network)]};
    }
    return ensemble;
}

Library open_library(const std::string& inputs, const Ensemble& ensemble, const std::string& net, const Common& common,
                     const Execution& execution, std::optional<Index> width) {
    const Index features = width.value_or(ensemble.networks.front().inputs());
    if (!is_generated(inputs))
        return stored_library(inputs, features, execution);
    return together(*execution.ranks, [&] {
        if (!inputs.starts_with("noise:"))
            return task_library(inputs, ensemble, net, common, execution);
        return noise_library(features, count_of(inputs, 6), seed_of(ensemble, common));
    });
}

std::string normal_path(const std::string& path) {
    return std::filesystem::absolute(path).lexically_normal().string();
}

std::string inputs_in_normal_form(const std::string& inputs) {
    if (is_generated(inputs))
        return inputs;
    const bool list = inputs.starts_with("@");  // PATTERN and FILE:/dataset are paths as far as this goes
    return (list ? "@" : "") + normal_path(inputs.substr(list ? 1 : 0));
}

Library add_noise(const Library& library, const std::string& inputs, std::optional<double> snr, std::uint64_t seed,
                  const Execution& execution, const Streaming& streaming) {
    if (!snr)
        return library;
    together(*execution.ranks, [&] {
        if (!(*snr > 0 && std::isfinite(*snr)))
            throw InputError("--snr: expected a number above 0");
        if (inputs.starts_with("noise:"))
            throw InputError("--snr: expected inputs with a signal, --inputs " + inputs + " is noise alone");
    });
    return with_noise(library, *snr, seed, execution, streaming);
}

std::function<void(Index first, Batch<double> targets)> open_targets(const std::string& inputs,
                                                                     const Ensemble& ensemble, const Common& common,
                                                                     const Execution& execution) {
    const std::optional<TaskRecipe> recipe = task_recipe(ensemble, "--inputs " + inputs);
    if (!recipe || !names_a_task(inputs, *recipe) || condition_count(*recipe) > 1 ||
        output_count(*recipe) != ensemble.networks.front().outputs())
        return {};
    return [samples = TaskSamples(*recipe, seed_of(ensemble, common), execution)](Index first, Batch<double> targets) {
        samples(first, targets, true);
    };
}

std::uint64_t seed_of(const Ensemble& ensemble, const Common& common) {
    return common.seed.value_or(ensemble.seed.value_or(1));
}

void check_output_apart(const std::string& out, const std::vector<std::string>& read, const std::string& option) {
    check_output(out);
    for (const std::string& name : read)
        for (const std::string& path : input_files(name))
            if (std::error_code ignored; std::filesystem::equivalent(out, path, ignored))
                throw InputError(option + " " + out + ": expected another file than the input");
}

}  // namespace descrambler::cli
