// A study directory made of plausible invented numbers, in the layout of docs/formats.md.
#pragma once

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>
#include <string>

#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
#include "descrambler/random.hpp"

namespace descrambler::test {

struct FakeStudy {
    Index networks = 3, controls = 2, link = 18, times = 64, distances = 48, intervals = 30, traces = 40;
    bool deep = false;              // two hidden layers
    std::set<std::string> without;  // groups left out: "tikhonov", "examples", "controls", "alignment", "training", ...

    [[nodiscard]] bool with(const std::string& part) const { return without.count(part) == 0; }
};

class FakeStudyWriter {
public:
    explicit FakeStudyWriter(const FakeStudy& study) : s_(study) {}

    void write(const std::filesystem::path& folder) {
        make_folder(folder);
        Hdf5File file = Hdf5File::create((folder / "study.h5").string());
        const Hdf5Group& root = file.root();
        put(root, "axes/time_us", {s_.times}, [&](Index i) { return 2 * part(i, s_.times - 1); });
        put(root, "axes/distance_nm", {s_.distances}, [&](Index i) { return distance(i); });
        if (s_.with("training"))
            training(root);
        if (s_.with("tikhonov"))
            for (const char* name : {"tikhonov/relative_error", "tikhonov/network_relative_error", "tikhonov/lambda"})
                put(root, name, {s_.traces}, [&](Index) {
                    return (name == std::string("tikhonov/lambda") ? 178 : 0.3) * std::exp(0.6 * random_.normal());
                });
        if (s_.with("examples"))
            examples(root);
        weights(root);
        for (const char* group : {"trained", "untrained", "shuffled", "no_decay"})
            if (s_.with("analysis") && (group == std::string("trained") || s_.with("controls")))
                analysis(root.create_group(std::string("analysis/") + group), group);
        if (s_.with("alignment"))
            alignment(root);
        if (s_.with("alignment") && s_.with("relations"))
            relations(root);
        if (s_.deep)
            deep(root);
        file.commit();
        write_file(folder / "summary.json", summary().dump(2));
    }

    [[nodiscard]] nlohmann::ordered_json summary() const {
        Json scores{{"s", range(0.97, 0.96, 0.98)},
                    {"s_octave", range(0.98, 0.97, 0.99)},
                    {"s_nuc", range(0.99, 0.98, 1)},
                    {"fft_correlation", range(0.99, 0.98, 0.995)}};
        Json result{
            {"version", "0.1.0"},
            {"commit", "abcdef0"},
            {"device", "cpu (8 threads)"},
            {"precision", "f32"},
            {"seed", 7},
            {"ranks", 1},
            {"networks", s_.networks},
            {"training",
             {{"samples_per_network", 7680000},
              {"seconds", 100.5},
              {"samples_per_second", 8e4},
              {"relative_error", {{"mean", 0.302}, {"median", 0.22}}},
              {"ensemble_relative_error", 0.29},
              {"shuffled_relative_error", 0.863},
              {"predict_the_mean", 0.865}}},
            {"tikhonov", nullptr},
            {"layers", Json::array({{{"layer", 1},
                                     {"tap", "before"},
                                     {"criterion", "smoothness"},
                                     {"stencil", "fourier2"},
                                     {"method", "closed"},
                                     {"eta_raw", range(3e6, 2e6, 4e6)},
                                     {"eta", range(55.2, 51, 60)},
                                     {"eta_bound", range(55.2, 51, 60)},
                                     {"gap", range(1e-12, 1e-13, 3e-12)},
                                     {"offdiagonal", range(0, 0, 0)},
                                     {"orthogonality", range(1e-15, 1e-15, 2e-15)},
                                     {"rank", range(80, 80, 80)}}})},
            {"findings", findings()},
            {"extras", {{"DC16_white_noise_library", {{"trained", range(-14.5, -15, -13)}, {"untrained", nullptr}}}}},
            {"alignment", {{"raw", scores}, {"descrambled", scores}, {"shuffled", scores}}},
            {"configuration", "[data]\npreset = \"deernet\"\n"},
            {"controls", {{"untrained", s_.controls}, {"shuffled", s_.controls}, {"no_decay", 1}}},
            {"timing", {{"training", 100.5}, {"total", 120.0}}}};
        if (s_.with("relations"))
            add_relations(result);
        if (s_.deep)
            add_deep(result);
        if (s_.with("tikhonov"))
            result["tikhonov"] = {{"relative_error", {{"mean", 0.319}, {"median", 0.243}}},
                                  {"lambda_interior", 0.96},
                                  {"lambda_quantiles", {{"10", 17.8}, {"50", 178}, {"90", 1000}}},
                                  {"network_relative_error", range(0.283, 0.28, 0.29)},
                                  {"ratio", range(0.89, 0.87, 0.91)},
                                  {"traces", s_.traces}};
        return result;
    }

private:
    using Json = nlohmann::ordered_json;
    static Json range(double m, double lo, double hi) { return {{"median", m}, {"min", lo}, {"max", hi}}; }
    static Json findings() {
        Json findings = Json::object();
        const auto finding = [&](const char* name, const char* unit, const char* claim, bool invariant,
                                 const char* verdict, double raw, double value, double control) {
            findings[name] = {{"unit", unit},
                              {"claim", claim},
                              {"reading", "The number is " + std::to_string(value) + "; controls <differ> & vary."},
                              {"invariant", invariant},
                              {"raw", range(raw, raw - 1, raw + 1)},
                              {"descrambled", range(value, value - 1, value + 1)},
                              {"untrained", range(control, control, control)},
                              {"shuffled", range(0.9 * value, 1, 2)},
                              {"no_decay", nullptr},
                              {"verdict", verdict}};
        };
        finding("HFrej", "dB", "Layer 1 is a low-pass filter that removes high-frequency noise.", true,
                "reproduced and discriminating", 32.3, 32.3, 0.56);
        finding("eta_gain", "dB", "Descrambling turns noise-like signals into interlocking waves.", false,
                "reproduced, not discriminating", 0, 47.4, 26);
        finding("cube_root_exponent", "1", "Frequencies are rearranged by \"cube root\" & so on.", false,
                "not reproduced", 0.3, 0.08, 0.5);
        finding("legendre_r2", "1", "Alternative to Chebyshev, not published: Legendre polynomials.", true,
                "not reproduced", 0.8, 0.8, 0.01);
        return findings;
    }
    static void add_relations(Json& result) {
        result["alignment"]["against_shuffled"] = {{"s", range(0.15, 0.13, 0.17)}};
        const Json itself{{"networks", 3}, {"s", range(0.998, 0.99, 0.999)}, {"fft_correlation", nullptr}};
        result["alignment"]["threshold"] = {{"s", 0.996},
                                            {"fft_correlation", 0.9988},
                                            {"quantile", 0.05},
                                            {"replicates", 20},
                                            {"itself", {{"trained", itself}}}};
        result["alignment"]["same_function"] = {
            {"within_trained", {{"pairs", 3}, {"s", 1.0 / 3}, {"fft_correlation", 0.0}}},
            {"trained_against_shuffled", {{"pairs", 6}, {"s", 0.0}, {"fft_correlation", 0.0}}}};
        const Json cut{{"height", 0.5},      {"clusters", 2},  {"sizes", {4, 3}},
                       {"silhouette", 0.61}, {"purity", 0.71}, {"adjusted_rand", 0.4}};
        result["alignment"]["clusters"] = {
            {"all", {{"networks", 7}, {"gap", cut}, {"threshold", cut}}},
            {"trained", {{"networks", 3}, {"gap", cut}, {"threshold", nullptr}, {"real", false}}}};
    }
    static void add_deep(Json& result) {
        const Json groups{{"trained", range(30, 29, 31)},
                          {"untrained", range(70, 69, 71)},
                          {"shuffled", range(30.5, 12, 40)},
                          {"no_decay", nullptr}};
        Json numbers = groups;
        numbers["unit"] = "dB";
        Json taps = Json::array(), layers = Json::array();
        for (const char* tap : {"before", "after"})
            taps.push_back({{"layer", 2},
                            {"tap", tap},
                            {"criterion", "smoothness"},
                            {"eta_gain_db", groups},
                            {"gap", groups},
                            {"rank", groups},
                            {"compactness_raw", groups},
                            {"compactness", groups},
                            {"s", {{"within_trained", range(0.81, 0.8, 0.82)}, {"within_shuffled", nullptr}}}});
        for (int k = 1; k <= 3; ++k)
            layers.push_back({{"layer", k},
                              {"outputs", 18},
                              {"inputs", 18},
                              {"effective_rank", groups},
                              {"embedding", k == 2 ? Json{{"diagonal", groups}} : Json(nullptr)}});
        result["deep"] = {{"taps", taps}, {"layers", layers}, {"network", {{"HFrej", numbers}}}};
        result["findings"] = Json::object();
    }
    template <class F>
    void put(const Hdf5Group& at, const std::string& name, const std::vector<Index>& shape, F&& value) {
        Index size = 1;
        for (const Index n : shape)
            size *= n;
        std::vector<double> values(static_cast<std::size_t>(size));
        for (Index i = 0; i < size; ++i)
            values[static_cast<std::size_t>(i)] = value(i);
        at.write(name, shape, values.data(), {"1", "invented", "a"});
    }
    [[nodiscard]] static double part(Index i, Index n) { return static_cast<double>(i) / static_cast<double>(n); }
    [[nodiscard]] double distance(Index i) const { return 1.18 + 4.75 * part(i, s_.distances - 1); }
    [[nodiscard]] static double peak(double x, double at, double width) {
        return std::exp(-0.5 * (x - at) * (x - at) / (width * width));
    }

    void training(const Hdf5Group& root) {
        put(root, "training/iteration", {s_.intervals}, [](Index i) { return 100.0 * static_cast<double>(i + 1); });
        const auto loss = [&](const char* group, Index networks, Index intervals, double floor) {
            put(root, std::string("training/loss/") + group, {networks, intervals}, [&](Index i) {
                const double p = static_cast<double>(i % intervals + 1);
                return (floor + 0.06 * std::pow(p, -1.3)) * (1 + 0.03 * random_.normal());
            });
        };
        loss("trained", s_.networks, s_.intervals, 0.004);
        if (s_.with("controls")) {
            loss("shuffled", s_.controls, s_.intervals / 2, 0.05);
            loss("no_decay", 1, s_.intervals / 2, 0.003);
            put(root, "training/shuffled_relative_error", {s_.controls}, [](Index) { return 0.863; });
        }
        put(root, "training/relative_error_mean", {s_.networks}, [&](Index) { return 0.3 + 0.004 * random_.normal(); });
        put(root, "training/relative_error_median", {s_.networks},
            [&](Index) { return 0.2 + 0.004 * random_.normal(); });
    }

    void examples(const Hdf5Group& root) {
        const Index count = 6;
        const auto trace = [&](Index i, double noise) {
            const double t = 2 * part(i % s_.times, s_.times - 1), f = 2 + static_cast<double>(i / s_.times);
            return std::exp(-0.3 * t) * (0.7 + 0.3 * std::cos(f * 2.5 * t) * std::exp(-t)) + noise * random_.normal();
        };
        put(root, "examples/trace", {count, s_.times}, [&](Index i) { return trace(i, 0.01); });
        put(root, "examples/clean", {count, s_.times}, [&](Index i) { return trace(i, 0); });
        const auto distribution = [&](Index i, double shift, double add) {
            return std::max(0.0, add + peak(distance(i % s_.distances),
                                            2 + 0.5 * static_cast<double>(i / s_.distances) + shift, 0.3));
        };
        struct Curve {
            const char* name;
            double shift, add;
        };
        for (const Curve& curve : {Curve{"target", 0, 0},
                                   {"mean", 0.04, 0.01},
                                   {"lower", 0.04, -0.05},
                                   {"upper", 0.04, 0.08},
                                   {"tikhonov", -0.06, 0.02}})
            put(root, std::string("examples/") + curve.name, {count, s_.distances},
                [&](Index i) { return distribution(i, curve.shift, curve.add); });
    }

    void weights(const Hdf5Group& root) {
        const auto wave = [&](Index row, Index rows, Index column, Index columns) {
            const double x = 2 * std::numbers::pi * part(row, rows), t = part(column, columns);
            return std::sin(2 * x + 9 * t) * std::cos(3 * x - 20 * t * t) * std::exp(-2 * t);
        };
        const auto noise = [&](Index) { return 0.05 * random_.normal(); };
        put(root, "networks/000/layer_1/weight", {s_.link, s_.times}, noise);
        put(root, "networks/000/layer_2/weight", {s_.deep ? s_.link : s_.distances, s_.link}, noise);
        if (s_.with("controls"))
            for (const char* group : {"untrained", "shuffled"}) {
                put(root, std::string("controls/") + group + "/000/layer_1/weight", {s_.link, s_.times}, noise);
                put(root, std::string("controls/") + group + "/000/layer_2/weight", {s_.distances, s_.link}, noise);
            }
        if (!s_.with("layers"))
            return;
        put(root, "layers/layer_1_before_smoothness/descrambled_weight", {s_.networks, s_.link, s_.times},
            [&](Index i) { return wave(i / s_.times % s_.link, s_.link, i % s_.times, s_.times); });
        put(root, "layers/layer_1_after_joint/descrambled_weight", {s_.networks, s_.distances, s_.link},
            [&](Index i) { return wave(i % s_.link, s_.link, i / s_.link % s_.distances, s_.distances); });
    }

    void analysis(const Hdf5Group& at, const std::string& group) {
        const bool trained = group == "trained" || group == "no_decay", learnt_nothing = group == "untrained";
        const Index g = group == "trained" ? s_.networks : group == "no_decay" ? 1 : s_.controls;
        const Index bins = s_.times / 2 + 1;
        put(at, "gain", {g, bins}, [&](Index i) {
            const double k = static_cast<double>(i % bins);
            const double shape = learnt_nothing ? 10 : (k == 0 && group == "trained" ? 20 : 300 / (1 + k * k / 9)) + 2;
            return shape * (1 + 0.1 * random_.uniform());
        });
        put(at, "centroid", {g, 32}, [&](Index i) {
            return 3.2 * std::pow(static_cast<double>(i % 32 + 1), learnt_nothing ? 0.5 : 0.08) +
                   0.1 * random_.normal();
        });
        const auto spectrum = [&](bool descrambled) {
            return [this, descrambled, learnt_nothing](Index i) {
                const Index row = i / s_.times % s_.link, column = i % s_.times;
                const double ko = static_cast<double>(std::min(row, s_.link - row));
                const double ki = static_cast<double>(std::min(column, s_.times - column));
                const double band = learnt_nothing ? 0.0 : std::exp(-0.08 * ki) * (ki == 0 ? 0.1 : 1);
                return (descrambled ? band * peak(ko, 3, 1.5) : 0.3 * band) + 0.01 * (1 + random_.uniform());
            };
        };
        put(at, "spectrum_raw", {g, s_.link, s_.times}, spectrum(false));
        put(at, "spectrum_descrambled", {g, s_.link, s_.times}, spectrum(true));
        const Index M = s_.distances;
        put(at, "jacobian_response", {g, M, M}, [&](Index i) {
            const double out = distance(i / M % M), in = distance(i % M);
            return trained ? peak(out, in, 0.3) - 0.4 * peak(out, in + 0.8, 0.5)
                           : 0.3 * std::sin(3 * out) * std::cos(2 * in);
        });
        put(at, "jacobian_peak_nm", {g, M}, [&](Index i) {
            const Index j = i % M;
            return j < M / 16 || j > 3 * M / 4 ? std::nan("") : trained ? distance(j) : 3 + 1.5 * random_.normal();
        });
        const auto vectors = [&](Index rows, bool smooth) {
            return [this, rows, smooth](Index i) {
                const double j = static_cast<double>(i % 8), x = part(2 * (i / 8 % rows) + 1, 2 * rows);
                return smooth ? std::cos(std::numbers::pi * j * x) : random_.normal();
            };
        };
        put(at, "left_vectors", {g, M, 8}, vectors(M, trained));
        put(at, "right_vectors", {g, s_.link, 8}, vectors(s_.link, true));
        for (const char* name : {"singular_1", "singular_2"})
            put(at, name, {g, s_.link}, [&](Index i) {
                const double j = static_cast<double>(i % s_.link);
                return learnt_nothing ? 2 - j / static_cast<double>(s_.link)
                                      : std::pow(10, -4 * j / static_cast<double>(s_.link));
            });
        for (const char* name : {"link_gram_raw", "link_gram_descrambled"})
            put(at, name, {g, s_.link, s_.link}, [&](Index i) {
                const double d = static_cast<double>(i / s_.link % s_.link - i % s_.link);
                return d == 0                                 ? 1.0
                       : name == std::string("link_gram_raw") ? 0.8 * std::tanh(random_.normal())
                                                              : peak(d, 0, 4);
            });
    }

    void alignment(const Hdf5Group& root) {
        const auto scores = [&](const char* kind, Index pairs, double level) {
            for (const char* score : {"s", "s_octave", "s_nuc", "fft_correlation"})
                if (kind != std::string("against_shuffled") || score[1] == '\0' || score[0] == 'f')
                    put(root, std::string("alignment/") + kind + "/" + score, {pairs},
                        [&](Index) { return level + 0.02 * random_.uniform(); });
        };
        const Index pairs = s_.networks * (s_.networks - 1) / 2;
        scores("raw", pairs, 0.84);
        scores("descrambled", pairs, 0.97);
        if (s_.with("controls")) {
            scores("untrained", 1, 0.38);
            scores("shuffled", 1, 0.95);
            scores("against_shuffled", s_.networks * s_.controls, 0.28);
        }
    }

    // Trained networks first, then untrained, shuffled, no decay; trained and shuffled agree among themselves.
    void relations(const Hdf5Group& root) {
        std::vector<double> group;
        for (const auto& [number, count] :
             {std::pair{0, s_.networks}, {1, s_.controls}, {2, s_.controls}, {3, Index{1}}})
            if (number == 0 || s_.with("controls"))
                group.insert(group.end(), static_cast<std::size_t>(count), number);
        const Index all = static_cast<Index>(group.size());
        put(root, "alignment/networks/group", {all}, [&](Index i) { return group[static_cast<std::size_t>(i)]; });
        put(root, "alignment/networks/order", {all}, [&](Index i) { return static_cast<double>(all - 1 - i); });
        put(root, "alignment/networks/cluster_by_gap", {all}, [&](Index i) { return i < s_.networks ? 0.0 : 1.0; });
        for (const char* score : {"s", "fft_correlation"})
            put(root, std::string("alignment/networks/") + score, {all, all}, [&](Index e) {
                const std::size_t i = static_cast<std::size_t>(e / all), j = static_cast<std::size_t>(e % all);
                return i == j ? 1 : group[i] == group[j] && group[i] != 1 ? 0.95 : 0.2;
            });
        for (const char* score : {"s", "fft_correlation"})
            put(root, std::string("alignment/itself/trained/") + score, {s_.networks, 10},
                [&](Index) { return 0.996 + 0.003 * random_.uniform(); });
        root.attribute("alignment/itself", "threshold_s", 0.996);
        root.attribute("alignment/itself", "threshold_fft_correlation", 0.9988);
    }

    void deep(const Hdf5Group& root) {
        put(root, "networks/000/layer_3/weight", {s_.distances, s_.link}, [&](Index) { return random_.normal(); });
        for (const char* group : {"trained", "untrained", "shuffled", "no_decay"}) {
            const Index g = group == std::string("trained") ? s_.networks : 1;
            for (const char* layer : {"1", "2", "3"}) {
                const std::string at = std::string("deep/layer_") + layer + "/" + group + "/";
                put(root, at + "effective_rank", {g}, [&](Index) { return 8 + random_.uniform(); });
                if (layer[0] == '2') {
                    put(root, at + "embedding", {g, s_.link, s_.link}, [&](Index) { return random_.normal(); });
                    put(root, at + "descrambled", {1, s_.link, s_.link}, [&](Index) { return random_.normal(); });
                }
                for (const char* tap : {"before", "after"}) {
                    const std::string of = std::string("deep/taps/layer_") + layer + "_" + tap + "_smoothness/" + group;
                    for (const char* name : {"eta_gain_db", "compactness", "s", "s_against_trained"})
                        put(root, of + "/" + name, {g}, [&](Index) { return random_.uniform(); });
                }
            }
        }
        put(root, "layers/layer_2_after_joint/descrambled_weight", {s_.networks, s_.distances, s_.link},
            [&](Index) { return random_.normal(); });
    }

    FakeStudy s_;
    RandomStream random_{20240607, stream::analysis};
};

inline void write_fake_study(const std::filesystem::path& folder, const FakeStudy& study) {
    FakeStudyWriter(study).write(folder);
}

}  // namespace descrambler::test
