#include "cli/interpret_baselines.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "cli/interpret.hpp"
#include "core/finite.hpp"
#include "core/of_file.hpp"
#include "descrambler/backward_rules.hpp"
#include "descrambler/error.hpp"
#include "descrambler/lime.hpp"
#include "descrambler/segments.hpp"
#include "descrambler/spectrum.hpp"

namespace descrambler::cli {

namespace {

constexpr std::array methods_known{
    "deconvolution", "gradient", "gradient_x_input", "integrated_gradients", "lrp", "grad_cam",
    "lime",          "rows",     "discussion"};

std::string known_methods() {
    std::string names;
    for (const char* const name : methods_known)
        names.append(names.empty() ? "" : ",").append(name);
    return names;
}

// Each once, in our order.
std::vector<std::string> methods_of(const std::string& text) {
    std::vector<std::string> given, result;
    for (std::size_t first = 0; first <= text.size();) {
        const std::size_t end = std::min(text.find(',', first), text.size());
        given.push_back(text.substr(first, end - first));
        first = end + 1;
        if (std::ranges::find(methods_known, given.back()) == methods_known.end())
            throw InputError("--methods: expected some of " + known_methods() + ", found \"" + given.back() + "\"");
    }
    for (const char* const name : methods_known)
        if (std::ranges::find(given, name) != given.end())
            result.emplace_back(name);
    return result;
}

std::vector<double> times(std::span<const double> row, const std::vector<double>& x) {
    std::vector<double> result(row.begin(), row.end());
    for (std::size_t i = 0; i < x.size(); ++i)
        result[i] *= x[i];
    return result;
}

class Comparison {
public:
    Comparison(const InterpretOptions& o, const InterpretInput& input, const Execution& execution,
               const std::vector<double>& x0, std::uint64_t seed)
        : o_(o),
          input_(input),
          on_(execution.backend<double>()),
          x_(x0),
          seed_(seed),
          threads_(threads_of(execution)),
          places_(pixel_places(input.shape(), input.axes)),
          frozen_(on_, input.graph, x0, o.freezing()) {
        frozen_.set_memory(o.memory << 20);
        for (std::size_t i = 0; i < input.axes.size(); ++i)
            (i + 1 < input.axes.size() ? height_ : width_) *= input.shape()[static_cast<std::size_t>(input.axes[i])];
    }

    void deconvolve(BaselineAnswers& a) const {
        a.index = places("--deconvolution", o_.baselines.deconvolution, frozen_.output());
        a.deconvolved = deconvolved(a.index);
        check_finite("a deconvolution", a.deconvolved.values());
        const Matrix<double> rows = frozen_.rows(a.index);
        for (Index k = 0; k < rows.cols(); ++k)
            a.cosine.push_back(cosine(a.deconvolved.column(k), rows.column(k)));
    }
    void compare(BaselineAnswers& a) {
        const std::vector<Index> asked = places("--baselines", o_.baselines.output, frozen_.output());
        if (asked.size() != 1)
            throw InputError("--baselines " + o_.baselines.output + ": expected one output, or top");
        a.output = j_ = asked.front();
        const bool all = o_.baselines.methods.empty();
        for (const std::string& method : methods_of(all ? known_methods() : o_.baselines.methods))
            try {
                ask(method, a);
            } catch (const InputError& error) {  // of all methods some have no rule for what is in a network
                const bool may_lack = method == "lrp" || (method == "grad_cam" && o_.baselines.node.empty());
                if (!all || !may_lack)
                    throw;
                a.left_out.emplace_back(method, error.what());
            }
        agree(a);
    }

private:
    [[nodiscard]] double y() const { return frozen_.output()[static_cast<std::size_t>(j_)]; }
    void check_finite(const std::string& what, std::span<const double> numbers) const {
        if (!all_finite(numbers))
            throw InputError(o_.net + ": " + what + " at this input is not finite");
    }
    [[nodiscard]] Matrix<double> deconvolved(std::span<const Index> outputs) const {
        Matrix<double> U(frozen_.outputs(), std::ssize(outputs));
        for (Index k = 0; k < U.cols(); ++k)
            U(outputs[static_cast<std::size_t>(k)], k) = 1;
        return BackwardRules(frozen_).deconvolution(U);
    }
    [[nodiscard]] const FrozenNetwork<double>& tangent() {
        if (!tangent_)
            tangent_.emplace(on_, input_.graph, x_, FreezeOptions{FreezeRule::taylor, NormRule::std});
        return *tangent_;
    }
    [[nodiscard]] const Evaluator& network() {
        if (!network_)
            network_.emplace(input_.graph, threads_);
        return *network_;
    }

    void add(BaselineAnswers& a, const std::string& name, std::vector<double> map, const std::string& promise = "none",
             std::optional<double> kept = std::nullopt) {
        check_finite("the map of " + name, map);
        BaselineMap one{name, std::move(map), 0, 0, promise, kept, {}};
        one.sum = std::accumulate(one.map.begin(), one.map.end(), 0.);
        one.conservation = conservation_error(one.map, y());
        if (promise == "conservation")
            one.kept = one.conservation;
        a.maps.push_back(std::move(one));
    }
    void ask(const std::string& method, BaselineAnswers& a) {
        const std::array<Index, 1> wanted{j_};
        const auto column = [](const Matrix<double>& map) {
            return std::vector<double>(map.values().begin(), map.values().end());
        };
        if (method == "deconvolution") {
            add(a, method, column(deconvolved(wanted)));
        } else if (method == "gradient") {
            add(a, method, column(tangent().rows(wanted)));
        } else if (method == "gradient_x_input") {
            add(a, method, times(tangent().rows(wanted).values(), x_));
        } else if (method == "integrated_gradients") {
            integrate(a, method, std::vector<double>(x_.size()));
            integrate(a, method + "_mean", channel_means(x_, places_));
        } else if (method == "lrp") {
            const Relevances found = BackwardRules(frozen_).relevance(wanted);
            a.lost = found.lost.front();
            add(a, method, column(found.maps), "conservation");
        } else if (method == "grad_cam") {
            const GradCam found = activations();
            a.node = found.node;
            add(a, method, over_channels(found.map, places_));
        } else if (method == "lime") {
            segment(a, method);
        } else if (method == "rows") {
            add(a, method, times(frozen_.rows(wanted).values(), x_));
        } else {
            const Discussion discussion(frozen_, DiscussionRule::conserving);
            add(a, method, column(discussion.of(wanted).maps), "conservation");
        }
    }
    [[nodiscard]] GradCam activations() {
        const std::string& node = o_.baselines.node;
        const auto found = [&] { return grad_cam(tangent(), input_.graph, j_, height_, width_, node); };
        try {
            return node.empty() ? found() : of_file(o_.net, found);
        } catch (const InputError& error) {
            if (node.empty())
                throw;
            throw InputError(std::string("--grad-cam-node ") + error.what());
        }
    }
    void integrate(BaselineAnswers& a, const std::string& name, const std::vector<double>& start) {
        IntegratedGradients found = integrated_gradients(on_, input_.graph, x_, start, j_, 64, threads_);
        add(a, name, std::move(found.map), "completeness", found.error);
    }
    // Segments are those of what was read, as a picture has it: from 0 to 255.
    void segment(BaselineAnswers& a, const std::string& name) {
        const ImageShape shape{places_.channels, height_, width_, false};
        const auto [low, high] = std::ranges::minmax(input_.raw);
        const double origin = input_.picture ? 0 : low, step = input_.picture || !(high > low) ? 1 : 255 / (high - low);
        std::vector<double> image(x_.size());
        for (std::size_t i = 0; i < x_.size(); ++i)
            image[static_cast<std::size_t>(places_.channel[i] * places_.pixels + places_.pixel[i])] =
                (input_.raw[i] - origin) * step;
        const std::vector<Index> pieces = segments(image, shape);
        const Lime found = lime(on_, network(), x_, places_, pieces, j_, {1000, .25, 1, seed_});
        a.segments = std::ssize(found.weights);
        a.fitted = found.fitted;
        add(a, name, over_channels(found.map, places_), "fit", found.at_x);
    }
    void agree(BaselineAnswers& a) {
        const std::vector<double> filler = channel_means(x_, places_);
        const auto delete_by = [&](std::span<const double> pixels) {
            return deletion_curve(network(), x_, filler, places_, pixels, j_);
        };
        std::vector<std::vector<double>> sizes;
        for (BaselineMap& one : a.maps) {
            std::vector<double> pixels = summed_at(one.map, places_.pixel);
            for (double& pixel : pixels)
                pixel = std::abs(pixel);
            one.deletion = delete_by(pixels);
            sizes.push_back(std::move(pixels));
        }
        a.random = delete_by(random_pixels(places_.pixels, seed_));
        a.agreement = Matrix<double>(std::ssize(a.maps), std::ssize(a.maps));
        for (Index i = 0; i < a.agreement.rows(); ++i)
            for (Index k = 0; k <= i; ++k)
                a.agreement(i, k) = a.agreement(k, i) =
                    spearman(sizes[static_cast<std::size_t>(i)], sizes[static_cast<std::size_t>(k)]);
    }

    const InterpretOptions& o_;
    const InterpretInput& input_;
    Backend<double>& on_;
    const std::vector<double>& x_;
    std::uint64_t seed_;
    int threads_;
    PixelPlaces places_;
    FrozenNetwork<double> frozen_;
    std::optional<FrozenNetwork<double>> tangent_;
    std::optional<Evaluator> network_;
    Index j_ = 0, height_ = 1, width_ = 1;
};

}  // namespace

void BaselineOptions::add_to(CLI::App& command) {
    command.add_option("--baselines", output,
                       "an output, or top: maps that other methods explain it by, beside rows and discussion, how far "
                       "they agree, and what the output becomes without their largest pixels");
    command.add_option("--methods", methods, "of these: " + known_methods() + " (default: all)");
    command.add_option("--grad-cam-node", node, "whose activations Grad-CAM takes (default: the last convolution)");
    command.add_option("--deconvolution", deconvolution,
                       "outputs that are brought back with rectifiers that act on what comes back (Zeiler and Fergus)");
}

void BaselineOptions::check(const CLI::App& command) const {
    for (const auto& [name, text] : {std::pair<const char*, const std::string*>{"--baselines", &output},
                                     {"--methods", &methods},
                                     {"--grad-cam-node", &node},
                                     {"--deconvolution", &deconvolution}})
        if (command.count(name) > 0 && text->empty())
            throw InputError(std::string(name) + ": expected a value, found nothing");
    for (const char* const name : {"--methods", "--grad-cam-node"})
        if (command.count(name) > 0 && output.empty())
            throw InputError(std::string(name) + ": expected --baselines");
    if (!methods.empty())
        (void)methods_of(methods);
}

BaselineAnswers compared(const InterpretOptions& o, const InterpretInput& input, const Execution& execution,
                         const std::vector<double>& x0, std::uint64_t seed) {
    Comparison comparison(o, input, execution, x0, seed);
    BaselineAnswers a;
    if (!o.baselines.deconvolution.empty())
        comparison.deconvolve(a);
    if (!o.baselines.output.empty())
        comparison.compare(a);
    return a;
}

void write(const Hdf5Group& root, const BaselineAnswers& a) {
    if (!a.index.empty()) {
        root.write("deconvolutions", {a.deconvolved.cols(), a.deconvolved.rows()}, a.deconvolved.data(),
                   {"1", "outputs brought back with rectifiers that act on what comes back", "count,n"});
        root.write("deconvolution_index", std::vector<std::int64_t>(a.index.begin(), a.index.end()),
                   {"1", "outputs of the deconvolutions", "count"});
        root.write("deconvolution_cosine", a.cosine, {"1", "cosine with the row of F", "count"});
    }
    if (!a.output)
        return;
    std::vector<double> maps, scores, conservation, area;
    std::vector<std::string> names, promises;
    for (const BaselineMap& one : a.maps) {
        names.push_back(one.name);
        promises.push_back(one.promise);
        conservation.push_back(one.conservation);
        area.push_back(one.deletion.area);
        maps.insert(maps.end(), one.map.begin(), one.map.end());
        scores.insert(scores.end(), one.deletion.score.begin(), one.deletion.score.end());
    }
    const Index count = std::ssize(a.maps);
    root.write("baselines", {count, std::ssize(maps) / count}, maps.data(),
               {"1", "maps over the input that explain an output", "methods,n"});
    root.write_text("baseline_names", names, {"1", "methods", "methods"});
    root.write_text("baseline_promises", promises, {"1", "what a method promises", "methods"});
    root.write("baseline_conservation", conservation,
               {"1", "|sum of the map - y| over the larger of |y| and the sum of its sizes", "methods"});
    root.write("baseline_agreement", a.agreement,
               {"1", "Spearman correlation of the sizes of pixels", "methods,methods"});
    root.write("baseline_deletion", {count, std::ssize(a.random.score)}, scores.data(),
               {"1", "the output without the largest pixels of a map", "methods,shares"});
    root.write("baseline_deletion_area", area, {"1", "mean of it over the shares", "methods"});
    root.write("deletion_share", a.random.share, {"1", "pixels that are gone, over all", "shares"});
    root.write("deletion_random", a.random.score, {"1", "the output without pixels in no order", "shares"});
    root.attribute("", "baseline_output", static_cast<std::int64_t>(*a.output));
}

nlohmann::ordered_json json_of(const BaselineAnswers& a, const std::vector<double>& y) {
    Json json = Json::object();
    for (std::size_t k = 0; k < a.index.size(); ++k)
        json["deconvolutions"].push_back({{"output", a.index[k]}, {"cosine_with_row", a.cosine[k]}});
    if (!a.output)
        return json;
    Json methods = Json::array();
    for (std::size_t i = 0; i < a.maps.size(); ++i) {
        const BaselineMap& one = a.maps[i];
        Json entry{
            {"method", one.name}, {"sum", one.sum}, {"conservation_error", one.conservation}, {"promise", one.promise}};
        if (one.kept)
            entry["promise_error"] = *one.kept;
        entry["deletion_area"] = one.deletion.area;
        entry["deletion"] = one.deletion.score;
        for (std::size_t k = 0; k < a.maps.size(); ++k)
            entry["spearman"][a.maps[k].name] = a.agreement(static_cast<Index>(i), static_cast<Index>(k));
        methods.push_back(std::move(entry));
    }
    json["baselines"] = {{"output", *a.output},
                         {"y", y[static_cast<std::size_t>(*a.output)]},
                         {"methods", std::move(methods)},
                         {"random_order", {{"deletion_area", a.random.area}, {"deletion", a.random.score}}},
                         {"deletion_share", a.random.share},
                         {"left_out", Json::array()}};
    for (const auto& [name, why] : a.left_out)
        json["baselines"]["left_out"].push_back({{"method", name}, {"why", why}});
    if (!a.node.empty())
        json["baselines"]["grad_cam_node"] = a.node;
    if (a.lost)
        json["baselines"]["lrp_lost"] = *a.lost;
    if (a.segments > 0) {
        json["baselines"]["lime_segments"] = a.segments;
        json["baselines"]["lime_r2"] = a.fitted;
    }
    return json;
}

void print(const BaselineAnswers& a, const std::vector<double>& y) {
    for (std::size_t k = 0; k < a.index.size(); ++k)
        std::printf("  deconvolution of output %td: cosine %.4g with the row of F\n", a.index[k], a.cosine[k]);
    if (!a.output)
        return;
    std::printf("  baselines of output %td = %.6g\n", *a.output, y[static_cast<std::size_t>(*a.output)]);
    std::printf("    %-27s %12s %12s  %-22s %13s  Spearman with 1, 2, ...\n", "", "sum", "off y by",
                "promised, missed by", "deletion area");
    for (std::size_t i = 0; i < a.maps.size(); ++i) {
        const BaselineMap& one = a.maps[i];
        std::string promise = one.promise;
        if (one.kept)
            promise.append(" ").append(digits(*one.kept, 2));
        std::printf("    %2zu %-24s %12.5g %12.2e  %-22s %13.5g ", i + 1, one.name.c_str(), one.sum, one.conservation,
                    promise.c_str(), one.deletion.area);
        for (Index k = 0; k < a.agreement.cols(); ++k)
            std::printf(" %5.2f", a.agreement(static_cast<Index>(i), k));
        std::printf("\n");
    }
    std::printf("       %-24s %12s %12s  %-22s %13.5g\n", "pixels in no order", "", "", "", a.random.area);
    if (!a.node.empty())
        std::printf("    Grad-CAM: activations of %s\n", one_line(a.node).c_str());
    if (a.lost)
        std::printf("    LRP: %.5g was lost, in units that their bias alone switches on or to epsilon\n", *a.lost);
    if (a.segments > 0)
        std::printf("    LIME: %td segments, R^2 of the fit %.4g\n", a.segments, a.fitted);
    for (const auto& [name, why] : a.left_out)
        std::printf("    left out: %s: %s\n", name.c_str(), one_line(why).c_str());
}

}  // namespace descrambler::cli
