#include "study/task_data.hpp"

namespace descrambler {

template <class T>
TrainingData<T>::TrainingData(const StudyConfig& config) {
    switch (config.task) {
        case Task::deer:
            deer_ = make_deer_tables(config.data);
            break;
        case Task::relaxometry:
            relaxometry_ = make_relaxometry_tables<T>(config.relaxometry);
            break;
        case Task::bandpass:
            bandpass_ = make_bandpass_tables<T>(config.bandpass);
            break;
    }
}

template <class T>
std::function<void(std::uint64_t, Index, Batch<T>, Batch<T>)> TrainingData<T>::samples(std::uint64_t seed) const {
    if (deer_)
        return {};
    return [this, seed](std::uint64_t stream, Index first, Batch<T> input, Batch<T> target) {
        // a backend of its own for each call: members draw at the same time
        const std::unique_ptr<Backend<T>> on = make_cpu_backend<T>(1);
        draw(*on, condition_of_member(stream - descrambler::stream::member), seed, stream, first, input, target);
    };
}

template <class T>
void TrainingData<T>::draw(Backend<T>& on, Index condition, std::uint64_t seed, std::uint64_t stream, Index first,
                           Batch<T> input, Batch<T> target) const {
    if (relaxometry_)
        relaxometry_samples(on, *relaxometry_, condition_of(relaxometry_->data, condition), seed, stream, first, input,
                            target);
    else if (bandpass_)
        bandpass_samples(on, *bandpass_, bandpass_->data.targets.at(static_cast<std::size_t>(condition)), seed, stream,
                         first, input, target);
}

template class TrainingData<float>;
template class TrainingData<double>;

}  // namespace descrambler
