#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <new>

#include "descrambler/error.hpp"
#include "ranks.hpp"

namespace descrambler {
namespace {

using namespace test;
using Bytes = Communicator::Bytes;

class CommunicatorTest : public RanksTest {
protected:
    // Bytes that tell who sent them, and as which message.
    static Bytes content(int from, int number, std::size_t length) {
        Bytes bytes(length);
        for (std::size_t i = 0; i < length; ++i)
            bytes[i] = static_cast<std::byte>(31 * from + 7 * number + static_cast<int>(i % 251));
        return bytes;
    }
};

constexpr std::array<std::size_t, 6> lengths{0, 1, 8, 4096, 5'000'001, 0};  // eager and not

TEST_F(CommunicatorTest, RanksAreNumbered) {
    const std::vector<int> numbers = all_gather(ranks, rank);
    ASSERT_EQ(std::ssize(numbers), size);
    for (int i = 0; i < size; ++i)
        EXPECT_EQ(numbers[static_cast<std::size_t>(i)], i);
}

TEST_F(CommunicatorTest, MessagesOfAnyLengthArriveInOrder) {
    if (size == 1)
        GTEST_SKIP() << "one rank has nobody to talk to";
    const int next = (rank + 1) % size, previous = (rank + size - 1) % size;
    const std::uint64_t before = ranks.bytes_sent();
    const auto send_all = [&] {
        for (std::size_t i = 0; i < lengths.size(); ++i)
            ranks.send(next, content(rank, static_cast<int>(i), lengths[i]));
    };
    if (rank == 0)  // somebody has to begin
        send_all();
    for (std::size_t i = 0; i < lengths.size(); ++i)
        EXPECT_TRUE(ranks.receive(previous) == content(previous, static_cast<int>(i), lengths[i])) << i;
    if (rank != 0)
        send_all();
    EXPECT_EQ(ranks.bytes_sent() - before, 5'004'106u);
}

TEST_F(CommunicatorTest, PollFindsMessagesOfAllOthers) {
    ranks.barrier();
    EXPECT_FALSE(ranks.poll());
    ranks.barrier();
    constexpr int each = 20;
    if (rank != 0) {
        for (int i = 0; i < each; ++i)
            ranks.send(0, content(rank, i, i == 7 ? 2'000'000 : static_cast<std::size_t>(i)));
    } else {
        std::vector<int> got(static_cast<std::size_t>(size));
        Pause pause;
        for (int left = each * (size - 1); left > 0;) {
            const auto message = ranks.poll();
            if (!message) {
                pause();
                continue;
            }
            const int i = got[static_cast<std::size_t>(message->from)]++;
            EXPECT_TRUE(message->content == content(message->from, i, i == 7 ? 2'000'000 : static_cast<std::size_t>(i)))
                << message->from << " " << i;
            --left;
        }
        EXPECT_EQ(got[0], 0);
    }
    ranks.barrier();
    EXPECT_FALSE(ranks.poll());
    ranks.barrier();
}

TEST_F(CommunicatorTest, BroadcastsFromAnyRoot) {
    for (int root = 0; root < size; ++root)
        for (const std::size_t length : lengths) {
            Bytes bytes = rank == root ? content(root, 3, length) : content(rank, 4, 17);
            ranks.broadcast(root, bytes);
            EXPECT_TRUE(bytes == content(root, 3, length)) << root << " " << length;
        }
    std::vector<double> values;
    if (rank == size - 1)
        values = {1.5, -0.0, 1e300};
    broadcast(ranks, size - 1, values);
    EXPECT_EQ(values, (std::vector<double>{1.5, -0.0, 1e300}));
}

TEST_F(CommunicatorTest, AllGatherTakesDifferentLengths) {
    const auto length = [](int of) { return static_cast<std::size_t>(of == 0 ? 0 : 10000 * of + 1); };
    const std::vector<Bytes> all = ranks.all_gather(content(rank, 1, length(rank)));
    ASSERT_EQ(std::ssize(all), size);
    for (int i = 0; i < size; ++i)
        EXPECT_TRUE(all[static_cast<std::size_t>(i)] == content(i, 1, length(i))) << i;
    const std::vector<std::string> texts = all_gather(ranks, std::string(static_cast<std::size_t>(rank), 'x'));
    ASSERT_EQ(std::ssize(texts), size);
    EXPECT_EQ(texts.back(), std::string(static_cast<std::size_t>(size - 1), 'x'));
}

TEST_F(CommunicatorTest, SumsComeAboutWhileTheRanksGoOn) {
    const double mine = rank + 1, all = size * (size + 1) / 2.0;
    const auto first = ranks.start_sum({mine, -mine}), second = ranks.start_sum({100 * mine, 0, 1});
    if (size > 1 && rank == 1)  // another word in between
        ranks.send(0, content(1, 1, 3'000'000));
    if (size > 1 && rank == 0) {
        EXPECT_TRUE(ranks.receive(1) == content(1, 1, 3'000'000));
    }
    Pause pause;
    while (!second->ready() || !first->ready())
        pause();
    EXPECT_EQ(first->values(), (std::vector<double>{all, -all}));
    EXPECT_EQ(second->values(), (std::vector<double>{100 * all, 0, static_cast<double>(size)}));
}

// ---- agreement -----------------------------------------------------------------------------------------------------

std::string kind_of(const std::function<void()>& call, std::string& message) {
    try {
        call();
        return "nothing";
    } catch (const OutOfMemory& error) {
        message = error.what();
        return "OutOfMemory";
    } catch (const InputError& error) {
        message = error.what();
        return "InputError";
    } catch (const Stopped& error) {
        message = error.what();
        return "Stopped";
    } catch (const Error& error) {
        message = error.what();
        return "Error";
    } catch (const std::exception& error) {
        message = error.what();
        return "another";
    }
}

void fail_as(const std::string& kind, const std::string& message) {
    if (kind == "OutOfMemory")
        throw OutOfMemory(message);
    if (kind == "InputError")
        throw InputError(message);
    if (kind == "Stopped")
        throw Stopped(message);
    throw Error(message);
}

TEST_F(CommunicatorTest, AFailureIsThrownOnAllRanksWithItsType) {
    for (const std::string kind : {"OutOfMemory", "InputError", "Stopped", "Error"})
        for (int failing = 0; failing < size; ++failing) {
            std::string message;
            const auto body = [&] {
                if (rank == failing)
                    fail_as(kind, kind + " of rank " + std::to_string(rank));
            };
            EXPECT_EQ(kind_of([&] { together(ranks, body); }, message), kind) << failing;
            EXPECT_EQ(message, kind + " of rank " + std::to_string(failing));
            EXPECT_EQ(ranks.agreed(), size > 1);
        }
}

TEST_F(CommunicatorTest, AnExceptionOfAForeignTypeLeavesNobodyWaiting) {
    const auto body = [&] {
        if (rank == 0)
            throw 1;
    };
    if (size == 1)
        EXPECT_THROW(together(ranks, body), int);
    else
        EXPECT_THROW(together(ranks, body), Error);
}

// What one rank alone throws later must not pass for something that all know of.
TEST_F(CommunicatorTest, AFailureThatWasDealtWithIsForgotten) {
    EXPECT_THROW(together(ranks, [] { throw Stopped("all"); }), Stopped);
    EXPECT_EQ(ranks.agreed(), size > 1);
    together(ranks, [] {});
    EXPECT_FALSE(ranks.agreed());
}

TEST_F(CommunicatorTest, TheLowestRankThatFailsSpeaks) {
    for (int first = 0; first < size; ++first) {
        std::string message;
        const auto body = [&]() -> int {
            if (rank == first)
                throw InputError("");  // an empty message is one, too
            if (rank > first)
                throw Stopped("rank " + std::to_string(rank));
            return rank;
        };
        EXPECT_EQ(kind_of([&] { (void)together(ranks, body); }, message), "InputError") << first;
        EXPECT_EQ(message, "");
    }
}

TEST_F(CommunicatorTest, WhatIsNotOursArrivesAsAnError) {
    if (size == 1)
        GTEST_SKIP() << "one rank throws what it has caught";
    std::string message;
    const auto memory = [&] {
        if (rank == size - 1)
            throw std::bad_alloc();
    };
    EXPECT_EQ(kind_of([&] { together(ranks, memory); }, message), "Error");
    EXPECT_EQ(message, "out of memory");
    const auto logic = [&] {
        if (rank == 1)
            throw std::invalid_argument("shapes");
    };
    EXPECT_EQ(kind_of([&] { together(ranks, logic); }, message), "Error");
    EXPECT_EQ(message, "shapes");
}

TEST_F(CommunicatorTest, WithoutAFailureEveryRankHasItsOwnResult) {
    EXPECT_EQ(together(ranks, [&] { return 10 * rank; }), 10 * rank);
    EXPECT_NO_THROW(together(ranks, [] {}));
}

// ---- one node, one process -----------------------------------------------------------------------------------------

TEST_F(CommunicatorTest, TheNodeIsSharedAmongItsRanks) {
    const NodeShare share = node_share(ranks);  // all ranks of a test run on one node, bound to nothing
    std::array<char, 256> host{};
    ASSERT_EQ(::gethostname(host.data(), host.size() - 1), 0);
    EXPECT_EQ(share.host, host.data());
    EXPECT_EQ(share.rank, rank);
    EXPECT_EQ(share.size, size);
    cpu_set_t mine;
    ASSERT_EQ(::sched_getaffinity(0, sizeof mine, &mine), 0);
    EXPECT_EQ(share.cores, std::max(1, CPU_COUNT(&mine) / size));
}

TEST_F(CommunicatorTest, RanksOnCoresOfTheirOwnDoNotShareThem) {
    cpu_set_t before, one;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    if (CPU_COUNT(&before) < size)
        GTEST_SKIP() << "fewer cores than ranks";
    CPU_ZERO(&one);
    int left = rank;
    for (int core = 0; core < CPU_SETSIZE; ++core)
        if (CPU_ISSET(core, &before) && left-- == 0)
            CPU_SET(core, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    const NodeShare share = node_share(ranks);
    EXPECT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
    EXPECT_EQ(share.cores, 1);
    EXPECT_EQ(share.size, size);
}

TEST_F(CommunicatorTest, ASingleProcessTalksToNobody) {
    const std::shared_ptr<Communicator> alone = single_process();
    EXPECT_EQ(alone->rank(), 0);
    EXPECT_EQ(alone->size(), 1);
    EXPECT_THROW(alone->send(0, {}), std::logic_error);
    EXPECT_FALSE(alone->poll());
    const auto sum = alone->start_sum({2, 3});
    EXPECT_TRUE(sum->ready());
    EXPECT_EQ(sum->values(), (std::vector<double>{2, 3}));
    EXPECT_EQ(all_gather(*alone, 7), std::vector<int>{7});
}

}  // namespace
}  // namespace descrambler
