#include "study/task_data.hpp"

namespace descrambler {

template <class T>
TrainingData<T>::TrainingData(const StudyConfig& config) {
    const std::vector<Layer> layers = network_layers(config);
    inputs_ = layers.front().inputs;
    outputs_ = layers.back().outputs;
    switch (config.task) {
        case Task::deer:
            deer_.emplace(make_deer_tables(config.data));
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
void TrainingData<T>::draw(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
                           Batch<T> target) const {
    if (deer_)
        deer_->draw(on, seed, stream, first, input, target);
    else
        draw_condition(on, condition_of_member(stream - descrambler::stream::member), seed, stream, first, input,
                       target);
}

template <class T>
void TrainingData<T>::draw_all(Backend<T>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                               Batch<T> input, Batch<T> target) const {
    if (deer_)
        deer_->draw_all(on, seed, streams, first, input, target);
    else
        SampleSource<T>::draw_all(on, seed, streams, first, input, target);
}

template <class T>
void TrainingData<T>::draw_condition(Backend<T>& on, Index condition, std::uint64_t seed, std::uint64_t stream,
                                     Index first, Batch<T> input, Batch<T> target) const {
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
