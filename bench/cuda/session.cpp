// How a case is measured. Contenders take turns, sample by sample:
//   warm  host clock around k calls, back to back, k such that a sample lasts 2 ms or more
//   cold  one call after buffers larger than the L2 cache were written, less an empty launch on the same stream
// until the standard error of every median is below 0.5 %, the samples or the seconds are used up; three at least.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "bench_cuda.hpp"
#include "descrambler/version.hpp"

namespace descrambler::bench {

using Json = nlohmann::ordered_json;

namespace {

constexpr double sample_us = 2000, precision = 0.005;
constexpr Index least_samples = 3;

double now() {  // seconds
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double quantile(std::vector<double> t, double q) {
    std::sort(t.begin(), t.end());
    return t[static_cast<std::size_t>(q * static_cast<double>(t.size() - 1) + 0.5)];
}

// Of the median over the median, from the quartiles as for a normal distribution: 1.253 sigma / sqrt(N).
double relative_error(const std::vector<double>& t) {
    const double sigma = (quantile(t, 0.75) - quantile(t, 0.25)) / 1.349;
    return 1.253 * sigma / std::sqrt(static_cast<double>(t.size())) / quantile(t, 0.5);
}

// Peaks of the data sheets: FP64 on tensor cores and FP32, GF/s, and memory, GB/s. Unknown devices: zero.
struct Paper {
    double f64 = 0, f32 = 0, bandwidth = 0;
};
Paper paper_of(const std::string& name) {
    if (name.find("H200") != std::string::npos)
        return {66.9e3, 66.9e3, 4800};
    if (name.find("H100") != std::string::npos)
        return {66.9e3, 66.9e3, 3350};
    return {};
}

double floor_us(const cost::Cost& work, double gflops, double gbs) {
    return std::max(gflops > 0 ? work.flops / gflops * 1e-3 : 0, gbs > 0 ? work.bytes / gbs * 1e-3 : 0);
}

}  // namespace

struct Session::Samples {
    std::string provider, error;
    double residual = 0;
    Index calls = 1;
    std::vector<double> microseconds;
};

Session::Session(Options options)
    : options_(std::move(options)),
      f32_(make_cuda_backend<float>(options_.device)),
      f64_(make_cuda_backend<double>(options_.device)),
      cpu_(make_cpu_backend<double>(1)),
      rival_(make_rival(options_.device)),
      begin_(now()) {
    facts_ = device_facts(options_.device);
    if (facts_.name.empty())
        facts_.name = f64_->name();
    const auto wanted = static_cast<Index>(std::max(facts_.l2_bytes * 2, 128e6) / sizeof(float));
    flush_ = f32_->allocate(2 * pick(wanted, 1000));
    const Buffer<float> one_number = f32_->allocate(1);
    const Call ours = [&] { f32_->axpby(1, one_number.view(1, 1), 0, one_number.view(1, 1)); };
    const Call empty = empty_launch(*rival_);
    std::vector<double> first, second;
    for (Index i = 0; i < pick(200, 2); ++i) {
        first.push_back(one({"descrambler", ours, {}}, 1));
        if (empty)
            second.push_back(one({"rival", empty, {}}, 1));
    }
    overhead_ours_ = quantile(first, 0.5);
    overhead_rival_ = second.empty() ? 0 : quantile(second, 0.5);
    ceilings();
}

void Session::synchronise() {
    f32_->synchronise();
    f64_->synchronise();
    wait(*rival_);
}

double Session::one(const Contender& who, Index calls) {
    const bool ours = who.provider == "descrambler";
    synchronise();
    const double begin = now();
    for (Index i = 0; i < calls; ++i)
        who.run();
    if (ours) {
        f32_->synchronise();
        f64_->synchronise();
    } else {
        wait(*rival_);
    }
    return 1e6 * (now() - begin) / static_cast<double>(calls);
}

double Session::best(const Call& run, Index calls) {
    double least = 1e300;
    for (Index i = 0; i < pick(10, 2); ++i)
        least = std::min(least, one({"ceiling",
                                     [&] {
                                         run();
                                         f32_->synchronise();
                                         f64_->synchronise();
                                     },
                                     {}},
                                    calls));
    return least;
}

void Session::ceilings() {
    const auto product = [&]<class T>(Backend<T>& on, Index n, Index batch, Index calls, double& ceiling) {
        const Buffer<T> A = normals<T>(on, n * n * batch, 1), B = normals<T>(on, n * n * batch, 2);
        const Buffer<T> C = on.allocate(n * n * batch);
        const double us = best(
            [&] {
                for (Index i = 0; i < calls; ++i)
                    on.gemm(Op::none, Op::none, T{1}, A.view(n, n, batch), B.view(n, n, batch), T{0},
                            C.view(n, n, batch));
            },
            1);
        const double rate = cost::gemm(n, n, n, sizeof(T)).flops * static_cast<double>(batch * calls) / us * 1e-3;
        ceilings_["gemm_" + std::string(dtype<T>()) + "_n" + std::to_string(n) + "_gflops"] = rate;
        ceiling = std::max(ceiling, rate);
    };
    for (const auto& [n, batch, calls] : {std::array<Index, 3>{4096, 1, 1}, {80, 2000, 10}, {256, 200, 10}}) {
        product(*f64_, pick(n, 8), pick(batch, 2), pick(calls, 1), gemm_f64_);
        product(*f32_, pick(n, 8), pick(batch, 2), pick(calls, 1), gemm_f32_);
    }
    const Index bytes = pick(Index{1} << 30, 1024), count = bytes / 4;
    const Buffer<float> from = normals<float>(*f32_, count, 3), to = f32_->allocate(count);
    Call copy = copy_call(*rival_, from.data(), to.data(), static_cast<std::size_t>(bytes));
    if (!copy)
        copy = [&] { f32_->axpby(1, from.view(count, 1), 0, to.view(count, 1)); };
    copy_ = 2 * static_cast<double>(bytes) / best(copy, pick(4, 1)) * 1e-3;
    ceilings_["gemm_f32_gflops"] = gemm_f32_;
    ceilings_["gemm_f64_gflops"] = gemm_f64_;
    ceilings_["copy_gbs"] = copy_;
}

bool Session::wants(const std::string& kernel, Index n) const {
    return (kernel + "/" + std::to_string(n)).find(options_.filter) != std::string::npos;
}

void Session::join(Case& c, const std::string& provider, const Call& call, const std::function<double()>& residual,
                   bool graph) {
    if (!call)
        return;
    c.contenders.push_back({provider, call, residual});
    if (const Call captured = graph ? graphed(*rival_, call) : Call(); captured)
        c.contenders.push_back({provider + "_graph", captured, residual});
}

double Session::overhead(const Contender& who) const {
    return who.provider == "descrambler" ? overhead_ours_ : overhead_rival_;
}

void Session::measure(const Case& c) {
    std::vector<Samples> first;
    for (const Contender& who : c.contenders) {
        Samples samples{who.provider, {}, 0, 1, {}};
        try {
            (void)one(who, 1);
            const double warm = one(who, 1);
            samples.calls = options_.quick ? 1 : std::max<Index>(1, static_cast<Index>(std::ceil(sample_us / warm)));
            samples.residual = who.residual();
        } catch (const std::exception& error) {
            samples.error = error.what();
            failed_ = true;
        }
        first.push_back(std::move(samples));
    }
    for (const std::string mode : {"warm", "cold"}) {
        std::vector<Samples> all = first;
        const double begin = now();
        for (Index turn = 0; turn < (options_.quick ? 1 : options_.samples); ++turn) {
            bool settled = turn >= least_samples;
            for (std::size_t i = 0; i < all.size(); ++i) {
                if (!all[i].error.empty())
                    continue;
                const Contender& who = c.contenders[i];
                if (mode == "cold") {
                    const Index half = flush_.size() / 2;
                    f32_->axpby(1, {flush_.data(), half, 1}, -1, {flush_.data() + half, half, 1});
                    all[i].microseconds.push_back(std::max(one(who, 1) - overhead(who), 0.0));
                } else {
                    all[i].microseconds.push_back(one(who, all[i].calls));
                }
                settled = settled && relative_error(all[i].microseconds) < precision;
            }
            const bool late = now() - begin > options_.seconds || now() - begin_ > options_.budget_s;
            if (turn + 1 >= least_samples && (late || settled))
                break;
        }
        report(c, mode, all);
    }
}

void Session::report(const Case& c, const std::string& mode, const std::vector<Samples>& all) {
    const bool single = c.dtype == "f32";
    const Paper paper = paper_of(facts_.name);
    const double floor = floor_us(c.work, single ? gemm_f32_ : gemm_f64_, copy_);
    const double floor_paper = paper.f64 > 0 ? floor_us(c.work, single ? paper.f32 : paper.f64, paper.bandwidth) : 0;
    for (const Samples& who : all) {
        Json row{{"kernel", c.kernel},      {"n", c.n},         {"d", c.d},
                 {"batch", c.batch},        {"dtype", c.dtype}, {"mode", mode},
                 {"provider", who.provider}};
        if (!who.error.empty()) {
            row["error"] = who.error;
            std::fprintf(stderr, "%-18s n %4td %s %-24s FAILED: %s\n", c.kernel.c_str(), c.n, mode.c_str(),
                         who.provider.c_str(), who.error.c_str());
            cases_.push_back(row);
            continue;
        }
        const double median = quantile(who.microseconds, 0.5), safe = std::max(median, 1e-3);
        row["samples"] = who.microseconds.size();
        row["calls"] = mode == "warm" ? who.calls : 1;
        row["median_us"] = median;
        row["p25_us"] = quantile(who.microseconds, 0.25);
        row["p75_us"] = quantile(who.microseconds, 0.75);
        row["min_us"] = quantile(who.microseconds, 0);
        row["gflops"] = c.work.flops / safe * 1e-3;
        row["gbs"] = c.work.bytes / safe * 1e-3;
        row["frac_floor"] = median > 0 ? floor / median : 0;
        if (floor_paper > 0)
            row["frac_floor_paper"] = median > 0 ? floor_paper / median : 0;
        row["residual"] = who.residual;
        row["ref_error"] = 0;
        if (!c.note.empty())
            row["note"] = c.note;
        if (&who == &all.front()) {
            if (c.target_us > 0 && !options_.quick)
                row["target_us"] = c.target_us;
            for (std::size_t i = 1; i < all.size(); ++i) {
                if (!all[i].error.empty())
                    continue;
                std::vector<double> ratio;  // of neighbouring samples
                for (std::size_t j = 0; j < who.microseconds.size(); ++j)
                    ratio.push_back(who.microseconds[j] / std::max(all[i].microseconds[j], 1e-3));
                row["over"][all[i].provider] = {{"median", quantile(ratio, 0.5)},
                                                {"p25", quantile(ratio, 0.25)},
                                                {"p75", quantile(ratio, 0.75)},
                                                {"residual", all[i].residual}};
            }
        }
        std::fprintf(stderr, "%-18s n %4td batch %6td %s %s %-24s %12.1f us  floor %5.3f  residual %.1e\n",
                     c.kernel.c_str(), c.n, c.batch, c.dtype.c_str(), mode.c_str(), who.provider.c_str(), median,
                     median > 0 ? floor / median : 0, who.residual);
        cases_.push_back(row);
    }
}

Json Session::document() const {
    char date[32];
    const std::time_t today = std::time(nullptr);
    std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&today));
    return {{"meta",
             {{"gpu", facts_.name},
              {"driver", facts_.driver},
              {"cuda", facts_.cuda},
              {"cpu", ""},
              {"threads", 1},
              {"build", build_options()},
              {"commit", commit()},
              {"clock_mhz", facts_.clock_mhz},
              {"date", date},
              {"quick", options_.quick},
              {"seconds", now() - begin_},
              {"flush_bytes", flush_.size() * 4},
              {"memory_info_us", facts_.memory_info_us},
              {"empty_launch_us", {{"descrambler", overhead_ours_}, {"rival", overhead_rival_}}},
              {"ceilings", ceilings_}}},
            {"cases", cases_}};
}

}  // namespace descrambler::bench
