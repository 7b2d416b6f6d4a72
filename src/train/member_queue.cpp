#include "train/member_queue.hpp"

#include <algorithm>
#include <cstring>

namespace descrambler {
namespace {

constexpr std::chrono::milliseconds between_reports{300};

// What a report begins with; pairs (member, length) and texts of failures follow.
struct ReportHead {
    double iterations = 0;
    std::int32_t wanted = 0, failures = 0;
    std::int8_t stop = 0, leaving = 0;
};
struct AnswerHead {
    std::int64_t members = 0;
    std::int8_t stop = 0, closed = 0;
};

class Writer {
public:
    template <class T>
    void put(const T& value) {
        const auto bytes = std::as_bytes(std::span(&value, 1));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    void put_text(const std::string& text) {
        put(static_cast<std::int64_t>(text.size()));
        const auto bytes = std::as_bytes(std::span(text));
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
    [[nodiscard]] const Communicator::Bytes& bytes() const { return bytes_; }

private:
    Communicator::Bytes bytes_;
};

class Reader {
public:
    explicit Reader(const Communicator::Bytes& bytes) : rest_(bytes) {}
    template <class T>
    T get() {
        T value;
        std::memcpy(&value, rest_.data(), sizeof value);
        rest_ = rest_.subspan(sizeof value);
        return value;
    }
    std::string get_text() {
        const auto length = static_cast<std::size_t>(get<std::int64_t>());
        std::string text(reinterpret_cast<const char*>(rest_.data()), length);
        rest_ = rest_.subspan(length);
        return text;
    }

private:
    std::span<const std::byte> rest_;
};

}  // namespace

MemberQueue::MemberQueue(Communicator& ranks, const std::vector<Index>& order) : ranks_(ranks) {
    if (ranks_.rank() != 0)
        return;
    waiting_.assign(order.begin(), order.end());
    closed_ = waiting_.empty();
    for (int other = 1; other < ranks_.size(); ++other)
        working_.insert(other);
}

std::optional<Index> MemberQueue::take(bool announced) {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty() || stop_)
        return std::nullopt;
    const Index member = waiting_.front();
    waiting_.pop_front();
    wanted_ -= announced ? 1 : 0;
    if (ranks_.rank() == 0)
        closed_ = waiting_.empty();
    return member;
}

void MemberQueue::want() {
    const std::lock_guard lock(mutex_);
    ++wanted_;
}

void MemberQueue::advance(double iterations) {
    const std::lock_guard lock(mutex_);
    iterations_ += iterations;
}

void MemberQueue::fail(Index member, const std::string& why) {
    const std::lock_guard lock(mutex_);
    failures_[member] = why;
}

void MemberQueue::stop() {
    const std::lock_guard lock(mutex_);
    stop_ = true;
}

bool MemberQueue::stopping() const {
    const std::lock_guard lock(mutex_);
    return stop_;
}

bool MemberQueue::closed() const {
    const std::lock_guard lock(mutex_);
    return closed_ && (ranks_.rank() == 0 || waiting_.empty());
}

double MemberQueue::iterations() const {
    const std::lock_guard lock(mutex_);
    return iterations_;
}

const std::map<Index, std::string>& MemberQueue::failures() {
    return failures_;
}

void MemberQueue::serve() {
    if (ranks_.rank() == 0) {
        while (const auto message = ranks_.poll())
            answer(*message);
        return;
    }
    listen();
    if (asked_)
        return;
    bool ask = Clock::now() - reported_ > between_reports;
    {
        const std::lock_guard lock(mutex_);
        ask = ask || (wanted_ > std::ssize(waiting_) && !closed_) || (stop_ && !told_stop_);
    }
    if (ask)
        report(false);
}

void MemberQueue::leave() {
    Pause pause;
    if (ranks_.rank() != 0) {
        for (; asked_; pause())
            listen();
        report(true);
        while (!ranks_.poll())  // the farewell
            pause();
        return;
    }
    for (; !working_.empty(); pause())
        serve();
    for (int other = 1; other < ranks_.size(); ++other)
        ranks_.send(other, {});
}

void MemberQueue::report(bool leaving) {
    Writer message;
    {
        const std::lock_guard lock(mutex_);
        const auto lacking = static_cast<std::int32_t>(wanted_ - std::ssize(waiting_));
        message.put(ReportHead{iterations_, closed_ ? 0 : std::max(0, lacking),
                               static_cast<std::int32_t>(failures_.size()), stop_, leaving});
        for (const auto& [member, why] : failures_) {
            message.put(static_cast<std::int64_t>(member));
            message.put_text(why);
        }
        iterations_ = 0;
        failures_.clear();
        told_stop_ = stop_;
    }
    ranks_.send(0, message.bytes());
    reported_ = Clock::now();
    asked_ = !leaving;
}

// The answer to a report, if it is there.
void MemberQueue::listen() {
    if (!asked_)
        return;
    const auto message = ranks_.poll();
    if (!message)
        return;
    Reader reader(message->content);
    const auto head = reader.get<AnswerHead>();
    const std::lock_guard lock(mutex_);
    for (std::int64_t i = 0; i < head.members; ++i)
        waiting_.push_back(static_cast<Index>(reader.get<std::int64_t>()));
    stop_ = stop_ || head.stop != 0;
    closed_ = head.closed != 0;
    asked_ = false;
}

// Rank 0: a report of another rank.
void MemberQueue::answer(const Communicator::Message& message) {
    Reader reader(message.content);
    const auto head = reader.get<ReportHead>();
    Writer reply;
    {
        const std::lock_guard lock(mutex_);
        iterations_ += head.iterations;
        for (std::int32_t i = 0; i < head.failures; ++i) {
            const auto member = static_cast<Index>(reader.get<std::int64_t>());
            failures_[member] = reader.get_text();
        }
        stop_ = stop_ || head.stop != 0;
        if (head.leaving != 0) {
            working_.erase(message.from);
            return;
        }
        const Index given = stop_ ? 0 : std::min<Index>(head.wanted, std::ssize(waiting_));
        const bool last = given == std::ssize(waiting_);
        reply.put(AnswerHead{given, stop_, last});
        for (Index i = 0; i < given; ++i) {
            reply.put(static_cast<std::int64_t>(waiting_.front()));
            waiting_.pop_front();
        }
        closed_ = waiting_.empty();
    }
    ranks_.send(message.from, reply.bytes());
}

}  // namespace descrambler
