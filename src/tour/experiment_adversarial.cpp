// E2: what the fast gradient sign method does to contributions and votes.
#include <algorithm>
#include <cmath>

#include "descrambler/adversarial.hpp"
#include "descrambler/evaluator.hpp"
#include "descrambler/statistics.hpp"
#include "tour/votes.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

const std::string file = "efficientnet_lite0.onnx";
const std::vector<double> sizes = {2, 4, 8};  // of 255

struct Answer {
    Index label = 0;
    double score = 0;
    std::vector<double> parts;  // of nodes, by depth, over the score
    double first = 0;           // share of the sizes in the first tenth of the depth
    double entropy = -1;        // of the votes; -1: not asked
};

Answer answer_at(const Settings& settings, const Subject& subject, std::vector<double> raw, bool votes) {
    const std::vector<double> mean = subject.at_every_number(subject.mean),
                              scale = subject.at_every_number(subject.scale);
    for (std::size_t i = 0; i < raw.size(); ++i)
        raw[i] = (raw[i] - mean[i]) / scale[i];
    const FrozenNetwork<double> frozen(settings.execution.backend<double>(), subject.graph, raw, {});
    Answer result;
    result.label = top_of(frozen.output());
    result.score = frozen.output()[static_cast<std::size_t>(result.label)];
    const Contributions parts = frozen.contributions(std::vector<Index>{result.label});
    const auto column = parts.values.column(0);
    double all = 0;
    const std::size_t tenth = std::max<std::size_t>(1, (column.size() - 1) / 10);
    for (std::size_t i = 1; i < column.size(); ++i) {
        result.parts.push_back(column[i] / result.score);
        all += std::abs(column[i]);
        result.first += i <= tenth ? std::abs(column[i]) : 0;
    }
    result.first /= std::max(all, 1e-300);
    if (votes)
        result.entropy = vote(frozen, Discussion(frozen, DiscussionRule::conserving), subject).entropy;
    return result;
}

// Mean over nodes of the standard deviation over pictures.
double scatter(const std::vector<Answer>& answers) {
    if (answers.front().parts.empty())
        return 1;
    std::vector<double> deviations;
    for (std::size_t i = 0; i < answers.front().parts.size(); ++i) {
        std::vector<double> values;
        for (const Answer& answer : answers)
            values.push_back(answer.parts[i]);
        deviations.push_back(deviation(values));
    }
    return mean_of(deviations);
}

struct Attacked {
    double epsilon = 0;
    std::vector<Answer> adversarial, random;
    int changed = 0, changed_random = 0, reached = 0;  // labels; targeted attacks that reach their label
};

Attacked attack_all(const Settings& settings, const Subject& subject, const std::vector<std::vector<double>>& raws,
                    const std::vector<Answer>& before, double epsilon, std::size_t with_votes) {
    Backend<double>& on = settings.execution.backend<double>();
    const std::vector<double> mean = subject.at_every_number(subject.mean),
                              scale = subject.at_every_number(subject.scale);
    const Evaluator evaluator(subject.graph, settings.execution.threads);
    Attacked result;
    result.epsilon = epsilon;
    for (std::size_t i = 0; i < raws.size(); ++i) {
        settings.step("E2: " + text(epsilon) + "/255", static_cast<double>(i), static_cast<double>(raws.size()));
        Attack attack;
        attack.epsilon = epsilon;
        attack.low = 0;
        attack.high = 255;
        const bool votes = i < with_votes && epsilon == sizes.back();
        result.adversarial.push_back(
            answer_at(settings, subject, fast_gradient_sign(on, subject.graph, raws[i], mean, scale, attack), votes));
        result.random.push_back(
            answer_at(settings, subject, random_signs(on, raws[i], attack, settings.seed + i), votes));
        result.changed += result.adversarial.back().label != before[i].label ? 1 : 0;
        result.changed_random += result.random.back().label != before[i].label ? 1 : 0;
        attack.target = (before[i].label + subject.graph.outputs() / 2) % subject.graph.outputs();
        const std::vector<double> towards = fast_gradient_sign(on, subject.graph, raws[i], mean, scale, attack);
        std::vector<double> x = towards;
        for (std::size_t k = 0; k < x.size(); ++k)
            x[k] = (x[k] - mean[k]) / scale[k];
        const Matrix<double> y = evaluator.run(Batch<const double>(x.data(), std::ssize(x), 1));
        result.reached += top_of({y.values().begin(), y.values().end()}) == *attack.target ? 1 : 0;
    }
    return result;
}

std::vector<std::vector<double>> parts_of(const std::vector<Answer>& answers) {
    std::vector<std::vector<double>> result;
    for (const Answer& answer : answers)
        result.push_back(answer.parts);
    return result;
}

template <class Take>
double median_over(const std::vector<Answer>& answers, const Take& take) {
    std::vector<double> values;
    for (const Answer& answer : answers)
        if (const double value = take(answer); value >= 0)
            values.push_back(value);
    return median_of(values);
}

void add_pages(Article& page, const std::vector<Answer>& before, const std::vector<Attacked>& all) {
    page.section("labels", "How often the answer changes");
    std::vector<std::vector<std::string>> rows;
    const std::string of = " of " + std::to_string(before.size());
    for (const Attacked& one : all)
        rows.push_back({text(one.epsilon) + "/255", std::to_string(one.changed) + of,
                        std::to_string(one.changed_random) + of, std::to_string(one.reached) + of,
                        text(scatter(one.adversarial) / scatter(before)), text(scatter(one.random) / scatter(before))});
    page.table(
        {"Size", "Label changed", "By random signs", "Targeted attack reached its label",
         "Scatter of contributions over that before", "By random signs"},
        rows,
        "Scatter: standard deviation over pictures of each node's part of the score, mean over nodes. Labels that "
        "did not change are attacks that failed.");
    page.section("contributions", "Contributions before and after");
    if (before.front().parts.empty())
        return page.absent("No node has a bias or another constant: all of the score comes from the input.");
    Drawing drawing{.name = "contributions", .title = "Contributions of the nodes to the score of the label"};
    Panel panel;
    panel.x.label = "node with an offset, by depth";
    panel.y.label = "part / score";
    panel.curves = {band(parts_of(before), "before", "#0072B2", 1),
                    band(parts_of(all.back().adversarial), "attacked, 8/255", "#D55E00", 2),
                    band(parts_of(all.back().random), "random signs, 8/255", "#555555", 3)};
    drawing.panels = {panel};
    page.drawing(drawing, "Mean and one standard deviation over pictures, of the label that each picture is given.");
}

std::vector<Finding> run(const Settings& settings, Article& page) {
    const Subject subject = open_subject(settings, file, {224, 224, {127}, {128}, {}, std::nullopt});
    check_classifier(subject);
    const auto files = photographs(settings);
    const std::size_t count = std::min<std::size_t>(settings.quick ? 2 : 18, files.size());
    const std::size_t with_votes = settings.quick ? 1 : 4;
    std::vector<std::vector<double>> raws;
    std::vector<Answer> before;
    for (std::size_t i = 0; i < count; ++i) {
        raws.push_back(subject.raw_of(resampled(read_picture(files[i]), subject.input.height, subject.input.width)));
        before.push_back(answer_at(settings, subject, raws.back(), i < with_votes));
    }
    page.paragraph(
        subject.name + " on " + std::to_string(count) +
        " photographs. Attack: clip(raw + eps sign(d CE / d raw), 0, 255), away from the first label; control: the "
        "same size with random signs. Targeted attacks aim at the label that is half the number of labels further on.");
    std::vector<Attacked> all;
    for (const double epsilon : sizes)
        all.push_back(attack_all(settings, subject, raws, before, epsilon, with_votes));
    add_pages(page, before, all);

    const Attacked& last = all.back();
    const std::string of = " of " + std::to_string(count);
    const double ratio = scatter(last.adversarial) / scatter(before),
                 ratio_random = scatter(last.random) / scatter(before);
    const auto entropy = [](const Answer& a) { return a.entropy; };
    const auto first = [](const Answer& a) { return a.first; };
    const double calm = median_over(before, entropy), spread = median_over(last.adversarial, entropy);
    const double first_before = median_over(before, first), first_after = median_over(last.adversarial, first);
    page.paragraph(
        "Rules: some attacks succeed and some fail where 8/255 changes a label and 2/255 leaves one as it is; "
        "contributions become random where their scatter grows to more than 1.5 times and by 0.25 more than with "
        "random signs; votes spread where the entropy grows by more than 0.05; scores come from the first layers where "
        "the first tenth of the depth has more than half of the sum of absolute values.");
    const bool some_fail = all.front().changed<static_cast<int>(count), some_succeed = last.changed> 0;
    const bool random = ratio > 1.5 && ratio > ratio_random + .25;
    const bool wider = spread > calm + .05, early = first_after > .5;
    return {{"Tour", "Fig. 10", "some attacks succeed, some fail",
             std::to_string(all.front().changed) + ", " + std::to_string(all[1].changed) + ", " +
                 std::to_string(last.changed) + of + " labels changed at 2, 4, 8",
             "random signs " + std::to_string(all.front().changed_random) + ", " +
                 std::to_string(all[1].changed_random) + ", " + std::to_string(last.changed_random) + of,
             verdict_of(some_succeed && some_fail, some_succeed && some_fail)},
            {"Tour", "Fig. 10", "contributions become random", "scatter grows " + text(ratio) + " times",
             "random signs " + text(ratio_random) + " times", verdict_of(random, random)},
            {"Tour", "Fig. 10", "votes spread over all classes", "entropy " + text(calm) + " to " + text(spread),
             "random signs " + text(median_over(last.random, entropy)), verdict_of(wider, wider)},
            {"Tour", "Fig. 10", "the score of an adversarial input comes from the first layers alone",
             "share of the first tenth " + text(first_before) + " to " + text(first_after),
             "random signs " + text(median_over(last.random, first)), verdict_of(early, early)}};
}

}  // namespace

Experiment adversarial() {
    return {"E2", "Adversarial examples", {"onnx/" + file, "images"}, run, "onnx/" + file};
}

}  // namespace descrambler::tour
