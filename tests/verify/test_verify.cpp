#include "verify/verify.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "verify/verify_parts.hpp"

namespace descrambler {
namespace {

using namespace checks;

const VerifyOptions plain{.seed = 1, .threads = 2};

TEST(VerifyRow, MarginIsTheUnusedPartOfTheTolerance) {
    const VerifyRow exact = equal("a", "", 2, 2, 0.1), half = equal("a", "", 2, 2.05, 0.1),
                    outside = equal("a", "", 2, 1.8, 0.1);
    EXPECT_TRUE(exact.holds && half.holds && !outside.holds);
    EXPECT_EQ(exact.margin, 1);
    EXPECT_NEAR(half.margin, 0.5, 1e-12);
    EXPECT_NEAR(outside.margin, -1, 1e-12);
    // one-sided: the safe side is as good as exact
    EXPECT_EQ(at_most("a", "", 2, -7, 0.1).margin, 1);
    EXPECT_EQ(at_least("a", "", 2, 7, 0.1).margin, 1);
    EXPECT_FALSE(at_most("a", "", 2, 2.2, 0.1).holds);
    EXPECT_FALSE(at_least("a", "", 2, 1.8, 0.1).holds);
    EXPECT_TRUE(at_most("a", "", 2, 2.05, 0.1).holds);
    for (const double nothing : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        EXPECT_FALSE(equal("a", "", 2, nothing, 0.1).holds);
        EXPECT_FALSE(at_least("a", "", 2, nothing, 0.1).holds);
        EXPECT_EQ(at_most("a", "", 2, nothing, 0.1).margin, -std::numeric_limits<double>::infinity());
    }
    EXPECT_THROW((void)equal("a", "", 2, 2, 0), std::invalid_argument);
}

TEST(VerifyRow, UnexpectedRowsAreNamed) {
    const VerifyRow good = equal("good", "", 1, 1, 0.1), bad = equal("bad", "", 1, 2, 0.1);
    const VerifyRow wrong = as_printed(equal("printed", "", 1, 2, 0.1)),
                    surprise = as_printed(equal("surprise", "", 1, 1, 0.1));
    EXPECT_TRUE(unexpected({good, wrong}).empty());
    EXPECT_EQ(unexpected({good, bad, wrong, surprise}), (std::vector<std::string>{"bad", "surprise"}));
}

void expect_as_expected(const Rows& rows) {
    for (const VerifyRow& row : rows)
        EXPECT_TRUE(row.as_expected()) << row.name << ": predicted " << row.predicted << ", measured " << row.measured;
    // a prediction off by three tolerances fails every equality: none is too wide to fail
    for (const VerifyRow& row : rows)
        if (row.relation == Relation::equal && !row.as_printed) {
            EXPECT_FALSE(equal(row.name, "", row.predicted + 3 * row.tolerance, row.measured, row.tolerance).holds);
        }
}

// The checks that take a second together, computed once.
const std::vector<Rows>& cheap() {
    static const std::vector<Rows> rows = [] {
        std::vector<Rows> all;
        for (const auto& check : {minimum, group, stencils, convolution, diagonal, chart, kernel})
            all.push_back(check(plain));
        return all;
    }();
    return rows;
}

TEST(Verify, CheapChecksHold) {
    for (const Rows& rows : cheap())
        expect_as_expected(rows);
}

TEST(Verify, EveryPrintedStatementStandsBesideACorrectedOne) {
    std::set<std::string> names;
    std::size_t count = 0;
    for (const Rows& rows : cheap())
        for (const VerifyRow& row : rows) {
            names.insert(row.name);
            ++count;
            EXPECT_FALSE(row.statement.empty());
            EXPECT_GT(row.tolerance, 0);
            EXPECT_TRUE(std::isfinite(row.predicted) && std::isfinite(row.measured)) << row.name;
            EXPECT_EQ(row.as_printed, row.name.ends_with("_as_printed")) << row.name;
        }
    EXPECT_EQ(names.size(), count);  // keys are unique
    EXPECT_GE(count, 12u);
}

TEST(Verify, RowsDoNotDependOnThreadsButOnTheSeed) {
    const Rows one = surrogate({.seed = 3, .threads = 1}), two = surrogate({.seed = 3, .threads = 2}),
               other = surrogate({.seed = 4, .threads = 2});
    ASSERT_EQ(one.size(), two.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
        EXPECT_EQ(one[i].measured, two[i].measured) << one[i].name;
        EXPECT_NE(one[i].measured, other[i].measured) << one[i].name;
    }
}

}  // namespace
}  // namespace descrambler
