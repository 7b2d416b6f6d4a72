#include "cli/interpret_split.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cli/interpret.hpp"
#include "descrambler/error.hpp"
#include "descrambler/graph_cut.hpp"
#include "descrambler/npy.hpp"

namespace descrambler::cli {

namespace {

constexpr Index most_shown = 10;  // vectors that are written and drawn

double sum_of(std::span<const double> numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

// Inputs of a set, (raw - mean) / scale each: [n, count].
Matrix<double> read_set(const InterpretOptions& o, const InterpretInput& input) {
    const Tensor all = read_npy_tensor(o.split.set);
    const Index n = input.graph.inputs(), count = all.shape.empty() ? 1 : all.shape.front();
    if (count < 1 || volume(all.shape) != count * n)
        throw InputError(o.split.set + ": shape " + to_string(all.shape) + ", expected several inputs of " +
                         to_string(input.shape()) + ", one after the other along the first axis");
    if (count == 1)
        throw InputError(o.split.set + ": one input, expected two or more: vectors are compared between them");
    Matrix<double> set(n, count);
    std::ranges::copy(all.as<double>(), set.data());
    for (Index k = 0; k < count; ++k)
        for (Index i = 0; i < n; ++i) {
            const auto e = static_cast<std::size_t>(i);
            set(i, k) = (set(i, k) - input.mean[e]) / input.scale[e];
            if (!std::isfinite(set(i, k)))
                throw InputError(o.split.set + ": input " + std::to_string(k) + ", number " + std::to_string(i) +
                                 " is not finite");
        }
    return set;
}

template <class T>
class Splitter {
public:
    Splitter(const InterpretOptions& o, const Execution& execution, const InterpretInput& input,
             const std::vector<double>& x0, std::uint64_t seed)
        : o_(o), input_(input), x0_(x0), on_(execution.backend<T>()), exact_(execution.backend<double>()) {
        options_.largest_full = o.split.full;
        options_.rounding = static_cast<double>(std::numeric_limits<T>::epsilon());
        options_.lanczos.seed = seed;
        if (const auto image = image_shape(input.shape(), o.layout)) {
            result_.layout = {image->channels, image->height * image->width, image->channels_last};
            result_.width = image->width;
        } else {
            result_.layout = {1, input.graph.inputs(), false};
        }
        if (!o.split.set.empty())
            set_ = read_set(o, input);
    }

    [[nodiscard]] SplitAnswers answers() {
        std::vector<GraphCut> cuts;
        for (const std::string& node : o_.split.nodes)
            cuts.push_back(cut(node));
        for (const GraphCut& at : cuts)
            result_.splits.push_back(split(at));
        return std::move(result_);
    }

private:
    [[nodiscard]] GraphCut cut(const std::string& node) const {
        try {
            return cut_graph(input_.graph, node);
        } catch (const InputError& error) {
            throw InputError(std::string("--split ") + error.what());
        }
    }
    [[nodiscard]] FrozenNetwork<T> frozen(const Graph& graph, std::span<const double> x) const {
        FrozenNetwork<T> network(on_, exact_, graph, x, o_.freezing());
        network.set_memory(o_.memory << 20);
        return network;
    }
    [[nodiscard]] Index output_of(const std::vector<double>& y) const {
        const Index count = std::ssize(y);
        if (!o_.split.output)
            return std::ranges::max_element(y) - y.begin();
        if (*o_.split.output >= count)
            throw InputError("--split-output " + std::to_string(*o_.split.output) + ": expected 0 to " +
                             std::to_string(count - 1) + ", the outputs");
        return *o_.split.output;
    }

    [[nodiscard]] Split split(const GraphCut& at) {
        const FrozenNetwork<T> before = frozen(at.before, x0_), after = frozen(at.after, before.output());
        result_.output = output_of(after.output());
        Split s;
        s.node = at.node;
        s.latent = at.before.output_shape;
        const LinearOperator R = operator_of(before);
        s.spectrum = spectrum_of(R, at.node);
        const Index count = told_apart(s.spectrum, at.node);

        Matrix<double> unit(after.outputs(), 1);
        unit(result_.output, 0) = 1;
        const Matrix<double> L = operator_of(after).adjoint(exact_, unit), row = R.adjoint(exact_, L);
        s.terms = terms_of(s.spectrum, before, after, L.column(0), row.column(0));
        s.apart = tell_apart(s.spectrum, s.terms, count, 0);
        if (const double threshold = threshold_of(s.apart); threshold > 0)
            s.apart = tell_apart(s.spectrum, s.terms, count, threshold);
        s.reduced = reduce_cancellation(s.apart.all());
        add_forms(s, row.column(0));
        add_vectors(s, R);
        result_.gradient = contract(row.column(0), x0_, result_.layout);
        if (set_.cols() > 0)
            compare_set(s, at.before);
        return s;
    }

    [[nodiscard]] RightSpectrum spectrum_of(const LinearOperator& R, const std::string& node) const {
        SplitOptions options = options_;
        const Index smaller = std::min(R.rows, R.cols);
        options.terms = o_.split.top.value_or(std::min<Index>(most_shown, smaller));
        check_rank(options.terms, smaller, node);
        return right_spectrum(exact_, R, options);
    }
    [[nodiscard]] Index told_apart(const RightSpectrum& spectrum, const std::string& node) const {
        const Index rank = std::ssize(spectrum.s);
        check_rank(o_.split.top.value_or(0), rank, node);
        return o_.split.top.value_or(rank);
    }
    static void check_rank(Index asked, Index rank, const std::string& node) {
        if (asked > rank)
            throw InputError("--split-top " + std::to_string(asked) + ": the network in front of " + node +
                             " has rank " + std::to_string(rank) + ", expected no more");
    }
    [[nodiscard]] double threshold_of(const ToldApart& apart) const {
        if (o_.split.quantile)
            return prune_threshold(apart.pruned.terms, *o_.split.quantile);
        return o_.split.threshold.value_or(0);
    }

    // b_j = L_j b_R + b_L and L_j (R x), each by the parts of its own half.
    [[nodiscard]] SplitTerms terms_of(const RightSpectrum& spectrum, const FrozenNetwork<T>& before,
                                      const FrozenNetwork<T>& after, std::span<const double> L,
                                      std::span<const double> row) const {
        const Parts<T> parts = before.parts();
        const auto j = static_cast<std::size_t>(result_.output);
        double linear = 0, bias = after.residual()[j];
        for (std::size_t i = 0; i < L.size(); ++i) {
            linear += L[i] * static_cast<double>(parts.linear[i]);
            bias += L[i] * static_cast<double>(parts.residual[i]);
        }
        if (!std::isfinite(linear) || !std::isfinite(bias))
            throw InputError(o_.net + ": the terms of the split are not finite in " + o_.common.precision);
        return split_terms(spectrum, x0_, row, linear, bias, after.output()[j]);
    }

    void add_forms(Split& s, std::span<const double> row) const {
        const Index pixels = result_.layout.pixels;
        s.form = symbolic_form(s.spectrum, s.terms, s.apart, pixels);
        s.reduced_form = symbolic_form(s.reduced, s.terms, s.apart, norm_of(x0_), pixels);
        const auto value = [&](const SymbolicForm& form) {
            return sum_of(evaluate(form, s.spectrum, s.terms, x0_, row, result_.layout));
        };
        s.form_value = value(s.form);
        s.reduced_value = value(s.reduced_form);
        s.reduced_maps = Matrix<double>(pixels, std::ssize(s.reduced.terms));
        for (Index k = 0; k < s.reduced_maps.cols(); ++k) {
            const Index index = s.reduced.terms[static_cast<std::size_t>(k)].index;
            std::ranges::copy(index == rest_term
                                  ? rest_map(s.reduced_form, s.spectrum, s.terms, x0_, row, result_.layout)
                                  : contract(s.spectrum.V.column(index), x0_, result_.layout),
                              s.reduced_maps.column(k).begin());
        }
    }

    void add_vectors(Split& s, const LinearOperator& R) const {
        const PixelLayout& layout = result_.layout;
        const Index shown = std::min<Index>(most_shown, std::ssize(s.spectrum.s));
        s.right = Matrix<double>(s.spectrum.V.rows(), shown);
        std::copy_n(s.spectrum.V.data(), s.right.size(), s.right.data());
        s.left = left_vectors(exact_, R, s.spectrum, shown);
        s.maps = s.means = Matrix<double>(layout.pixels, shown);
        for (Index k = 0; k < shown; ++k) {
            std::ranges::copy(contract(s.right.column(k), x0_, layout), s.maps.column(k).begin());
            std::ranges::copy(feature_mean(s.right.column(k), layout), s.means.column(k).begin());
        }
        if (shown == 0)
            return;
        s.participation = participation(s.right.column(0), layout);
        if (result_.width > 0)
            s.mirrored = mirror_symmetry(s.right.column(0), layout, result_.width);
    }

    // The first vector of every input of the set.
    void compare_set(Split& s, const Graph& before) const {
        Matrix<double> V(set_.rows(), set_.cols());
        for (Index k = 0; k < set_.cols(); ++k) {
            const FrozenNetwork<T> network = frozen(before, set_.column(k));
            SplitOptions options = options_;
            options.terms = std::min<Index>(2, std::min(network.inputs(), network.outputs()));
            options.largest_full = 64;
            const RightSpectrum spectrum = right_spectrum(exact_, operator_of(network), options);
            if (spectrum.s.empty())
                throw InputError(o_.split.set + ": input " + std::to_string(k) +
                                 " leaves nothing of the network in front of " + s.node +
                                 ": it has no singular vector");
            std::ranges::copy(spectrum.V.column(0), V.column(k).begin());
            s.second.push_back(spectrum.s.size() > 1 ? spectrum.s[1] / spectrum.s[0] : 0);
        }
        s.similarity = similarity(exact_, V);
    }

    const InterpretOptions& o_;
    const InterpretInput& input_;
    const std::vector<double>& x0_;
    Backend<T>& on_;
    Backend<double>& exact_;
    SplitOptions options_;
    Matrix<double> set_;
    SplitAnswers result_;
};

}  // namespace

std::optional<double> Split::tenth() const {
    return spectrum.s.size() >= 10 ? std::optional(spectrum.s[9] / spectrum.s[0]) : std::nullopt;
}

std::vector<std::string> SplitRequest::files() const {
    return set.empty() ? std::vector<std::string>{} : std::vector{set};
}

void SplitRequest::add_to(CLI::App& command) {
    command.add_option("--split", nodes,
                       "node where the network is cut: spectrum of what is in front of it, and an output as a sum of "
                       "spectral terms; several times for several nodes; output: the whole network");
    command.add_option("--split-output", output, "that output (default: the largest)")->check(CLI::NonNegativeNumber);
    command
        .add_option("--split-top", top,
                    "leading components that are told apart (default: all, or 10 where not all are computed)")
        ->check(CLI::Range(1, std::numeric_limits<int>::max()));
    command
        .add_option("--split-full", full, "all components are computed where the smaller side is no larger than this")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    command.add_option("--prune-threshold", threshold, "components with smaller terms go to the rest")
        ->check(CLI::NonNegativeNumber);
    command.add_option("--prune-quantile", quantile, "this share of the components, the smallest, goes to the rest");
    command.add_option("--split-set", set,
                       "FILE.npy of several inputs, along its first axis: how alike their first vectors are");
}

void SplitRequest::check(const InterpretOptions& o) const {
    if (nodes.empty()) {
        for (const char* const name :
             {"--split-output", "--split-top", "--prune-threshold", "--prune-quantile", "--split-set"})
            if (o.command->count(name) > 0)
                throw InputError(std::string(name) + ": expected --split NODE beside it");
        return;
    }
    if (std::ranges::find(nodes, "") != nodes.end() || (o.command->count("--split-set") > 0 && set.empty()))
        throw InputError(std::string(set.empty() && o.command->count("--split-set") > 0 ? "--split-set" : "--split") +
                         ": expected a value, found nothing");
    if (o.origin == "raw")
        throw InputError("--split: expected --origin input, what the network takes");
    if (o.two_batch)
        throw InputError("--split: expected no --two-batch, the way back needs a record");
    if (threshold && quantile)
        throw InputError("--prune-threshold: expected no --prune-quantile beside it");
    if (threshold && !std::isfinite(*threshold))
        throw InputError("--prune-threshold: expected a finite number");
    if (quantile && !(*quantile >= 0 && *quantile < 1))
        throw InputError("--prune-quantile " + digits(*quantile, 6) + ": expected 0 or more and less than 1");
}

SplitAnswers split_answers(const InterpretOptions& o, const Execution& execution, const InterpretInput& input,
                           const std::vector<double>& x0, std::uint64_t seed) {
    return o.common.precision == "f32" ? Splitter<float>(o, execution, input, x0, seed).answers()
                                       : Splitter<double>(o, execution, input, x0, seed).answers();
}

}  // namespace descrambler::cli
