// The test device: every CUDA thread of a block is a fiber; blocks run one after another. One object for all variants
// of the test build, itself never instrumented: the sanitizers' functions are weak and null where they are not linked.
// ThreadSanitizer sees each CUDA thread as a thread of its own that only barriers order, so it names races whatever the
// schedule. Blocks are not ordered either: even and odd ones then have fibers and shared memory of their own.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <boost/context/fiber.hpp>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
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

namespace context = boost::context;

constexpr int most_threads = 1024, lanes = 32;
constexpr std::size_t most_shared = 227 * 1024, stack_bytes = 256 * 1024;
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
    int rank = 0;
    State state = State::done;
    Collective kind{};
    Where where;
    unsigned mask = 0;
    std::uint64_t word = 0;
    Gathered got{};
    unsigned meetings = 0;  // led in this block
    char token[2] = {};     // by the parity of the meeting

    context::fiber fiber;  // goes on here
    void* tsan = nullptr;
    void* asan = nullptr;
    const void* stack = nullptr;
};

// Stacks with a page below that faults. Fibers are kept for the life of the process.
struct Stacks {
    static context::stack_context allocate() {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        void* const low = mmap(nullptr, stack_bytes + page, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (low == MAP_FAILED || mprotect(low, page, PROT_NONE) != 0)
            throw std::bad_alloc();
        context::stack_context stack;
        stack.size = stack_bytes;
        stack.sp = static_cast<char*>(low) + page + stack_bytes;
        return stack;
    }
    static void deallocate(context::stack_context&) noexcept {}
};

struct Free {
    void operator()(void* memory) const { std::free(memory); }
};

std::string at(const Where& where) {
    return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

struct Engine {
    // threads
    std::vector<std::unique_ptr<Thread>> pool[2];  // by the parity of the block, where it matters
    Thread* running = nullptr;
    context::fiber host;  // the scheduler goes on here
    void* host_tsan = nullptr;
    void* host_asan = nullptr;
    const void* host_stack = nullptr;
    std::size_t host_stack_bytes = 0;

    // launch
    const std::function<void()>* body = nullptr;
    int size = 0;  // threads a block
    std::unique_ptr<void, Free> shared[2];
    std::string failure;
    bool abandon = false;
    char launch_token = 0, end_token[2] = {}, barrier_token[2][2] = {}, fence_token = 0;

    // block
    std::size_t parity = 0;
    std::vector<Thread*> ready;
    std::size_t next = 0;  // of `ready`
    int waiting = 0, done = 0, count = 0, result = 0;
    unsigned barriers = 0;
    unsigned warp_waiting[most_threads / lanes] = {}, warp_done[most_threads / lanes] = {};

    // order
    Schedule order;
    std::mt19937_64 random;

    [[nodiscard]] Thread& thread(int rank) const { return *pool[parity][static_cast<std::size_t>(rank)]; }
    void enter(Thread& t);
    void suspend();
    void make_ready(std::vector<Thread*>& group);
    Thread* pick();
    void release_barrier();
    void meet(Thread& t, unsigned meeting);
    void run_block();
    std::string stuck() const;
};

Engine& engine() {
    static Engine* const the = new Engine;  // never destroyed: its fibers are suspended
    return *the;
}
std::mutex one_launch;
std::size_t most_shared_bytes = 0;

std::string context_of_failure() {
    const Engine& e = engine();
    std::string text = " (block " + std::to_string(blockIdx.x);
    if (gridDim.y > 1 || gridDim.z > 1)
        text += ", " + std::to_string(blockIdx.y) + ", " + std::to_string(blockIdx.z);
    constexpr const char* names[] = {"forward", "reverse", "random:", "deep"};
    text += std::string("; schedule ") + names[static_cast<int>(e.order.order)];
    if (e.order.order == Order::random)
        text += std::to_string(e.order.seed);
    return text + ")";
}

// In a TSan build an exception cannot leave a fiber.
void note_failure(const std::string& what) {
    Engine& e = engine();
    if (e.failure.empty())
        e.failure = "test device: " + what + context_of_failure();
    if (with_tsan()) {
        std::fprintf(stderr, "%s\n", e.failure.c_str());
        std::abort();
    }
}

// ---- switching -----------------------------------------------------------------------------------------------------

void Engine::suspend() {
    Thread& t = *running;
    if (with_asan())
        __sanitizer_start_switch_fiber(&t.asan, host_stack, host_stack_bytes);
    if (with_tsan())
        __tsan_switch_to_fiber(host_tsan, 1);  // 1: the switch orders nothing
    host = std::move(host).resume();
    if (with_asan())
        __sanitizer_finish_switch_fiber(t.asan, &host_stack, &host_stack_bytes);
}

[[noreturn]] void thread_main(Thread& t) {
    Engine& e = engine();
    if (with_asan())
        __sanitizer_finish_switch_fiber(nullptr, &e.host_stack, &e.host_stack_bytes);
    for (;;) {
        acquire(e.launch_token);
        acquire(e.end_token[e.parity]);
        try {
            (*e.body)();
        } catch (const Abandoned&) {
        } catch (const std::exception& error) {
            note_failure(error.what());
        }
        release(e.end_token[e.parity]);
        t.state = State::done;
        e.suspend();
    }
}

void Engine::enter(Thread& t) {
    running = &t;
    threadIdx = {static_cast<unsigned>(t.rank), 0, 0};
    if (with_asan())
        __sanitizer_start_switch_fiber(&host_asan, t.stack, stack_bytes);
    if (with_tsan())
        __tsan_switch_to_fiber(t.tsan, 1);
    t.fiber = std::move(t.fiber).resume();
    if (with_asan())
        __sanitizer_finish_switch_fiber(host_asan, nullptr, nullptr);
}

std::unique_ptr<Thread> make_thread(int rank) {
    auto t = std::make_unique<Thread>();
    t->rank = rank;
    const context::stack_context stack = Stacks::allocate();
    t->stack = static_cast<char*>(stack.sp) - stack.size;
    t->fiber = context::fiber(std::allocator_arg, context::preallocated(stack.sp, stack.size, stack), Stacks{},
                              [thread = t.get()](context::fiber&& from) -> context::fiber {
                                  engine().host = std::move(from);
                                  thread_main(*thread);
                              });
    if (with_tsan()) {
        t->tsan = __tsan_create_fiber(0);
        __tsan_set_fiber_name(t->tsan, ("CUDA thread " + std::to_string(rank)).c_str());
    }
    return t;
}

// ---- order ---------------------------------------------------------------------------------------------------------

void Engine::make_ready(std::vector<Thread*>& group) {  // in ascending order
    for (Thread* t : group)
        if (t->state != State::fresh)
            t->state = State::ready;
    if (order.order == Order::reverse)
        ready.insert(ready.end(), group.rbegin(), group.rend());
    else
        ready.insert(ready.end(), group.begin(), group.end());
}

Thread* Engine::pick() {
    if (next == ready.size()) {
        ready.clear();
        next = 0;
        return nullptr;
    }
    Thread* t = nullptr;
    switch (order.order) {
        case Order::forward:
        case Order::reverse:
            t = ready[next++];
            break;
        case Order::random:
            std::swap(ready.back(), ready[random() % ready.size()]);
            [[fallthrough]];
        case Order::deep:
            t = ready.back();
            ready.pop_back();
            break;
    }
    if (next > most_threads * 4) {
        ready.erase(ready.begin(), ready.begin() + static_cast<std::ptrdiff_t>(next));
        next = 0;
    }
    return t;
}

// ---- collectives ---------------------------------------------------------------------------------------------------

bool same_place(const Thread& a, const Thread& b) {
    return a.kind == b.kind && a.where.line() == b.where.line() &&
           std::strcmp(a.where.file_name(), b.where.file_name()) == 0;
}

std::string differ(const Thread& a, const Thread& b) {
    return "thread " + std::to_string(a.rank) + " waits at " + at(a.where) + ", thread " + std::to_string(b.rank) +
           " at " + at(b.where);
}

// All threads that have not returned wait.
void Engine::release_barrier() {
    std::vector<Thread*> group;
    for (int r = 0; r < size; ++r)
        if (thread(r).state == State::at_barrier)
            group.push_back(&thread(r));
    for (Thread* t : group)
        if (!same_place(*t, *group.front()))
            return note_failure("divergent barrier: " + differ(*group.front(), *t));
    if (done > 0)
        return note_failure("barrier at " + at(group.front()->where) + " reached by " + std::to_string(waiting) +
                            " of " + std::to_string(size) + " threads; " + std::to_string(done) +
                            " have already returned");
    result = group.front()->kind == Collective::count ? count
             : group.front()->kind == Collective::all ? count == size
                                                      : count > 0;
    waiting = count = 0;
    ++barriers;
    make_ready(group);
}

// All lanes of the mask wait, each with this mask.
void Engine::meet(Thread& t, unsigned mask) {
    const int warp = t.rank / lanes;
    std::vector<Thread*> group;
    for (int l = 0; l < lanes; ++l)
        if ((mask >> l & 1u) != 0)
            group.push_back(&thread(warp * lanes + l));
    for (Thread* member : group)
        if (!same_place(*member, *group.front()))
            return note_failure("divergent warp collective: " + differ(*group.front(), *member));
    Gathered words{{}, mask};
    words.word.fill(poison);
    for (Thread* member : group)
        words.word[static_cast<std::size_t>(member->rank % lanes)] = member->word;
    for (Thread* member : group)
        member->got = words;
    ++group.front()->meetings;
    warp_waiting[warp] &= ~mask;
    make_ready(group);
}

void wait_in_warp(Collective kind, unsigned mask, std::uint64_t word, const Where& where) {
    Engine& e = engine();
    Thread& t = *e.running;
    const int warp = t.rank / lanes, own = t.rank % lanes, first = warp * lanes;
    if (e.size - first < lanes)
        mask &= (1u << (e.size - first)) - 1u;  // lanes beyond the end of the block
    if ((mask >> own & 1u) == 0)
        fail("lane " + std::to_string(own) + " is not in the mask of its warp collective", where);
    if ((mask & e.warp_done[warp]) != 0)
        fail("the mask of a warp collective names lane " + std::to_string(std::countr_zero(mask & e.warp_done[warp])) +
                 ", which has returned",
             where);
    t.kind = kind;
    t.where = where;
    t.mask = mask;
    t.word = word;
    t.state = State::at_warp;
    e.warp_waiting[warp] |= 1u << own;

    char* token = nullptr;
    if (kind == Collective::syncwarp) {  // the others exchange values, they are no memory barriers
        Thread& leader = e.thread(first + std::countr_zero(mask));
        token = &leader.token[leader.meetings % 2];
        release(*token);
    }
    if ((mask & ~e.warp_waiting[warp]) == 0) {
        bool all = true;
        for (int l = 0; l < lanes; ++l)
            all = all && ((mask >> l & 1u) == 0 || e.thread(first + l).mask == mask);
        if (all)
            e.meet(t, mask);
    }
    e.suspend();
    if (e.abandon)
        throw Abandoned{};
    if (token != nullptr)
        acquire(*token);
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
    waiting = done = count = 0;
    barriers = 0;
    std::fill(std::begin(warp_waiting), std::end(warp_waiting), 0u);
    std::fill(std::begin(warp_done), std::end(warp_done), 0u);
    ready.clear();
    next = 0;
    std::vector<Thread*> group;
    for (int r = 0; r < size; ++r) {
        Thread& t = thread(r);
        t.state = State::fresh;
        t.meetings = 0;
        group.push_back(&t);
    }
    make_ready(group);
    while (done < size && failure.empty()) {
        Thread* const t = pick();
        if (t == nullptr) {
            note_failure(stuck());
            break;
        }
        t->state = State::ready;
        enter(*t);
        if (t->state == State::done) {
            ++done;
            warp_done[t->rank / lanes] |= 1u << t->rank % lanes;
            if (waiting > 0 && waiting + done == size)
                release_barrier();  // an error
        }
    }
    if (!failure.empty()) {
        abandon = true;
        for (int r = 0; r < size; ++r)
            if (Thread& t = thread(r); t.state != State::done && t.state != State::fresh)
                enter(t);
        abandon = false;
    }
}

void poison_shared(void* memory, std::size_t bytes) {
    auto* const to = static_cast<volatile unsigned char*>(memory);  // volatile: not a call that a sanitizer records
    for (std::size_t i = 0; i < bytes; ++i)
        to[i] = static_cast<unsigned char>(poison >> 8 * (i % 8));
}

void check_launch(dim3 grid, int threads, std::size_t shared_bytes) {
    const auto refuse = [](const std::string& what) { throw Error("test device: launch of " + what); };
    if (threads < 1 || threads > most_threads)
        refuse(std::to_string(threads) + " threads a block, expected 1 to " + std::to_string(most_threads));
    if (shared_bytes > most_shared)
        refuse(std::to_string(shared_bytes) + " bytes of shared memory, expected at most " +
               std::to_string(most_shared));
    if (grid.x > 0x7fffffffu || grid.y > 65535u || grid.z > 65535u)
        refuse("a grid of " + std::to_string(grid.x) + " x " + std::to_string(grid.y) + " x " + std::to_string(grid.z) +
               " blocks, expected at most 2^31 - 1, 65535, 65535");
}

std::optional<Schedule> chosen;

}  // namespace

// ---- what the device language calls --------------------------------------------------------------------------------

void* dynamic_shared() {
    return engine().shared[engine().parity].get();
}

void fail(const std::string& what, const Where& where) {
    note_failure(what + " at " + at(where) + ", thread " + std::to_string(engine().running->rank));
    throw Abandoned{};
}

int lane() {
    return engine().running->rank % lanes;
}

int block_barrier(Collective kind, int predicate, const Where& where) {
    Engine& e = engine();
    Thread& t = *e.running;
    t.kind = kind;
    t.where = where;
    t.state = State::at_barrier;
    char& token = e.barrier_token[e.parity][e.barriers % 2];
    release(token);
    e.count += predicate != 0;
    if (++e.waiting + e.done == e.size)
        e.release_barrier();
    e.suspend();
    if (e.abandon)
        throw Abandoned{};
    acquire(token);
    return e.result;
}

void warp_barrier(unsigned mask, const Where& where) {
    wait_in_warp(Collective::syncwarp, mask, 0, where);
}

const Gathered& warp_gather(Collective kind, unsigned mask, std::uint64_t word, const Where& where) {
    wait_in_warp(kind, mask, word, where);
    return engine().running->got;
}

// Orders what is before it in any thread before what is after it in any later caller: more than the hardware promises.
void fence() {
    release(engine().fence_token);
    acquire(engine().fence_token);
}

std::size_t take_shared_bytes() {
    return std::exchange(most_shared_bytes, 0);
}

void run(dim3 grid, int threads, std::size_t shared_bytes, const std::function<void()>& body) {
    check_launch(grid, threads, shared_bytes);
    const std::lock_guard lock(one_launch);
    most_shared_bytes = std::max(most_shared_bytes, shared_bytes);
    Engine& e = engine();
    const Schedule order = schedule();
    if (order.order != e.order.order || order.seed != e.order.seed || order.order != Order::random)
        e.random.seed(order.seed);
    e.order = order;
    for (std::size_t p = 0; p < (with_tsan() ? 2 : 1); ++p)
        while (e.pool[p].size() < static_cast<std::size_t>(threads))
            e.pool[p].push_back(make_thread(static_cast<int>(e.pool[p].size())));
    for (auto& memory : e.shared) {
        void* bytes = nullptr;
        if (shared_bytes > 0 && posix_memalign(&bytes, 128, shared_bytes) != 0)
            throw std::bad_alloc();
        memory.reset(bytes);  // of exactly this size: a sanitizer sees what lies beyond
    }
    e.body = &body;
    e.size = threads;
    e.failure.clear();
    if (with_tsan())
        e.host_tsan = __tsan_get_current_fiber();
    gridDim = grid;
    blockDim = dim3(static_cast<unsigned>(threads));

    const std::size_t blocks = std::size_t{grid.x} * grid.y * grid.z;
    std::vector<std::size_t> blocks_in_order;
    if (order.order == Order::random) {
        blocks_in_order.resize(blocks);
        std::iota(blocks_in_order.begin(), blocks_in_order.end(), std::size_t{0});
        std::shuffle(blocks_in_order.begin(), blocks_in_order.end(), e.random);
    }
    release(e.launch_token);
    {
        const OpenMemory open;
        for (std::size_t i = 0; i < blocks && e.failure.empty(); ++i) {
            const std::size_t b = order.order == Order::random    ? blocks_in_order[i]
                                  : order.order == Order::reverse ? blocks - 1 - i
                                                                  : i;
            blockIdx = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                        static_cast<unsigned>(b / grid.x / grid.y)};
            e.parity = with_tsan() ? i % 2 : 0;
            poison_shared(e.shared[e.parity].get(), shared_bytes);
            e.run_block();
        }
    }
    acquire(e.end_token[0]);
    acquire(e.end_token[1]);
    for (auto& memory : e.shared)
        memory.reset();
    if (!e.failure.empty())
        throw Error(e.failure);
}

// ---- schedules -----------------------------------------------------------------------------------------------------

Schedule parse_schedule(const std::string& text) {
    if (text == "forward")
        return {Order::forward};
    if (text == "reverse")
        return {Order::reverse};
    if (text == "deep")
        return {Order::deep};
    if (text == "random")
        return {Order::random};
    if (text.starts_with("random:") && text.size() > 7 &&
        text.find_first_not_of("0123456789", 7) == std::string::npos && text.size() < 26)
        return {Order::random, std::stoull(text.substr(7))};
    throw InputError("DESCRAMBLER_SIMT_SCHEDULE: '" + text +
                     "', expected forward, reverse, deep, random or random:SEED");
}

void set_schedule(Schedule schedule) {
    chosen = schedule;
}

Schedule schedule() {
    if (!chosen) {
        const char* const text = std::getenv("DESCRAMBLER_SIMT_SCHEDULE");
        chosen = text != nullptr && *text != '\0' ? parse_schedule(text) : Schedule{};
    }
    return *chosen;
}

}  // namespace descrambler::simt
