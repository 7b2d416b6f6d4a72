#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <limits>

#include "cli/commands.hpp"

namespace descrambler::cli {

namespace {

volatile std::sig_atomic_t stop_requested = 0;
bool line_open = false;

extern "C" void request_stop(int) {
    stop_requested = 1;
}

using Clock = std::chrono::steady_clock;

// "1:05" for the time that is left of a stage, by what has been done since it was first seen; empty: not known.
class Forecast {
public:
    // Whether another stage has begun.
    bool enter(const std::string& stage, double done) {
        if (stage == stage_)
            return false;
        stage_ = stage;
        start_ = Clock::now();
        first_ = done;
        return true;
    }
    [[nodiscard]] std::string left(double done, double total) const {
        if (!(done > first_ && done < total))
            return "";
        const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
        const long seconds = std::lround(elapsed * (total - done) / (done - first_));
        char text[32];
        if (seconds < 3600)
            std::snprintf(text, sizeof text, "%ld:%02ld", seconds / 60, seconds % 60);
        else
            std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", seconds / 3600, seconds / 60 % 60, seconds % 60);
        return text;
    }

private:
    std::string stage_;
    Clock::time_point start_;
    double first_ = 0;
};

double part_of(double done, double total) {
    return total > 0 ? std::clamp(done / total, 0.0, 1.0) : 1.0;
}

// For logs: a line when a stage begins, and every half minute.
class Lines {
public:
    void operator()(const std::string& stage, double done, double total) {
        const Clock::time_point now = Clock::now();
        if (!forecast_.enter(stage, done) && now - last_ < std::chrono::seconds(30))
            return;
        last_ = now;
        const std::string left = forecast_.left(done, total);
        std::fprintf(stderr, "%s: %d %%%s%s\n", stage.c_str(), static_cast<int>(100 * part_of(done, total)),
                     left.empty() ? "" : ", left ", left.c_str());
    }

private:
    Forecast forecast_;
    Clock::time_point last_;
};

class Bar {
public:
    void operator()(const std::string& stage, double done, double total) {
        forecast_.enter(stage, done);
        constexpr int width = 30;
        const double part = part_of(done, total);
        const int full = static_cast<int>(part * width);
        const std::string bar =
            std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(width - full), '.');
        std::fprintf(stderr, "\r\033[K%-20s [%s] %3d %%", stage.c_str(), bar.c_str(), static_cast<int>(100 * part));
        if (const std::string left = forecast_.left(done, total); !left.empty())
            std::fprintf(stderr, "  %s left", left.c_str());
        std::fflush(stderr);
        line_open = true;
    }

private:
    Forecast forecast_;
};

}  // namespace

void Common::add_to(CLI::App& command) {
    command.add_option("--device", device, "auto, cpu, cuda or cuda:N")->capture_default_str();
    command.add_option("--threads", threads, "threads of a rank, 0 = all; results do not depend on it")
        ->check(CLI::Range(0, 4096))
        ->capture_default_str();
    command
        .add_option("--seed", seed,
                    "seed of all random numbers (default: the configuration's, or that of the network file)")
        ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()));
    command.add_option("--precision", precision, "f32 or f64, where it matters")->check(CLI::IsMember({"f32", "f64"}));
    command.add_flag("--json", json, "the result as JSON on standard output, nothing else there");
    command.add_flag("--quiet", quiet, "no progress, no messages");
}

void Common::add_force(CLI::App& command) {
    command.add_flag("--force", force, "replace what another request has left at --out");
}

Execution Common::execution() const {
    Execution execution = Execution::on_device(device, threads);
    execution.ranks = process.ranks;
    return execution;
}

Progress progress_bar(const Common& common) {
    Progress progress;
    if (common.leads())
        progress.warn = [](const std::string& text) {
            end_progress();
            std::fprintf(stderr, "descrambler: warning: %s\n", text.c_str());
        };
    if (!common.speaks())
        return progress;
    if (isatty(STDERR_FILENO) != 0)
        progress.report = Bar();
    else
        progress.report = Lines();
    return progress;
}

Progress stoppable_progress(const Common& common) {
    struct sigaction action = {};
    action.sa_handler = request_stop;
    action.sa_flags = SA_RESTART;  // a checkpoint in the making must not fail with "interrupted system call"
    for (const int signal : {SIGTERM, SIGINT, SIGUSR1})
        sigaction(signal, &action, nullptr);
    Progress progress = progress_bar(common);
    progress.stop = [] { return stop_requested != 0; };
    return progress;
}

void end_progress() {
    if (line_open)
        std::fputc('\n', stderr);
    line_open = false;
}

}  // namespace descrambler::cli
