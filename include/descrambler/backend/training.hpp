// Optimisation steps of ensembles: draw, forward, loss, backward, Adam. No leading dimensions. Throws
// std::invalid_argument for shapes and plans that do not fit, and what the source of the samples throws.
#pragma once

#include <cstdint>
#include <span>

#include "descrambler/backend/dense.hpp"

namespace descrambler {

template <class T>
class Backend;

enum class Loss { mse, rmse };  // mean squared error of a batch (over samples and outputs), and its square root

// Adam (Kingma, Ba 2014) with L2 coupled to the gradient, step t from 1:
//   g <- g + decay w;  m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
//   w <- w - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon)
struct AdamOptions {
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

// Where training takes its samples from: a sample is a function of seed, stream and index alone. Several threads use it
// at a time, each with a backend of its own, so it does not change while it is used; working memory can be kept with
// the backend (Memory::kept).
template <class T>  // float, double
class SampleSource {
public:
    virtual ~SampleSource() = default;
    [[nodiscard]] virtual Index inputs() const = 0;   // size of an input
    [[nodiscard]] virtual Index outputs() const = 0;  // size of its target
    // Samples first .. first + n - 1 of a stream into input [inputs, n] and target [outputs, n], where `on` computes.
    virtual void draw(Backend<T>& on, std::uint64_t seed, std::uint64_t stream, Index first, Batch<T> input,
                      Batch<T> target) const = 0;
    // Whether `on` may be a device; otherwise samples are drawn on the host and uploaded.
    [[nodiscard]] virtual bool on_device() const { return false; }
    // Bytes that a device wants besides for each sample while it makes them: training leaves room for a batch of every
    // member.
    [[nodiscard]] virtual std::size_t bytes_on_device() const { return 0; }
    // The same samples of several streams: item b of input and target belongs to streams[b].
    virtual void draw_all(Backend<T>& on, std::uint64_t seed, std::span<const std::uint64_t> streams, Index first,
                          Batch<T> input, Batch<T> target) const {
        for (Index b = 0; b < input.batch; ++b)
            draw(on, seed, streams[static_cast<std::size_t>(b)], first, input.item(b), target.item(b));
    }
};

// What one member of an ensemble trains with.
struct MemberPlan {
    std::uint64_t member = 0;  // its streams: stream::member + member, stream::shuffle + member
    Index iterations = 0;      // steps of its whole schedule
    double decay = 1e-6;       // of Adam
    bool shuffled = false;     // targets permuted within each batch, a fresh permutation every batch
};

// What all members of an ensemble share. Rate of iteration it, from 0:
//   rate (rate_floor + (1 - rate_floor) (1 + cos(pi it / iterations)) / 2)
template <class T>
struct TrainPlan {
    std::span<const Layer> layers;
    Index batch_size = 256;  // samples of a step
    double rate = 1e-2, rate_floor = 0.01;
    AdamOptions adam;
    Loss loss = Loss::mse;
    std::uint64_t seed = 0;
    const SampleSource<T>* samples = nullptr;
};

template <class T>
class Training {
public:
    // One Adam step of w, m and v [any], g of the same shape; step counts from 1.
    void adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m, Batch<T> v,
                   Batch<T> w);
    // Steps first .. last - 1 of every member whose schedule has them. parameters, m, v [P, 1] x members as mlp.hpp
    // packs them; loss [last - first, 1] x members, of each batch before its step, NaN beyond a member's schedule.
    void train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last,
               Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss);

protected:
    ~Training() = default;

private:
    virtual void do_adam_step(const AdamOptions& options, T rate, T decay, Index step, Batch<const T> g, Batch<T> m,
                              Batch<T> v, Batch<T> w) = 0;
    virtual void do_train(const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first, Index last,
                          Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss) = 0;
};

}  // namespace descrambler
