#include "cpu/training.hpp"

#include <cmath>
#include <exception>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "backend/rates.hpp"
#include "cpu/dense.hpp"
#include "descrambler/random.hpp"

namespace descrambler::cpu {

namespace {

// Samples that go through the network together. Small enough for the second-level cache with all activations; a batch
// is a sum over tiles in order, so the tile is part of the definition of the result.
constexpr Index tile_columns = 64;

// The memory of one thread.
template <class T>
class Trainer {
public:
    explicit Trainer(const TrainPlan<T>& plan) : plan_(plan) {
        const Index tile = std::min(tile_columns, plan.batch_size);
        for (const Layer& layer : plan.layers) {
            activation_.emplace_back(layer.outputs, tile);
            normalised_.emplace_back(layer.renorm ? layer.outputs : 0, layer.renorm ? tile : 0);
            slope_.emplace_back(layer.outputs, tile);
            parameter_count_ += layer.outputs * (layer.inputs + 1);
        }
        gradient_.resize(static_cast<std::size_t>(parameter_count_));
        input_ = Matrix<T>(plan.layers.front().inputs, plan.batch_size);
        target_ = Matrix<T>(plan.layers.back().outputs, plan.batch_size);
    }

    // One step; returns the loss of the batch before it.
    double step(const MemberPlan& member, Index iteration, T* w, T* m, T* v) {
        draw(member, iteration);
        std::fill(gradient_.begin(), gradient_.end(), T{0});
        double error = 0;
        for (Index first = 0; first < plan_.batch_size; first += tile_columns) {
            const Index columns = std::min(tile_columns, plan_.batch_size - first);
            forward(w, first, columns);
            error += output_slope(first, columns);
            backward(w, first, columns);
        }
        double loss = error / static_cast<double>(target_.size());
        if (plan_.loss == Loss::rmse) {  // the slope of a square root, once for the whole batch
            loss = std::sqrt(loss);
            const T scale = loss > 0 ? static_cast<T>(0.5 / loss) : T{0};
            for (T& g : gradient_)
                g *= scale;
        }
        const double rate = learning_rate(plan_.rate, plan_.rate_floor, iteration, member.iterations);
        adam_step<T>(plan_.adam, static_cast<T>(rate), static_cast<T>(member.decay), iteration + 1,
                     Batch<const T>(gradient_.data(), parameter_count_, 1), Batch<T>(m, parameter_count_, 1),
                     Batch<T>(v, parameter_count_, 1), Batch<T>(w, parameter_count_, 1), 1);
        return loss;
    }

private:
    void draw(const MemberPlan& member, Index iteration) {
        const std::uint64_t data = stream::member + member.member;
        const Index first = iteration * plan_.batch_size;
        plan_.samples->draw(*on_, plan_.seed, data, first, input_.view(), target_.view());
        if (!member.shuffled)
            return;
        // Fisher-Yates; a batch needs fewer than 2^32 numbers, so iterations do not meet
        RandomStream random(plan_.seed, stream::shuffle + member.member, static_cast<std::uint64_t>(iteration) << 32);
        for (Index i = plan_.batch_size - 1; i > 0; --i) {
            const auto j = static_cast<Index>(random.below(static_cast<std::uint32_t>(i + 1)));
            std::swap_ranges(target_.column(i).begin(), target_.column(i).end(), target_.column(j).begin());
        }
    }

    [[nodiscard]] Batch<const T> layer_input(std::size_t k, Index first, Index columns) const {
        if (k == 0)
            return input_.view().columns(first, columns);
        return (plan_.layers[k - 1].renorm ? normalised_[k - 1] : activation_[k - 1]).view().columns(0, columns);
    }

    void forward(const T* w, Index first, Index columns) {
        for (std::size_t k = 0; k < plan_.layers.size(); ++k) {
            const Layer& layer = plan_.layers[k];
            const Batch<const T> W(w, layer.outputs, layer.inputs);
            const Batch<const T> b = layer.bias ? Batch<const T>(w + W.size(), layer.outputs, 1) : Batch<const T>();
            const Batch<T> y = activation_[k].view().columns(0, columns);
            dense_forward<T>(layer.activation, W, b, layer_input(k, first, columns), y, 1);
            if (layer.renorm)
                renorm_forward<T>(y, normalised_[k].view().columns(0, columns), 1);
            w += layer.outputs * (layer.inputs + 1);
        }
    }

    // Sum of squared errors of the tile; their slope goes to the last layer.
    double output_slope(Index first, Index columns) {
        const std::size_t last = plan_.layers.size() - 1;
        const T scale = static_cast<T>(2.0 / static_cast<double>(target_.size()));
        double error = 0;
        for (Index j = 0; j < columns; ++j) {
            const T* y = (plan_.layers[last].renorm ? normalised_[last] : activation_[last]).column(j).data();
            const T* wanted = target_.column(first + j).data();
            T* slope = slope_[last].column(j).data();
            T sum = 0;
#pragma omp simd reduction(+ : sum)
            for (Index i = 0; i < target_.rows(); ++i) {
                const T difference = y[i] - wanted[i];
                sum += difference * difference;
                slope[i] = scale * difference;
            }
            error += static_cast<double>(sum);
        }
        return error;
    }

    void backward(const T* w, Index first, Index columns) {
        Index offset = parameter_count_;
        for (std::size_t k = plan_.layers.size(); k-- > 0;) {
            const Layer& layer = plan_.layers[k];
            offset -= layer.outputs * (layer.inputs + 1);
            const Batch<const T> W(w + offset, layer.outputs, layer.inputs);
            const Batch<const T> y = std::as_const(activation_[k]).view().columns(0, columns);
            const Batch<T> dy = slope_[k].view().columns(0, columns);
            if (layer.renorm)
                renorm_backward<T>(y, std::as_const(normalised_[k]).view().columns(0, columns), dy, dy, 1);
            T* g = gradient_.data() + offset;
            const Batch<T> db = layer.bias ? Batch<T>(g + W.size(), layer.outputs, 1) : Batch<T>();
            dense_backward<T>(layer.activation, W, layer_input(k, first, columns), y, dy,
                              {g, layer.outputs, layer.inputs}, db,
                              k == 0 ? Batch<T>() : slope_[k - 1].view().columns(0, columns), 1);
        }
    }

    const TrainPlan<T>& plan_;
    Index parameter_count_ = 0;
    std::vector<Matrix<T>> activation_, normalised_, slope_;  // a layer each, one tile
    std::vector<T> gradient_;
    Matrix<T> input_, target_;                                 // the whole batch
    std::unique_ptr<Backend<T>> on_ = make_cpu_backend<T>(1);  // keeps the working memory of the source
};

}  // namespace

template <class T>
void train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last, Batch<T> parameters,
           Batch<T> m, Batch<T> v, Batch<T> loss, int threads) {
    std::vector<std::exception_ptr> failures(members.size());
#pragma omp parallel num_threads(threads) if (members.size() > 1)
    {
        std::optional<Trainer<T>> trainer;  // made inside the try: no exception may leave the parallel region
#pragma omp for schedule(dynamic, 1)
        for (Index i = 0; i < parameters.batch; ++i) {
            const MemberPlan& member = members[static_cast<std::size_t>(i)];
            try {
                if (!trainer)
                    trainer.emplace(plan);
                for (Index iteration = first; iteration < last; ++iteration)
                    loss(iteration - first, 0, i) =
                        iteration < member.iterations
                            ? static_cast<T>(trainer->step(member, iteration, parameters.item(i).data, m.item(i).data,
                                                           v.item(i).data))
                            : std::numeric_limits<T>::quiet_NaN();
            } catch (...) {
                failures[static_cast<std::size_t>(i)] = std::current_exception();
            }
        }
    }
    for (const std::exception_ptr& failure : failures)
        if (failure)
            std::rethrow_exception(failure);
}

template void train<float>(const TrainPlan<float>&, std::span<const MemberPlan>, Index, Index, Batch<float>,
                           Batch<float>, Batch<float>, Batch<float>, int);
template void train<double>(const TrainPlan<double>&, std::span<const MemberPlan>, Index, Index, Batch<double>,
                            Batch<double>, Batch<double>, Batch<double>, int);

}  // namespace descrambler::cpu
