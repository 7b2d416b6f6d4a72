#include "cli/interpret_discussion.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "cli/interpret.hpp"
#include "cli/numbers.hpp"
#include "core/finite.hpp"
#include "descrambler/error.hpp"

namespace descrambler::cli {

namespace {

constexpr Index labels_at_once = 64;  // threads wait for each other at the end of each lot

double largest(std::span<const double> numbers) {
    double result = 0;
    for (const double number : numbers)
        result = std::max(result, std::abs(number));
    return result;
}

class Asked {
public:
    Asked(const InterpretOptions& o, const InterpretInput& input)
        : o_(o), pixel_(kept_places(input.shape(), input.axes)) {}

    [[nodiscard]] std::vector<double> pixels(std::span<const double> map) const { return summed_at(map, pixel_); }
    void check_finite(const Matrix<double>& maps) const {
        if (!all_finite(maps.values()))
            throw InputError(o_.net + ": a discussion at this input is not finite");
    }
    void discuss(const FrozenNetwork<double>& frozen, DiscussionAnswers& a) const {
        a.found = Discussion(frozen, discussion_rule_from(o_.discussion.rule)).of(a.index);
        check_finite(a.found.maps);
        const Contributions parts = frozen.contributions(a.index);
        for (Index k = 0; k < a.found.maps.cols(); ++k) {
            double sum = 0, sizes = 0;
            for (const double number : a.found.maps.column(k))
                sum += number;
            for (const double part : parts.values.column(k))
                sizes += std::abs(part);
            const double y = frozen.output()[static_cast<std::size_t>(a.index[static_cast<std::size_t>(k)])];
            a.error.push_back(sizes > 0 ? std::abs(sum - y) / sizes : 0);
            const NeighbourSigns signs = neighbour_signs(pixels(a.found.maps.column(k)), a.width);
            a.opposite.push_back(signs.opposite);
            a.lag.push_back(signs.correlation);
        }
    }
    template <class T>
    [[nodiscard]] VoteCount vote(const FrozenNetwork<T>& frozen, const std::vector<Index>& labels) const {
        const Discussion discussion(frozen, discussion_rule_from(o_.discussion.rule));
        Votes votes(std::ranges::max(pixel_) + 1);
        for (std::size_t first = 0; first < labels.size(); first += labels_at_once) {
            const std::size_t count = std::min<std::size_t>(labels_at_once, labels.size() - first);
            const Discussions found = discussion.of(std::span(labels).subspan(first, count));
            check_finite(found.maps);
            for (std::size_t k = 0; k < count; ++k)
                votes.add(labels[first + k], pixels(found.maps.column(static_cast<Index>(k))));
        }
        VoteCount result{votes.winner(), votes.count(frozen.outputs()), 0};
        for (const Index label : labels)
            if (const double share = result.share(label); share > 0)
                result.entropy -= share * std::log(share);
        if (labels.size() > 1)
            result.entropy /= std::log(static_cast<double>(labels.size()));
        return result;
    }
    [[nodiscard]] std::vector<double> shuffled(const std::vector<double>& x0, Backend<double>& on,
                                               std::uint64_t seed) const {
        return shuffled_pixels(on, x0, pixel_, seed);
    }

private:
    const InterpretOptions& o_;
    std::vector<Index> pixel_;  // of each number of the input
};

std::vector<Index> voters(const InterpretOptions& o, Index outputs) {
    std::vector<Index> labels(static_cast<std::size_t>(outputs));
    std::iota(labels.begin(), labels.end(), 0);
    if (o.discussion.votes == "all")
        return labels;
    labels = places("--votes", o.discussion.votes, outputs, "the outputs");
    std::ranges::sort(labels);
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    return labels;
}

}  // namespace

void DiscussionOptions::add_to(CLI::App& command) {
    command.add_option("--discussion", outputs,
                       "outputs whose map over the input is asked: numbers that sum to the output, biases included");
    command
        .add_option("--discussion-rule", rule,
                    "conserving (offsets go back along all paths in proportion), paper or paper-x (as printed, scaled)")
        ->capture_default_str();
    command.add_option("--votes", votes,
                       "which output has the largest discussion at a pixel: all, or those that may vote: 3,8,9");
}

void DiscussionOptions::check(const CLI::App& command) const {
    (void)discussion_rule_from(rule);
    for (const auto& [name, text] : {std::pair{"--discussion", &outputs}, {"--votes", &votes}})
        if (command.count(name) > 0 && text->empty())
            throw InputError(std::string(name) + ": expected a value, found nothing");
    if (command.count("--discussion-rule") > 0 && !wanted())
        throw InputError("--discussion-rule: expected --discussion or --votes");
}

double VoteCount::share(Index output) const {
    return static_cast<double>(count[static_cast<std::size_t>(output)]) / static_cast<double>(winner.size());
}
Index VoteCount::rank(Index output, const std::vector<Index>& asked) const {
    Index before = 0;
    for (const Index other : asked)
        before += count[static_cast<std::size_t>(other)] > count[static_cast<std::size_t>(output)] ? 1 : 0;
    return before + 1;
}

VoteCount voted(const InterpretOptions& o, const InterpretInput& input, const FrozenNetwork<double>& frozen) {
    return Asked(o, input).vote(frozen, voters(o, frozen.outputs()));
}

template <class T>
DiscussionAnswers discussed(const InterpretOptions& o, const InterpretInput& input, const FrozenNetwork<T>& frozen,
                            const Execution& execution, std::uint64_t seed) {
    const Asked asked(o, input);
    const std::vector<double> x0 = shifted_input(input);
    const std::vector<double>& y = frozen.output();
    Backend<double>& exact = execution.backend<double>();
    DiscussionAnswers a;
    a.labels = voters(o, frozen.outputs());
    a.height = a.width = 1;
    for (std::size_t i = 0; i < input.axes.size(); ++i)
        (i + 1 < input.axes.size() ? a.height : a.width) *= input.shape()[static_cast<std::size_t>(input.axes[i])];
    a.index = places("--discussion", o.discussion.outputs, y);
    if constexpr (std::is_same_v<T, double>) {
        if (!a.index.empty())
            asked.discuss(frozen, a);
    } else if (!a.index.empty()) {
        FrozenNetwork<double> in_double(exact, input.graph, x0, o.freezing());
        in_double.set_memory(o.memory << 20);
        asked.discuss(in_double, a);
    }
    if (a.labels.empty())
        return a;
    a.first = *std::ranges::max_element(a.labels, {}, [&](Index j) { return y[static_cast<std::size_t>(j)]; });
    a.votes = asked.vote(frozen, a.labels);
    const std::vector<double> other = asked.shuffled(x0, exact, seed);
    FrozenNetwork<T> control(execution.backend<T>(), exact, input.graph, other, o.freezing());
    control.set_memory(o.memory << 20);
    a.shuffled = asked.vote(control, a.labels);
    return a;
}
template DiscussionAnswers discussed(const InterpretOptions&, const InterpretInput&, const FrozenNetwork<float>&,
                                     const Execution&, std::uint64_t);
template DiscussionAnswers discussed(const InterpretOptions&, const InterpretInput&, const FrozenNetwork<double>&,
                                     const Execution&, std::uint64_t);

void write(const Hdf5Group& root, const DiscussionAnswers& a, const std::string& rule) {
    root.attribute("", "discussion_rule", rule);
    const auto whole = [&](const std::string& name, const std::vector<Index>& list, const char* meaning,
                           const char* axes) {
        root.write(name, std::vector<std::int64_t>(list.begin(), list.end()), {"1", meaning, axes});
    };
    if (!a.index.empty()) {
        root.write("discussions", {a.found.maps.cols(), a.found.maps.rows()}, a.found.maps.data(),
                   {"1", "maps over the input, each sums to its output", "count,n"});
        whole("discussion_index", a.index, "outputs of the discussions", "count");
        root.write("discussion_error", a.error,
                   {"1", "|sum of the map - y| over the sum of the sizes of the parts", "count"});
        if (!a.found.rest.empty()) {
            root.write("discussion_rest", a.found.rest, {"1", "part of y that no live path leads to", "count"});
            root.write("discussion_even", a.found.even, {"1", "of it what no path leads to, spread evenly", "count"});
        }
        if (!a.found.scale.empty())
            root.write("discussion_scale", a.found.scale, {"1", "what the map was multiplied by", "count"});
    }
    if (!a.votes)
        return;
    for (const auto& [name, votes] : {std::pair{"votes", &*a.votes}, {"votes_shuffled", &*a.shuffled}}) {
        const std::vector<double> winner(votes->winner.begin(), votes->winner.end());
        root.write(name, {a.height, a.width}, winner.data(),
                   {"1", "output with the largest discussion at a pixel", "height,width"});
        whole(std::string(name) + "_count", votes->count, "pixels that vote for an output", "N");
    }
}

nlohmann::ordered_json json_of(const DiscussionAnswers& a, const std::vector<double>& y) {
    Json json = Json::object();
    for (std::size_t k = 0; k < a.index.size(); ++k) {
        const std::span<const double> map = a.found.maps.column(static_cast<Index>(k));
        Json one{{"output", a.index[k]},
                 {"y", y[static_cast<std::size_t>(a.index[k])]},
                 {"sum_error", a.error[k]},
                 {"largest", largest(map)},
                 {"neighbours_of_opposite_sign", a.opposite[k]},
                 {"neighbour_correlation", a.lag[k]}};
        if (!a.found.rest.empty()) {
            one["rest"] = a.found.rest[k];
            one["even"] = a.found.even[k];
        }
        if (!a.found.scale.empty())
            one["scale"] = a.found.scale[k];
        json["discussions"].push_back(std::move(one));
    }
    if (!a.votes)
        return json;
    const auto count = [&](const VoteCount& votes) {
        std::vector<Index> order = a.labels;
        std::ranges::stable_sort(order, std::greater<>(), [&](Index j) { return votes.share(j); });
        Json popular = Json::array();
        for (std::size_t k = 0; k < std::min<std::size_t>(5, order.size()); ++k)
            popular.push_back({{"output", order[k]}, {"share", votes.share(order[k])}});
        return Json{{"share_of_first", votes.share(a.first)},
                    {"rank_of_first", votes.rank(a.first, a.labels)},
                    {"entropy", votes.entropy},
                    {"most_votes", std::move(popular)}};
    };
    json["votes"] = count(*a.votes);
    json["votes"]["first"] = a.first;
    json["votes"]["outputs"] = a.labels.size();
    json["votes"]["pixels"] = a.votes->winner.size();
    json["votes"]["chance"] = 1 / static_cast<double>(a.labels.size());
    json["votes"]["shuffled_pixels"] = count(*a.shuffled);
    return json;
}

void print(const DiscussionAnswers& a, const std::vector<double>& y) {
    for (std::size_t k = 0; k < a.index.size(); ++k) {
        std::printf(
            "  discussion of output %td = %.6g: its sum is off by %.1e of the parts; %.3g of horizontal neighbours "
            "have opposite signs\n",
            a.index[k], y[static_cast<std::size_t>(a.index[k])], a.error[k], a.opposite[k]);
        if (!a.found.rest.empty() && a.found.rest[k] != 0)
            std::printf("    no live path leads to %.5g of it, no path at all to %.5g\n", a.found.rest[k],
                        a.found.even[k]);
        if (!a.found.scale.empty())
            std::printf("    the map was multiplied by %.5g\n", a.found.scale[k]);
    }
    if (!a.votes)
        return;
    std::printf(
        "  votes of %zu pixels among %zu outputs: output %td, the largest of these, has %.3g of them (rank %td), "
        "chance %.3g, "
        "with shuffled pixels %.3g (rank %td)\n",
        a.votes->winner.size(), a.labels.size(), a.first, a.votes->share(a.first), a.votes->rank(a.first, a.labels),
        1 / static_cast<double>(a.labels.size()), a.shuffled->share(a.first), a.shuffled->rank(a.first, a.labels));
}

}  // namespace descrambler::cli
