// The commands of the program, one file each, and what they share.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "descrambler/train.hpp"

namespace descrambler::cli {

// Options that every command takes.
struct Common {
    std::string device = "auto";
    int threads = 0;
    std::optional<std::uint64_t> seed;
    std::string precision;  // empty: as the configuration or the file has it
    bool json = false, quiet = false;

    void add_to(CLI::App& command);
    [[nodiscard]] Execution execution() const { return {device, threads}; }
};

// A bar with an estimate of the time left on standard error when that is a terminal and --quiet is not given.
[[nodiscard]] Progress progress_bar(const Common& common);
// The same, and a stop on SIGTERM, SIGINT or SIGUSR1, for what can write a checkpoint.
[[nodiscard]] Progress stoppable_progress(const Common& common);
// Ends the line of the bar.
void end_progress();

// Each adds its subcommand and returns what runs it.
using Command = std::function<void()>;
Command add_study(CLI::App& app);
Command add_train(CLI::App& app);
Command add_layer(CLI::App& app);
Command add_gram(CLI::App& app);
Command add_spectrum(CLI::App& app);
Command add_predict(CLI::App& app);
Command add_report(CLI::App& app);
Command add_verify(CLI::App& app);
Command add_info(CLI::App& app);

}  // namespace descrambler::cli
