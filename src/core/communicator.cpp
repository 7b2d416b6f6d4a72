#include "descrambler/communicator.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "descrambler/error.hpp"

namespace descrambler {
namespace {

class Alone final : public Communicator::PendingSum {
public:
    explicit Alone(std::vector<double> values) : PendingSum(std::move(values)) {}
    bool ready() override { return true; }
};

class SingleProcess final : public Communicator {
public:
    int rank() const override { return 0; }
    int size() const override { return 1; }
    void send(int, std::span<const std::byte>) override { nobody(); }
    Bytes receive(int) override { nobody(); }
    std::optional<Message> poll() override { return std::nullopt; }
    void barrier() override {}
    void broadcast(int, Bytes&) override {}
    std::vector<Bytes> all_gather(std::span<const std::byte> mine) override {
        return {Bytes(mine.begin(), mine.end())};
    }
    std::unique_ptr<PendingSum> start_sum(std::vector<double> mine) override {
        return std::make_unique<Alone>(std::move(mine));
    }
    void abort(int code) override { std::_Exit(code); }

private:
    [[noreturn]] static void nobody() { throw std::logic_error("a single process has nobody to talk to"); }
};

// What can be thrown on another rank.
enum class Kind : char { none, error, input_error, out_of_memory, stopped, other };

Kind kind_of(const std::exception_ptr& failure, std::string& message) {
    if (!failure)
        return Kind::none;
    try {
        std::rethrow_exception(failure);
    } catch (const OutOfMemory& error) {
        message = error.what();
        return Kind::out_of_memory;
    } catch (const InputError& error) {
        message = error.what();
        return Kind::input_error;
    } catch (const Stopped& error) {
        message = error.what();
        return Kind::stopped;
    } catch (const Error& error) {
        message = error.what();
        return Kind::error;
    } catch (const std::bad_alloc&) {
        message = "out of memory";
        return Kind::other;
    } catch (const std::exception& error) {
        message = error.what();
        return Kind::other;
    } catch (...) {
        message = "an exception of a foreign type";
        return Kind::other;
    }
}

struct Place {
    std::array<char, 256> host{};
    cpu_set_t cores;
};

Place place() {
    Place mine;
    ::gethostname(mine.host.data(), mine.host.size() - 1);
    CPU_ZERO(&mine.cores);
    if (::sched_getaffinity(0, sizeof mine.cores, &mine.cores) != 0)  // a machine of more than 1024 cores
        for (unsigned i = 0; i < std::min<unsigned>(std::thread::hardware_concurrency(), CPU_SETSIZE); ++i)
            CPU_SET(i, &mine.cores);
    return mine;
}

}  // namespace

std::shared_ptr<Communicator> single_process() {
    return std::make_shared<SingleProcess>();
}

void agree(Communicator& ranks, std::exception_ptr mine) {
    if (ranks.size() == 1) {
        if (mine)
            std::rethrow_exception(mine);
        return;
    }
    ranks.agreed_ = false;  // whatever was under way before has been dealt with
    std::string message;
    const Kind kind = kind_of(mine, message);
    const std::string word = static_cast<char>('0' + static_cast<int>(kind)) + message;
    for (const std::string& said : all_gather(ranks, word)) {
        const Kind theirs = static_cast<Kind>(said.front() - '0');
        if (theirs == Kind::none)
            continue;
        ranks.agreed_ = true;
        const std::string text = said.substr(1);
        switch (theirs) {
            case Kind::out_of_memory:
                throw OutOfMemory(text);
            case Kind::input_error:
                throw InputError(text);
            case Kind::stopped:
                throw Stopped(text);
            default:
                throw Error(text);
        }
    }
}

std::vector<std::string> all_gather(Communicator& ranks, const std::string& mine) {
    std::vector<std::string> texts;
    for (const Communicator::Bytes& bytes : ranks.all_gather(std::as_bytes(std::span(mine))))
        texts.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return texts;
}

void broadcast(Communicator& ranks, int root, std::vector<double>& values) {
    if (ranks.size() == 1)
        return;
    const auto bytes = std::as_bytes(std::span(values));
    Communicator::Bytes content;
    if (ranks.rank() == root)
        content.assign(bytes.begin(), bytes.end());
    ranks.broadcast(root, content);
    values.resize(content.size() / sizeof(double));
    std::ranges::copy(content, std::as_writable_bytes(std::span(values)).begin());
}

NodeShare node_share(Communicator& ranks) {
    const Place mine = place();
    NodeShare share;
    share.host = mine.host.data();
    share.size = 0;
    int sharing = 0, other = 0;
    for (const Place& there : all_gather(ranks, mine)) {
        if (there.host == mine.host) {
            cpu_set_t both;
            CPU_AND(&both, &there.cores, &mine.cores);
            sharing += CPU_COUNT(&both) > 0 ? 1 : 0;
            share.rank += other < ranks.rank() ? 1 : 0;
            ++share.size;
        }
        ++other;
    }
    share.cores = std::max(1, CPU_COUNT(&mine.cores) / std::max(1, sharing));
    return share;
}

int take_cores_of_node(Communicator& ranks) {
    const Place mine = place();
    cpu_set_t all = mine.cores;
    for (const Place& there : all_gather(ranks, mine))
        if (there.host == mine.host)
            CPU_OR(&all, &all, &there.cores);
    if (ranks.rank() != 0)
        return 0;
    const int cores = std::max(1, CPU_COUNT(&all));
    if (!CPU_EQUAL(&all, &mine.cores)) {
#pragma omp parallel num_threads(cores)
        ::sched_setaffinity(0, sizeof all, &all);  // where that is forbidden, threads stay where they are
    }
    return cores;
}

void Pause::operator()() {
    ++calls_;
    if (calls_ < 200)
        std::this_thread::yield();
    else
        std::this_thread::sleep_for(std::chrono::microseconds(std::min(1000, calls_ - 190)));
}

}  // namespace descrambler
