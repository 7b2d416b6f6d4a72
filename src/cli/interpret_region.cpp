#include "cli/interpret_region.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/interpret.hpp"
#include "descrambler/error.hpp"
#include "descrambler/npy.hpp"

namespace descrambler::cli {

namespace {

std::vector<double> direction_of(const InterpretOptions& o, const InterpretInput& input,
                                 const std::vector<double>& x0) {
    if (o.region.direction == "x0")
        return x0;
    const Tensor read = read_npy_tensor(o.region.direction);
    if (read.size() != input.graph.inputs())
        throw InputError(o.region.direction + ": shape " + to_string(read.shape) + ", expected " +
                         to_string(input.shape()) + ", a direction of the input");
    return read.as<double>();
}

const std::string& name_of(const InterpretInput& input, Index node) {
    return input.graph.nodes[static_cast<std::size_t>(node)].name;
}

void find_kink(const InterpretOptions& o, const Execution& execution, const InterpretInput& input,
               const std::vector<double>& x0, RegionAnswers& a) {
    constexpr double beside = 1e-6;
    const std::vector<double> d = direction_of(o, input, x0);
    a.length = norm_of(d);
    if (!(a.length > 0) || !std::isfinite(a.length))
        throw InputError("--kink " + o.region.direction + ": expected finite numbers that are not all 0");
    Backend<double>& exact = execution.backend<double>();
    a.kink = nearest_kink(exact, input.graph, x0, d);
    if (!a.kink)
        return;
    const auto changed = [&](double t) {
        std::vector<double> moved = x0;
        for (std::size_t i = 0; i < d.size(); ++i)
            moved[i] += t * d[i];
        return changed_decisions(exact, input.graph, x0, moved);
    };
    const double t = a.kink->distance;
    a.before = changed(t * (1 - beside));
    a.after = changed(t > 0 ? t * (1 + beside) : beside * norm_of(x0) / a.length);
}

template <class T>
void find_bias_images(const InterpretOptions& o, const Execution& execution, const InterpretInput& input,
                      const std::vector<double>& x0, RegionAnswers& a) {
    FrozenNetwork<T> frozen(execution.backend<T>(), execution.backend<double>(), input.graph, x0, o.freezing());
    frozen.set_memory(o.memory << 20);
    a.bias = frozen.offset_images();
    const std::vector<T> r = frozen.residual();
    a.residual.assign(r.begin(), r.end());
    const Matrix<double>& images = a.bias->images;
    double worst = 0, largest = 0;
    for (Index i = 0; i < images.rows(); ++i) {
        double sum = 0, size = 0;
        for (Index k = 0; k < images.cols(); ++k) {
            sum += images(i, k);
            size += std::abs(images(i, k));
        }
        worst = std::max(worst, std::abs(sum - a.residual[static_cast<std::size_t>(i)]));
        largest = std::max(largest, size);
    }
    a.residual_error = largest > 0 ? worst / largest : worst;
    const auto image = image_shape(input.graph.output_shape, "");
    if (!image || image->width < 2 || image->height < 2)
        return;
    const PixelLayout layout{image->channels, image->height * image->width, image->channels_last};
    for (Index k = 0; k < images.cols(); ++k)
        a.roughness.push_back(roughness(images.column(k), layout, image->width));
    a.roughness.push_back(roughness(a.residual, layout, image->width));
}

nlohmann::ordered_json names_json(const InterpretInput& input, const std::vector<Index>& nodes) {
    nlohmann::ordered_json names = nlohmann::ordered_json::array();
    for (const Index node : nodes)
        names.push_back(name_of(input, node));
    return names;
}

}  // namespace

double RegionAnswers::norm(std::size_t k) const {
    return norm_of(bias->images.column(static_cast<Index>(k)));
}

std::vector<std::string> RegionRequest::files() const {
    return direction.empty() || direction == "x0" ? std::vector<std::string>{} : std::vector{direction};
}

void RegionRequest::add_to(CLI::App& command) {
    command.add_option("--kink", direction,
                       "distance along this direction (FILE.npy, or x0) to the nearest kink: so far the affine map "
                       "holds; of piecewise linear networks, exactly");
    command.add_flag("--bias-images", bias, "what the bias of each node adds to the output, and their sum r");
}

void RegionRequest::check(const InterpretOptions& o) const {
    if (o.command->count("--kink") > 0 && direction.empty())
        throw InputError("--kink: expected a value, found nothing");
    if (given() && o.origin == "raw")
        throw InputError(std::string(bias ? "--bias-images" : "--kink") +
                         ": expected --origin input, what the network takes");
    if (bias && o.two_batch)
        throw InputError("--bias-images: expected no --two-batch, it needs a record");
}

RegionAnswers region_answers(const InterpretOptions& o, const Execution& execution, const InterpretInput& input,
                             const std::vector<double>& x0) {
    RegionAnswers a;
    if (!o.region.direction.empty())
        find_kink(o, execution, input, x0, a);
    if (o.region.bias && o.common.precision == "f32")
        find_bias_images<float>(o, execution, input, x0, a);
    else if (o.region.bias)
        find_bias_images<double>(o, execution, input, x0, a);
    return a;
}

nlohmann::ordered_json region_json(const InterpretInput& input, const RegionAnswers& a) {
    nlohmann::ordered_json json = nlohmann::ordered_json::object();
    if (a.length > 0 && a.kink)
        json["kink"] = {{"distance", a.kink->distance},
                        {"length", a.kink->distance * a.length},
                        {"node", name_of(input, a.kink->node)},
                        {"number", a.kink->number},
                        {"changed_before", names_json(input, a.before)},
                        {"changed_behind", names_json(input, a.after)}};
    else if (a.length > 0)
        json["kink"] = nullptr;
    if (!a.bias)
        return json;
    for (std::size_t k = 0; k < a.bias->names.size(); ++k) {
        nlohmann::ordered_json one{{"name", a.bias->names[k]}, {"norm", a.norm(k)}};
        if (!a.roughness.empty())
            one["roughness"] = a.roughness[k];
        json["bias_images"].push_back(std::move(one));
    }
    json["bias_sum"] = {{"norm", norm_of(a.residual)}, {"error", a.residual_error}};
    if (!a.roughness.empty())
        json["bias_sum"]["roughness"] = a.roughness.back();
    return json;
}

void print_region(const InterpretOptions& o, const InterpretInput& input, const RegionAnswers& a) {
    if (a.length > 0 && !a.kink)
        std::printf("  kink: none along %s\n", o.region.direction.c_str());
    if (a.kink) {
        std::printf("  kink: at %.6g times %s (%.6g in the input): %s, number %td\n", a.kink->distance,
                    o.region.direction.c_str(), a.kink->distance * a.length,
                    one_line(name_of(input, a.kink->node)).c_str(), a.kink->number);
        std::printf("    a millionth in front of it %zu nodes decide otherwise than at x0, behind it %zu\n",
                    a.before.size(), a.after.size());
    }
    if (!a.bias)
        return;
    const auto rough = [&](std::size_t k) { return a.roughness.empty() ? std::string("-") : digits(a.roughness[k]); };
    std::printf("  %-40s %12s %10s\n", "bias image", "norm", "roughness");
    for (std::size_t k = 0; k < a.bias->names.size(); ++k)
        std::printf("    %-38s %12.6g %10s\n", one_line(a.bias->names[k]).c_str(), a.norm(k), rough(k).c_str());
    std::printf("    %-38s %12.6g %10s  (sum of the images - r: %.1e of their sizes)\n", "r, their sum",
                norm_of(a.residual), rough(a.bias->names.size()).c_str(), a.residual_error);
}

void write_region(const Hdf5Group& root, const InterpretInput& input, const RegionAnswers& a) {
    if (a.kink) {
        root.attribute("", "kink_distance", a.kink->distance);
        root.attribute("", "kink_length", a.kink->distance * a.length);
        root.attribute("", "kink_node", name_of(input, a.kink->node));
        root.attribute("", "kink_number", static_cast<std::int64_t>(a.kink->number));
    }
    if (!a.bias || a.bias->names.empty())
        return;
    root.write("bias_images", {a.bias->images.cols(), a.bias->images.rows()}, a.bias->images.data(),
               {"1", "what the offset of each node adds to the output; they sum to r", "parts,N"});
    root.write_text("bias_names", a.bias->names, {"1", "nodes with an offset", "parts"});
}

}  // namespace descrambler::cli
