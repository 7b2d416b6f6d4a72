// The commands of the program, one file each, and what they share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "descrambler/communicator.hpp"
#include "train/train.hpp"

namespace descrambler::cli {

// This process among those that the launcher started.
struct Process {
    std::shared_ptr<Communicator> ranks = single_process();
    NodeShare node;
    [[nodiscard]] bool leads() const { return ranks->rank() == 0; }  // writes and speaks
};

// Options that every command takes.
struct Common {
    std::string device = "auto";
    int threads = 0;
    std::optional<std::uint64_t> seed;
    std::string precision;  // empty: as the configuration or the file has it
    bool json = false, quiet = false, force = false;
    Process process;

    void add_to(CLI::App& command);
    void add_force(CLI::App& command);  // for what writes results (finished.hpp)
    [[nodiscard]] Execution execution() const;
    [[nodiscard]] bool leads() const { return process.leads(); }
    [[nodiscard]] bool speaks() const { return leads() && !quiet; }
};

// Progress on standard error unless --quiet is given, with an estimate of the time left: a bar on a terminal, elsewhere
// a line when a stage begins and every half minute.
[[nodiscard]] Progress progress_bar(const Common& common);
// The same, and a stop on SIGTERM, SIGINT or SIGUSR1, for what can write a checkpoint.
[[nodiscard]] Progress stoppable_progress(const Common& common);
// Ends the line of the bar.
void end_progress();

// Each function adds its subcommand and returns what runs it. study, train, layer, gram, info and interpret --all serve
// any number of ranks.
using Command = std::function<void()>;
Command add_study(CLI::App& app, const Process& process);
Command add_train(CLI::App& app, const Process& process);
Command add_layer(CLI::App& app, const Process& process);
Command add_gram(CLI::App& app, const Process& process);
Command add_spectrum(CLI::App& app, const Process& process);
Command add_export(CLI::App& app, const Process& process);
Command add_interpret(CLI::App& app, const Process& process);
Command add_tour(CLI::App& app, const Process& process);
Command add_scatter(CLI::App& app, const Process& process);
Command add_predict(CLI::App& app, const Process& process);
Command add_report(CLI::App& app, const Process& process);
Command add_verify(CLI::App& app, const Process& process);
Command add_info(CLI::App& app, const Process& process);

}  // namespace descrambler::cli
