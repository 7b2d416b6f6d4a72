// Training steps of many networks together: every launch serves all members that still have steps to do.
//   draw; forward layer by layer; D = y - target, loss = mean D^2 or its square root; slope 2 D / size of the batch;
//   backward: dx = (W^T dz) f' with the weights before their update, then dW = dz x^T and db straight into Adam
// input [inputs, batch], target [outputs, batch], activations and slopes [outputs of the layer, batch], a slot each.
// A slot is a member at work; members[slot] says which, rates[slot] how fast. The host only enqueues: it never waits.
// flops, bytes: those of deer.cu and dense.cu
// Members do not see each other and every sum has one order: a member has the same bits alone, among others, in
// groups that fit the memory, and in however many calls its steps are cut.
#include "training.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "activation.cuh"
#include "dense.hpp"
#include "descrambler/random.hpp"
#include "reduce.cuh"

namespace descrambler::cuda {

namespace {

constexpr int threads = 256, warps = threads / 32;
constexpr Index steps_a_table = 64;  // steps whose rates go to the device at a time

// ---- kernels -------------------------------------------------------------------------------------------------------

template <class T>
__global__ void __launch_bounds__(threads) nothing_yet_kernel(Batch<T> loss) {  // NaN
    const Index count = loss.size() * loss.batch, step = static_cast<Index>(gridDim.x) * threads;
    for (Index e = static_cast<Index>(blockIdx.x) * threads + threadIdx.x; e < count; e += step)
        loss(e % loss.size(), 0, e / loss.size()) = std::numeric_limits<T>::quiet_NaN();
}

// order [batch, slots]: which column of the targets a sample is given. One block per slot: its threads draw, one swaps
// (Fisher-Yates, the numbers of RandomStream from block iteration 2^32 on: iterations do not meet).
__global__ void __launch_bounds__(threads)
    shuffle_kernel(std::uint64_t seed, const std::uint64_t* streams, const int* shuffled, std::uint64_t iteration,
                   int batch, int* picks, int* order) {
    const Index slot = blockIdx.x;
    picks += slot * batch;
    order += slot * batch;
    const int thread = static_cast<int>(threadIdx.x);
    for (int i = thread; i < batch; i += threads)
        order[i] = i;
    const bool wanted = shuffled[slot] != 0;
    const std::uint64_t stream = streams[slot] - stream::member + stream::shuffle;
    for (int draw = 4 * thread; wanted && draw < batch - 1; draw += 4 * threads) {
        const PhiloxBlock word = philox(seed, stream, (iteration << 32) + static_cast<std::uint64_t>(draw / 4));
#pragma unroll
        for (int w = 0; w < 4; ++w)
            if (draw + w < batch - 1) {
                const auto bound = static_cast<std::uint64_t>(batch - (draw + w));
                picks[draw + w] = static_cast<int>((word[static_cast<std::size_t>(w)] * bound) >> 32);
            }
    }
    __syncthreads();
    if (thread > 0 || !wanted)
        return;
    for (int i = batch - 1; i > 0; --i) {
        const int j = picks[batch - 1 - i], held = order[i];
        order[i] = order[j];
        order[j] = held;
    }
}

// slope = scale (y - target) f'(y), or without f' where a renormalisation stands between; error [batch, slots]: sum of
// squares of a sample. One warp per sample.
template <class T>
__global__ void __launch_bounds__(threads)
    output_slope_kernel(T scale, bool derivative, Activation f, Batch<const T> y, Batch<const T> target,
                        const int* order, Batch<T> slope, double* error) {
    const Index lane = threadIdx.x % 32;
    const Index sample = static_cast<Index>(blockIdx.x) * warps + threadIdx.x / 32;
    if (sample >= y.cols * y.batch)
        return;  // the whole warp
    const Index slot = sample / y.cols, col = sample % y.cols;
    const Index wanted = order == nullptr ? col : order[sample];
    double sum = 0;
    for (Index i = lane; i < y.rows; i += 32) {
        const T value = y(i, col, slot), difference = value - target(i, wanted, slot);
        sum = std::fma(static_cast<double>(difference), static_cast<double>(difference), sum);
        slope(i, col, slot) = scale * difference * (derivative ? activation_slope(f, value) : T{1});
    }
    sum = warp_sum(sum);
    if (lane == 0)
        error[sample] = sum;
}

// loss of the batch, and what the gradient of its square root is to be multiplied with. One block per slot.
template <class T>
__global__ void __launch_bounds__(threads) loss_kernel(bool root, double size, Index batch, const double* error,
                                                       const Index* members, Index step, Batch<T> loss, T* scale) {
    const Index slot = blockIdx.x;
    double* const parts = dynamic_shared<double>();
    double sum = 0;
    for (Index j = threadIdx.x; j < batch; j += threads)
        sum += error[slot * batch + j];
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0)
        parts[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x > 0)
        return;
    double value = 0;
    for (int part = 0; part < warps; ++part)
        value += parts[part];
    value /= size;
    T factor = 1;
    if (root) {
        value = std::sqrt(value);
        factor = value > 0 ? static_cast<T>(0.5 / value) : T{0};
    }
    scale[slot] = factor;
    loss(step, 0, members[slot]) = static_cast<T>(value);
}

// ---- the steps of a group of members -------------------------------------------------------------------------------

template <class T>
std::size_t bytes_of_member(const TrainPlan<T>& plan) {
    Index numbers = plan.layers.front().inputs + plan.layers.back().outputs;
    for (const Layer& layer : plan.layers)
        numbers += layer.outputs * (layer.renorm ? 3 : 2);
    const std::size_t sample = static_cast<std::size_t>(numbers) * sizeof(T) + sizeof(double) + 2 * sizeof(int) +
                               plan.samples->bytes_on_device();
    return sample * static_cast<std::size_t>(plan.batch_size) +
           static_cast<std::size_t>(steps_a_table + 1) * sizeof(AdamRate<T>);
}

// Members that go together, with their scratch memory.
template <class T>
class Group {
public:
    Group(Context& on, Backend<T>& backend, const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index begin,
          Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss)
        : on_(on),
          backend_(backend),
          plan_(plan),
          members_(members),
          begin_(begin),
          loss_(loss),
          slots_(std::ssize(members)),
          input_(on, plan.layers.front().inputs * plan.batch_size * slots_),
          target_(on, plan.layers.back().outputs * plan.batch_size * slots_),
          error_(on, plan.batch_size * slots_),
          scale_(on, slots_),
          picks_(on, plan.batch_size * slots_),
          order_(on, plan.batch_size * slots_),
          shuffled_(on, slots_),
          streams_(on, slots_),
          which_(on, slots_),
          rates_(on, slots_ * steps_a_table),
          parameters_{parameters,
                      m,
                      v,
                      which_.data(),
                      nullptr,
                      scale_.data(),
                      static_cast<T>(plan.adam.beta1),
                      static_cast<T>(plan.adam.beta2),
                      static_cast<T>(plan.adam.epsilon)} {
        for (const Layer& layer : plan.layers) {
            const Index size = layer.outputs * plan.batch_size * slots_;
            activation_.emplace_back(on, size);
            normalised_.emplace_back(on, layer.renorm ? size : 1);
            slope_.emplace_back(on, size);
        }
    }

    void run(Index first, Index last) {
        for (Index begin = first; begin < last;) {
            const Index end = prepare(begin, last);
            if (active_.empty())
                return;
            for (Index iteration = begin; iteration < end; ++iteration)
                step(first, begin, iteration);
            begin = end;
        }
    }

private:
    // The members at work from iteration `begin` on and their rates; returns where that ends.
    Index prepare(Index begin, Index last) {
        Index end = std::min(last, begin + steps_a_table);
        active_.clear();
        host_streams_.clear();
        for (const MemberPlan& member : members_)
            if (begin < member.iterations) {
                active_.push_back(&member);
                end = std::min(end, member.iterations);
            }
        slots_ = std::ssize(active_);
        std::vector<Index> which;
        std::vector<int> shuffled;
        std::vector<AdamRate<T>> rates;
        any_shuffled_ = false;
        for (const MemberPlan* member : active_) {
            which.push_back(begin_ + (member - members_.data()));
            host_streams_.push_back(stream::member + member->member);
            shuffled.push_back(member->shuffled ? 1 : 0);
            any_shuffled_ = any_shuffled_ || member->shuffled;
        }
        for (Index iteration = begin; iteration < end; ++iteration)
            for (const MemberPlan* member : active_) {
                const double rate = learning_rate(plan_.rate, plan_.rate_floor, iteration, member->iterations);
                rates.push_back(
                    adam_rate<T>(plan_.adam, static_cast<T>(rate), static_cast<T>(member->decay), iteration + 1));
            }
        upload(which, which_);
        upload(host_streams_, streams_);
        upload(shuffled, shuffled_);
        upload(rates, rates_);
        return end;
    }

    void step(Index first, Index begin, Index iteration) {
        parameters_.rates = rates_.data() + (iteration - begin) * slots_;
        draw(iteration);
        forward();
        const std::size_t last = plan_.layers.size() - 1;
        const Layer& layer = plan_.layers[last];
        const double size = static_cast<double>(layer.outputs) * static_cast<double>(plan_.batch_size);
        const Batch<T> slope = of_layer(slope_, last);
        const dim3 samples(static_cast<unsigned>((plan_.batch_size * slots_ + warps - 1) / warps));
        launch(on_, output_slope_kernel<T>, samples, threads, 0, static_cast<T>(2.0 / size), !layer.renorm,
               layer.activation, output(last), target_.view(layer.outputs, plan_.batch_size, slots_),
               any_shuffled_ ? order_.data() : nullptr, slope, error_.data());
        launch(on_, loss_kernel<T>, dim3(static_cast<unsigned>(slots_)), threads, warps * sizeof(double),
               plan_.loss == Loss::rmse, size, plan_.batch_size, error_.data(), which_.data(), iteration - first, loss_,
               scale_.data());
        if (layer.renorm)
            renorm_slope<T>(on_, layer.activation, of_layer(activation_, last), output(last), slope, slope);
        backward();
    }

    void draw(Index iteration) {
        const Index batch = plan_.batch_size, first = iteration * batch;
        const Batch<T> input = input_.view(plan_.layers.front().inputs, batch, slots_);
        const Batch<T> target = target_.view(plan_.layers.back().outputs, batch, slots_);
        if (plan_.samples->on_device()) {
            plan_.samples->draw_all(backend_, plan_.seed, host_streams_, first, input, target);
        } else {
            host_input_.resize(static_cast<std::size_t>(input.size() * slots_));
            host_target_.resize(static_cast<std::size_t>(target.size() * slots_));
            if (!host_)
                host_ = make_cpu_backend<T>(1);
            plan_.samples->draw_all(*host_, plan_.seed, host_streams_, first,
                                    {host_input_.data(), input.rows, batch, slots_},
                                    {host_target_.data(), target.rows, batch, slots_});
            upload(host_input_, input_);
            upload(host_target_, target_);
        }
        if (any_shuffled_)
            launch(on_, shuffle_kernel, dim3(static_cast<unsigned>(slots_)), threads, 0, plan_.seed, streams_.data(),
                   shuffled_.data(), static_cast<std::uint64_t>(iteration), static_cast<int>(batch), picks_.data(),
                   order_.data());
    }

    void forward() {
        Index offset = 0;
        for (std::size_t k = 0; k < plan_.layers.size(); ++k) {
            const Layer& layer = plan_.layers[k];
            const Batch<T> y = of_layer(activation_, k);
            layer_forward<T>(on_, parameters_, offset, layer, input_of(k), y);
            if (layer.renorm)
                renorm_forward<T>(on_, y, of_layer(normalised_, k));
            offset += layer.outputs * (layer.inputs + 1);
        }
    }

    void backward() {
        Index offset = parameters_.w.rows;
        for (std::size_t k = plan_.layers.size(); k-- > 0;) {
            const Layer& layer = plan_.layers[k];
            offset -= layer.outputs * (layer.inputs + 1);
            const Batch<const T> dz = of_layer(slope_, k);
            if (k > 0) {  // before the weights change
                const Layer& below = plan_.layers[k - 1];
                const Batch<T> dx = of_layer(slope_, k - 1), y = of_layer(activation_, k - 1);
                layer_slope<T>(on_, parameters_, offset, layer, dz, below.activation,
                               below.renorm ? Batch<const T>() : Batch<const T>(y), dx);
                if (below.renorm)
                    renorm_slope<T>(on_, below.activation, y, output(k - 1), dx, dx);
            }
            layer_step<T>(on_, parameters_, offset, layer, dz, input_of(k));
        }
    }

    [[nodiscard]] Batch<T> of_layer(const std::vector<Memory<T>>& memory, std::size_t k) const {
        return memory[k].view(plan_.layers[k].outputs, plan_.batch_size, slots_);
    }
    [[nodiscard]] Batch<const T> output(std::size_t k) const {
        return of_layer(plan_.layers[k].renorm ? normalised_ : activation_, k);
    }
    [[nodiscard]] Batch<const T> input_of(std::size_t k) const {
        return k > 0 ? output(k - 1)
                     : Batch<const T>(input_.view(plan_.layers.front().inputs, plan_.batch_size, slots_));
    }
    template <class U>
    void upload(const std::vector<U>& from, const Memory<U>& to) {
        if (!from.empty())
            on_.to_device(to.data(), from.data(), from.size() * sizeof(U));
    }

    Context& on_;
    Backend<T>& backend_;
    const TrainPlan<T>& plan_;
    std::span<const MemberPlan> members_;
    Index begin_;  // index of members_[0] among all
    Batch<T> loss_;
    Index slots_;
    std::vector<const MemberPlan*> active_;  // [slots]
    bool any_shuffled_ = false;
    Memory<T> input_, target_;
    Memory<double> error_;
    Memory<T> scale_;
    Memory<int> picks_, order_, shuffled_;
    Memory<std::uint64_t> streams_;
    Memory<Index> which_;
    Memory<AdamRate<T>> rates_;  // [slots, steps of the table]
    Parameters<T> parameters_;
    std::vector<Memory<T>> activation_, normalised_, slope_;  // a layer each
    std::vector<std::uint64_t> host_streams_;                 // [slots]
    std::unique_ptr<Backend<T>> host_;                        // draws what cannot be drawn on the device
    std::vector<T> host_input_, host_target_;
};

}  // namespace

template <class T>
void train(Context& on, Backend<T>& backend, const TrainPlan<T>& plan, std::span<const MemberPlan> members, Index first,
           Index last, Batch<T> parameters, Batch<T> m, Batch<T> v, Batch<T> loss) {
    if (members.empty() || first == last)
        return;
    launch(on, nothing_yet_kernel<T>, blocks_for(loss.size() * loss.batch, threads), threads, 0, loss);
    const Index count = std::ssize(members), most = items_that_fit(on, count, bytes_of_member(plan));
    for (Index begin = 0; begin < count;) {
        Index size = std::min(most, count - begin);
        Group<T> group = make_what_fits(size, [&](Index fits) {
            return Group<T>(on, backend, plan,
                            members.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(fits)), begin,
                            parameters, m, v, loss);
        });
        group.run(first, last);
        begin += size;
    }
}

template void train<float>(Context&, Backend<float>&, const TrainPlan<float>&, std::span<const MemberPlan>, Index,
                           Index, Batch<float>, Batch<float>, Batch<float>, Batch<float>);
template void train<double>(Context&, Backend<double>&, const TrainPlan<double>&, std::span<const MemberPlan>, Index,
                            Index, Batch<double>, Batch<double>, Batch<double>, Batch<double>);

}  // namespace descrambler::cuda
