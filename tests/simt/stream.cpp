// The stream of the test device: all contexts share it.
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "engine.hpp"

namespace descrambler::simt {

namespace {

struct Stream {
    std::recursive_mutex mutex;
    std::optional<bool> deferred;
    std::deque<std::function<void()>> waiting;
    std::uint64_t enqueued = 0;
};

Stream& stream() {
    static Stream* const the = new Stream;  // memory may be released by destructors of globals
    return *the;
}

bool deferred(Stream& s) {
    if (!s.deferred) {
        const char* const text = std::getenv("DESCRAMBLER_SIMT_DEFERRED");
        s.deferred = text != nullptr && *text != '\0' && *text != '0';
    }
    return *s.deferred;
}

}  // namespace

void set_deferred(bool deferred) {
    wait_for_all();
    stream().deferred = deferred;
}

void enqueue(std::function<void()> work) {
    Stream& s = stream();
    {
        const std::lock_guard lock(s.mutex);
        if (deferred(s)) {
            s.waiting.push_back(std::move(work));
            ++s.enqueued;
            return;
        }
    }
    work();
}

std::uint64_t enqueued() {
    const std::lock_guard lock(stream().mutex);
    return stream().enqueued;
}

void wait_for(std::uint64_t position) {
    Stream& s = stream();
    const std::lock_guard lock(s.mutex);
    while (!s.waiting.empty() && s.enqueued - s.waiting.size() < position) {
        const std::function<void()> work = std::move(s.waiting.front());
        s.waiting.pop_front();
        work();
    }
}

void wait_for_all() {
    wait_for(enqueued());
}

}  // namespace descrambler::simt
