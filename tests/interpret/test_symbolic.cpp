#include "descrambler/symbolic.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;
using Numbers = std::vector<double>;

double sum_of(const Numbers& numbers) {
    return std::accumulate(numbers.begin(), numbers.end(), 0.0);
}

TEST(Contraction, ByHandInBothLayouts) {
    const Numbers a{1, 2, 3, 4}, x{1, -1, 2, 1};
    EXPECT_EQ(contract(a, x, {2, 2, false}), (Numbers{1 + 6, -2 + 4}));  // two features of two pixels
    EXPECT_EQ(contract(a, x, {2, 2, true}), (Numbers{1 - 2, 6 + 4}));
    EXPECT_EQ(feature_mean(a, {2, 2, false}), (Numbers{2, 3}));
    EXPECT_EQ(feature_mean(a, {2, 2, true}), (Numbers{1.5, 3.5}));
    EXPECT_EQ(without_negatives({-1, 2}), (Numbers{0, 2}));
    EXPECT_THROW((void)contract(a, x, {3, 2, false}), std::invalid_argument);
}

TEST(Measures, ByHand) {
    const PixelLayout square{1, 4, false};
    EXPECT_EQ(participation(Numbers{1, 1, 1, 1}, square), 1);
    EXPECT_EQ(participation(Numbers{0, 5, 0, 0}, square), .25);
    EXPECT_EQ(participation(Numbers{0, 0, 0, 0}, square), 0);
    const Mirrored stripes = mirror_symmetry(Numbers{1, -1, 1, -1}, square, 2);
    EXPECT_EQ(stripes.left_right, -1);
    EXPECT_EQ(stripes.up_down, 1);
    EXPECT_EQ(roughness(Numbers{2, 2, 2, 2}, square, 2), 0);
    EXPECT_EQ(roughness(Numbers{1, -1, -1, 1}, square, 2), 2);  // four differences of 2 over 4
}

class SymbolicTest : public testing::Test {
protected:
    // R of rank 4 on 3 features of 4 pixels, one output that reads z by (1, -2, 3, -1), b_j = .7
    std::unique_ptr<Backend<double>> on = make_cpu_backend<double>(1);
    LinearOperator R = matrix_operator(wave(4, 12, .4));
    Numbers x, row;
    PixelLayout layout{3, 4, true};
    double linear = 0, norm_x = 0;

    void SetUp() override {
        const Matrix<double> X = wave(12, 1, 1.3);
        x.assign(X.values().begin(), X.values().end());
        Matrix<double> L(4, 1);
        std::ranges::copy(Numbers{1, -2, 3, -1}, L.data());
        const Matrix<double> back = R.adjoint(*on, L);
        row.assign(back.values().begin(), back.values().end());
        linear = std::inner_product(x.begin(), x.end(), row.begin(), 0.0);
        norm_x = std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
    }
    [[nodiscard]] double value(const SymbolicForm& form, const RightSpectrum& spectrum, const SplitTerms& terms) const {
        return sum_of(evaluate(form, spectrum, terms, x, row, layout));
    }
};

TEST_F(SymbolicTest, EvaluatesToTheOutputInEveryForm) {
    SplitOptions two;
    two.terms = 2;
    two.largest_full = 0;
    for (const SplitOptions& options : {SplitOptions{}, two})
        for (const double threshold : {0.0, .3}) {
            const RightSpectrum spectrum = right_spectrum(*on, R, options);
            const SplitTerms terms = split_terms(spectrum, x, row, linear, .7, linear + .7);
            const ToldApart apart = tell_apart(spectrum, terms, 3, threshold);
            EXPECT_TRUE(apart.closes);
            EXPECT_NEAR(value(symbolic_form(spectrum, terms, apart, 4), spectrum, terms), terms.y, 1e-13);
            const Reduction reduced = reduce_cancellation(apart.all());
            const SymbolicForm form = symbolic_form(reduced, terms, apart, norm_x, 4);
            EXPECT_EQ(form.terms.size(), reduced.terms.size());
            EXPECT_NEAR(value(form, spectrum, terms), terms.y, 1e-13);
        }
}

TEST_F(SymbolicTest, WithAllTermsThereIsNoRest) {
    const RightSpectrum spectrum = right_spectrum(*on, R, {});
    const SplitTerms terms = split_terms(spectrum, x, row, linear, .7, linear + .7);
    const ToldApart apart = tell_apart(spectrum, terms, 4, 0);
    const SymbolicForm form = symbolic_form(spectrum, terms, apart, 4);
    EXPECT_EQ(form.terms.size(), 4U);
    EXPECT_NEAR(value(form, spectrum, terms), terms.y, 1e-13);
    for (Index k = 0; k < 4; ++k)
        EXPECT_NEAR(sum_of(contract(spectrum.V.column(k), x, layout)), terms.projection[static_cast<std::size_t>(k)],
                    1e-14);
    for (const double number : rest_map(form, spectrum, terms, x, row, layout))
        EXPECT_NEAR(number, 0, 1e-13);  // what is left of terms of some tens, as the value above
}

// An input that the first vector does not see: its reduced factor would be a number over nothing.
TEST_F(SymbolicTest, GuardsWhatHasNoProjection) {
    const RightSpectrum spectrum = right_spectrum(*on, R, {});
    const double along = std::inner_product(x.begin(), x.end(), spectrum.V.column(0).begin(), 0.0);
    for (Index i = 0; i < 12; ++i)
        x[static_cast<std::size_t>(i)] -= along * spectrum.V(i, 0);
    linear = std::inner_product(x.begin(), x.end(), row.begin(), 0.0);
    const SplitTerms terms = split_terms(spectrum, x, row, linear, .7, linear + .7);
    const ToldApart apart = tell_apart(spectrum, terms, 4, 0);
    Reduction planted;
    planted.terms = {{0, 2, false}, {1, linear - 2, false}};
    const SymbolicForm form = symbolic_form(planted, terms, apart, norm_x, 4);
    EXPECT_TRUE(form.terms[0].guarded);
    EXPECT_FALSE(form.terms[1].guarded);
    EXPECT_NEAR(value(form, spectrum, terms), terms.y, 1e-13);
}

TEST(SymbolicForm, ReadsAsAFormula) {
    SymbolicForm form{
        {{0, 3.5, 0, false}, {7, -.25, 0, false}, {rest_term, 1, 0, false}, {3, 0, -.5, true}}, {}, .125, 4};
    EXPECT_EQ(form.text(), "3.5 c0[p] - 0.25 c7[p] + 1 c_rest[p] - 0.5 + 0.125");
    form.terms.clear();
    EXPECT_EQ(form.text(), "0.125");
}

}  // namespace
}  // namespace descrambler
