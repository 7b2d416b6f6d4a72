#include "descrambler/backend/training.hpp"

#include "backend/shapes.hpp"

namespace descrambler {

template <class T>
void Training<T>::adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m,
                            Batch<T> v, Batch<T> w) {
    require(same_shape(g, Batch<const T>(m)) && same_shape(g, Batch<const T>(v)) && same_shape(g, Batch<const T>(w)),
            "adam_step: shapes differ");
    require(step >= 1, "adam_step: steps count from 1");
    require(packed(g, m, v, w), "adam_step: takes no leading dimension");
    do_adam_step(options, rate, decay, step, g, m, v, w);
}

template <class T>
void Training<T>::train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last,
                        Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss) {
    require(!plan.layers.empty() && plan.batch_size > 0, "train: a plan needs layers and a batch size");
    Index count = 0;
    for (std::size_t k = 0; k < plan.layers.size(); ++k) {
        const Layer& layer = plan.layers[k];
        require(layer.inputs > 0 && layer.outputs > 0, "train: empty layer");
        require(k == 0 || plan.layers[k - 1].outputs == layer.inputs, "train: layers do not chain");
        count += layer.outputs * (layer.inputs + 1);
    }
    require(plan.samples != nullptr, "train: a plan needs a source of samples");
    require(
        plan.samples->inputs() == plan.layers.front().inputs && plan.samples->outputs() == plan.layers.back().outputs,
        "train: the samples do not fit the network");
    const auto batch = static_cast<Index>(members.size());
    require(is(parameters, count, 1, batch) && is(m, count, 1, batch) && is(v, count, 1, batch),
            "train: parameters and moments must be [P, 1] for each member");
    require(0 <= first && first <= last && is(loss, last - first, 1, batch), "train: loss must be [last - first, 1]");
    require(packed(parameters, m, v, loss), "train: takes no leading dimension");
    do_train(plan, members, first, last, parameters, m, v, loss);
}

template class Training<float>;
template class Training<double>;

}  // namespace descrambler
