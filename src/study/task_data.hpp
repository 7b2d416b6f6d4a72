// Where the samples of a study come from, whatever its task: for training, validation and analysis.
#pragma once

#include <optional>

#include "descrambler/random.hpp"
#include "study/config.hpp"
#include "tasks/deer_traces.hpp"

namespace descrambler {

// The number of network `index` of a condition, and back from a member's data stream.
[[nodiscard]] constexpr std::uint64_t member_number(Index condition, Index index) {
    return static_cast<std::uint64_t>(condition) * stream::condition + static_cast<std::uint64_t>(index);
}
[[nodiscard]] constexpr Index condition_of_member(std::uint64_t member) {
    return static_cast<Index>(member / stream::condition % (stream::control / stream::condition));
}

template <class T>  // float, double
class TrainingData final : public SampleSource<T> {
public:
    explicit TrainingData(const StudyConfig& config);
    [[nodiscard]] Index inputs() const override { return inputs_; }
    [[nodiscard]] Index outputs() const override { return outputs_; }
    [[nodiscard]] bool on_device() const override { return deer_.has_value(); }
    // The condition follows from the member's stream.
    void draw(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
              Batch<T> target) const override;
    void draw_all(Backend<T>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                  Batch<T> input, Batch<T> target) const override;
    // Samples of one condition; not for DEER.
    void draw_condition(Backend<T>& on, Index condition, std::uint64_t seed, std::uint64_t stream, Index first,
                        Batch<T> input, Batch<T> target) const;

private:
    Index inputs_ = 0, outputs_ = 0;
    std::optional<DeerSource<T>> deer_;
    std::optional<RelaxometryTables<T>> relaxometry_;
    std::optional<BandpassTables<T>> bandpass_;
};

}  // namespace descrambler
