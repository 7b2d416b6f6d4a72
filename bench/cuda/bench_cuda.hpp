// What the GPU benchmarks share: a case is one task, done by descrambler and by its rivals in alternation. Public
// headers only, so that the test device runs the same cases.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "descrambler/cost.hpp"
#include "descrambler/matrix.hpp"
#include "rivals.hpp"

namespace descrambler::bench {

struct Options {
    int device = 0;
    std::string filter;  // part of kernel/n
    bool quick = false;  // one sample of tiny sizes: does it run?
    Index samples = 100;
    double seconds = 3;     // of a case and mode, all contenders together
    double budget_s = 400;  // of the run; cases that begin later are sampled three times
};

struct Contender {
    std::string provider;
    Call run;                          // enqueues
    std::function<double()> residual;  // runs once and compares with the CPU backend in fp64
};

struct Case {
    std::string kernel;
    Index n = 0, d = 0, batch = 1;
    std::string dtype = "f64";
    cost::Cost work = {};  // of a call, whole batch
    double target_us = 0;  // of a call; 0: none
    std::string note;
    std::vector<Contender> contenders = {};  // the first is ours
};

template <class T>
constexpr const char* dtype() {
    return sizeof(T) == 4 ? "f32" : "f64";
}

class Session {
public:
    explicit Session(Options options);

    [[nodiscard]] bool wants(const std::string& kernel, Index n) const;
    [[nodiscard]] Index pick(Index full, Index tiny) const { return options_.quick ? tiny : full; }
    template <class T>
    [[nodiscard]] Backend<T>& on() {
        if constexpr (sizeof(T) == 4)
            return *f32_;
        else
            return *f64_;
    }
    [[nodiscard]] Backend<double>& cpu() { return *cpu_; }
    [[nodiscard]] Rival& rival() { return *rival_; }

    // A rival joins a case, if there is a call, and once more as a CUDA graph.
    void join(Case& c, const std::string& provider, const Call& call, const std::function<double()>& residual,
              bool graph = true);
    void measure(const Case& c);
    [[nodiscard]] nlohmann::ordered_json document() const;
    [[nodiscard]] bool failed() const { return failed_; }

private:
    struct Samples;
    void ceilings();
    void synchronise();
    [[nodiscard]] double one(const Contender& who, Index calls);  // us of a call
    [[nodiscard]] double best(const Call& run, Index calls);      // us
    void report(const Case& c, const std::string& mode, const std::vector<Samples>& all);
    [[nodiscard]] double overhead(const Contender& who) const;

    Options options_;
    DeviceFacts facts_;
    std::unique_ptr<Backend<float>> f32_;
    std::unique_ptr<Backend<double>> f64_, cpu_;
    std::shared_ptr<Rival> rival_;
    Buffer<float> flush_;
    double begin_ = 0, overhead_ours_ = 0, overhead_rival_ = 0;
    double gemm_f32_ = 0, gemm_f64_ = 0, copy_ = 0;  // gflops, gflops, GB/s
    nlohmann::ordered_json ceilings_, cases_ = nlohmann::ordered_json::array();
    bool failed_ = false;
};

template <class T>
Buffer<T> normals(Backend<T>& on, Index count, std::uint64_t stream, double scale = 1) {
    Buffer<T> x = on.allocate(count);
    on.random_normal(11, stream, 0, x.view(count, 1));
    if (scale != 1)
        on.axpby(T{0}, x.view(count, 1), static_cast<T>(scale), x.view(count, 1));
    return x;
}
template <class T>
std::vector<double> download(Backend<T>& on, Batch<const T> x) {
    std::vector<T> host(static_cast<std::size_t>(x.size() * x.batch));
    on.download(x, host.data());
    return {host.begin(), host.end()};
}
template <class T>
std::vector<double> download(Backend<T>& on, Batch<T> x) {
    return download(on, Batch<const T>(x));
}
// Zero: what a contender does not write is not what another wrote before.
template <class T>
void clear(Backend<T>& on, Batch<T> x) {
    const std::vector<T> zero(static_cast<std::size_t>(x.size()));
    on.upload(zero.data(), x.item(0));
    on.synchronise();
}
// ||a - b|| / ||b||
inline double difference(const std::vector<double>& a, const std::vector<double>& b) {
    require(a.size() == b.size(), "difference: sizes");
    double squares = 0, norm = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        squares += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return norm > 0 ? std::sqrt(squares / norm) : std::sqrt(squares);
}

void bench_cayley(Session& session);
void bench_blas(Session& session);
void bench_factor(Session& session);
void bench_randomized_svd(Session& session);
void bench_mlp(Session& session);
void bench_deer(Session& session);
void bench_descramble(Session& session);
void bench_convolution(Session& session);

}  // namespace descrambler::bench
