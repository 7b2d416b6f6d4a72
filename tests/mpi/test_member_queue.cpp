#include "train/member_queue.hpp"

#include <algorithm>
#include <numeric>
#include <thread>

#include "ranks.hpp"

namespace descrambler {
namespace {

using namespace test;

class MemberQueueTest : public RanksTest {
protected:
    static std::vector<Index> first(Index count) {
        std::vector<Index> order(static_cast<std::size_t>(count));
        std::iota(order.begin(), order.end(), Index{0});
        return order;
    }
    // What a worker does: announces that it wants a member, takes it, trains it (work), until there is none.
    template <class Work>
    static std::vector<Index> work_through(MemberQueue& queue, bool speaks, const Work& work) {
        std::vector<Index> taken;
        Pause pause;
        for (bool announced = false;;) {
            if (speaks)
                queue.serve();
            if (queue.stopping())
                return taken;
            if (const std::optional<Index> member = queue.take(announced)) {
                announced = false;
                taken.push_back(*member);
                work(*member);
                queue.advance(1);
            } else if (queue.closed()) {
                return taken;
            } else {
                if (!announced)
                    queue.want();
                announced = true;
                pause();
            }
        }
    }
    // Of all ranks, sorted.
    std::vector<Index> gathered(const std::vector<Index>& mine) {
        std::vector<Index> all;
        for (const Communicator::Bytes& bytes : ranks.all_gather(std::as_bytes(std::span(mine)))) {
            std::vector<Index> theirs(bytes.size() / sizeof(Index));
            std::memcpy(theirs.data(), bytes.data(), bytes.size());
            all.insert(all.end(), theirs.begin(), theirs.end());
        }
        std::ranges::sort(all);
        return all;
    }
};

TEST_F(MemberQueueTest, EachMemberIsTakenExactlyOnce) {
    MemberQueue queue(ranks, first(60));
    const std::vector<Index> mine =
        work_through(queue, true, [](Index) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
    queue.leave();
    EXPECT_EQ(gathered(mine), first(60));
    if (rank == 0) {
        EXPECT_EQ(queue.iterations(), 60);
    }
    EXPECT_TRUE(queue.failures().empty());
    EXPECT_TRUE(std::ranges::is_sorted(mine));  // first come, first served
}

TEST_F(MemberQueueTest, TheThreadsOfARankTakeEachMemberExactlyOnce) {
    MemberQueue queue(ranks, first(60));
    const auto work = [](Index) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
    std::vector<Index> beside;
    std::thread other([&] { beside = work_through(queue, false, work); });
    std::atomic<bool> gone = false;
    std::vector<Index> mine = work_through(queue, true, work);
    std::thread waits([&] {
        other.join();
        gone = true;
    });
    Pause pause;
    for (; !gone; pause())
        queue.serve();
    waits.join();
    queue.leave();
    mine.insert(mine.end(), beside.begin(), beside.end());
    EXPECT_EQ(gathered(mine), first(60));
    if (rank == 0) {
        EXPECT_EQ(queue.iterations(), 60);
    }
}

TEST_F(MemberQueueTest, MoreRanksThanMembersAndNoMembersAtAll) {
    for (const Index count : {1, 0, 1}) {
        MemberQueue queue(ranks, first(count));
        const std::vector<Index> mine = work_through(queue, true, [](Index) {});
        queue.leave();
        EXPECT_EQ(gathered(mine), first(count));
        EXPECT_FALSE(queue.stopping());
    }
}

// A worker that lost its member takes one that another has asked for: the other still gets one.
TEST_F(MemberQueueTest, WhoHasAskedGetsAMemberWhoeverTookTheFirst) {
    MemberQueue queue(ranks, first(2 * size));
    if (rank != 0) {
        const auto take = [&](bool announced) {
            std::optional<Index> member;
            Pause pause;
            const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);  // only ends what hangs
            for (; !member && std::chrono::steady_clock::now() < end; pause()) {
                queue.serve();
                member = queue.take(announced);
            }
            return member;
        };
        queue.want();
        EXPECT_TRUE(take(false));
        EXPECT_TRUE(take(true));
    }
    queue.leave();
}

TEST_F(MemberQueueTest, AStopOnAnyRankReachesAll) {
    for (int stopping = 0; stopping < size; ++stopping) {
        constexpr Index many = 1'000'000;  // nobody gets through them
        MemberQueue queue(ranks, first(many));
        Index done = 0;
        const std::vector<Index> mine = work_through(queue, true, [&](Index) {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            if (rank == stopping && ++done == 3)
                queue.stop();
        });
        queue.leave();
        EXPECT_TRUE(queue.stopping()) << stopping;
        EXPECT_FALSE(queue.take(false)) << stopping;
        const std::vector<Index> all = gathered(mine);
        EXPECT_LT(std::ssize(all), many);
        EXPECT_TRUE(std::ranges::adjacent_find(all) == all.end()) << "taken twice";
    }
}

TEST_F(MemberQueueTest, FailuresOfAllRanksArriveAtRankZero) {
    MemberQueue queue(ranks, first(30));
    const auto why = [](Index member) {
        return member == 3 ? std::string() : member == 4 ? std::string(100'000, 'x') : "why " + std::to_string(member);
    };
    const std::vector<Index> mine = work_through(queue, true, [&](Index member) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        if (member % 3 != 2)
            queue.fail(member, why(member));
    });
    queue.leave();
    EXPECT_EQ(gathered(mine), first(30));
    if (rank != 0)
        return;
    EXPECT_EQ(queue.failures().size(), 20u);
    for (const auto& [member, text] : queue.failures()) {
        EXPECT_NE(member % 3, 2);
        EXPECT_EQ(text, why(member));
    }
}

// The last rank is late to leave the first queue, which was stopped, while the others are ready for the second.
TEST_F(MemberQueueTest, TwoQueuesInSuccessionDoNotMix) {
    MemberQueue before(ranks, first(5));
    before.stop();
    if (rank == size - 1)
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    before.leave();
    MemberQueue queue(ranks, first(20));
    const std::vector<Index> mine = work_through(queue, true, [](Index) {});
    queue.leave();
    EXPECT_FALSE(queue.stopping());
    EXPECT_EQ(gathered(mine), first(20));
}

TEST_F(MemberQueueTest, ARankThatLeavesWithWorkUnaskedHoldsUpNobody) {
    MemberQueue queue(ranks, first(40));
    std::vector<Index> mine;
    if (rank == 0 || rank % 2 == 0)
        mine = work_through(queue, true, [](Index) {});
    queue.leave();  // odd ranks at once
    EXPECT_EQ(gathered(mine), first(40));
}

}  // namespace
}  // namespace descrambler
