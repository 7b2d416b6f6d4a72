// What only a DEER study has in study.h5 and summary.json, as docs/formats.md has it.
#include <cmath>

#include "descrambler/hdf5.hpp"
#include "io/stacks.hpp"
#include "study/deer/deer_study.hpp"
#include "study/summary_parts.hpp"

namespace descrambler {

namespace {

json::Json peer_json(const TikhonovPeer& peer, const std::vector<double>& network_error) {
    if (peer.fits.empty())
        return nullptr;
    const std::vector<double>& error = peer.relative_error;
    std::vector<double> lambda, ratio;
    double interior = 0;
    for (const TikhonovFit& fit : peer.fits) {
        lambda.push_back(fit.lambda);
        interior += fit.lambda_interior ? 1 : 0;
    }
    for (const double network : network_error)
        ratio.push_back(network / mean_of(error));
    return {{"relative_error", {{"mean", mean_of(error)}, {"median", median_of(error)}}},
            {"lambda_interior", interior / static_cast<double>(error.size())},
            {"lambda_quantiles",
             {{"10", nearest_quantile(lambda, 0.1)},
              {"50", nearest_quantile(lambda, 0.5)},
              {"90", nearest_quantile(lambda, 0.9)}}},
            {"network_relative_error", json::spread(network_error)},
            {"ratio", json::spread(ratio)},
            {"traces", error.size()}};
}

}  // namespace

void DeerStudy::write(const Hdf5Group& root, const StudyData&) const {
    const Hdf5Group axes = root.create_group("axes");
    axes.write("time_us", tables_.time_us, {"us", "times of a trace", "time"});
    axes.write("distance_nm", tables_.distance_nm, {"nm", "distances of a distribution", "distance"});
    write_peer(root);
    write_examples(root);
}

void DeerStudy::write_peer(const Hdf5Group& root) const {
    if (peer_.fits.empty())
        return;
    const Hdf5Group at = root.create_group("tikhonov");
    at.write("relative_error", peer_.relative_error, {"1", "relative error of the regularisation peer", "trace"});
    at.write("lambda", numbers_of(peer_.fits, [](const TikhonovFit& fit) { return fit.lambda; }),
             {"1", "regularisation parameter by generalised cross validation", "trace"});
    at.write("network_relative_error", median_network_error_,
             {"1", "relative error of the network of median error on the same traces", "trace"});
}

void DeerStudy::write_examples(const Hdf5Group& root) const {
    if (examples_.trace.size() == 0)
        return;
    const Hdf5Group at = root.create_group("examples");
    const auto put = [&](const char* name, const Matrix<double>& columns, const char* meaning, const char* axis) {
        if (columns.size() > 0)
            at.write(name, transpose(columns), {"1", meaning, std::string("example,") + axis});
    };
    put("trace", examples_.trace, "noisy validation trace", "time");
    put("clean", examples_.clean, "the same without noise", "time");
    put("target", examples_.target, "true distribution", "distance");
    put("mean", examples_.mean, "mean output of the ensemble", "distance");
    put("lower", examples_.lower, "mean - 2 standard deviations over networks, not below 0", "distance");
    put("upper", examples_.upper, "mean + 2 standard deviations over networks", "distance");
    put("tikhonov", examples_.tikhonov, "regularisation peer", "distance");
}

void DeerStudy::summarise(nlohmann::ordered_json& summary, const StudyData& study) const {
    const bool has_replica = !study.findings.empty();
    summary["tikhonov"] = peer_json(peer_, peer_network_error_);
    summary["replica"] = {{"relative_error_mean", json::number(has_replica ? replica_.relative_error_mean : NAN)},
                          {"without_filters_mean", json::number(has_replica ? replica_.without_filters_mean : NAN)}};
}

}  // namespace descrambler
