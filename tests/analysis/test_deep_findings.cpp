#include "analysis/deer/deep_findings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "analysis/deer/findings_parts.hpp"
#include "descramble/fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;

std::vector<double> column_of(const Matrix<double>& A) {
    return {A.values().begin(), A.values().end()};
}

// widths.front() inputs, tanh between, logistic at the end; weights of standard deviation 1 / sqrt(in).
Network network_of(const std::vector<Index>& widths, std::uint64_t number) {
    Network net;
    for (std::size_t k = 1; k < widths.size(); ++k) {
        const Index in = widths[k - 1], out = widths[k];
        net.layers.push_back({scaled(normal(out, in, number + 2 * k), 1 / std::sqrt(static_cast<double>(in))),
                              column_of(scaled(normal(out, 1, number + 2 * k + 1), 0.3)),
                              k + 1 < widths.size() ? Activation::tanh : Activation::logistic, false});
    }
    return net;
}

// Pre-activation of layer K at x.
Matrix<double> before(Backend<double>& on, const Network& net, const Matrix<double>& x, Index layer) {
    const DenseLayer& last = net.layers[static_cast<std::size_t>(layer - 1)];
    Matrix<double> z = multiply(on, Op::none, Op::none, last.weight, forward(on, net, x, layer - 1));
    for (Index i = 0; i < z.rows(); ++i)
        z(i, 0) += last.bias[static_cast<std::size_t>(i)];
    return z;
}

TEST(DeepFindings, JacobiansMatchFiniteDifferences) {
    const auto on = make_cpu_backend<double>(1);
    const Network net = network_of({7, 6, 5, 8, 9}, 100);
    const Matrix<double> x0 = normal(7, 1, 99);
    const double h = 1e-5;
    for (Index layer = 1; layer <= 4; ++layer) {
        const Matrix<double> J = input_jacobian(*on, net, x0, layer);
        for (Index t = 0; t < 7; ++t) {
            Matrix<double> above = x0, below = x0;
            above(t, 0) += h;
            below(t, 0) -= h;
            const Matrix<double> zp = before(*on, net, above, layer), zm = before(*on, net, below, layer);
            for (Index i = 0; i < J.rows(); ++i)  // third derivatives of order one: h^2; rounding u / h
                EXPECT_NEAR(J(i, t), (zp(i, 0) - zm(i, 0)) / (2 * h), 10 * (h * h + 100 * u / h));
        }
    }
    // through layer k: J(k ->) D_k J(-> k) is J(-> L)
    const Matrix<double> whole = input_jacobian(*on, net, x0, 4);
    for (Index layer = 1; layer < 4; ++layer) {
        Matrix<double> part = input_jacobian(*on, net, x0, layer);
        const Matrix<double> z = before(*on, net, x0, layer);
        for (Index i = 0; i < part.rows(); ++i)
            for (Index t = 0; t < part.cols(); ++t)
                part(i, t) *= 1 - std::tanh(z(i, 0)) * std::tanh(z(i, 0));
        const Matrix<double> joined = multiply(*on, Op::none, Op::none, output_jacobian(*on, net, x0, layer), part);
        EXPECT_LE(largest_difference(joined, whole), 100 * u);
    }
    EXPECT_THROW((void)input_jacobian(*on, net, x0, 5), std::invalid_argument);
    EXPECT_THROW((void)output_jacobian(*on, net, x0, 4), std::invalid_argument);
    Network renormalised = net;
    renormalised.layers[1].renorm = true;
    EXPECT_THROW((void)input_jacobian(*on, renormalised, x0, 4), InputError);
}

TEST(DeepFindings, NumberingOfHiddenNeuronsIsNotSeen) {
    // neurons of all hidden layers permuted and turned in sign (tanh is odd): the same function, and every tap says so
    const auto on = make_cpu_backend<double>(1);
    const std::vector<Index> widths{20, 12, 10, 16};
    const Network net = network_of(widths, 200);
    Network other = net;
    RandomStream random(5, stream::analysis);
    for (std::size_t k = 0; k + 1 < net.layers.size(); ++k) {
        const Index n = widths[k + 1];
        std::vector<Index> place(static_cast<std::size_t>(n));
        std::iota(place.begin(), place.end(), Index{0});
        for (Index i = n - 1; i > 0; --i)
            std::swap(place[i], place[random.below(static_cast<std::uint32_t>(i + 1))]);
        const DenseLayer low = other.layers[k], high = other.layers[k + 1];
        for (Index i = 0; i < n; ++i) {
            const double sign = random.uniform() < 0.5 ? -1 : 1;
            other.layers[k].bias[i] = sign * low.bias[place[i]];
            for (Index t = 0; t < low.weight.cols(); ++t)
                other.layers[k].weight(i, t) = sign * low.weight(place[i], t);
            for (Index t = 0; t < high.weight.rows(); ++t)
                other.layers[k + 1].weight(t, i) = sign * high.weight(t, place[i]);
        }
    }
    const Matrix<double> X = normal(20, 2000, 210);
    ASSERT_LE(largest_difference(forward(*on, net, X), forward(*on, other, X)), 1e-13);
    const Matrix<double> x0 = column_mean(X);
    const std::vector<Network> both{net, other};
    for (const Index layer : {1, 2, 3})
        for (const Tap tap : {Tap::before, Tap::after}) {
            const DescrambleRequest request{.tap = {.at = {layer, tap}}};
            const std::vector<Descrambling> found = descramble(both, library_of(X), request, Execution::on_cpu(1));
            std::vector<Matrix<double>> rows;
            for (std::size_t i = 0; i < 2; ++i)
                rows.push_back(comparable_rows(*on, both[i], x0, request.tap, found[i].solution.P));
            if (layer == 3 && tap == Tap::after) {
                EXPECT_EQ(rows[0].size(), 0);
                continue;
            }
            const Stencil stencil = make_stencil(*on, request.stencil, rows[0].rows());
            // gammas closer than 1e-3 are not expected of 20 random directions; rounding u over that gap
            EXPECT_NEAR(align(*on, stencil, rows[0], rows[1]).s, 1, 1e-10) << layer << to_string(tap);
            const TapReading a = read_tap(*on, stencil, both[0], request.tap, found[0].solution),
                             b = read_tap(*on, stencil, both[1], request.tap, found[1].solution);
            EXPECT_NEAR(a.compactness, b.compactness, 1e-10);
            EXPECT_NEAR(a.eta_gain_db, 10 * std::log10(found[0].solution.eta_raw / found[0].solution.eta), 1e-12);
        }
    // raw weights of an inner layer are not comparable
    const Stencil inner = make_stencil(*on, StencilKind::fourier2, 10);
    EXPECT_LT(align(*on, inner, both[0].layers[1].weight, both[1].layers[1].weight).s, 0.8);
}

TEST(DeepFindings, FirstAndLastWeightAreComparedThemselves) {
    const auto on = make_cpu_backend<double>(1);
    const Network net = network_of({9, 6, 8}, 300);
    const Matrix<double> P = orthogonal(*on, 6, 301), x0 = normal(9, 1, 302);
    EXPECT_LE(largest_difference(comparable_rows(*on, net, x0, {.at = {1, Tap::before}}, P),
                                 multiply(*on, Op::none, Op::none, P, net.layers[0].weight)),
              20 * u);
    EXPECT_LE(largest_difference(comparable_rows(*on, net, x0, {.at = {1, Tap::after}}, P),
                                 multiply(*on, Op::none, Op::transpose, P, net.layers[1].weight)),
              20 * u);
}

TEST(DeepFindings, CompactnessIsE6ForTheFourierStencil) {
    const auto on = make_cpu_backend<double>(1);
    const Network net = network_of({64, 80, 40}, 400);
    const Stencil stencil = make_stencil(*on, StencilKind::fourier2, 80);
    Solution solution;
    solution.P = orthogonal(*on, 80, 401);
    solution.eta_raw = 1000;
    solution.eta = 1;
    const TapReading reading = read_tap(*on, stencil, net, {}, solution);
    EXPECT_NEAR(reading.eta_gain_db, 30, 1e-12);
    const auto e6 = [&](const Matrix<double>& A) {
        const Matrix<double> F = power_spectrum2(*on, A);
        double low = 0, all = 0;
        for (Index j = 0; j < F.cols(); ++j)
            for (Index i = 0; i < 80; ++i) {
                all += F(i, j);
                low += std::min(i, 80 - i) <= 6 ? F(i, j) : 0;
            }
        return low / all;
    };
    EXPECT_NEAR(reading.compactness_raw, e6(net.layers[0].weight), 1e-12);
    EXPECT_NEAR(reading.compactness, e6(multiply(*on, Op::none, Op::none, solution.P, net.layers[0].weight)), 1e-12);
}

TEST(DeepFindings, EffectiveRankByHand) {
    const auto on = make_cpu_backend<double>(1);
    EXPECT_NEAR(effective_rank(*on, identity(7)), 7, 1e-12);
    Matrix<double> one(4, 3);
    for (double& x : one.values())
        x = 2;
    EXPECT_NEAR(effective_rank(*on, one), 1, 1e-12);
    Matrix<double> two(2, 2);  // shares 3/4 and 1/4
    two(0, 0) = 3;
    two(1, 1) = 1;
    EXPECT_NEAR(effective_rank(*on, two), std::exp(0.75 * std::log(4.0 / 3) + 0.25 * std::log(4.0)), 1e-12);
    EXPECT_EQ(effective_rank(*on, Matrix<double>(3, 3)), 0);
}

TEST(DeepFindings, EmbeddingFindsPlantedMaps) {
    const auto on = make_cpu_backend<double>(1);
    const Stencil out = make_stencil(*on, StencilKind::fourier2, 16), in = out;
    const Matrix<double> P_out = orthogonal(*on, 16, 500), P_in = orthogonal(*on, 16, 501);
    const auto planted = [&](const Matrix<double>& E) {  // W with P_out W P_in^T = T E T^T
        const Matrix<double> middle =
            multiply(*on, Op::none, Op::transpose, multiply(*on, Op::none, Op::none, out.T, E), in.T);
        return multiply(*on, Op::transpose, Op::none, P_out, multiply(*on, Op::none, Op::none, middle, P_in));
    };
    Matrix<double> diagonal(16, 16), reversed(16, 16);
    for (Index i = 0; i < 16; ++i) {
        diagonal(i, i) = 1 + 0.1 * static_cast<double>(i);
        reversed(15 - i, i) = 1;
    }
    const Embedding d = read_embedding(*on, out, in, planted(diagonal), P_out, P_in);
    EXPECT_LE(largest_difference(d.E, diagonal), 100 * u);
    EXPECT_NEAR(d.diagonal, 1, 1e-13);
    EXPECT_NEAR(d.permutation, 1, 1e-13);
    EXPECT_NEAR(d.order, 1, 1e-13);
    // columns 0 | 1 2 | .. | 13 14 | 15, reversed 15 | 14 13 | .. | 2 1 | 0: blocks map to blocks, block 4 to itself
    const Embedding r = read_embedding(*on, out, in, planted(reversed), P_out, P_in);
    EXPECT_NEAR(r.diagonal, 2.0 / 16, 1e-13);
    EXPECT_NEAR(r.permutation, 1, 1e-13);
    EXPECT_NEAR(r.order, -1, 1e-13);
    // everything fed by one component: one block of 2 of the 16 rows may have it
    Matrix<double> fan(16, 16);
    for (Index i = 0; i < 16; ++i)
        fan(i, 0) = 1;
    EXPECT_NEAR(read_embedding(*on, out, in, planted(fan), P_out, P_in).permutation, 2.0 / 16, 1e-13);
    // a random map is neither; turning a pair changes nothing
    const Matrix<double> W = normal(16, 16, 502);
    const Embedding before = read_embedding(*on, out, in, W, P_out, P_in);
    EXPECT_LT(before.permutation, 0.6);
    EXPECT_LT(std::abs(before.order), 0.4);
    Matrix<double> turn = identity(16);
    turn(3, 3) = turn(4, 4) = std::cos(1.0);
    turn(4, 3) = std::sin(1.0);
    turn(3, 4) = -turn(4, 3);
    const Matrix<double> gauge =
        multiply(*on, Op::none, Op::transpose, multiply(*on, Op::none, Op::none, out.T, turn), out.T);
    const Embedding after = read_embedding(*on, out, in, W, multiply(*on, Op::none, Op::none, gauge, P_out), P_in);
    EXPECT_NEAR(before.diagonal, after.diagonal, 1e-13);
    EXPECT_NEAR(before.permutation, after.permutation, 1e-13);
    EXPECT_NEAR(before.order, after.order, 1e-13);
    EXPECT_THROW((void)read_embedding(*on, out, in, normal(15, 16, 1), P_out, P_in), std::invalid_argument);
}

class DeepReading : public testing::Test {
protected:
    static void SetUpTestSuite() {
        on_ = make_cpu_backend<double>(1);
        tables_ = std::make_unique<DeerTables>(make_deer_tables(deer_preset("pnas")));
        const auto single = make_cpu_backend<float>(1);
        const DeerLibrary library = make_deer_library(*single, *tables_, 7, stream::library, 0, 512);
        library_ = std::make_unique<FindingsLibrary>(
            FindingsLibrary{to_double(library.input), to_double(library.clean), to_double(library.form_factor),
                            to_double(library.background), to_double(library.target)});
    }
    static void TearDownTestSuite() {
        tables_.reset();
        library_.reset();
        on_.reset();
    }
    static inline std::unique_ptr<Backend<double>> on_;
    static inline std::unique_ptr<DeerTables> tables_;
    static inline std::unique_ptr<FindingsLibrary> library_;
};

TEST_F(DeepReading, IsTheTwoLayerReadingWhereThereAreTwoLayers) {
    const Network net = network_of({256, 80, 256}, 600);
    const Matrix<double> I = identity(80);
    Solution first;
    first.P = I;
    first.eta_raw = 100;
    first.eta = 1;
    const NetworkReading deep = read_deep_findings(*on_, *tables_, *library_, net, &first),
                         two = read_network_findings(*on_, *tables_, *library_, {&net, &I, &I, &I, 100, 1, false});
    EXPECT_EQ(deep.values.size(), 16u);
    for (const auto& [name, value] : deep.values) {
        ASSERT_TRUE(two.values.count(name)) << name;
        EXPECT_EQ(value.descrambled, two.values.at(name).descrambled) << name;
    }
    EXPECT_EQ(deep.jacobian_peak_nm.size(), two.jacobian_peak_nm.size());
    EXPECT_EQ(deep.left_vectors, two.left_vectors);
    EXPECT_EQ(deep.gain, two.gain);
    EXPECT_EQ(deep.spectrum_descrambled, two.spectrum_descrambled);
}

TEST_F(DeepReading, KnowsWhereALayerIsOnlyPassedThrough) {
    // an identity layer with identity activation in the middle: every number of the whole network stays
    const Network two = network_of({256, 40, 256}, 700);
    Network three = two;
    three.layers.insert(three.layers.begin() + 1, {identity(40), {}, Activation::identity, false});
    const NetworkReading a = read_deep_findings(*on_, *tables_, *library_, two, nullptr),
                         b = read_deep_findings(*on_, *tables_, *library_, three, nullptr);
    for (const auto& [name, value] : a.values)
        EXPECT_NEAR(value.descrambled, b.values.at(name).descrambled, 1e-10 * (1 + std::abs(value.descrambled)))
            << name;
}

TEST_F(DeepReading, RefusesWhatDoesNotFit) {
    EXPECT_THROW((void)read_deep_findings(*on_, *tables_, *library_, network_of({256, 40, 12, 256}, 800), nullptr),
                 InputError);
    EXPECT_THROW((void)read_deep_findings(*on_, *tables_, *library_, network_of({255, 40, 256}, 801), nullptr),
                 InputError);
    EXPECT_THROW((void)read_deep_findings(*on_, *tables_, *library_, network_of({256, 40, 20, 128}, 802), nullptr),
                 InputError);
}

}  // namespace
}  // namespace descrambler
