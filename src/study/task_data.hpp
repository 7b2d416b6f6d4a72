// Where the samples of a study come from, whatever its task: for training, validation and analysis.
#pragma once

#include <functional>
#include <optional>

#include "descrambler/random.hpp"
#include "study/config.hpp"

namespace descrambler {

// The number of network `index` of a condition, and back from a member's data stream.
[[nodiscard]] constexpr std::uint64_t member_number(Index condition, Index index) {
    return static_cast<std::uint64_t>(condition) * stream::condition + static_cast<std::uint64_t>(index);
}
[[nodiscard]] constexpr Index condition_of_member(std::uint64_t member) {
    return static_cast<Index>(member / stream::condition % (stream::control / stream::condition));
}

template <class T>  // float, double
class TrainingData {
public:
    explicit TrainingData(const StudyConfig& config);
    [[nodiscard]] const DeerTables* deer() const { return deer_ ? &*deer_ : nullptr; }
    // For TrainPlan: the condition follows from the stream. Empty for DEER. The object must outlive what it returns.
    [[nodiscard]] std::function<void(std::uint64_t stream, Index first, Batch<T> input, Batch<T> target)> samples(
        std::uint64_t seed) const;
    // Samples of one condition; not for DEER.
    void draw(Backend<T>& on, Index condition, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
              Batch<T> target) const;

private:
    std::optional<DeerTables> deer_;
    std::optional<RelaxometryTables<T>> relaxometry_;
    std::optional<BandpassTables<T>> bandpass_;
};

}  // namespace descrambler
