#include "descrambler/clustering.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "descramble/fixtures.hpp"

namespace descrambler {
namespace {

using namespace test;
using Labels = std::vector<Index>;

Matrix<double> distances_on_a_line(const std::vector<double>& x) {
    const Index n = std::ssize(x);
    Matrix<double> d(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            d(i, j) = std::abs(x[i] - x[j]);
    return d;
}

// `groups` clouds of `size` points, spread 1, centres at 20 on an axis of their own; item i belongs to i % groups.
Matrix<double> planted(Index groups, Index size, std::uint64_t number) {
    const Index n = groups * size;
    Matrix<double> x = normal(groups, n, number);
    for (Index i = 0; i < n; ++i)
        x(i % groups, i) += 20;
    Matrix<double> d(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            for (Index k = 0; k < groups; ++k)
                d(i, j) = std::hypot(d(i, j), x(k, i) - x(k, j));
    return d;
}

TEST(Clustering, ByHand) {
    // 0 1 | 3.5 | 10: {0, 1} at 1, then 3.5 at (3.5 + 2.5) / 2 = 3, then 10 at (10 + 9 + 6.5) / 3 = 8.5
    const Dendrogram tree = average_linkage(distances_on_a_line({0, 10, 1, 3.5}));
    ASSERT_EQ(tree.merges.size(), 3u);
    EXPECT_EQ(tree.merges[0].a, 0);
    EXPECT_EQ(tree.merges[0].b, 2);
    EXPECT_DOUBLE_EQ(tree.merges[0].height, 1);
    EXPECT_EQ(tree.merges[1].a, 4);
    EXPECT_EQ(tree.merges[1].b, 3);
    EXPECT_DOUBLE_EQ(tree.merges[1].height, 3);
    EXPECT_EQ(tree.merges[2].a, 5);
    EXPECT_EQ(tree.merges[2].b, 1);
    EXPECT_DOUBLE_EQ(tree.merges[2].height, 8.5);
    EXPECT_EQ(tree.merges[2].size, 4);
    EXPECT_EQ(tree.order, (Labels{0, 2, 3, 1}));
    EXPECT_EQ(cut(tree, 0.5), (Labels{0, 1, 2, 3}));
    EXPECT_EQ(cut(tree, 1), (Labels{0, 1, 0, 2}));
    EXPECT_EQ(cut(tree, 5), (Labels{0, 1, 0, 0}));
    EXPECT_EQ(cut(tree, 9), (Labels{0, 0, 0, 0}));
    EXPECT_DOUBLE_EQ(largest_gap(tree), 5.75);
}

TEST(Clustering, FindsPlantedClusters) {
    for (const Index groups : {2, 3, 5}) {
        const Matrix<double> d = planted(groups, 12, static_cast<std::uint64_t>(groups));
        const Dendrogram tree = average_linkage(d);
        const Labels found = cut(tree, largest_gap(tree));
        Labels truth;
        for (Index i = 0; i < d.rows(); ++i)
            truth.push_back(i % groups);
        EXPECT_EQ(found, truth);
        EXPECT_EQ(adjusted_rand(found, truth), 1);
        EXPECT_EQ(purity(found, truth), 1);
        EXPECT_GT(silhouette(d, found), 0.8);  // own distance about sqrt(2 * 5), others 20 sqrt(2)
        Labels order = tree.order;             // clusters stand together
        Index changes = 0;
        for (std::size_t k = 1; k < order.size(); ++k)
            changes += truth[order[k]] != truth[order[k - 1]] ? 1 : 0;
        EXPECT_EQ(changes, groups - 1);
        std::ranges::sort(order);
        for (Index i = 0; i < d.rows(); ++i)
            EXPECT_EQ(order[i], i);
    }
}

TEST(Clustering, DoesNotDependOnTheOrderOfTheItems) {
    const Matrix<double> d = planted(4, 7, 9);
    const Index n = d.rows();
    const Dendrogram tree = average_linkage(d);
    RandomStream random(3, stream::analysis);
    for (int trial = 0; trial < 20; ++trial) {
        Labels place(static_cast<std::size_t>(n));
        std::iota(place.begin(), place.end(), Index{0});
        for (Index i = n - 1; i > 0; --i)
            std::swap(place[i], place[random.below(static_cast<std::uint32_t>(i + 1))]);
        Matrix<double> shuffled(n, n);
        for (Index j = 0; j < n; ++j)
            for (Index i = 0; i < n; ++i)
                shuffled(i, j) = d(place[i], place[j]);
        const Dendrogram other = average_linkage(shuffled);
        for (std::size_t k = 0; k < tree.merges.size(); ++k)
            EXPECT_NEAR(other.merges[k].height, tree.merges[k].height, 1e-12 * tree.merges[k].height);
        for (const double height : {1.0, 2.0, 5.0, largest_gap(tree)}) {
            const Labels whole = cut(tree, height), part = cut(other, height);
            Labels carried(static_cast<std::size_t>(n));
            for (Index i = 0; i < n; ++i)
                carried[place[i]] = part[i];
            EXPECT_EQ(adjusted_rand(whole, carried), 1);
        }
    }
}

TEST(Clustering, HeightsDoNotDecreaseAndAreMeansOverLeaves) {
    const Matrix<double> d = planted(3, 10, 17);
    const Dendrogram tree = average_linkage(d);
    std::vector<Labels> leaves;
    for (Index i = 0; i < d.rows(); ++i)
        leaves.push_back({i});
    double previous = 0;
    for (const Merge& merge : tree.merges) {
        double sum = 0;
        for (const Index i : leaves[merge.a])
            for (const Index j : leaves[merge.b])
                sum += d(i, j);
        const double count = static_cast<double>(leaves[merge.a].size() * leaves[merge.b].size());
        EXPECT_NEAR(merge.height, sum / count, 1e-13 * merge.height * 30);
        EXPECT_GE(merge.height, previous);
        previous = merge.height;
        Labels both = leaves[merge.a];
        both.insert(both.end(), leaves[merge.b].begin(), leaves[merge.b].end());
        EXPECT_EQ(std::ssize(both), merge.size);
        EXPECT_LT(*std::ranges::min_element(leaves[merge.a]), *std::ranges::min_element(leaves[merge.b]));
        leaves.push_back(both);
    }
}

TEST(Clustering, OfTiesTheSmallestLeavesGoFirst) {
    const Dendrogram tree = average_linkage(distances_on_a_line({0, 1, 2, 3}));
    EXPECT_EQ(tree.merges[0].a, 0);
    EXPECT_EQ(tree.merges[0].b, 1);
    EXPECT_EQ(tree.merges[1].a, 2);
    EXPECT_EQ(tree.merges[1].b, 3);
}

TEST(Clustering, OneTwoAndEqualItems) {
    const Dendrogram one = average_linkage(Matrix<double>(1, 1));
    EXPECT_EQ(one.order, (Labels{0}));
    EXPECT_EQ(cut(one, 0), (Labels{0}));
    EXPECT_TRUE(std::isinf(largest_gap(one)));
    const Dendrogram two = average_linkage(distances_on_a_line({0, 3}));
    EXPECT_EQ(two.merges.size(), 1u);
    EXPECT_TRUE(std::isinf(largest_gap(two)));
    EXPECT_EQ(cut(two, largest_gap(two)), (Labels{0, 0}));
    const Matrix<double> nothing(5, 5);
    const Dendrogram equal = average_linkage(nothing);
    EXPECT_EQ(cut(equal, 0), (Labels{0, 0, 0, 0, 0}));
    EXPECT_TRUE(std::isinf(largest_gap(equal)));
    EXPECT_TRUE(std::isnan(silhouette(nothing, cut(equal, 0))));
    EXPECT_EQ(silhouette(nothing, Labels{0, 0, 1, 1, 1}), 0);
    EXPECT_THROW((void)average_linkage(Matrix<double>(0, 0)), std::invalid_argument);
    EXPECT_THROW((void)average_linkage(Matrix<double>(2, 3)), std::invalid_argument);
    Matrix<double> undefined(2, 2);
    undefined(1, 0) = std::numeric_limits<double>::quiet_NaN();
    EXPECT_THROW((void)average_linkage(undefined), std::invalid_argument);
}

TEST(Clustering, SilhouetteByHand) {
    // 0 1 | 5: a = 1, b = 5 and 4; the singleton counts 0
    const double expected = (4.0 / 5 + 3.0 / 4 + 0) / 3;
    EXPECT_DOUBLE_EQ(silhouette(distances_on_a_line({0, 1, 5}), Labels{0, 0, 1}), expected);
    EXPECT_LT(silhouette(distances_on_a_line({0, 1, 5}), Labels{0, 1, 0}), 0);
}

TEST(Clustering, PurityAndRandByHand) {
    const Labels groups{0, 0, 0, 1, 1, 1};
    EXPECT_DOUBLE_EQ(purity(Labels{0, 0, 1, 1, 1, 1}, groups), 5.0 / 6);
    // pairs together in both 1 + 3, in labels 1 + 6, in groups 6, of 15: (4 - 42/15) / (6.5 - 42/15)
    EXPECT_DOUBLE_EQ(adjusted_rand(Labels{0, 0, 1, 1, 1, 1}, groups), (4 - 2.8) / (6.5 - 2.8));
    EXPECT_EQ(purity(Labels{0, 1, 2, 3, 4, 5}, groups), 1);
    EXPECT_EQ(adjusted_rand(Labels{0, 1, 2, 3, 4, 5}, groups), 0);  // singletons are pure and say nothing
    EXPECT_EQ(adjusted_rand(Labels{0, 0, 0, 0, 0, 0}, groups), 0);
    EXPECT_EQ(adjusted_rand(Labels{1, 1, 1, 0, 0, 0}, groups), 1);
}

}  // namespace
}  // namespace descrambler
