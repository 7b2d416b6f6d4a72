// Dense layers on the device against the CPU. u is the unit roundoff. A product of depth K of normal numbers has
// results of about sqrt(K) and partial sums of that size: its rounding is a random walk, K u of the largest result at
// the very most on either side; an activation adds a few units.
#include <algorithm>
#include <array>

#include "device.hpp"

namespace descrambler::test {
namespace {

template <class T>
constexpr double u = std::numeric_limits<T>::epsilon() / 2.0;

constexpr Activation activations[] = {Activation::identity, Activation::tanh, Activation::logistic,
                                      Activation::softplus, Activation::relu};

struct Shape {
    Index outputs, inputs, samples, batch;
};
// Around warps and tiles (64; 80 and 128 with many items in single precision), empty, rectangular.
constexpr Shape shapes[] = {{1, 1, 1, 1},    {31, 32, 33, 1}, {33, 31, 32, 11}, {65, 17, 3, 2},
                            {4, 130, 66, 1}, {0, 3, 2, 2},    {3, 0, 2, 2},     {3, 2, 0, 2},
                            {3, 2, 2, 0},    {5, 7, 81, 70},  {129, 9, 2, 70},  {121, 5, 61, 129}};

template <class T>
class Mlp : public testing::Test {
protected:
    std::unique_ptr<Backend<T>> cpu = make_cpu_backend<T>(1);

    struct Forward {
        std::vector<T> y;
    };
    static std::vector<T> forward(Backend<T>& on, Activation f, const Shape& s, bool bias, bool shared) {
        OnDevice<T> W(on, normals<T>(s.outputs * s.inputs * (shared ? 1 : s.batch), 1), s.outputs, s.inputs,
                      shared ? 1 : s.batch),
            b(on, normals<T>(s.outputs * s.batch, 2), s.outputs, 1, s.batch),
            x(on, normals<T>(s.inputs * s.samples * (shared ? 1 : s.batch), 3), s.inputs, s.samples,
              shared ? 1 : s.batch),
            y(on, s.outputs, s.samples, s.batch);
        on.dense_forward(f, shared ? W.shared(s.batch) : W.cview(), bias ? b.cview() : Batch<const T>(),
                         shared ? x.shared(s.batch) : x.cview(), y.view());
        return y.download();
    }

    struct Gradients {
        std::vector<T> dz, dW, db, dx;
    };
    static Gradients backward(Backend<T>& on, Activation f, const Shape& s, bool bias, bool below) {
        OnDevice<T> W(on, normals<T>(s.outputs * s.inputs * s.batch, 1), s.outputs, s.inputs, s.batch),
            x(on, normals<T>(s.inputs * s.samples * s.batch, 3), s.inputs, s.samples, s.batch),
            y(on, normals<T>(s.outputs * s.samples * s.batch, 4), s.outputs, s.samples, s.batch),
            dy(on, normals<T>(s.outputs * s.samples * s.batch, 5), s.outputs, s.samples, s.batch),
            dW(on, normals<T>(s.outputs * s.inputs * s.batch, 6), s.outputs, s.inputs, s.batch),
            db(on, normals<T>(s.outputs * s.batch, 7), s.outputs, 1, s.batch), dx(on, s.inputs, s.samples, s.batch);
        on.dense_backward(f, W.cview(), x.cview(), y.cview(), dy.view(), dW.view(), bias ? db.view() : Batch<T>(),
                          below ? dx.view() : Batch<T>());
        return {dy.download(), dW.download(), db.download(), below ? dx.download() : std::vector<T>()};
    }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(Mlp, Precisions);

TYPED_TEST(Mlp, ForwardByHand) {
    using T = TypeParam;
    const auto gpu = device<T>();
    auto& on = *gpu;
    OnDevice<T> W(on, {1, 3, 2, -4}, 2, 2), b(on, {T(0.5), -1}, 2, 1), x(on, {1, 1, 2, -1}, 2, 2), y(on, 2, 2);
    on.dense_forward(Activation::relu, W.cview(), b.cview(), x.cview(), y.view());
    EXPECT_EQ(y.download(), (std::vector<T>{T(3.5), 0, T(0.5), 9}));
}

TYPED_TEST(Mlp, ForwardMatchesCpu) {
    using T = TypeParam;
    std::size_t turn = 0;
    for (const Shape& s : shapes)
        for (const bool shared : {false, true}) {
            const Activation f = activations[turn++ % std::size(activations)];
            const bool bias = turn % 3 != 0;
            const double tolerance = (2 * static_cast<double>(s.inputs) + 16) * u<T>;
            EXPECT_LE(relative_error(this->forward(*device<T>(), f, s, bias, shared),
                                     this->forward(*this->cpu, f, s, bias, shared)),
                      tolerance)
                << s.outputs << " x " << s.inputs << " x " << s.samples << ", " << s.batch;
        }
}

TYPED_TEST(Mlp, EveryActivationMatchesCpu) {
    using T = TypeParam;
    const Shape s{40, 9, 70, 2};
    for (const Activation f : activations) {
        EXPECT_LE(relative_error(this->forward(*device<T>(), f, s, true, false),
                                 this->forward(*this->cpu, f, s, true, false)),
                  34 * u<T>)
            << static_cast<int>(f);
        const auto found = this->backward(*device<T>(), f, s, true, true);
        const auto wanted = this->backward(*this->cpu, f, s, true, true);
        EXPECT_LE(relative_error(found.dz, wanted.dz), 8 * u<T>) << static_cast<int>(f);
    }
}

TYPED_TEST(Mlp, BackwardMatchesCpu) {
    using T = TypeParam;
    std::size_t turn = 0;
    for (const Shape& s : shapes) {
        if (s.outputs == 0)
            continue;  // no gradients; the CPU leaves dx alone
        const Activation f = activations[turn++ % std::size(activations)];
        const bool bias = turn % 3 != 0, below = turn % 4 != 0;
        const auto found = this->backward(*device<T>(), f, s, bias, below);
        const auto wanted = this->backward(*this->cpu, f, s, bias, below);
        const double samples = (2 * static_cast<double>(s.samples) + 16) * u<T>;
        EXPECT_LE(relative_error(found.dz, wanted.dz), 8 * u<T>) << turn;
        EXPECT_LE(relative_error(found.dW, wanted.dW), samples) << turn;
        EXPECT_LE(relative_error(found.db, wanted.db), samples) << turn;
        EXPECT_LE(relative_error(found.dx, wanted.dx), (2 * static_cast<double>(s.outputs) + 16) * u<T>) << turn;
    }
}

// The tile depends on the number of items, the bits do not.
TYPED_TEST(Mlp, AnItemHasTheSameBitsAloneAndAmongMany) {
    using T = TypeParam;
    for (const auto& [outputs, samples] : {std::array<Index, 2>{70, 90}, {120, 70}, {120, 60}}) {
        Shape many{outputs, 9, samples, 130}, alone = many;
        alone.batch = 1;
        std::vector<T> first = this->forward(*device<T>(), Activation::tanh, many, false, true);
        first.resize(static_cast<std::size_t>(outputs * samples));
        EXPECT_EQ(first, this->forward(*device<T>(), Activation::tanh, alone, false, true));
    }
}

TYPED_TEST(Mlp, RenormalisationMatchesCpuInPlaceToo) {
    using T = TypeParam;
    for (const auto& [rows, cols, batch] : {std::array<Index, 3>{1, 1, 1}, {33, 5, 11}, {256, 3, 1}, {7, 0, 2}}) {
        std::vector<T> x = normals<T>(rows * cols * batch, 1);
        for (T& value : x)
            value = std::abs(value) + T(0.1);  // a mean far from zero: the division does not magnify
        const auto run = [&](Backend<T>& on, bool in_place) {
            OnDevice<T> from(on, x, rows, cols, batch), y(on, rows, cols, batch),
                dy(on, normals<T>(rows * cols * batch, 2), rows, cols, batch), dx(on, rows, cols, batch);
            on.renorm_forward(from.cview(), y.view());
            on.renorm_backward(from.cview(), y.cview(), dy.cview(), in_place ? dy.view() : dx.view());
            return std::array{y.download(), in_place ? dy.download() : dx.download()};
        };
        const auto found = run(*device<T>(), false), again = run(*device<T>(), true), wanted = run(*this->cpu, false);
        EXPECT_LE(relative_error(found[0], wanted[0]), 8 * u<T>);
        EXPECT_LE(relative_error(found[1], wanted[1]), 16 * u<T>);
        EXPECT_EQ(found, again);
    }
}

TYPED_TEST(Mlp, AdamMatchesCpu) {
    using T = TypeParam;
    for (const auto& [size, batch] : {std::array<Index, 2>{1, 1}, {33, 11}, {0, 3}, {1000, 2}}) {
        const auto run = [&](Backend<T>& on) {
            OnDevice<T> g(on, normals<T>(size * batch, 1), size, 1, batch), m(on, size, 1, batch),
                v(on, size, 1, batch), w(on, normals<T>(size * batch, 2), size, 1, batch);
            m.upload(std::vector<T>(static_cast<std::size_t>(size * batch)));
            v.upload(std::vector<T>(static_cast<std::size_t>(size * batch)));
            for (Index step = 1; step <= 3; ++step)
                on.adam_step({}, T(1e-2), T(1e-3), step, g.cview(), m.view(), v.view(), w.view());
            return std::array{m.download(), v.download(), w.download()};
        };
        const auto found = run(*device<T>()), wanted = run(*this->cpu);
        for (std::size_t i = 0; i < 3; ++i)
            EXPECT_LE(relative_error(found[i], wanted[i]), 16 * u<T>) << i;
    }
}

}  // namespace
}  // namespace descrambler::test
