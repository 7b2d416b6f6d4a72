#include "predict/predict.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "descrambler/files.hpp"
#include "descrambler/matrix.hpp"
#include "report/report.hpp"

namespace descrambler {

namespace {

double integral(const std::vector<double>& x, const std::vector<double>& y) {  // trapezoid
    double sum = 0;
    for (std::size_t i = 1; i < x.size(); ++i)
        sum += (x[i] - x[i - 1]) * (y[i] + y[i - 1]) / 2;
    return sum;
}

struct Explanation {
    double constant = 0, modulated = 0, rate = 0, dimension = 3, squares = INFINITY;
};

// v ~ (c0 + c1 f) exp(-(k t)^(d/3)) for one (k, d): two linear unknowns.
Explanation explain_at(const std::vector<double>& t, const std::vector<double>& v, const std::vector<double>& f,
                       double k, double d) {
    double bb = 0, bf = 0, ff = 0, bv = 0, fv = 0, vv = 0;
    for (std::size_t i = 0; i < t.size(); ++i) {
        const double b = std::exp(-std::pow(k * t[i], d / 3)), m = b * f[i];
        bb += b * b;
        bf += b * m;
        ff += m * m;
        bv += b * v[i];
        fv += m * v[i];
        vv += v[i] * v[i];
    }
    const double determinant = bb * ff - bf * bf;
    if (!(determinant > 1e-12 * bb * ff))
        return {};
    const double c0 = (bv * ff - fv * bf) / determinant, c1 = (fv * bb - bv * bf) / determinant;
    return {c0, c1, k, d, std::max(0.0, vv - c0 * bv - c1 * fv)};
}

// Background rate and dimension by a grid over their training ranges, refined around the best point. The rate's unit
// follows the length of the trace, as everything else does.
Explanation explain(const std::vector<double>& t, const std::vector<double>& v, const std::vector<double>& f,
                    const DeerDatabase& database) {
    const double stretch = database.span_us / t.back();
    const double k_low = database.rate_min_mhz * stretch, k_high = 2 * database.rate_max_mhz * stretch;
    double k_step = (k_high - k_low) / 40, d_step = (database.dimension_max - database.dimension_min) / 6;
    Explanation best;
    for (int i = 0; i <= 40; ++i)
        for (int j = 0; j <= 6; ++j) {
            const Explanation trial = explain_at(t, v, f, k_low + i * k_step, database.dimension_min + j * d_step);
            if (trial.squares < best.squares)
                best = trial;
        }
    for (int round = 0; round < 4; ++round) {
        const Explanation centre = best;
        k_step /= 3;
        d_step /= 3;
        for (int i = -3; i <= 3; ++i)
            for (int j = -3; j <= 3; ++j) {
                const double k = centre.rate + i * k_step, d = centre.dimension + j * d_step;
                if (k < 0 || d < database.dimension_min || d > database.dimension_max)
                    continue;
                const Explanation trial = explain_at(t, v, f, k, d);
                if (trial.squares < best.squares)
                    best = trial;
            }
    }
    return best;
}

std::string shortest(double value) {
    std::array<char, 40> text;
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

// Three decimals, without the sign of a rounded zero.
std::string rounded(double value) {
    return shortest(std::round(1000 * value) / 1000 + 0.0);
}

std::string csv(const Prediction& p) {
    std::string text = "distance_nm,p_mean,p_lower,p_upper\n";
    for (std::size_t i = 0; i < p.mean.size(); ++i)
        text += shortest(p.distance_nm[i]) + "," + shortest(p.mean[i]) + "," + shortest(p.lower[i]) + "," +
                shortest(p.upper[i]) + "\n";
    return text;
}

std::string json(const Prediction& p) {
    const nlohmann::ordered_json result{{"stem", p.stem},
                                        {"peak_distance_nm", p.peak_distance_nm},
                                        {"mean_distance_nm", p.mean_distance_nm},
                                        {"width_nm", p.width_nm},
                                        {"modulation_depth", p.depth},
                                        {"background_rate_mhz", p.rate_mhz},
                                        {"background_dimension", p.dimension},
                                        {"residual_over_depth", p.residual},
                                        {"zero_time_us", p.prepared.zero_time_us},
                                        {"phase_rad", p.prepared.phase_rad},
                                        {"length_us", p.time_us.back()},
                                        {"flags", p.flags}};
    return result.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Prediction predict(Backend<double>& on, const Ensemble& ensemble, const DeerTables& tables,
                   const PreparedTrace& trace) {
    const Network& first = ensemble.networks.front();
    const DeerDatabase& database = tables.database;
    if (first.inputs() != database.times || first.outputs() != database.distances)
        throw InputError("the ensemble takes " + std::to_string(first.inputs()) + " values and gives " +
                         std::to_string(first.outputs()) + "; its input recipe says " + std::to_string(database.times) +
                         " times and " + std::to_string(database.distances) + " distances");
    Prediction result;
    result.stem = trace.stem;
    result.prepared = trace;
    result.flags = trace.flags;
    result.distance_nm = distance_axis(trace, tables);

    const std::vector<double> input = network_input(trace, database);
    Matrix<double> X(database.times, 1);
    std::copy(input.begin(), input.end(), X.data());
    const std::size_t points = result.distance_nm.size();
    std::vector<std::vector<double>> members;
    for (const Network& network : ensemble.networks) {
        const Matrix<double> output = forward(on, network, X);
        std::vector<double> p(output.values().begin(), output.values().end());
        for (double& x : p)
            x = std::max(x, 0.0);
        const double area = integral(result.distance_nm, p);
        if (!(area > 0))
            throw InputError(trace.stem + ": a network of the ensemble answers with zero everywhere");
        for (double& x : p)
            x /= area;
        members.push_back(std::move(p));
    }
    const double count = static_cast<double>(members.size());
    double band = 0, norm = 0;
    for (std::size_t i = 0; i < points; ++i) {
        double sum = 0, squares = 0;
        for (const auto& p : members)
            sum += p[i];
        const double mean = sum / count;
        for (const auto& p : members)
            squares += (p[i] - mean) * (p[i] - mean);
        const double deviation = members.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
        result.mean.push_back(mean);
        result.lower.push_back(std::max(0.0, mean - 2 * deviation));
        result.upper.push_back(mean + 2 * deviation);
        band += 4 * deviation * deviation;
        norm += mean * mean;
    }
    const auto peak = std::max_element(result.mean.begin(), result.mean.end());
    result.peak_distance_nm = result.distance_nm[static_cast<std::size_t>(peak - result.mean.begin())];
    std::vector<double> moment(points);
    for (std::size_t i = 0; i < points; ++i)
        moment[i] = result.distance_nm[i] * result.mean[i];
    result.mean_distance_nm = integral(result.distance_nm, moment);
    for (std::size_t i = 0; i < points; ++i)
        moment[i] = std::pow(result.distance_nm[i] - result.mean_distance_nm, 2) * result.mean[i];
    result.width_nm = std::sqrt(integral(result.distance_nm, moment));

    // what the distribution explains of the trace: K is the same table for every length, on scaled axes
    result.signal = resample(trace.time_us, trace.signal, database.times);
    for (double& x : result.signal)
        x /= trace.amplitude;
    const double length = trace.time_us.back();
    for (const double t : tables.time_us)
        result.time_us.push_back(t * length / database.span_us);
    Matrix<double> p(database.distances, 1);
    double total = 0;
    for (const double x : result.mean)
        total += x;
    for (std::size_t i = 0; i < points; ++i)
        p.data()[i] = result.mean[i] / total;
    const Matrix<double> form = multiply(on, Op::none, Op::none, tables.kernel, p);
    const std::vector<double> f(form.values().begin(), form.values().end());
    const Explanation best = explain(result.time_us, result.signal, f, database);
    if (std::isfinite(best.squares)) {
        const double amplitude = best.constant + best.modulated;
        result.depth = best.modulated / amplitude;
        result.rate_mhz = best.rate;
        result.dimension = best.dimension;
        result.residual = std::sqrt(best.squares / static_cast<double>(f.size())) / std::abs(best.modulated);
        for (std::size_t i = 0; i < f.size(); ++i)
            result.fit.push_back((best.constant + best.modulated * f[i]) *
                                 std::exp(-std::pow(best.rate * result.time_us[i], best.dimension / 3)));
    }
    if (!(result.depth > 0.02))
        result.flags.push_back("modulation depth " + rounded(result.depth) + " is too small to carry a distribution");
    else if (result.residual > 2 * database.noise_max)
        result.flags.push_back("the distribution leaves a residual of " + rounded(result.residual) +
                               " of the modulation depth, beyond the noise of the training data");
    if (std::sqrt(band / norm) >= 0.6)  // the limit of DEERNet's quality control
        result.flags.push_back("the networks disagree: the band is 60 % of the mean or more");
    if (result.upper.back() > 0.2 * *peak)
        result.flags.push_back("there is weight at the long edge: the trace may be too short for this distance");
    return result;
}

std::vector<std::string> predict_files(const std::string& path, const std::vector<std::string>& traces,
                                       const std::filesystem::path& folder, TimeUnit unit, const Execution& execution,
                                       bool replace) {
    const Ensemble ensemble = read_ensemble(path);
    if (!ensemble.database)
        throw InputError(path + ": /input: expected the recipe of the training data (preset, scaling, ranges)");
    const DeerTables tables = make_deer_tables(*ensemble.database);
    std::vector<PreparedTrace> prepared;
    std::map<std::string, std::string> stems;
    for (const std::string& trace : traces) {
        const Trace raw = read_trace(trace, unit);
        const auto [other, fresh] = stems.emplace(raw.stem, trace);
        if (!fresh)
            throw InputError(trace + ": expected a name of its own, " + other->second + " has the stem '" + raw.stem +
                             "' too");
        try {
            prepared.push_back(prepare(raw));
        } catch (const InputError& error) {
            throw InputError(trace + ": " + error.what());
        }
    }
    std::vector<Prediction> predictions(prepared.size());
    const auto answer = [&](Index i, Backend<double>& on) {
        predictions[static_cast<std::size_t>(i)] = predict(on, ensemble, tables, prepared[static_cast<std::size_t>(i)]);
    };
    if (const std::unique_ptr<Backend<double>> device = make_backend<double>(execution); device->on_host())
        parallel_items(std::ssize(prepared), execution.threads, answer);
    else
        for (Index i = 0; i < std::ssize(prepared); ++i)
            answer(i, *device);
    if (!replace)
        for (const Prediction& p : predictions)
            for (const auto& [suffix, content] : {std::pair(".json", json(p)), std::pair(".csv", csv(p))}) {
                const std::filesystem::path file = folder / (p.stem + suffix);
                if (std::filesystem::is_regular_file(file) && read_file(file) != content)
                    throw InputError(
                        file.string() +
                        ": is there already, of another ensemble or trace: expected another --out, or --force");
            }
    make_folder(folder);
    std::vector<std::string> texts;
    for (const Prediction& p : predictions) {
        PredictionFigure figure;
        figure.title = p.stem;
        figure.time_us = p.time_us;
        figure.signal = p.signal;
        figure.fit = p.fit;
        figure.distance_nm = p.distance_nm;
        figure.mean = p.mean;
        figure.lower = p.lower;
        figure.upper = p.upper;
        figure.peak_nm = p.peak_distance_nm;
        texts.push_back(json(p));
        draw_prediction(folder / (p.stem + ".svg"), figure);
        write_file(folder / (p.stem + ".csv"), csv(p));
        write_file(folder / (p.stem + ".json"), texts.back());
    }
    return texts;
}

}  // namespace descrambler
