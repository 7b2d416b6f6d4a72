// Members of an ensemble dealt out to the workers of all ranks, as they ask. Rank 0 keeps the list: the others report
// to it what they have done and how many members they want next, and it answers between its own rounds of training. A
// rank asks a little before a member is finished, so that the answer is there in time.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "descrambler/array.hpp"
#include "descrambler/communicator.hpp"

namespace descrambler {

class MemberQueue {
public:
    // order: what is to be trained, first come first served; the same on all ranks.
    MemberQueue(Communicator& ranks, const std::vector<Index>& order);

    // From any thread:
    // The next member; announced: this worker has called want() for it. Nothing: none is there yet, or none is left
    // (closed()).
    [[nodiscard]] std::optional<Index> take(bool announced);
    void want();  // one member more will be taken soon
    void advance(double iterations);
    void fail(Index member, const std::string& why);  // it will not be trained further
    void stop();                                      // all ranks shall write their checkpoints and leave
    [[nodiscard]] bool stopping() const;
    [[nodiscard]] bool closed() const;  // nothing is left to take

    // From the main thread, often: sends and answers reports.
    void serve();
    // The last call of every rank, when its workers have ended. Returns when all ranks have called it: otherwise a
    // report to the next queue would be answered from this one.
    void leave();

    [[nodiscard]] double iterations() const;                       // rank 0: of all ranks so far
    [[nodiscard]] const std::map<Index, std::string>& failures();  // rank 0, after leave(): of all ranks

private:
    using Clock = std::chrono::steady_clock;
    void answer(const Communicator::Message& message);
    void report(bool leaving);
    void listen();

    Communicator& ranks_;
    mutable std::mutex mutex_;
    std::deque<Index> waiting_;  // rank 0: given to nobody; others: given to this rank, not yet taken
    int wanted_ = 0;             // by the workers here
    double iterations_ = 0;      // rank 0: of all; others: since the last report
    std::map<Index, std::string> failures_;
    bool stop_ = false, closed_ = false;
    bool asked_ = false;  // a report is not yet answered
    bool told_stop_ = false;
    Clock::time_point reported_{};
    std::set<int> working_;  // rank 0: the others that have not left
};

}  // namespace descrambler
