#include "descrambler/executor.hpp"

#include <algorithm>

#include "descrambler/matrix.hpp"

namespace descrambler {
namespace {

// value_of(i): something with data() and size() for every item of a batch.
template <class F>
Buffer<double> upload(Backend<double>& on, Index rows, Index cols, Index batch, const F& value_of) {
    std::vector<double> host;
    host.reserve(static_cast<std::size_t>(rows * cols * batch));
    for (Index i = 0; i < batch; ++i) {
        const auto& value = value_of(i);
        require(static_cast<Index>(value.size()) == rows * cols, "ensemble: networks of different shapes");
        host.insert(host.end(), value.data(), value.data() + value.size());
    }
    Buffer<double> memory = on.allocate(rows * cols * batch);
    on.upload(host.data(), memory.view(rows, cols, batch));
    return memory;
}

}  // namespace

Executor::Executor(Backend<double>& on, std::span<const Network> networks, TapPoint point, bool bias)
    : on_(&on), count_(std::ssize(networks)) {
    require(count_ > 0 && !networks.front().layers.empty(), "executor: no network");
    require(point.layer >= 0 && point.layer <= std::ssize(networks.front().layers) &&
                (point.layer > 0 || point.side == Tap::after),
            "executor: a point that the network does not have");
    inputs_ = networks.front().inputs();
    for (Index k = 0; k < point.layer; ++k) {
        const auto layer = [&](Index i) -> const DenseLayer& {
            return networks[static_cast<std::size_t>(i)].layers[static_cast<std::size_t>(k)];
        };
        const DenseLayer& first = layer(0);
        for (const Network& network : networks)
            require(std::ssize(network.layers) > k &&
                        network.layers[static_cast<std::size_t>(k)].weight.rows() == first.weight.rows() &&
                        network.layers[static_cast<std::size_t>(k)].weight.cols() == first.weight.cols(),
                    "ensemble: networks of different shapes");
        const bool last = k + 1 == point.layer && point.side == Tap::before;
        bool biased = false;
        for (Index i = 0; i < count_ && (bias || !last); ++i)
            biased = biased || !layer(i).bias.empty();
        const Index rows = first.weight.rows(), cols = first.weight.cols();
        Step& step = steps_.emplace_back();
        step.activation = last ? Activation::identity : first.activation;
        step.renorm = !last && first.renorm;
        if (on.on_host() && count_ == 1) {
            step.weight = first.weight.view();
            if (biased)
                step.bias = Batch<const double>(first.bias.data(), rows, 1);
            continue;
        }
        step.held.push_back(
            upload(on, rows, cols, count_, [&](Index i) -> const Matrix<double>& { return layer(i).weight; }));
        step.weight = step.held.back().view(rows, cols, count_);
        if (!biased)
            continue;
        step.held.push_back(upload(on, rows, 1, count_, [&](Index i) {
            return layer(i).bias.empty() ? std::vector<double>(static_cast<std::size_t>(rows)) : layer(i).bias;
        }));
        step.bias = step.held.back().view(rows, 1, count_);
    }
}

void Executor::reserve(Index columns, LayerSignals& signals) const {
    signals.layers.resize(std::max(signals.layers.size(), steps_.size()));
    for (std::size_t k = 0; k < steps_.size(); ++k)
        if (const Index size = steps_[k].weight.rows * columns * count_; signals.layers[k].size() < size)
            signals.layers[k] = on_->allocate(size);
}

Batch<const double> Executor::run(Batch<const double> X, LayerSignals& signals) const {
    reserve(X.cols, signals);
    Batch<const double> x{X.data, X.rows, X.cols, count_, 0};
    for (std::size_t k = 0; k < steps_.size(); ++k) {
        const Step& step = steps_[k];
        const Batch<double> y{signals.layers[k].data(), step.weight.rows, X.cols, count_};
        on_->dense_forward(step.activation, step.weight, step.bias, x, y);
        if (step.renorm)
            on_->renorm_forward(y, y);
        x = y;
    }
    return x;
}

Matrix<double> Executor::run(const Matrix<double>& X) const {
    require(count_ == 1, "executor: a matrix of the signals of one network");
    if (steps_.empty())
        return X;
    LayerSignals signals;
    Buffer<double> memory;
    Batch<const double> x = X.view();
    if (!on_->on_host()) {
        memory = on_->allocate(X.size());
        on_->upload(X.data(), memory.view(X.rows(), X.cols()));
        x = memory.view(X.rows(), X.cols());
    }
    const Batch<const double> S = run(x, signals);
    Matrix<double> out(S.rows, S.cols);
    on_->download(S, out.data());
    return out;
}

LayerRecord record_layer(Backend<double>& on, const DenseLayer& layer, const Matrix<double>& H) {
    LayerRecord record;
    record.value = multiply(on, Op::none, Op::none, layer.weight, H);
    record.slope = Matrix<double>(record.value.rows(), record.value.cols());
    for (Index j = 0; j < record.value.cols(); ++j) {
        const auto value = record.value.column(j);
        for (Index i = 0; i < record.value.rows(); ++i) {
            const double z = value[i] + (layer.bias.empty() ? 0 : layer.bias[i]);
            record.slope(i, j) = activation_slope(layer.activation, z);
            value[i] = activation_value(layer.activation, z);
        }
        if (!layer.renorm)
            continue;
        double mean = 0;
        for (const double h : value)
            mean += h;
        mean /= static_cast<double>(value.size());
        for (double& h : value)
            h /= mean;
        record.mean.push_back(mean);
    }
    return record;
}

}  // namespace descrambler
