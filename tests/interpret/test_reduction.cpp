#include "descrambler/reduction.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace descrambler {
namespace {

std::vector<Term> terms_of(const std::vector<double>& values) {
    std::vector<Term> terms;
    for (const double value : values)
        terms.push_back({std::ssize(terms), value, false});
    return terms;
}

// Round 1: 5 - 4 = 1 (index 0), 1 - 3 = -2 (index 3), .5 stays; round 2: 1 - 2 = -1 (index 3), .5 stays; round 3: -.5.
TEST(Reduction, ByHand) {
    const Reduction reduced = reduce_cancellation(terms_of({5, 1, -4, -3, .5, 0}));
    EXPECT_EQ(reduced.rounds, 3);
    EXPECT_EQ(reduced.terms, (std::vector<Term>{{3, -.5, false}}));
    EXPECT_EQ(reduced.shares, std::vector<double>{1});
    EXPECT_EQ(reduced.effective_terms, 1);
}

TEST(Reduction, TheRestNeverTakesThePlaceOfAnIndex) {
    const Reduction reduced = reduce_cancellation({{0, 1, false}, {1, 2, false}, {rest_term, -10, false}});
    EXPECT_EQ(reduced.terms, (std::vector<Term>{{1, -7, true}}));
    EXPECT_EQ(reduce_cancellation({{4, 1, false}, {rest_term, 3, false}}).terms,  // one sign: nothing to merge
              (std::vector<Term>{{rest_term, 3, true}, {4, 1, false}}));
}

TEST(Reduction, NothingIsLeftOfZero) {
    for (const auto& values : {std::vector<double>{}, {0, 0}, {2, -2}, {3, -1, -2}}) {
        const Reduction reduced = reduce_cancellation(terms_of(values));
        EXPECT_TRUE(reduced.terms.empty());
        EXPECT_TRUE(reduced.shares.empty());
        EXPECT_EQ(reduced.effective_terms, 0);
    }
    EXPECT_THROW((void)reduce_cancellation(terms_of({1, std::nan("")})), std::invalid_argument);
}

std::vector<double> normal_numbers(std::uint64_t seed, Index count) {
    std::vector<double> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto place = static_cast<double>(i), of_seed = static_cast<double>(seed + 1);
        values[i] = std::cos(7919 * of_seed * (place + 1.7)) * std::exp(std::sin(31 * of_seed + place * place));
    }
    return values;
}

TEST(Reduction, KeepsTheSumHasOneSignAndFewRounds) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const Index count = 1 + static_cast<Index>(seed) * 2;
        const std::vector<double> values = normal_numbers(seed, count);
        const Reduction reduced = reduce_cancellation(terms_of(values));
        double sum = 0, size = 0, kept = 0, shares = 0;
        for (const double value : values) {
            sum += value;
            size += std::abs(value);
        }
        for (const Term& term : reduced.terms) {
            kept += term.value;
            EXPECT_GT(term.value * reduced.terms.front().value, 0);
            EXPECT_EQ(std::ranges::count(reduced.terms, term.index, &Term::index), 1);
        }
        for (const double share : reduced.shares)
            shares += share;
        EXPECT_NEAR(kept, sum, 1e-12 * size);
        EXPECT_NEAR(shares, 1, 1e-12);
        EXPECT_LE(reduced.rounds, count - 1);
    }
}

// M6: a change of 1e-6 leaves the largest term where it is.
TEST(Reduction, IsStable) {
    int flips = 0;
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        std::vector<double> values = normal_numbers(seed, 60);
        const Index top = reduce_cancellation(terms_of(values)).terms.front().index;
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] *= 1 + 1e-6 * std::sin(static_cast<double>(i + seed));
        flips += reduce_cancellation(terms_of(values)).terms.front().index != top ? 1 : 0;
    }
    EXPECT_EQ(flips, 0);
}

TEST(Pruning, ByThresholdAndByQuantile) {
    const std::vector<Term> terms = terms_of({1, -2, 3, -4});
    const Pruned pruned = prune(terms, 2.5);
    EXPECT_EQ(pruned.terms, (std::vector<Term>{{2, 3, false}, {3, -4, false}}));
    EXPECT_EQ(pruned.sum, -1);
    EXPECT_EQ(pruned.count, 2);
    EXPECT_EQ(prune_threshold(terms, .5), 3);  // half of the sizes are smaller
    EXPECT_EQ(prune(terms, prune_threshold(terms, .75)).terms.size(), 1U);
    EXPECT_EQ(prune(terms, 0).terms.size(), 4U);
    EXPECT_EQ(prune_threshold({}, .5), 0);
    EXPECT_THROW((void)prune(terms, -1), std::invalid_argument);
    EXPECT_THROW((void)prune_threshold(terms, 1), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
