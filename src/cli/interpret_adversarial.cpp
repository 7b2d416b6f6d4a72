#include "cli/interpret_adversarial.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/interpret.hpp"
#include "cli/numbers.hpp"
#include "descrambler/error.hpp"

namespace descrambler::cli {

namespace {

Attack attack_of(const InterpretOptions& o, const InterpretInput& input) {
    Attack attack{*o.attack.epsilon, o.attack.target};
    if (input.picture) {
        attack.low = 0;
        attack.high = 255;
    }
    if (!o.attack.clip.empty()) {
        const std::vector<double> bounds = real_numbers("--clip", o.attack.clip);
        attack.low = bounds.at(0);
        attack.high = bounds.at(1);
    }
    return attack;
}

Answered answered(const InterpretOptions& o, const InterpretInput& input, const std::vector<double>& raw,
                  Backend<double>& on, std::optional<Index> first) {
    std::vector<double> x;
    for (std::size_t i = 0; i < raw.size(); ++i)
        x.push_back((raw[i] - input.mean[i]) / input.scale[i]);
    const FrozenNetwork<double> frozen(on, input.graph, x, o.freezing());
    const std::vector<double>& y = frozen.output();
    Answered result;
    result.label = std::ranges::max_element(y) - y.begin();
    double next = -std::numeric_limits<double>::infinity();
    for (Index j = 0; j < std::ssize(y); ++j)
        if (j != result.label)
            next = std::max(next, y[static_cast<std::size_t>(j)]);
    result.margin = y[static_cast<std::size_t>(result.label)] - next;
    const Index label = first.value_or(result.label);
    const Contributions parts = frozen.contributions(std::vector<Index>{label});
    double mean = 0, square = 0;
    const double count = static_cast<double>(parts.values.rows() - 1);
    for (Index i = 1; i < parts.values.rows(); ++i) {
        mean += parts.values(i, 0) / count;
        square += parts.values(i, 0) * parts.values(i, 0) / count;
    }
    const double score = std::abs(y[static_cast<std::size_t>(label)]);
    result.parts_deviation = count > 0 && score > 0 ? std::sqrt(std::max(0.0, square - mean * mean)) / score : 0;
    if (!o.discussion.votes.empty()) {
        const VoteCount votes = voted(o, input, frozen);
        result.entropy = votes.entropy;
        result.share = votes.share(label);
    }
    return result;
}

}  // namespace

void AttackOptions::add_to(CLI::App& command) {
    command.add_option("--adversarial", epsilon,
                       "change the input by this much, in the units of the file, so that the largest output changes "
                       "(fast gradient sign)");
    command.add_option("--target", target, "towards this output");
    command.add_option("--clip", clip,
                       "bounds of the changed numbers: 0,255 (the default for pictures; none otherwise)");
}

void AttackOptions::check(const CLI::App& command) const {
    for (const char* option : {"--target", "--clip"})
        if (command.count(option) > 0 && !epsilon)
            throw InputError(std::string(option) + ": expected --adversarial");
    if (epsilon && !(*epsilon > 0 && std::isfinite(*epsilon)))
        throw InputError("--adversarial: expected a number above 0");
    if (command.count("--clip") == 0)
        return;
    const std::vector<double> bounds = real_numbers("--clip", clip);
    if (bounds.size() != 2 || !(bounds[0] < bounds[1]))
        throw InputError("--clip " + clip + ": expected two numbers, the lower one first");
}

AttackAnswers attacked(const InterpretOptions& o, const InterpretInput& input, Backend<double>& on,
                       std::uint64_t seed) {
    const Index outputs = input.graph.outputs();
    if (o.attack.target && (*o.attack.target < 0 || *o.attack.target >= outputs))
        throw InputError("--target " + std::to_string(*o.attack.target) + ": expected an output, 0 to " +
                         std::to_string(outputs - 1));
    const Attack attack = attack_of(o, input);
    AttackAnswers a;
    a.raw = fast_gradient_sign(on, input.graph, input.raw, input.mean, input.scale, attack);
    a.votes = !o.discussion.votes.empty();
    a.before = answered(o, input, input.raw, on, std::nullopt);
    if (a.there_before(o.attack))
        a.raw = input.raw;
    a.after = answered(o, input, a.raw, on, a.before.label);
    a.control = answered(o, input, random_signs(on, input.raw, attack, seed), on, a.before.label);
    return a;
}

std::string outcome_of(const AttackAnswers& a, const AttackOptions& o) {
    if (a.there_before(o))
        return "nothing had to be changed, it is the largest output already";
    return a.succeeded(o) ? "succeeded" : "failed";
}

void write(const Hdf5Group& root, const AttackAnswers& a, const AttackOptions& o) {
    root.write("adversarial", a.raw, {"1", "the changed input, in the units of the file", "n"});
    root.attribute("", "adversarial_epsilon", *o.epsilon);
    root.attribute("", "adversarial_label_before", static_cast<std::int64_t>(a.before.label));
    root.attribute("", "adversarial_label_after", static_cast<std::int64_t>(a.after.label));
    root.attribute("", "adversarial_label_control", static_cast<std::int64_t>(a.control.label));
}

nlohmann::ordered_json json_of(const AttackAnswers& a, const AttackOptions& o) {
    const auto one = [&](const Answered& answered) {
        Json json{{"label", answered.label},
                  {"margin", answered.margin},
                  {"deviation_of_parts_over_score", answered.parts_deviation}};
        if (a.votes) {
            json["entropy_of_votes"] = answered.entropy;
            json["votes_of_first_label"] = answered.share;
        }
        return json;
    };
    Json json{{"epsilon", *o.epsilon}, {"succeeded", a.there_before(o) ? Json() : Json(a.succeeded(o))}};
    if (o.target) {
        json["target"] = *o.target;
        json["target_before"] = a.there_before(o);
    }
    json["before"] = one(a.before);
    json["after"] = one(a.after);
    json["random_signs"] = one(a.control);
    return {{"adversarial", std::move(json)}};
}

void print(const AttackAnswers& a, const AttackOptions& o) {
    std::printf("  adversarial, epsilon %.4g%s: %s\n", *o.epsilon,
                o.target ? (" towards output " + std::to_string(*o.target)).c_str() : "", outcome_of(a, o).c_str());
    for (const auto& [what, answered] :
         {std::pair{"before", &a.before}, {"after", &a.after}, {"random signs", &a.control}}) {
        std::printf("    %-13s largest output %td by %.4g; deviation of the parts over the score %.4g", what,
                    answered->label, answered->margin, answered->parts_deviation);
        if (a.votes)
            std::printf("; votes: entropy %.3g, share of output %td %.3g", answered->entropy, a.before.label,
                        answered->share);
        std::printf("\n");
    }
}

}  // namespace descrambler::cli
