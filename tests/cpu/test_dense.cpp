// Layers, their gradients, Adam.
#include <gtest/gtest.h>

#include <cmath>

#include "descrambler/mlp.hpp"
#include "descrambler/random.hpp"

namespace descrambler {
namespace {

constexpr Activation activations[] = {Activation::identity, Activation::tanh, Activation::logistic,
                                      Activation::softplus, Activation::relu};

std::vector<double> normals(Index n, std::uint64_t stream) {
    RandomStream random(3, stream);
    std::vector<double> x(static_cast<std::size_t>(n));
    for (double& value : x)
        value = random.normal();
    return x;
}

class MlpTest : public ::testing::TestWithParam<Activation> {
protected:
    static constexpr Index inputs = 5, outputs = 4, samples = 3;
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    std::vector<double> W = normals(outputs * inputs, 1), b = normals(outputs, 2), x = normals(inputs * samples, 3),
                        weight = normals(outputs * samples, 4);

    // sum of weight * f(W x + b), with renorm behind if asked
    double value(bool renorm) {
        std::vector<double> y(static_cast<std::size_t>(outputs * samples));
        const Batch<double> view(y.data(), outputs, samples);
        on->dense_forward(GetParam(), {W.data(), outputs, inputs}, {b.data(), outputs, 1}, {x.data(), inputs, samples},
                          view);
        if (renorm)
            on->renorm_forward(view, view);
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i)
            sum += weight[i] * y[i];
        return sum;
    }

    // Central differences of a smooth function: truncation h^2, rounding u / h, both below 1e-9 at h = 1e-5 here; relu
    // is linear between its kinks, none of which lies within h of these inputs.
    void expect_gradient(std::vector<double>& variable, const std::vector<double>& gradient, bool renorm) {
        const double h = 1e-5;
        for (std::size_t i = 0; i < variable.size(); ++i) {
            const double kept = variable[i];
            variable[i] = kept + h;
            const double above = value(renorm);
            variable[i] = kept - h;
            const double below = value(renorm);
            variable[i] = kept;
            EXPECT_NEAR(gradient[i], (above - below) / (2 * h), 2e-8 * (1 + std::abs(gradient[i]))) << "entry " << i;
        }
    }

    void check(bool renorm) {
        std::vector<double> y(static_cast<std::size_t>(outputs * samples)), z = y, dy = weight;
        on->dense_forward(GetParam(), {W.data(), outputs, inputs}, {b.data(), outputs, 1}, {x.data(), inputs, samples},
                          {y.data(), outputs, samples});
        if (renorm) {
            on->renorm_forward({y.data(), outputs, samples}, {z.data(), outputs, samples});
            on->renorm_backward({y.data(), outputs, samples}, {z.data(), outputs, samples},
                                {dy.data(), outputs, samples}, {dy.data(), outputs, samples});
        }
        std::vector<double> dW(W.size()), db(b.size()), dx(x.size());
        on->dense_backward(GetParam(), {W.data(), outputs, inputs}, {x.data(), inputs, samples},
                           {y.data(), outputs, samples}, {dy.data(), outputs, samples}, {dW.data(), outputs, inputs},
                           {db.data(), outputs, 1}, {dx.data(), inputs, samples});
        expect_gradient(W, dW, renorm);
        expect_gradient(b, db, renorm);
        expect_gradient(x, dx, renorm);
    }
};

TEST_P(MlpTest, GradientMatchesFiniteDifferences) {
    check(false);
}

TEST_P(MlpTest, ForwardMatchesTheDefinition) {
    std::vector<double> y(static_cast<std::size_t>(outputs * samples));
    on->dense_forward(GetParam(), {W.data(), outputs, inputs}, {b.data(), outputs, 1}, {x.data(), inputs, samples},
                      {y.data(), outputs, samples});
    for (Index s = 0; s < samples; ++s)
        for (Index o = 0; o < outputs; ++o) {
            double z = b[static_cast<std::size_t>(o)];
            for (Index i = 0; i < inputs; ++i)
                z += W[static_cast<std::size_t>(i * outputs + o)] * x[static_cast<std::size_t>(s * inputs + i)];
            EXPECT_NEAR(y[static_cast<std::size_t>(s * outputs + o)], activation_value(GetParam(), z), 1e-14);
        }
}

TEST_P(MlpTest, SlopeIsTheDerivativeOfTheValue) {
    for (const double z : {-3.0, -0.4, 0.3, 2.0})
        EXPECT_NEAR(activation_slope(GetParam(), z),
                    (activation_value(GetParam(), z + 1e-6) - activation_value(GetParam(), z - 1e-6)) / 2e-6, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Activations, MlpTest, ::testing::ValuesIn(activations));

class RenormTest : public MlpTest {};
TEST_P(RenormTest, GradientMatchesFiniteDifferences) {
    check(true);
}
INSTANTIATE_TEST_SUITE_P(Activations, RenormTest, ::testing::Values(Activation::logistic, Activation::softplus));

TEST(Adam, FirstStepMovesByTheRateAgainstTheGradient) {
    const auto on = make_cpu_backend<double>(1);
    std::vector<double> w{1, -2, 0.5}, g{0.3, -4, 1e-3}, m(3), v(3);
    on->adam_step({}, 0.01, 0.0, 1, {g.data(), 3, 1}, {m.data(), 3, 1}, {v.data(), 3, 1}, {w.data(), 3, 1});
    // bias-corrected moments are g and g^2: the step is rate * sign(g), up to epsilon / |g| = 1e-5
    EXPECT_NEAR(w[0], 0.99, 1e-8);
    EXPECT_NEAR(w[1], -1.99, 1e-8);
    EXPECT_NEAR(w[2], 0.49, 2e-7);
}

TEST(Adam, MatchesAHandMadeSecondStepWithCoupledDecay) {
    const auto on = make_cpu_backend<double>(1);
    double w = 2, m = 0, v = 0, expected = 2, mean = 0, square = 0;
    for (int step = 1; step <= 2; ++step) {
        const double gradient = 0.5 * step, slope = gradient + 0.1 * expected;
        mean = 0.9 * mean + 0.1 * slope;
        square = 0.999 * square + 0.001 * slope * slope;
        expected -=
            0.02 * (mean / (1 - std::pow(0.9, step))) / (std::sqrt(square / (1 - std::pow(0.999, step))) + 1e-8);
        on->adam_step({}, 0.02, 0.1, step, {&gradient, 1, 1}, {&m, 1, 1}, {&v, 1, 1}, {&w, 1, 1});
        EXPECT_NEAR(w, expected, 1e-14);
    }
}

}  // namespace
}  // namespace descrambler
