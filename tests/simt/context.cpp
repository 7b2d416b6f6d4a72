// cuda::Context of the test device. Device memory is a range of addresses that cannot be touched but by kernels, copies
// and the vendor functions; allocations have guard zones, checked when they end, and start as NaN.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "engine.hpp"
#include "runtime.hpp"
#include "staging.hpp"

extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(void const volatile* address, std::size_t size);
[[gnu::weak]] void __asan_unpoison_memory_region(void const volatile* address, std::size_t size);
}

namespace descrambler::simt {

namespace {

constexpr std::size_t alignment = 256, guard = 256, default_size = std::size_t{4} << 30;
constexpr std::uint64_t fresh = 0x7ff4dead7fb4deadull;  // NaN as a double and in both halves as a float
constexpr unsigned char guard_byte = 0xa5;

std::size_t number_from_environment(const char* name, std::size_t otherwise, const char* what) {
    const char* const text = std::getenv(name);
    if (text == nullptr || *text == '\0')
        return otherwise;
    char* end = nullptr;
    const unsigned long long number = std::strtoull(text, &end, 10);
    if (*end != '\0')
        throw InputError(std::string(name) + ": '" + text + "', expected a number of " + what);
    return static_cast<std::size_t>(number);
}

// To say, before a plain SIGSEGV, whose mistake it was.
struct Range {
    const char* first = nullptr;
    const char* last = nullptr;
} addresses;
struct sigaction before;

void on_fault(int number, siginfo_t* info, void* more) {
    const char* const address = static_cast<const char*>(info->si_addr);
    if (address >= addresses.first && address < addresses.last) {
        constexpr char text[] =
            "test device: host code touched device memory, or a kernel went beyond all allocations\n";
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
    }
    if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr)
        return before.sa_sigaction(number, info, more);
    sigaction(SIGSEGV, &before, nullptr);  // the access is tried again
}

void watch_faults(char* first, char* last) {
    static std::array<char, 64 * 1024> stack;  // a fiber may have used up its own
    stack_t old{};
    if (sigaltstack(nullptr, &old) == 0 && (old.ss_flags & SS_DISABLE) != 0) {
        stack_t ours{};
        ours.ss_sp = stack.data();
        ours.ss_size = stack.size();
        sigaltstack(&ours, nullptr);
    }
    addresses = {first, last};
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGSEGV, &action, &before);
}

std::size_t rounded(std::size_t bytes) {
    return std::max<std::size_t>((bytes + alignment - 1) / alignment, 1) * alignment;
}

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "test device: %s\n", what.c_str());
    std::abort();
}

class Arena {
public:
    Arena()
        : size_(number_from_environment("DESCRAMBLER_SIMT_MEMORY", default_size, "bytes")),
          fails_(number_from_environment("DESCRAMBLER_SIMT_FAIL_ALLOCATION", 0, "an allocation")),
          range_(4 * std::max(size_, default_size)) {
        void* const memory = mmap(nullptr, range_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED)
            throw Error("test device: no address space for its memory");
        base_ = static_cast<char*>(memory);
        watch_faults(base_, base_ + range_);
        gaps_[0] = range_;
    }

    void* allocate(std::size_t bytes, const std::string& option) {
        const std::lock_guard lock(mutex_);
        const std::size_t whole = 2 * guard + rounded(bytes);
        const auto gap = std::find_if(gaps_.begin(), gaps_.end(), [&](const auto& g) { return g.second >= whole; });
        if (++count_ == fails_ || used_ + rounded(bytes) > size_ || gap == gaps_.end())
            throw OutOfMemory(option + "out of memory: " + std::to_string(bytes) + " bytes asked, " +
                              std::to_string(size_ > used_ ? size_ - used_ : 0) + " free");
        const auto [offset, length] = *gap;
        gaps_.erase(gap);
        if (length > whole)
            gaps_[offset + whole] = length - whole;
        used_ += rounded(bytes);
        touched_ = std::max(touched_, offset + whole);
        blocks_[offset + guard] = bytes;
        char* const user = base_ + offset + guard;
        open();
        unpoison(user - guard, whole);
        std::memset(user - guard, guard_byte, guard);
        fill(user, bytes);
        std::memset(user + bytes, guard_byte, whole - guard - bytes);
        poison(user - guard, guard);
        poison(user + bytes, whole - guard - bytes);
        close();
        return user;
    }

    void release(void* memory) {
        const std::lock_guard lock(mutex_);
        char* const user = static_cast<char*>(memory);
        const auto block = blocks_.find(static_cast<std::size_t>(user - base_));
        if (block == blocks_.end())
            die("release of what is no allocation");
        const std::size_t bytes = block->second, whole = 2 * guard + rounded(bytes);
        std::size_t offset = block->first - guard;
        blocks_.erase(block);
        used_ -= rounded(bytes);
        open();
        unpoison(user - guard, whole);
        const auto intact = [](const char* from, const char* to) {
            return std::all_of(from, to, [](char c) { return static_cast<unsigned char>(c) == guard_byte; });
        };
        if (!intact(user - guard, user))
            die("a kernel wrote before an allocation of " + std::to_string(bytes) + " bytes");
        if (!intact(user + bytes, user - guard + whole))
            die("a kernel wrote beyond an allocation of " + std::to_string(bytes) + " bytes");
        fill(user - guard, whole);  // who still reads it reads NaN
        poison(user - guard, whole);
        close();
        std::size_t length = whole;
        const auto after = gaps_.find(offset + whole);
        if (after != gaps_.end()) {
            length += after->second;
            gaps_.erase(after);
        }
        const auto above = gaps_.lower_bound(offset);
        if (above != gaps_.begin()) {
            const auto below = std::prev(above);
            if (below->first + below->second == offset) {
                offset = below->first;
                length += below->second;
            }
        }
        gaps_[offset] = length;
    }

    void open() {
        if (opened_++ == 0)
            protect(PROT_READ | PROT_WRITE);
    }
    void close() {
        if (--opened_ == 0)
            protect(PROT_NONE);
    }
    void check(const void* from, std::size_t bytes) {
        const std::lock_guard lock(mutex_);
        const char* const first = static_cast<const char*>(from);
        if (first < base_ || first >= base_ + range_)
            throw Error("test device: a kernel is given an array of host memory");
        const auto offset = static_cast<std::size_t>(first - base_);
        const auto above = blocks_.upper_bound(offset);
        if (above == blocks_.begin())
            throw Error("test device: a kernel is given an array outside all allocations");
        const auto& [start, length] = *std::prev(above);
        if (offset - start + bytes > length)
            throw Error("test device: a kernel is given an array of " + std::to_string(bytes) + " bytes at byte " +
                        std::to_string(offset - start) + " of an allocation of " + std::to_string(length));
    }
    std::mutex& mutex() { return mutex_; }
    void resize(std::size_t bytes) { size_ = bytes; }
    std::uint64_t fail(std::uint64_t k) {
        const std::lock_guard lock(mutex_);
        fails_ = k;
        return std::exchange(count_, 0);
    }
    [[nodiscard]] std::size_t used() const { return used_; }
    [[nodiscard]] std::size_t free() const { return size_ > used_ ? size_ - used_ : 0; }

private:
    void protect(int how) {
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t bytes = (touched_ + page - 1) / page * page;
        if (bytes > 0 && mprotect(base_, bytes, how) != 0)
            die("memory cannot be protected");
    }
    static void fill(char* to, std::size_t bytes) {
        for (std::size_t i = 0; i < bytes; i += 8)
            std::memcpy(to + i, &fresh, std::min<std::size_t>(8, bytes - i));
    }
    static void poison(char* from, std::size_t bytes) {
        if (__asan_poison_memory_region != nullptr)
            __asan_poison_memory_region(from, bytes);
    }
    static void unpoison(char* from, std::size_t bytes) {
        if (__asan_unpoison_memory_region != nullptr)
            __asan_unpoison_memory_region(from, bytes);
    }

    std::mutex mutex_;
    std::size_t size_;                 // what is simulated
    std::uint64_t fails_, count_ = 0;  // which allocation finds no memory; made so far
    std::size_t range_;                // addresses, more than memory, so that pieces do not matter
    char* base_ = nullptr;
    std::size_t used_ = 0, touched_ = 0;
    int opened_ = 0;
    std::map<std::size_t, std::size_t> gaps_, blocks_;  // offset -> bytes
};

Arena& arena() {
    static Arena* const the = new Arena;  // memory may be released by destructors of globals
    return *the;
}

}  // namespace

OpenMemory::OpenMemory() {
    const std::lock_guard lock(arena().mutex());
    arena().open();
}
OpenMemory::~OpenMemory() {
    const std::lock_guard lock(arena().mutex());
    arena().close();
}

void set_memory(std::size_t bytes) {
    arena().resize(bytes);
}
std::uint64_t fail_allocation(std::uint64_t k) {
    return arena().fail(k);
}
std::size_t memory_in_use() {
    return arena().used();
}
void check_on_device(const void* from, std::size_t bytes) {
    if (from != nullptr)
        arena().check(from, bytes);
}

}  // namespace descrambler::simt

namespace descrambler::cuda {

namespace {

std::string option(int device) {
    return "--device cuda:" + std::to_string(device) + ": ";
}

}  // namespace

// As cuda/context.cpp has it, with slots so small that the ring goes round.
struct Context::Uploads {
    static constexpr std::size_t slot_bytes = 4096;

    Uploads() : ring(*this, slot_bytes) {}
    void* page_locked(std::size_t bytes) {
        locked.resize(bytes);
        return locked.data();
    }
    static void enqueue_copy(void* to, const void* from, std::size_t bytes) {
        simt::enqueue([=] {
            const simt::OpenMemory open;
            std::memcpy(to, from, bytes);
        });
    }
    void mark(int slot) { marks[slot] = simt::enqueued(); }
    void wait(int slot) const { simt::wait_for(marks[slot]); }

    std::vector<char> locked;
    std::uint64_t marks[Staging<Uploads>::slots]{};
    Staging<Uploads> ring;
};

// As many as a test wants, or none; they share one memory and one stream.
int device_count() {
    const char* const text = std::getenv("DESCRAMBLER_SIMT_DEVICES");
    const int count = text == nullptr ? 1 : std::max(0, std::atoi(text));
    if (count == 0)
        throw InputError("--device cuda: no test device");
    return count;
}

Context::Context(int device) : device_(device), name_("cuda:" + std::to_string(device) + " (test device)") {
    if (device < 0 || device >= device_count())
        throw InputError(option(device) + "this machine has " + std::to_string(device_count()) +
                         (device_count() == 1 ? " device, expected cuda:0" : " devices"));
    if (shared_bytes() < least_shared)
        throw InputError(option(device) + "the test device gives a block " + std::to_string(shared_bytes() / 1024) +
                         " KiB of shared memory, expected at least " + std::to_string(least_shared / 1024));
}
Context::~Context() {
    for (bool done = false; !done;)  // behind what fails too: it reads memory that goes now
        try {
            simt::wait_for_all();
            done = true;
        } catch (const std::exception& error) {
            std::fprintf(stderr, "%s\n", error.what());
        }
}

CUstream_st* Context::stream() const {
    return nullptr;
}
std::size_t Context::shared_bytes() const {
    return simt::shared_limit();
}
std::size_t Context::free_bytes() const {
    return simt::arena().free();
}
void* Context::allocate(std::size_t bytes) {
    if (simt::arena().free() < bytes)
        synchronise();  // memory whose release is still to come
    return simt::arena().allocate(bytes, option(device_));
}
void Context::release(void* memory) noexcept {
    simt::enqueue([memory] { simt::arena().release(memory); });
}
void Context::zero(void* to, std::size_t bytes) {
    simt::check_on_device(to, bytes);
    simt::enqueue([=] {
        const simt::OpenMemory open;
        if (bytes > 0)
            std::memset(to, 0, bytes);
    });
}
void Context::to_device(void* to, const void* from, std::size_t bytes) {
    simt::check_on_device(to, bytes);
    if (!uploads_)
        uploads_ = std::make_shared<Uploads>();
    uploads_->ring.copy(to, from, bytes);
}
void Context::to_host(void* to, const void* from, std::size_t bytes) {
    simt::check_on_device(from, bytes);
    synchronise();
    const simt::OpenMemory open;
    if (bytes > 0)
        std::memcpy(to, from, bytes);
}
void Context::copy(void* to, const void* from, std::size_t bytes) {
    simt::enqueue([=] {
        const simt::OpenMemory open;
        if (bytes > 0)
            std::memcpy(to, from, bytes);
    });
}
void Context::synchronise() {
    simt::wait_for_all();
}

}  // namespace descrambler::cuda
