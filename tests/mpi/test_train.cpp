#include "train/train.hpp"

#include <chrono>
#include <limits>
#include <thread>

#include "descrambler/files.hpp"
#include "ranks.hpp"

namespace descrambler {
namespace {

using namespace test;

class TrainTest : public FolderTest {
protected:
    TrainingRecipe config;

    TrainTest() {
        config.seed = 7;
        DeerDatabase& deer = std::get<DeerTask>(config.data).database;
        deer.times = deer.distances = 32;
        config.hidden = {8};
        config.iterations = 300;
        config.batch_size = 16;
        config.networks = 3;
        config.shuffled = 1;
        config.no_decay = 1;
        config.control_iterations = 120;
    }
    [[nodiscard]] Execution execution(int threads) const {
        Execution together = Execution::on_cpu(threads);
        together.ranks = shared;
        return together;
    }
    [[nodiscard]] std::vector<MemberState> undisturbed() const {
        std::vector<MemberState> members = study_members(config);
        train_members(members, config, Execution::on_cpu(1), {}, {});
        return members;
    }
    // As they are on disk; of interest to rank 0 only.
    [[nodiscard]] std::vector<MemberState> stored(const std::filesystem::path& at) const {
        std::vector<MemberState> members = study_members(config);
        if (rank == 0)
            resume_members(members, at, config, "cpu", [](const std::string& text) { ADD_FAILURE() << text; });
        return members;
    }
    void expect_same(const std::vector<MemberState>& members, const std::vector<MemberState>& expected) const {
        if (rank != 0)
            return;
        ASSERT_EQ(members.size(), expected.size());
        for (std::size_t i = 0; i < members.size(); ++i) {
            EXPECT_EQ(members[i].iteration, expected[i].iteration) << members[i].name;
            EXPECT_EQ(members[i].parameters, expected[i].parameters) << members[i].name;
            EXPECT_EQ(members[i].second_moment, expected[i].second_moment) << members[i].name;
            EXPECT_EQ(members[i].loss, expected[i].loss) << members[i].name;
        }
    }
};

TEST_F(TrainTest, SameBitsForAnyNumberOfRanksAndThreads) {
    const std::vector<MemberState> expected = undisturbed();
    for (const int threads : {1, 2}) {
        const std::filesystem::path here = folder / std::to_string(threads);
        if (rank == 0)
            make_folder(here);
        ranks.barrier();
        std::vector<MemberState> members = study_members(config);
        train_members(members, config, execution(threads), here, {});
        expect_same(members, expected);
    }
}

TEST_F(TrainTest, AStopOnAnyRankEndsAllAndTheRunGoesOn) {
    config.iterations = 3000;
    const std::vector<MemberState> expected = undisturbed();
    for (int stopping = 0; stopping < size; ++stopping) {
        const std::filesystem::path here = folder / std::to_string(stopping);
        if (rank == 0)
            make_folder(here);
        ranks.barrier();
        std::vector<MemberState> members = study_members(config);
        int asked = 0;
        Progress progress;
        progress.stop = [&] {
            if (rank == stopping)
                return ++asked >= 2;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));  // not done before the other has asked
            return false;
        };
        EXPECT_THROW(train_members(members, config, execution(1), here, progress), Stopped) << stopping;
        members = stored(here);
        Index done = 0, all = 0;
        for (const MemberState& member : members) {
            done += member.iteration;
            all += member.plan.iterations;
        }
        if (rank == 0) {
            EXPECT_GT(done, 0);
            EXPECT_LT(done, all);
        }
        train_members(members, config, execution(1), here, {});
        expect_same(members, expected);
        expect_same(stored(here), expected);
    }
}

TEST_F(TrainTest, ALostMemberIsNamedAndTheOthersAreFinished) {
    std::vector<MemberState> members = study_members(config);
    const Index lost = 1;
    if (rank == 0) {  // whoever takes it finds weights that give no finite loss
        MemberState& bad = members[lost];
        std::ranges::fill(bad.parameters, std::numeric_limits<double>::infinity());
        bad.iteration = 5;
        bad.device = "cpu";
        write_member(folder, config, bad);
    }
    ranks.barrier();
    try {
        train_members(members, config, execution(1), folder, {});
        FAIL() << "trained";
    } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_NE(text.find("member 001: the loss is not finite at iteration 5"), std::string::npos) << text;
        EXPECT_EQ(text.find("member 000"), std::string::npos) << text;
    }
    std::vector<MemberState> expected = undisturbed(), found = stored(folder);
    if (rank == 0) {
        EXPECT_EQ(found[lost].iteration, 5);
    }
    found.erase(found.begin() + lost);
    expected.erase(expected.begin() + lost);
    expect_same(found, expected);
}

TEST_F(TrainTest, DamagedMembersAreTrainedFromTheirStartByWhoeverTakesThem) {
    std::vector<MemberState> members = study_members(config);
    if (rank == 0)
        for (const MemberState& member : members)
            write_file(member_path(folder, member.name), "no HDF5");
    ranks.barrier();
    train_members(members, config, execution(1), folder, {});
    expect_same(members, undisturbed());
}

TEST_F(TrainTest, AFolderThatCannotBeWrittenIsToldOnAllRanks) {
    std::vector<MemberState> members = study_members(config);
    const std::filesystem::path nowhere = folder / "not_there";
    try {
        train_members(members, config, execution(1), nowhere, {});
        FAIL() << "trained";
    } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("not_there/"), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace descrambler
