#include "study/study_data.hpp"

#include "study/task_study.hpp"

namespace descrambler {

std::string to_string(GroupKind kind) {
    switch (kind) {
        case GroupKind::untrained:
            return "untrained";
        case GroupKind::shuffled:
            return "shuffled";
        case GroupKind::no_decay:
            return "no_decay";
        case GroupKind::trained:
            break;
    }
    return "trained";
}

const StudyLayer* StudyGroup::find(Index layer, Tap tap, Criterion criterion) const {
    for (const StudyLayer& found : layers)
        if (found.request.tap.at.layer == layer && found.request.tap.at.side == tap &&
            found.request.criterion == criterion)
            return &found;
    return nullptr;
}

const StudyLayer& StudyGroup::layer(Index layer, Tap tap, Criterion criterion) const {
    const StudyLayer* found = find(layer, tap, criterion);
    require(found != nullptr, "a tap that was not descrambled");
    return *found;
}

StudyData::StudyData(StudyConfig of) : config(std::move(of)) {
    for (const GroupKind kind : group_kinds) {
        group(kind).kind = kind;
        group(kind).name = to_string(kind);
    }
}
StudyData::~StudyData() = default;
StudyData::StudyData(StudyData&&) noexcept = default;
StudyData& StudyData::operator=(StudyData&&) noexcept = default;

double StudyData::samples_per_network() const {
    return static_cast<double>(config.iterations) * static_cast<double>(config.batch_size);
}

double StudyData::samples_per_control() const {
    return static_cast<double>(std::min(config.control_iterations, config.iterations)) *
           static_cast<double>(config.batch_size);
}

bool StudyData::verdicts_withheld() const {
    const VerdictRule rule = task->verdict_rule();
    const bool controls_learn = config.shuffled + config.no_decay > 0;
    return samples_per_network() < rule.samples || (controls_learn && samples_per_control() < rule.control_samples);
}

std::pair<std::size_t, std::size_t> range_of(std::size_t items, Index condition, Index conditions) {
    const std::size_t count = items / static_cast<std::size_t>(conditions);
    return {count * static_cast<std::size_t>(condition), count};
}

}  // namespace descrambler
