#include "descramble/sums/tree_sum.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "data.hpp"
#include "descramble/fixtures.hpp"
#include "descramble/sums/sum_checkpoint.hpp"
#include "descrambler/files.hpp"

namespace descrambler {
namespace {

// Sums whose order shows: a leaf is its number, a sum the polynomial left 3 + right 5 + 1 of it, modulo a prime.
void order_sensitive(std::vector<double>& left, const std::vector<double>& right) {
    left[0] = std::fmod(3 * left[0] + 5 * right[0] + 1, 1000003.0);
}

double recursive(Index first, Index last, Index size) {  // of the leaves of a node of `size`
    if (size == 1)
        return static_cast<double>(first + 1);
    std::vector<double> left{recursive(first, last, size / 2)};
    const Index middle = first + size / 2;
    order_sensitive(left, {recursive(middle, last, size / 2)});
    return left[0];
}

TEST(TreeSum, IsTheSumOfTheBinaryTreeInAnyOrderOfTheLeaves) {
    std::mt19937 random(7);
    for (const Index leaves : {1, 2, 4, 16, 64}) {
        std::vector<Index> order(static_cast<std::size_t>(leaves));
        std::iota(order.begin(), order.end(), Index{0});
        for (int trial = 0; trial < 5; ++trial) {
            std::ranges::shuffle(order, random);
            TreeSum sum(order_sensitive);
            for (const Index leaf : order)
                sum.add({0, leaf, {static_cast<double>(leaf + 1)}});
            EXPECT_EQ(sum.nodes().size(), 1u);
            EXPECT_EQ(sum.total(leaves)[0], recursive(0, leaves, leaves));
        }
    }
}

TEST(TreeSum, RestsOfTheTreeAreFoldedFromTheRight) {
    // 7 leaves: ((0 1) (2 3)) + ((4 5) + 6)
    TreeSum sum(order_sensitive);
    for (const Index leaf : {6, 0, 3, 5, 1, 4, 2})
        sum.add({0, leaf, {static_cast<double>(leaf + 1)}});
    EXPECT_EQ(sum.nodes().size(), 3u);
    std::vector<double> right{recursive(4, 6, 2)}, all{recursive(0, 4, 4)};
    order_sensitive(right, {7});
    order_sensitive(all, right);
    EXPECT_EQ(sum.total(7), all);
}

TEST(TreeSum, PartsThatWereSummedApartGiveTheSameTotal) {
    const Index leaves = 100;
    TreeSum whole(order_sensitive);
    for (Index leaf = 0; leaf < leaves; ++leaf)
        whole.add({0, leaf, {static_cast<double>(leaf + 1)}});
    const std::vector<double> expected = whole.total(leaves);
    for (const Index ranks : {2, 3, 4, 7, 100}) {
        TreeSum sum(order_sensitive);
        for (Index rank = ranks; rank-- > 0;) {
            TreeSum part(order_sensitive);
            for (Index leaf = leaves * rank / ranks; leaf < leaves * (rank + 1) / ranks; ++leaf)
                part.add({0, leaf, {static_cast<double>(leaf + 1)}});
            for (auto& [first, node] : part.take())
                sum.add(node);
        }
        EXPECT_EQ(sum.total(leaves), expected) << ranks;
    }
}

TEST(TreeSum, LeavesThatAreMissingOrComeTwiceAreFound) {
    TreeSum sum(order_sensitive);
    sum.add({0, 0, {1}});
    sum.add({0, 2, {1}});
    EXPECT_THROW((void)sum.total(3), std::invalid_argument);
    EXPECT_THROW(sum.add({0, 2, {1}}), std::invalid_argument);
    sum.add({0, 1, {1}});
    EXPECT_THROW((void)sum.total(4), std::invalid_argument);
    EXPECT_EQ(sum.total(3).size(), 1u);
}

class SumCheckpoint : public ::testing::Test {
protected:
    test::Scratch folder{"sum_checkpoint"};
    std::shared_ptr<Communicator> alone = single_process();
    std::vector<std::string> warnings;
    Progress progress;
    void SetUp() override {
        progress.warn = [this](const std::string& text) { warnings.push_back(text); };
    }
    void write(int number, std::initializer_list<TreeSum::Node> nodes, const std::string& fingerprint = "of = this\n") {
        TreeSum sum(order_sensitive);
        for (const TreeSum::Node& node : nodes)
            sum.add(node);
        write_sum_checkpoint(folder.path(), number, fingerprint, sum);
    }
    TreeSum sum{order_sensitive};
    StoredSum read(const std::string& fingerprint = "of = this\n") {
        return read_sum_checkpoints(*alone, folder.path(), fingerprint, 2, sum, progress);
    }
    [[nodiscard]] std::vector<TreeSum::Node> nodes() const {
        std::vector<TreeSum::Node> found;
        for (const auto& [first, node] : sum.nodes())
            found.push_back(node);
        return found;
    }
};

TEST_F(SumCheckpoint, ComesBackAsItWas) {
    write(0, {{3, 0, {1.5, -2}}, {0, 8, {0.1, 1e300}}});
    const StoredSum stored = read();
    ASSERT_EQ(nodes().size(), 2u);
    EXPECT_EQ(nodes()[0].level, 3);
    EXPECT_EQ(nodes()[0].value, (std::vector<double>{1.5, -2}));
    EXPECT_EQ(nodes()[1].index, 8);
    EXPECT_EQ(nodes()[1].value, (std::vector<double>{0.1, 1e300}));
    EXPECT_EQ(stored.done, (std::vector<std::pair<Index, Index>>{{0, 8}, {8, 9}}));
    EXPECT_TRUE(stored.foreign.empty());
    EXPECT_TRUE(warnings.empty());
}

TEST_F(SumCheckpoint, FilesOfMoreRanksAreTakenOverAndLeavesTwiceCountOnce) {
    write(0, {{1, 0, {1, 1}}});
    write(1, {{1, 1, {2, 2}}, {0, 5, {3, 3}}});
    write(3, {{2, 0, {4, 4}}, {0, 5, {3, 3}}});  // leaves 0 to 3 again, as a whole, and leaf 5
    const StoredSum stored = read();
    EXPECT_EQ(stored.done, (std::vector<std::pair<Index, Index>>{{0, 4}, {5, 6}}));
    ASSERT_EQ(nodes().size(), 2u);
    EXPECT_EQ(nodes()[0].value, (std::vector<double>{4, 4}));
    EXPECT_EQ(nodes()[1].value, (std::vector<double>{3, 3}));
    EXPECT_EQ(stored.foreign.size(), 2u);
}

TEST_F(SumCheckpoint, DamageIsToldAndLeftOut) {
    write(0, {{1, 0, {1, 1}}});
    write(1, {{1, 1, {2, 2}}});
    const std::filesystem::path file = folder.path() / "1.h5";
    std::string bytes = read_file(file);
    const double value = 2;
    const std::size_t at = bytes.find(std::string(reinterpret_cast<const char*>(&value), sizeof value));
    ASSERT_NE(at, std::string::npos);
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    write_file(file, bytes);
    write_file(folder.path() / "2.h5", "no HDF5");
    write_file(folder.path() / "notes.txt", "nothing of ours");
    const StoredSum stored = read();
    EXPECT_EQ(stored.done, (std::vector<std::pair<Index, Index>>{{0, 2}}));
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("1.h5: checksum"), std::string::npos) << warnings[0];
    EXPECT_NE(warnings[0].find("2.h5"), std::string::npos) << warnings[0];
}

TEST_F(SumCheckpoint, AnotherSumIsRefusedWithBothValues) {
    write(0, {{1, 0, {1, 1}}}, "layer = 1\ntap = after\n");
    try {
        (void)read("layer = 1\ntap = before\n");
        FAIL() << "accepted";
    } catch (const InputError& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("'tap = after'"), std::string::npos) << text;
        EXPECT_NE(text.find("'tap = before'"), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace descrambler
