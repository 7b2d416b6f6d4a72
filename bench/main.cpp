// Benchmarks of the primitives: descrambler_bench [--out FILE] [--threads N] [--commit TEXT] [Google Benchmark options]
// Writes one JSON document in the schema of docs/benchmarks.md.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <map>

#include "bench.hpp"
#include "descrambler/files.hpp"
#include "descrambler/version.hpp"

namespace descrambler::bench {

int& threads() {
    static int count = 0;
    return count;
}

namespace {

using Json = nlohmann::ordered_json;

std::string processor() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.starts_with("model name"))
            return line.substr(line.find(':') + 2);
    return "unknown";
}

class Reporter : public benchmark::ConsoleReporter {
public:
    void ReportRuns(const std::vector<Run>& runs) override {
        for (const Run& run : runs) {
            if (run.run_type != Run::RT_Iteration || run.error_occurred || run.report_label.empty())
                continue;
            Entry& entry = entries_[run.run_name.function_name + "/" + run.run_name.args];
            entry.label = Json::parse(run.report_label);
            entry.microseconds.push_back(1e6 * run.real_accumulated_time / static_cast<double>(run.iterations));
        }
        for (const Run& run : runs) {  // the label is for the document, not for the eye
            if (run.run_type != Run::RT_Iteration)
                continue;
            std::printf("%-44s %12.1f us\n", (run.run_name.function_name + "/" + run.run_name.args).c_str(),
                        1e6 * run.real_accumulated_time / static_cast<double>(run.iterations));
            std::fflush(stdout);
        }
    }
    bool ReportContext(const Context&) override { return true; }

    [[nodiscard]] Json document() const {
        double gemm_f32 = 0, gemm_f64 = 0, copy = 0;  // the best that was seen
        for (const auto& [name, entry] : entries_) {
            const double best = *std::min_element(entry.microseconds.begin(), entry.microseconds.end());
            const std::string kernel = entry.label["kernel"];
            if (kernel == "gemm")
                (entry.label["dtype"] == "f32" ? gemm_f32 : gemm_f64) =
                    std::max(entry.label["dtype"] == "f32" ? gemm_f32 : gemm_f64,
                             entry.label["flops"].get<double>() / best * 1e-3);
            if (kernel == "copy")
                copy = std::max(copy, entry.label["bytes"].get<double>() / best * 1e-3);
        }
        Json cases = Json::array();
        for (const auto& [name, entry] : entries_) {
            std::vector<double> t = entry.microseconds;
            std::sort(t.begin(), t.end());
            const auto quantile = [&](double q) {
                return t[static_cast<std::size_t>(q * static_cast<double>(t.size() - 1) + 0.5)];
            };
            const double flops = entry.label["flops"], bytes = entry.label["bytes"], median = quantile(0.5);
            const double gemm = entry.label["dtype"] == "f32" ? gemm_f32 : gemm_f64;
            const double floor = std::max(gemm > 0 ? flops / gemm * 1e-3 : 0, copy > 0 ? bytes / copy * 1e-3 : 0);
            cases.push_back({{"kernel", entry.label["kernel"]},
                             {"n", entry.label["n"]},
                             {"d", entry.label["d"]},
                             {"batch", entry.label["batch"]},
                             {"dtype", entry.label["dtype"]},
                             {"mode", "warm"},
                             {"provider", entry.label["provider"]},
                             {"samples", t.size()},
                             {"median_us", median},
                             {"p25_us", quantile(0.25)},
                             {"p75_us", quantile(0.75)},
                             {"min_us", t.front()},
                             {"gflops", flops / median * 1e-3},
                             {"gbs", bytes / median * 1e-3},
                             {"frac_floor", floor / median},
                             {"residual", entry.label["residual"]},
                             {"ref_error", 0}});
        }
        char date[32];
        const std::time_t now = std::time(nullptr);
        std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
        return {{"meta",
                 {{"gpu", ""},
                  {"driver", ""},
                  {"cuda", ""},
                  {"cpu", processor()},
                  {"threads", make_cpu_backend<double>(threads())->threads()},
                  {"build", build_options()},
                  {"commit", commit()},
                  {"clock_mhz", 0},
                  {"date", date},
                  {"ceilings", {{"gemm_f32_gflops", gemm_f32}, {"gemm_f64_gflops", gemm_f64}, {"copy_gbs", copy}}}}},
                {"cases", cases}};
    }

private:
    struct Entry {
        Json label;
        std::vector<double> microseconds;
    };
    std::map<std::string, Entry> entries_;
};

}  // namespace

}  // namespace descrambler::bench

int main(int argc, char** argv) {
    using namespace descrambler;
    std::string out;
    std::vector<char*> rest{argv[0]};
    std::vector<std::string> defaults{"--benchmark_repetitions=9", "--benchmark_min_time=0.05"};
    for (std::string& option : defaults)
        rest.push_back(option.data());
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        if (argument == "--out" && i + 1 < argc)
            out = argv[++i];
        else if (argument == "--threads" && i + 1 < argc)
            bench::threads() = std::atoi(argv[++i]);
        else
            rest.push_back(argv[i]);
    }
    int count = static_cast<int>(rest.size());
    benchmark::Initialize(&count, rest.data());
    if (benchmark::ReportUnrecognizedArguments(count, rest.data()))
        return 2;
    bench::Reporter reporter;
    benchmark::RunSpecifiedBenchmarks(&reporter);
    const std::string text = reporter.document().dump(2) + "\n";
    if (out.empty())
        std::fputs(text.c_str(), stdout);
    else
        write_file(out, text);
    return 0;
}
