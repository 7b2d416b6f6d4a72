#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/finished.hpp"
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
    bool include_bias = false, centre = false, factor = false;
    double checkpoint_seconds = 60;
};

// What decides the bits of sums over the inputs themselves. Threads and ranks do not.
std::string fingerprint_of_inputs(const Options& o, std::uint64_t seed, const Library& inputs,
                                  const std::string& device) {
    return "inputs = " + inputs_in_normal_form(o.inputs) + "\nseed = " + std::to_string(seed) + "\ndevice = " + device +
           (inputs.content ? "\ncontent of the inputs = " + inputs.content() : "") + "\n";
}
// And of those at the tap.
std::string fingerprint(const Options& o, const Ensemble& ensemble, const std::string& inputs) {
    const auto yes_or_no = [](bool value) { return value ? "yes" : "no"; };
    return "networks = " + digest(ensemble.networks) + "\n" + inputs +
           "snr = " + (o.snr ? digits(*o.snr, 17) : "none") + "\nlayer = " + std::to_string(o.layer) +
           "\ntap = " + o.tap + "\ninclude_bias = " + yes_or_no(o.include_bias) + "\ncentre = " + yes_or_no(o.centre) +
           "\nfactor = " + yes_or_no(o.factor) + "\n";
}

// What this rank took, at its peak and in all.
struct Resources {
    double peak_bytes = 0, sent_bytes = 0;
};
Resources largest(Communicator& ranks) {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const Resources mine{1024.0 * static_cast<double>(usage.ru_maxrss), static_cast<double>(ranks.bytes_sent())};
    Resources most;
    for (const Resources& of : all_gather(ranks, mine)) {
        most.peak_bytes = std::max(most.peak_bytes, of.peak_bytes);
        most.sent_bytes = std::max(most.sent_bytes, of.sent_bytes);
    }
    return most;
}

void write_grams(const Options& o, Communicator& ranks, const std::vector<TapGram>& grams, const std::string& device,
                 std::uint64_t seed, const std::string& request) {
    const Index n = grams.front().gram.rows();
    std::vector<double> gram, factor, mean;
    for (const TapGram& item : grams) {
        append(gram, item.gram);
        append(factor, item.factor);
        mean.insert(mean.end(), item.mean.begin(), item.mean.end());
    }
    Hdf5File file = Hdf5File::create(o.out, ranks);
    const Hdf5Group& root = file.root();
    write(root, "gram", {n, n}, gram,
          {"1", o.centre ? "sum over samples of (s - mean)(s - mean)^T" : "sum over samples of s s^T", "n,n"},
          grams.size());
    if (o.factor)
        write(root, "factor", {n, n}, factor, {"1", "R upper triangular, gram = R^T R", "n,n"}, grams.size());
    write(root, "mean", {n}, mean, {"1", "mean of s over the samples", "n"}, grams.size());
    root.attribute("gram", "samples", static_cast<std::int64_t>(grams.front().samples));
    root.attribute("", "net", o.net);
    root.attribute("", "inputs", o.inputs);
    root.attribute("", "layer", static_cast<std::int64_t>(o.layer));
    root.attribute("", "tap", o.tap);
    root.attribute("", "include_bias", static_cast<std::int64_t>(o.include_bias));
    root.attribute("", "centre", static_cast<std::int64_t>(o.centre));
    root.attribute("", "seed", static_cast<std::int64_t>(seed));
    root.attribute("", "device", device);
    root.attribute("", "ranks", static_cast<std::int64_t>(ranks.size()));
    root.attribute("", "request", request);
    root.attribute("", "version", version());
    root.attribute("", "commit", commit());
    file.commit();
}

void run(const Options& o) {
    Communicator& ranks = *o.common.process.ranks;
    const auto start = std::chrono::steady_clock::now();
    Execution execution = o.common.execution();
    const std::string device = settle_device(execution);  // or refuses it
    Ensemble ensemble;
    together(ranks, [&] {
        check_output_apart(o.out, {o.net, o.inputs});
        ensemble = open_networks(o.net, o.network);
    });
    Streaming streaming;
    streaming.factor = o.factor;
    streaming.checkpoints = o.out + ".parts";
    streaming.checkpoint_seconds = o.checkpoint_seconds;
    streaming.progress = stoppable_progress(o.common);
    const std::uint64_t seed = seed_of(ensemble, o.common);
    const Library inputs = open_library(o.inputs, ensemble, o.net, o.common, execution);
    const TapRequest request{.at = {o.layer, tap_from(o.tap)}, .include_bias = o.include_bias, .centre = o.centre};
    together(ranks, [&] { check_tap(ensemble.networks, request, inputs); });  // all refuse it: one speaks
    streaming.fingerprint = fingerprint_of_inputs(o, seed, inputs, device);
    const std::string asked_for = fingerprint(o, ensemble, streaming.fingerprint);
    if (serves_already(o.out, asked_for, streaming.checkpoints, o.common))
        return;
    const Library library = add_noise(inputs, o.inputs, o.snr, seed, execution, streaming);
    streaming.fingerprint = asked_for;
    const std::vector<TapGram> grams = tap_grams(ensemble.networks, request, library, execution, streaming);
    write_grams(o, ranks, grams, device, seed, asked_for);
    const Resources most = largest(ranks);
    if (!o.common.leads())
        return;
    std::filesystem::remove_all(streaming.checkpoints);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const Index n = grams.front().gram.rows();
    end_progress();
    if (o.common.json) {
        nlohmann::ordered_json traces = nlohmann::ordered_json::array();
        for (const TapGram& item : grams) {
            double trace = 0;
            for (Index i = 0; i < n; ++i)
                trace += item.gram(i, i);
            traces.push_back(trace);
        }
        std::printf("%s\n", nlohmann::ordered_json{{"net", o.net},
                                                   {"inputs", o.inputs},
                                                   {"layer", o.layer},
                                                   {"tap", o.tap},
                                                   {"samples", grams.front().samples},
                                                   {"networks", grams.size()},
                                                   {"n", n},
                                                   {"trace", traces},
                                                   {"device", device},
                                                   {"ranks", ranks.size()},
                                                   {"seconds", seconds},
                                                   {"peak_bytes_a_rank", most.peak_bytes},
                                                   {"sent_bytes_a_rank", most.sent_bytes},
                                                   {"out", o.out}}
                                .dump(2)
                                .c_str());
    } else if (!o.common.quiet) {
        std::printf("%s: Gram matrices [%td, %td] of %zu network%s over %td samples\n", o.out.c_str(), n, n,
                    grams.size(), grams.size() == 1 ? "" : "s", grams.front().samples);
        std::printf("%d rank%s, %.1f s; at most %.0f MiB of memory and %.2f MiB sent a rank\n", ranks.size(),
                    ranks.size() == 1 ? "" : "s", seconds, most.peak_bytes / 1048576, most.sent_bytes / 1048576);
    }
}

}  // namespace

Command add_gram(CLI::App& app, const Process& process) {
    const auto o = std::make_shared<Options>();
    CLI::App* command = app.add_subcommand("gram", "Gram matrix of the signals at a tap over a library of inputs");
    command->add_option("NET", o->net, "network, ensemble or study (HDF5), or a dense network (FILE.onnx)")->required();
    command->add_option("--inputs", o->inputs, std::string(inputs_help))->required();
    command->add_option("--layer", o->layer, "layer, from 1")->required();
    command->add_option("--tap", o->tap, "before (W h) or after (f(W h + b)) the activation")
        ->check(CLI::IsMember({"before", "after"}))
        ->capture_default_str();
    command->add_option("--network", o->network, "one network of the ensemble, from 0");
    command->add_option("--snr", o->snr, "noise added to the inputs: their rms over its standard deviation");
    command->add_flag("--include-bias", o->include_bias, "with the bias of the tapped layer (tap before)");
    command->add_flag("--centre", o->centre, "around the mean over the samples");
    command->add_flag(
        "--factor", o->factor,
        "keep the triangular factor too: components far below the rounding of the Gram matrix, at a higher "
        "cost");
    command
        ->add_option("--checkpoint-seconds", o->checkpoint_seconds,
                     "time between checkpoints in OUT.parts, from which an interrupted run goes on when run again")
        ->check(CLI::Range(0.0, 1e9))
        ->capture_default_str();
    command->add_option("--out", o->out, "result (HDF5): gram, mean, factor if wanted")->required();
    o->common.process = process;
    o->common.add_to(*command);
    o->common.add_force(*command);
    return [o] { run(*o); };
}

}  // namespace descrambler::cli
