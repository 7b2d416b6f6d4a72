// What the figures of tasks with conditions share.
#include <algorithm>

#include "descrambler/error.hpp"
#include "report/figure_parts.hpp"

namespace descrambler {

FileArray<double> rows_of_condition(const FileArray<double>& all, Index condition, Index conditions) {
    if (all.shape[0] % conditions != 0)
        throw InputError("study.h5: expected as many networks of each of " + std::to_string(conditions) +
                         " conditions, found " + std::to_string(all.shape[0]) + " together");
    const Index count = all.shape[0] / conditions;
    Index size = 1;
    for (std::size_t i = 1; i < all.shape.size(); ++i)
        size *= all.shape[i];
    FileArray<double> part = all;
    part.shape[0] = count;
    part.values.assign(all.values.begin() + condition * count * size,
                       all.values.begin() + (condition + 1) * count * size);
    return part;
}

std::string missing_controls(std::vector<GroupStyle> present) {
    if (std::none_of(present.begin(), present.end(), [](const GroupStyle& style) { return style.name == "no_decay"; }))
        present.push_back(group_styles[3]);
    return missing_groups(present);
}

namespace {

Figure loss_figure(const Study& study, const Summary& summary) {
    Figure f{
        .section = "training",
        .caption =
            "Loss on the training batches, each point a mean over an interval. Look for: the trained networks keep "
            "falling; networks trained on shuffled targets stop at the error of the mean answer.",
        .alternative = "Training loss against iteration for trained and control networks, by condition.",
        .drawing = {.name = "training_loss", .title = "Training loss", .columns = 2, .panel_height = 270},
        .absent = ""};
    const Index conditions = std::ssize(summary.conditions);
    const std::vector<double> iteration = study.array("training/iteration", {-1}).values;
    const bool root_mean = summary.configuration.find("loss = \"rmse\"") != std::string::npos;
    for (Index c = 0; c < conditions; ++c) {
        Panel panel{.title = summary.conditions[static_cast<std::size_t>(c)].words,
                    .x = axis("iteration"),
                    .y = axis(root_mean ? "root mean squared error" : "training loss"),
                    .image = {},
                    .curves = {}};
        panel.x.logarithmic = panel.y.logarithmic = true;
        for (const GroupStyle& style : group_styles) {
            const std::string name = "training/loss/" + style.name;
            if (!study.has(name))
                continue;
            const FileArray<double> loss = study.array(name, {-1, -1});
            if (loss.shape[1] > std::ssize(iteration))
                throw InputError(study.root().path() + name + ": more intervals than training/iteration has");
            const std::vector<double> x(iteration.begin(), iteration.begin() + loss.shape[1]);
            panel.curves.push_back(band_over_networks(x, rows_of_condition(loss, c, conditions), style));
        }
        panel.y.ticks = decade_ticks(panel.curves);
        f.drawing.panels.push_back(std::move(panel));
    }
    return f;
}

}  // namespace

void add_loss_figure(const Study& study, const Summary& summary, std::vector<Figure>& figures) {
    if (summary.conditions.empty())
        throw InputError(study.root().path() + ": summary.json names no conditions");
    figures.push_back(loss_figure(study, summary));
}

}  // namespace descrambler
