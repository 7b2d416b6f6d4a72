// The test device: every CUDA thread of a block is a fiber; blocks run one after another. One object for all variants
// of the test build, itself never instrumented: the sanitizers' functions are weak and null where they are not linked.
// ThreadSanitizer sees each CUDA thread as a thread of its own that only barriers order, so it names races whatever the
// schedule. Blocks are not ordered either: even and odd ones then have fibers and shared memory of their own.
// What runs on a fiber calls nothing that ThreadSanitizer replaces (allocation, copies) until it fails.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <boost/context/detail/fcontext.hpp>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "simt_host.hpp"

extern "C" {
[[gnu::weak]] void* __tsan_get_current_fiber();
[[gnu::weak]] void* __tsan_create_fiber(unsigned flags);
[[gnu::weak]] void __tsan_switch_to_fiber(void* fiber, unsigned flags);
[[gnu::weak]] void __tsan_set_fiber_name(void* fiber, const char* name);
[[gnu::weak]] void __tsan_acquire(void* token);
[[gnu::weak]] void __tsan_release(void* token);
[[gnu::weak]] void __sanitizer_start_switch_fiber(void** save, const void* bottom, std::size_t size);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void* saved, const void** bottom, std::size_t* size);
[[gnu::weak]] void __asan_init();
}

namespace descrambler::simt {

namespace {

namespace context = boost::context::detail;

constexpr int most_threads = 1024, lanes = 32;
constexpr std::size_t stack_bytes = 256 * 1024;
constexpr std::uint64_t poison = 0x7ff4dead7fb4deadull;  // NaN as a double and in both halves as a float

bool with_tsan() {
    return __tsan_create_fiber != nullptr;
}
bool with_asan() {
    return __asan_init != nullptr;
}
void acquire(char& token) {
    if (with_tsan())
        __tsan_acquire(&token);
}
void release(char& token) {
    if (with_tsan())
        __tsan_release(&token);
}

struct Abandoned {};  // unwinds the threads of a block that has failed

enum class State { fresh, ready, at_barrier, at_warp, done };

struct Thread {
    int rank = -1;  // the scheduler itself
    State state = State::done;
    Collective kind{};
    Where where;
    unsigned mask = 0;
    int source = 0;
    std::uint64_t word = 0, result = 0;
    unsigned meetings = 0;  // led in this block
    char token[2] = {};     // by the parity of the meeting

    context::fcontext_t at = nullptr;  // where it goes on
    void* tsan = nullptr;
    void* asan = nullptr;
    const void* stack = nullptr;
    std::size_t stack_size = 0;
};

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};

// Threads that could run.
class Ready {
public:
    void clear() { first_ = count_ = 0; }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    void push(Thread& t) { at(count_++) = &t; }
    Thread& take_first() {
        Thread& t = *at(0);
        first_ = (first_ + 1) % most_threads;
        --count_;
        return t;
    }
    Thread& take_last() { return *at(--count_); }
    Thread& take(std::size_t number) {
        std::swap(at(static_cast<int>(number % static_cast<std::size_t>(count_))), at(count_ - 1));
        return take_last();
    }

private:
    Thread*& at(int i) { return threads_[(first_ + i) % most_threads]; }
    std::array<Thread*, most_threads> threads_{};
    int first_ = 0, count_ = 0;
};

struct Engine {
    // threads
    std::vector<std::unique_ptr<Thread>> pool[2];  // by the parity of the block, where it matters
    Thread host;                                   // the scheduler
    Thread* running = &host;

    // launch
    const std::function<void()>* body = nullptr;
    int size = 0;  // threads a block
    std::unique_ptr<void, Free> shared[2];
    std::string failure;
    bool failed = false, abandon = false;
    char launch_token = 0, end_token[4] = {}, barrier_token[2][2] = {}, fence_token = 0;

    // block
    std::size_t block = 0, parity = 0;  // its number in this launch; of it, or 0
    const std::unique_ptr<Thread>* threads = nullptr;
    Ready ready;
    int waiting = 0, done = 0, count = 0, result = 0;
    unsigned barriers = 0;
    unsigned warp_waiting[most_threads / lanes] = {}, warp_done[most_threads / lanes] = {};

    // order
    Schedule order;
    std::mt19937_64 random;

    [[nodiscard]] Thread& thread(int rank) const { return *threads[rank]; }
    Thread& next();
    void switch_to(Thread& to);
    void arrive(context::transfer_t from);
    void make_ready(int first, int last, State from, unsigned mask);
    void release_barrier();
    void meet(int warp, unsigned mask);
    std::uint64_t wait_in_warp(Collective kind, unsigned mask, std::uint64_t word, int source, const Where& where);
    void finish(Thread& t);
    void run_block();
    std::string stuck() const;
};

Engine& the = *new Engine;  // never destroyed: its fibers are suspended
std::mutex one_launch;

std::string at(const Where& where) {
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

// In a TSan build an exception cannot leave a fiber.
void note_failure(const std::string& what) {
    if (!the.failed) {
        constexpr const char* names[] = {"forward", "reverse", "random:", "deep"};
        the.failure = "test device: " + what + " (block " + std::to_string(blockIdx.x);
        if (gridDim.y > 1 || gridDim.z > 1)
            the.failure += ", " + std::to_string(blockIdx.y) + ", " + std::to_string(blockIdx.z);
        the.failure += std::string("; schedule ") + names[static_cast<int>(the.order.order)];
        if (the.order.order == Order::random)
            the.failure += std::to_string(the.order.seed);
        the.failure += ")";
        the.failed = true;
    }
    if (with_tsan()) {
        std::fprintf(stderr, "%s\n", the.failure.c_str());
        std::abort();
    }
}

// ---- switching -----------------------------------------------------------------------------------------------------

void Engine::switch_to(Thread& to) {
    if (&to == running)
        return;
    Thread& from = *running;
    running = &to;
    if (with_asan())
        __sanitizer_start_switch_fiber(&from.asan, to.stack, to.stack_size);
    if (with_tsan())
        __tsan_switch_to_fiber(to.tsan, 1);  // 1: the switch orders nothing
    arrive(context::jump_fcontext(to.at, &from));
}

void Engine::arrive(context::transfer_t from) {
    Thread& left = *static_cast<Thread*>(from.data);
    left.at = from.fctx;
    if (with_asan())
        __sanitizer_finish_switch_fiber(running->asan, &left.stack, &left.stack_size);
    threadIdx.x = static_cast<unsigned>(running->rank);
}

// The thread that runs next; the scheduler when none can run or one has failed.
Thread& Engine::next() {
    if (ready.empty() || failed)
        return host;
    switch (order.order) {
        case Order::forward:
        case Order::reverse:
            return ready.take_first();
        case Order::random:
            return ready.take(random());
        case Order::deep:
            break;
    }
    return ready.take_last();
}

void thread_main(context::transfer_t from) {
    Thread& self = *the.running;
    the.arrive(from);
    for (;;) {
        acquire(the.launch_token);
        acquire(the.end_token[(the.block + 2) % 4]);  // of the last block on this stack
        try {
            (*the.body)();
        } catch (const Abandoned&) {
        } catch (const std::exception& error) {
            note_failure(error.what());
        }
        release(the.end_token[the.block % 4]);
        the.finish(self);
        the.switch_to(the.next());
    }
}

void Engine::finish(Thread& t) {
    t.state = State::done;
    ++done;
    warp_done[t.rank / lanes] |= 1u << t.rank % lanes;
    if (waiting > 0 && waiting + done == size && !failed)
        release_barrier();  // an error
}

// Stacks with a page below that faults. Threads are kept for the life of the process.
std::unique_ptr<Thread> make_thread(int rank) {
    auto t = std::make_unique<Thread>();
    t->rank = rank;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const low = mmap(nullptr, stack_bytes + page, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (low == MAP_FAILED || mprotect(low, page, PROT_NONE) != 0)
        throw std::bad_alloc();
    // threads start at different lines of a page, or they would share a few sets of the cache
    const std::size_t top = stack_bytes - static_cast<std::size_t>(rank % 21) * 192;
    t->stack = static_cast<char*>(low) + page;
    t->stack_size = top;
    t->at = context::make_fcontext(static_cast<char*>(low) + page + top, top, thread_main);
    if (with_tsan()) {
        t->tsan = __tsan_create_fiber(0);
        __tsan_set_fiber_name(t->tsan, ("CUDA thread " + std::to_string(rank)).c_str());
    }
    return t;
}

// ---- collectives ---------------------------------------------------------------------------------------------------

// The threads of a mask that repeats every 32, which are in this state.
void Engine::make_ready(int first, int last, State from, unsigned mask) {
    const bool descending = order.order == Order::reverse;
    for (int i = first; i < last; ++i) {
        const int rank = descending ? first + last - 1 - i : i;
        Thread& t = thread(rank);
        if (t.state == from && (mask >> rank % lanes & 1u) != 0) {
            if (from != State::fresh)
                t.state = State::ready;
            ready.push(t);
        }
    }
}

bool same_place(const Thread& a, const Thread& b) {
    return a.kind == b.kind && a.where.line() == b.where.line() &&
           (a.where.file_name() == b.where.file_name() || std::strcmp(a.where.file_name(), b.where.file_name()) == 0);
}

std::string differ(const Thread& a, const Thread& b) {
    return "thread " + std::to_string(a.rank) + " waits at " + at(a.where) + ", thread " + std::to_string(b.rank) +
           " at " + at(b.where);
}

// All threads that have not returned wait.
void Engine::release_barrier() {
    const Thread* some = nullptr;
    for (int r = 0; r < size; ++r) {
        const Thread& t = thread(r);
        if (t.state != State::at_barrier)
            continue;
        if (some == nullptr)
            some = &t;
        else if (!same_place(*some, t))
            return note_failure("divergent barrier: " + differ(*some, t));
    }
    if (done > 0)
        return note_failure("barrier at " + at(some->where) + " reached by " + std::to_string(waiting) + " of " +
                            std::to_string(size) + " threads; " + std::to_string(done) + " have already returned");
    result = some->kind == Collective::count ? count : some->kind == Collective::all ? count == size : count > 0;
    waiting = count = 0;
    ++barriers;
    make_ready(0, size, State::at_barrier, ~0u);
}

// All lanes of the mask wait, each with this mask.
void Engine::meet(int warp, unsigned mask) {
    const int first = warp * lanes;
    Thread& leader = thread(first + std::countr_zero(mask));
    unsigned votes = 0;
    for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
        const int l = std::countr_zero(rest);
        const Thread& t = thread(first + l);
        if (!same_place(leader, t))
            return note_failure("divergent warp collective: " + differ(leader, t));
        if (t.word != 0)
            votes |= 1u << l;
    }
    if (leader.kind == Collective::vote)
        for (unsigned rest = mask; rest != 0; rest &= rest - 1)
            thread(first + std::countr_zero(rest)).result = votes;
    else if (leader.kind != Collective::syncwarp)
        for (unsigned rest = mask; rest != 0; rest &= rest - 1) {
            Thread& t = thread(first + std::countr_zero(rest));
            if (t.source < 0 || t.source >= lanes || (mask >> t.source & 1u) == 0)
                return note_failure("shuffle from lane " + std::to_string(t.source) +
                                    ", which is not in the mask, at " + at(t.where) + ", thread " +
                                    std::to_string(t.rank));
            t.result = thread(first + t.source).word;
        }
    ++leader.meetings;
    warp_waiting[warp] &= ~mask;
    make_ready(first, std::min(first + lanes, size), State::at_warp, mask);
}

std::uint64_t Engine::wait_in_warp(Collective kind, unsigned mask, std::uint64_t word, int source, const Where& where) {
    Thread& t = *running;
    const int warp = t.rank / lanes, own = t.rank % lanes, first = warp * lanes;
    if (size - first < lanes)
        mask &= (1u << (size - first)) - 1u;  // lanes beyond the end of the block
    if ((mask >> own & 1u) == 0)
        fail("lane " + std::to_string(own) + " is not in the mask of its warp collective", where);
    if ((mask & warp_done[warp]) != 0)
        fail("the mask of a warp collective names lane " + std::to_string(std::countr_zero(mask & warp_done[warp])) +
                 ", which has returned",
             where);
    t.kind = kind;
    t.where = where;
    t.mask = mask;
    t.word = word;
    t.source = source;
    t.state = State::at_warp;
    warp_waiting[warp] |= 1u << own;

    char* token = nullptr;
    if (kind == Collective::syncwarp) {  // the others exchange values, they are no memory barriers
        Thread& leader = thread(first + std::countr_zero(mask));
        token = &leader.token[leader.meetings % 2];
        release(*token);
    }
    if ((mask & ~warp_waiting[warp]) == 0) {
        bool all = true;
        for (unsigned rest = mask; rest != 0; rest &= rest - 1)
            all = all && thread(first + std::countr_zero(rest)).mask == mask;
        if (all)
            meet(warp, mask);
    }
    switch_to(next());
    if (abandon)
        throw Abandoned{};
    if (token != nullptr)
        acquire(*token);
    return t.result;
}

// ---- blocks --------------------------------------------------------------------------------------------------------

std::string Engine::stuck() const {
    std::string text = "deadlock: ";
    int listed = 0;
    for (int r = 0; r < size && listed < 4; ++r) {
        const Thread& t = thread(r);
        if (t.state == State::done)
            continue;
        char mask[16];
        std::snprintf(mask, sizeof mask, " mask %08x", t.mask);
        text += (listed++ > 0 ? ", thread " : "thread ") + std::to_string(r) + " waits at " + at(t.where) +
                (t.state == State::at_warp ? mask : "");
    }
    return text + "; " + std::to_string(size - done) + " of " + std::to_string(size) + " wait, " +
           std::to_string(done) + " have returned";
}

void Engine::run_block() {
    threads = pool[parity].data();
    waiting = done = count = 0;
    barriers = 0;
    std::fill(std::begin(warp_waiting), std::end(warp_waiting), 0u);
    std::fill(std::begin(warp_done), std::end(warp_done), 0u);
    ready.clear();
    for (int r = 0; r < size; ++r) {
        thread(r).state = State::fresh;
        thread(r).meetings = 0;
    }
    make_ready(0, size, State::fresh, ~0u);
    switch_to(next());  // back when all have returned, none can run or one has failed
    if (done < size && !failed)
        note_failure(stuck());
    if (failed) {
        abandon = true;
        for (int r = 0; r < size; ++r)
            if (Thread& t = thread(r); t.state != State::done && t.state != State::fresh)
                switch_to(t);
        abandon = false;
    }
}

// Where no sanitizer watches, shared memory ends in a guard zone. volatile: not a call that a sanitizer replaces.
std::size_t shared_guard() {
    return with_asan() ? 0 : 64;
}
void poison_shared(void* memory, std::size_t bytes) {
    auto* const words = static_cast<volatile std::uint64_t*>(memory);
    for (std::size_t i = 0; i < bytes / 8; ++i)
        words[i] = poison;
    auto* const rest = static_cast<volatile unsigned char*>(memory);
    for (std::size_t i = bytes / 8 * 8; i < bytes; ++i)
        rest[i] = static_cast<unsigned char>(poison >> 8 * (i % 8));
    for (std::size_t i = bytes; i < bytes + shared_guard(); ++i)
        rest[i] = 0xa5;
}
void check_shared(const void* memory, std::size_t bytes) {
    const auto* const all = static_cast<const volatile unsigned char*>(memory);
    for (std::size_t i = bytes; i < bytes + shared_guard(); ++i)
        if (all[i] != 0xa5)
            return note_failure("the block wrote at byte " + std::to_string(i) + ", beyond its " +
                                std::to_string(bytes) + " bytes of shared memory");
}

std::size_t shared_bytes_of_launches = 0;  // the most since somebody asked

}  // namespace

// ---- what the device language calls --------------------------------------------------------------------------------

void* dynamic_shared() {
    return the.shared[the.parity].get();
}

void fail(const std::string& what, const Where& where) {
    note_failure(what + " at " + at(where) + ", thread " + std::to_string(the.running->rank));
    throw Abandoned{};
}

int lane() {
    return the.running->rank % lanes;
}

int block_barrier(Collective kind, int predicate, const Where& where) {
    Thread& t = *the.running;
    t.kind = kind;
    t.where = where;
    t.state = State::at_barrier;
    char& token = the.barrier_token[the.parity][the.barriers % 2];
    release(token);
    the.count += predicate != 0;
    if (++the.waiting + the.done == the.size)
        the.release_barrier();
    the.switch_to(the.next());
    if (the.abandon)
        throw Abandoned{};
    acquire(token);
    return the.result;
}

void warp_barrier(unsigned mask, const Where& where) {
    the.wait_in_warp(Collective::syncwarp, mask, 0, 0, where);
}

std::uint64_t warp_exchange(Collective kind, unsigned mask, std::uint64_t word, int source, const Where& where) {
    return the.wait_in_warp(kind, mask, word, source, where);
}

// Orders what is before it in any thread before what is after it in any later caller: more than the hardware promises.
void fence() {
    release(the.fence_token);
    acquire(the.fence_token);
}

std::size_t shared_limit() {
    const char* const text = std::getenv("DESCRAMBLER_SIMT_SHARED");
    return text == nullptr ? std::size_t{227} * 1024 : std::strtoull(text, nullptr, 10);
}

std::size_t take_shared_bytes() {
    return std::exchange(shared_bytes_of_launches, 0);
}

void check_launch(dim3 grid, int threads, std::size_t shared_bytes) {
    const auto refuse = [](const std::string& what) { throw Error("test device: launch of " + what); };
    if (threads < 1 || threads > most_threads)
        refuse(std::to_string(threads) + " threads a block, expected 1 to " + std::to_string(most_threads));
    if (shared_bytes > shared_limit())
        refuse(std::to_string(shared_bytes) + " bytes of shared memory, expected at most " +
               std::to_string(shared_limit()));
    if (grid.x > 0x7fffffffu || grid.y > 65535u || grid.z > 65535u)
        refuse("a grid of " + std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " + std::to_string(grid.z) +
               " blocks, expected at most 2^31 - 1, 65535, 65535");
}

void run(dim3 grid, int threads, std::size_t shared_bytes, const std::function<void()>& body) {
    check_launch(grid, threads, shared_bytes);
    shared_bytes_of_launches = std::max(shared_bytes_of_launches, shared_bytes);
    const std::lock_guard lock(one_launch);
    const Schedule order = schedule();
    if (order.order != the.order.order || order.seed != the.order.seed || order.order != Order::random)
        the.random.seed(order.seed);
    the.order = order;
    const std::size_t parities = with_tsan() ? 2 : 1;
    for (std::size_t p = 0; p < parities; ++p) {
        while (the.pool[p].size() < static_cast<std::size_t>(threads))
            the.pool[p].push_back(make_thread(static_cast<int>(the.pool[p].size())));
        void* bytes = nullptr;
        if (shared_bytes + shared_guard() > 0 && posix_memalign(&bytes, 128, shared_bytes + shared_guard()) != 0)
            throw std::bad_alloc();
        the.shared[p].reset(bytes);  // of exactly this size: the address sanitizer sees what lies beyond
    }
    the.body = &body;
    the.size = threads;
    the.failed = false;
    if (with_tsan())
        the.host.tsan = __tsan_get_current_fiber();
    gridDim = grid;
    blockDim = dim3(static_cast<unsigned>(threads));

    const std::size_t blocks = std::size_t{grid.x} * grid.y * grid.z;
    std::vector<std::size_t> blocks_in_order;
    if (order.order == Order::random) {
        blocks_in_order.resize(blocks);
        std::iota(blocks_in_order.begin(), blocks_in_order.end(), std::size_t{0});
        std::shuffle(blocks_in_order.begin(), blocks_in_order.end(), the.random);
    }
    release(the.launch_token);
    {
        const OpenMemory open;
        for (std::size_t i = 0; i < blocks && !the.failed; ++i) {
            const std::size_t b = order.order == Order::random    ? blocks_in_order[i]
                                  : order.order == Order::reverse ? blocks - 1 - i
                                                                  : i;
            blockIdx = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                        static_cast<unsigned>(b / grid.x / grid.y)};
            the.block = i;
            the.parity = i % parities;
            poison_shared(the.shared[the.parity].get(), shared_bytes);
            the.run_block();
            if (!the.failed)
                check_shared(the.shared[the.parity].get(), shared_bytes);
        }
    }
    for (char& token : the.end_token)
        acquire(token);
    for (auto& memory : the.shared)
        memory.reset();
    if (the.failed)
        throw Error(the.failure);
}

}  // namespace descrambler::simt
