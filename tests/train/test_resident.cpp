#include "train/resident.hpp"

#include <gtest/gtest.h>

#include <array>

namespace descrambler {
namespace {

MemberState member_of(double value) {
    MemberState member;
    member.parameters = {value, value + 1};
    member.first_moment = {10 * value, 0};
    member.second_moment = {100 * value, 0};
    return member;
}

class ResidentTest : public testing::Test {
protected:
    std::unique_ptr<Backend<float>> on_ = make_cpu_backend<float>(1);
    Resident<float> resident_{*on_, 2};
    MemberState a_ = member_of(1), b_ = member_of(5);

    void hold(std::initializer_list<MemberState*> members) { resident_.hold({members.begin(), members.size()}); }
    void train() {  // a round: everything twice as large
        resident_.begin();
        for (const Batch<float>& all : {resident_.parameters(), resident_.first_moment(), resident_.second_moment()})
            on_->axpby(0, all, 2, all);
    }
};

TEST_F(ResidentTest, BringsMembersUpToDateWhenAskedOrWhenTheyLeave) {
    hold({&a_, &b_});
    train();
    hold({&a_, &b_});  // the same: nothing is sent again
    EXPECT_EQ(a_.parameters, (std::vector<double>{1, 2}));
    train();
    resident_.fetch(a_);
    EXPECT_EQ(a_.parameters, (std::vector<double>{4, 8}));
    EXPECT_EQ(a_.first_moment, (std::vector<double>{40, 0}));
    EXPECT_EQ(a_.second_moment, (std::vector<double>{400, 0}));
    EXPECT_EQ(b_.parameters, (std::vector<double>{5, 6}));
    hold({&b_});
    EXPECT_EQ(b_.parameters, (std::vector<double>{20, 24}));
    train();
    resident_.fetch(a_);  // is not held any more
    resident_.fetch(b_);
    EXPECT_EQ(a_.parameters, (std::vector<double>{4, 8}));
    EXPECT_EQ(b_.parameters, (std::vector<double>{40, 48}));
}

TEST_F(ResidentTest, TakesARoundBack) {
    hold({&a_, &b_});
    train();
    train();
    resident_.take_back(1);
    resident_.fetch_all();
    EXPECT_EQ(a_.second_moment, (std::vector<double>{400, 0}));
    EXPECT_EQ(b_.parameters, (std::vector<double>{10, 12}));
    EXPECT_EQ(b_.first_moment, (std::vector<double>{100, 0}));
    EXPECT_EQ(b_.second_moment, (std::vector<double>{1000, 0}));
}

// Whoever is written to a file, let go and replaced is asked for three times; the numbers come once.
TEST_F(ResidentTest, BringsAMemberUpToDateOnceARound) {
    hold({&a_, &b_});
    train();
    resident_.fetch(a_);
    a_.parameters = {-1, -2};  // what another download would overwrite
    resident_.fetch(a_);
    hold({&b_});
    EXPECT_EQ(a_.parameters, (std::vector<double>{-1, -2}));
    EXPECT_EQ(b_.parameters, (std::vector<double>{10, 12}));
    train();
    resident_.fetch(b_);
    EXPECT_EQ(b_.parameters, (std::vector<double>{20, 24}));
}

}  // namespace
}  // namespace descrambler
