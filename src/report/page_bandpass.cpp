// The page of a band-pass study.
#include "report/condition_page.hpp"
#include "report/task_report.hpp"

namespace descrambler {

namespace {

using namespace page;

std::string error_table(const Summary& summary) {
    std::vector<Row> rows;
    for (const ConditionLine& c : summary.conditions)
        rows.push_back({text(c.words), group_cell(c.relative_error, "trained"),
                        group_cell(c.relative_error, "untrained"), group_cell(c.relative_error, "shuffled"),
                        number(c.predict_the_mean), number(c.filter_error, 2)});
    return table({"relative error ‖ŷ − y‖ / ‖y‖, mean over traces", "trained", "untrained", "shuffled targets",
                  "predict the mean", "ideal linear filter"},
                 rows);
}

}  // namespace

std::string bandpass_page(const Summary& summary, const std::vector<DrawnFigure>& figures) {
    ConditionPage own;
    own.heading = "What band-pass networks compute: a descrambler study";
    own.introduction =
        "Neural networks were trained to keep the middle one of three tones in noise (" + summary.networks +
        " networks over all conditions). The conditions differ in what counts as the right answer: the noisy trace "
        "after an ideal band-pass filter (target filtered), or the tone itself without noise (target clean). Did "
        "the "
        "networks become the filter? Their frequency response was read from the first layer and from the Jacobian "
        "of the whole network, next to networks that learnt nothing.";
    own.reading_heading = "2 Frequency response";
    own.errors = error_table(summary);
    own.reading = paragraph(
                      "The gain of a matrix at a frequency is the length of what it makes of a wave of that frequency. "
                      "Descrambling cannot change the gain of layer 1; it changes how the frequencies are laid out "
                      "along the link.") +
                  figures_of("reading", figures);
    return condition_page(summary, figures, own);
}

}  // namespace descrambler
