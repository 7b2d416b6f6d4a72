// Attacks: on linear logits, where the change is known, and on bounds.
#include "descrambler/adversarial.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "descrambler/error.hpp"

namespace descrambler {
namespace {

// y = W x of three inputs.
Graph linear(Index outputs, std::vector<double> W) {
    Graph graph;
    graph.values = {{"x", {1, 3}}, {"y", {1, outputs}}};
    graph.nodes.push_back({"y", "Gemm", Product{tensor({outputs, 3}, std::move(W)), {}}, {0}, 1, -1});
    graph.output = 1;
    graph.output_shape = {1, outputs};
    return graph;
}

class AdversarialTest : public testing::Test {
protected:
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    Graph graph = linear(2, {1, -2, .5, 0, 0, 0});
    std::vector<double> raw{3, 1, 2}, mean{1, 1, 1}, scale{2, -4, 1};  // x = (1, 0, 1), y = (1.5, 0)
};

// Away from output 0 against the sign of its row over the scale; y_0 falls by eps sum |w / scale|.
TEST_F(AdversarialTest, LinearLogitsChangeAsPredicted) {
    const std::vector<double> away = fast_gradient_sign(*on, graph, raw, mean, scale, {.25});
    EXPECT_EQ(away, (std::vector<double>{2.75, .75, 1.75}));
    double change = 0;
    for (std::size_t i = 0; i < 3; ++i)
        change += std::vector<double>{1, -2, .5}[i] * (away[i] - raw[i]) / scale[i];
    EXPECT_DOUBLE_EQ(change, -.25 * (.5 + .5 + .5));
    EXPECT_EQ(fast_gradient_sign(*on, graph, raw, mean, scale, {.25, 0}), (std::vector<double>{3.25, 1.25, 2.25}));
    EXPECT_EQ(fast_gradient_sign(*on, graph, raw, mean, scale, {.25, 1}), away);  // of two classes
}

TEST_F(AdversarialTest, BoundsHoldAndWhatIsOutsideStays) {
    EXPECT_EQ(fast_gradient_sign(*on, graph, raw, mean, scale, {.5, std::nullopt, .75, 2.6}),
              (std::vector<double>{2.5, .75, 1.5}));
    EXPECT_EQ(fast_gradient_sign(*on, graph, raw, mean, scale, {.5, 0, .75, 2.6}), (std::vector<double>{3, 1.5, 2.5}));
}

// softmax(y) is 1 to rounding, and the direction is still there.
TEST_F(AdversarialTest, SureClassifiers) {
    const Graph sure = linear(2, {100, -200, 50, 0, 0, 0});
    EXPECT_EQ(fast_gradient_sign(*on, sure, raw, mean, scale, {.25}), (std::vector<double>{2.75, .75, 1.75}));
}

TEST_F(AdversarialTest, ControlHasTheSizeAndOtherSigns) {
    const std::vector<double> many(1000, 1.), other = random_signs(*on, many, {.25}, 5);
    EXPECT_EQ(random_signs(*on, many, {.25}, 5), other);
    EXPECT_NE(random_signs(*on, many, {.25}, 6), other);
    double sum = 0;
    for (const double number : other) {
        EXPECT_EQ(std::abs(number - 1), .25);
        sum += number - 1;
    }
    EXPECT_LT(std::abs(sum), .25 * 5 * std::sqrt(1000));  // five deviations
}

TEST_F(AdversarialTest, OneOutputIsNoClass) {
    EXPECT_THROW((void)fast_gradient_sign(*on, linear(1, {1, 1, 1}), raw, mean, scale, {.25}), InputError);
    EXPECT_THROW((void)fast_gradient_sign(*on, graph, raw, mean, scale, {.25, 2}), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
