// What relaxometry networks are claimed to do, as rows of the findings table; thresholds in docs/findings.md.
#include <algorithm>
#include <cmath>

#include "study/relaxometry/relaxometry_study.hpp"

namespace descrambler {

namespace {

double worse_half(const Matrix<double>& of_halves, Index vector) {
    return std::min(of_halves(0, vector), of_halves(1, vector));
}

const CurveScore& score(const std::vector<CurveScore>& scores, const std::string& name) {
    return *std::find_if(scores.begin(), scores.end(), [&](const CurveScore& s) { return s.name == name; });
}

class Rows {
public:
    Rows(StudyData& study, const RelaxometryStudy& own)
        : study_(study), own_(own), data_(own.recipe()), conditions_(condition_count(data_)) {}

    void add(Index condition) {
        c_ = condition;
        error();
        biexponential();
        sign_changes();
    }
    // One row per condition of (ND,Reg) that has its (ND,ND) with it.
    void add_comparisons() {
        for (c_ = 0; c_ < conditions_; ++c_)
            for (Index other = 0; other < conditions_; ++other) {
                const RelaxometryCondition a = condition_of(data_, c_), b = condition_of(data_, other);
                if (a.track == Track::nd_reg && b.track == Track::nd_nd && a.snr == b.snr) {
                    accuracy(other);
                    halves(other);
                }
            }
    }

private:
    // One value a network of a group, for the condition at hand.
    template <class F>
    [[nodiscard]] std::vector<double> values(GroupKind group, Index condition, const F& value) const {
        std::vector<double> result;
        for (const BiexponentialReading& reading : part_of(own_.readings(group).biexponential, condition, conditions_))
            result.push_back(value(reading));
        return result;
    }
    [[nodiscard]] std::vector<double> errors(GroupKind group, Index condition) const {
        return part_of(own_.readings(group).error_ms, condition, conditions_);
    }
    void push(FindingRow row, bool reproduced, bool discriminating) {
        study_.findings.push_back(judged(std::move(row), reproduced, discriminating));
    }
    [[nodiscard]] std::string named(const std::string& stem) const { return stem + "_" + condition_name(data_, c_); }
    [[nodiscard]] std::string words() const { return condition_words(data_, c_); }

    void error() {
        FindingRow row{.name = named("error_ms"),
                       .unit = "ms",
                       .claim = "The network reads both relaxation times from the trace; " + words() + "."};
        fill_groups(row, [&](GroupKind group) { return errors(group, c_); });
        const double mean = own_.predict_the_mean_ms()[static_cast<std::size_t>(c_)];
        row.reading = "Root mean square error " + number_words(median_of(row.raw)) +
                      " ms; always answering with the mean times makes " + number_words(mean) + " ms";
        const auto near_mean = [&](const std::vector<double>& control) { return median_of(control) >= 0.95 * mean; };
        const bool learnt = median_of(row.raw) <= 0.5 * mean;
        push(std::move(row), learnt, near_mean(row.untrained) && near_mean(row.shuffled));
    }

    void biexponential() {
        FindingRow row{.name = named("biexponential_v1"),
                       .unit = "1",
                       .claim =
                           "The first right singular vector of layer 1 is a sum of two exponentials on each half "
                           "of the input; " +
                           words() + "."};
        fill_groups(row, [&](GroupKind group) {
            return values(group, c_, [](const BiexponentialReading& r) { return worse_half(r.r2, 0); });
        });
        const auto half = [&](Index h) {
            return number_words(
                median_of(values(GroupKind::trained, c_, [&](const BiexponentialReading& r) { return r.r2(h, 0); })));
        };
        constexpr double figure = 0.75, untrained_most = 0.15;
        const double dct = score(own_.curves(), "DCT vector 1").r2.front(),
                     pca = own_.components()[static_cast<std::size_t>(c_)].front().r2.front(),
                     walk = median_of(score(own_.curves(), "random walk").r2);
        const bool specific = dct < figure && pca < figure && walk < figure;
        row.reading = "R² of the best two exponentials: " + half(0) + " on the first half and " + half(1) +
                      " on the second; the smaller counts. Curves that no network has seen: " + number_words(dct) +
                      " for half a cosine, " + number_words(pca) +
                      " for the first principal component of the traces, " + number_words(walk) +
                      " for a random walk (median)" +
                      (specific ? "" : ": any smooth slow curve passes, so the number says nothing about exponentials");
        push(std::move(row), median_of(row.raw) >= figure,
             specific && median_of(row.untrained) <= untrained_most && median_of(row.shuffled) < figure);
    }

    void sign_changes() {
        FindingRow row{
            .name = named("sign_changes_v1"),
            .unit = "1",
            .claim = "It changes sign at most once on each half, as a sum of two exponentials must; " + words() + "."};
        fill_groups(row, [&](GroupKind group) {
            return values(group, c_, [](const BiexponentialReading& r) {
                return std::max(r.sign_changes(0, 0), r.sign_changes(1, 0));
            });
        });
        row.reading =
            "Sign changes of the smoothed vector on the half that has more: " + number_words(median_of(row.raw)) +
            "; half a cosine has one too";
        const bool at_most_one = median_of(row.raw) <= 1;
        push(std::move(row), at_most_one, false);
    }

    void accuracy(Index other) {
        FindingRow row{.name = named("reg_gain"),
                       .unit = "%",
                       .claim = "The fitted track makes the network 5 to 10 % more accurate; " + words() + "."};
        fill_groups(row, [&](GroupKind group) {
            std::vector<double> gain;
            const std::vector<double> without = errors(group, other);
            for (const double with : errors(group, c_))
                gain.push_back(100 * (1 - with / median_of(without)));
            return gain;
        });
        const std::vector<double> without = errors(GroupKind::trained, other);
        const Spread spread = spread_of(without);
        row.reading = "Error " + number_words(median_of(errors(GroupKind::trained, c_))) +
                      " ms with the fitted track, " + number_words(spread.median) + " ms (" + number_words(spread.min) +
                      " to " + number_words(spread.max) + ") with the noisy one twice; the same traces and noise";
        push(std::move(row), median_of(row.raw) >= 5, median_of(row.untrained) < 5 && median_of(row.shuffled) < 5);
    }

    void halves(Index other) {
        FindingRow row{
            .name = named("half_likeness"),
            .unit = "1",
            .claim = "With the fitted track the first vector has different shapes on the two halves; " + words() + "."};
        const auto likeness = [](const BiexponentialReading& r) { return r.half_likeness; };
        fill_groups(row, [&](GroupKind group) { return values(group, c_, likeness); });
        const std::vector<double> same = values(GroupKind::trained, other, likeness);
        constexpr double figure = 0.95;
        row.reading = "|Cosine| between the halves: " + number_words(median_of(row.raw)) +
                      "; with the noisy track twice " + number_words(median_of(same)) +
                      ", where both halves see the same numbers";
        // and every (ND,Reg) network of a group is below every (ND,ND) one of it: random halves are unlike in both
        const auto apart = [&](GroupKind group) {
            const std::vector<double> with = values(group, c_, likeness), without = values(group, other, likeness);
            return median_of(with) <= figure && spread_of(with).max < spread_of(without).min;
        };
        const bool measured = !row.untrained.empty() && !row.shuffled.empty();
        push(std::move(row), apart(GroupKind::trained),
             measured && !apart(GroupKind::untrained) && !apart(GroupKind::shuffled));
    }

    StudyData& study_;
    const RelaxometryStudy& own_;
    const Relaxometry& data_;
    Index conditions_, c_ = 0;
};

}  // namespace

void RelaxometryStudy::add_findings(StudyData& study) const {
    Rows rows(study, *this);
    for (Index c = 0; c < condition_count(recipe_); ++c)
        rows.add(c);
    rows.add_comparisons();
}

}  // namespace descrambler
