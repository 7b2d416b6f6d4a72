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

class Bar {
public:
    void operator()(const std::string& stage, double done, double total) {
        const auto now = std::chrono::steady_clock::now();
        if (stage != stage_) {
            stage_ = stage;
            start_ = now;
            first_ = done;
        }
        constexpr int width = 30;
        const double part = total > 0 ? std::clamp(done / total, 0.0, 1.0) : 1.0;
        const int full = static_cast<int>(part * width);
        const std::string bar =
            std::string(static_cast<std::size_t>(full), '#') + std::string(static_cast<std::size_t>(width - full), '.');
        const double elapsed = std::chrono::duration<double>(now - start_).count();
        const double left = done > first_ ? elapsed * (total - done) / (done - first_) : -1;
        const int seconds = static_cast<int>(std::lround(left));
        std::fprintf(stderr, "\r\033[K%-20s [%s] %3d %%", stage.c_str(), bar.c_str(), static_cast<int>(100 * part));
        if (left >= 0 && part < 1)
            std::fprintf(stderr, "  %d:%02d left", seconds / 60, seconds % 60);
        std::fflush(stderr);
        line_open = true;
    }

private:
    std::string stage_;
    std::chrono::steady_clock::time_point start_;
    double first_ = 0;
};

}  // namespace

void Common::add_to(CLI::App& command) {
    command.add_option("--device", device, "auto, cpu, cuda or cuda:N")->capture_default_str();
    command.add_option("--threads", threads, "threads, 0 = all; results do not depend on it")
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

Progress progress_bar(const Common& common) {
    Progress progress;
    if (!common.quiet && isatty(STDERR_FILENO) != 0)
        progress.report = Bar();
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
