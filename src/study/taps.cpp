// Every tap of the networks of a study, descrambled.
#include <algorithm>
#include <iterator>

#include "study/study_steps.hpp"

namespace descrambler {

std::vector<Matrix<double>> answers_of(const StudyGroup& group, std::span<const Matrix<double>* const> inputs,
                                       int threads) {
    std::vector<Matrix<double>> answers(group.networks.size());
    const Index each = std::ssize(answers) / std::ssize(inputs);
    parallel_items(std::ssize(answers), threads, [&](Index i, Backend<double>& on) {
        answers[i] = forward(on, group.networks[i], *inputs[i / each]);
    });
    return answers;
}

void descramble_groups(StudyData& study, std::span<const Library> libraries, const TapChoice& choice,
                       const Execution& execution) {
    const Index conditions = std::ssize(libraries);
    // the sums of the inputs serve the first layer of every group
    study.inputs.clear();
    for (Index c = 0; c < conditions; ++c)
        study.inputs.push_back(sums_of_inputs(study.trained().networks, {}, libraries[c], execution));
    for (StudyGroup& group : study.groups) {
        if (group.networks.empty())
            continue;
        const auto depth = static_cast<Index>(group.networks.front().layers.size());
        const Index last = choice.last_layer ? depth : depth - 1;
        const Index layers = group.trained() || choice.controls_as_deep ? last : 1;
        const auto add = [&](TapPoint at, std::initializer_list<Criterion> criteria) {
            std::vector<StudyLayer> parts;
            std::vector<DescrambleRequest> requests;
            for (const Criterion criterion : criteria) {
                requests.push_back({.tap = {.at = at},
                                    .criterion = criterion,
                                    .stencil = study.config.stencil,
                                    .lambda = study.config.joint_lambda});
                parts.push_back({"layer_" + std::to_string(at.layer) + "_" + std::string(to_string(at.side)) + "_" +
                                     std::string(to_string(criterion)),
                                 requests.back(),
                                 {}});
            }
            try {
                for (Index c = 0; c < conditions; ++c) {
                    auto found = descramble_all(part_of(group.networks, c, conditions), libraries[c], requests,
                                                execution, study.inputs[c]);
                    for (std::size_t r = 0; r < parts.size(); ++r)
                        std::ranges::move(found[r], std::back_inserter(parts[r].networks));
                }
            } catch (const InputError& error) {  // a network died in training: nobody gave bad input
                throw Error(group.name + " networks, " + parts.front().name + ": " + error.what());
            }
            std::ranges::move(parts, std::back_inserter(group.layers));
        };
        for (Index layer = 1; layer <= layers; ++layer) {
            add({layer, Tap::before}, {Criterion::smoothness});
            if (layer < depth)
                add({layer, Tap::after}, {Criterion::smoothness, Criterion::joint});
            else
                add({layer, Tap::after}, {Criterion::smoothness});
        }
    }
}

}  // namespace descrambler
