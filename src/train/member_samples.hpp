// The samples of every member of an ensemble: those of its condition, in its own data stream.
#pragma once

#include <memory>
#include <vector>

#include "tasks/task.hpp"
#include "train/streams.hpp"

namespace descrambler {

template <class T>  // float, double
class MemberSamples final : public SampleSource<T> {
public:
    explicit MemberSamples(const TaskRecipe& recipe) {
        for (Index c = 0; c < condition_count(recipe); ++c)
            conditions_.push_back(sample_source<T>(recipe, c));
    }
    [[nodiscard]] Index inputs() const override { return conditions_.front()->inputs(); }
    [[nodiscard]] Index outputs() const override { return conditions_.front()->outputs(); }
    [[nodiscard]] bool on_device() const override { return conditions_.front()->on_device(); }
    [[nodiscard]] std::size_t bytes_on_device() const override { return conditions_.front()->bytes_on_device(); }
    // stream: stream::member + the number of the member, which says the condition.
    void draw(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
              Batch<T> target) const override {
        of(stream).draw(on, seed, stream, first, input, target);
    }
    void draw_all(Backend<T>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                  Batch<T> input, Batch<T> target) const override {
        if (conditions_.size() == 1)
            conditions_.front()->draw_all(on, seed, streams, first, input, target);
        else
            SampleSource<T>::draw_all(on, seed, streams, first, input, target);
    }

private:
    [[nodiscard]] const SampleSource<T>& of(std::uint64_t stream) const {
        if (conditions_.size() == 1)
            return *conditions_.front();
        const Index condition = condition_of_member(stream - descrambler::stream::member);
        return *conditions_.at(static_cast<std::size_t>(condition));
    }
    std::vector<std::unique_ptr<SampleSource<T>>> conditions_;
};

}  // namespace descrambler
