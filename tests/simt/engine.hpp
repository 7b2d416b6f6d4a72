// What the test device offers besides the device language: order of execution, its stream and memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace descrambler::simt {

// The order in which the threads of a block run when several could.
//   forward  first in, first out, by rank
//   reverse  the same with every group that becomes ready in descending order, blocks last to first
//   random   any, seeded; blocks in any order
//   deep     last in, first out: one thread runs as far as it can
enum class Order { forward, reverse, random, deep };
struct Schedule {
    Order order = Order::forward;
    std::uint64_t seed = 1;  // of Order::random
};
// "forward", "reverse", "deep", "random", "random:SEED"; the environment variable DESCRAMBLER_SIMT_SCHEDULE is read at
// the first launch. Throws InputError.
[[nodiscard]] Schedule parse_schedule(const std::string& text);
void set_schedule(Schedule schedule);
[[nodiscard]] Schedule schedule();

// The stream. As a rule what is enqueued runs at once. In deferred mode (DESCRAMBLER_SIMT_DEFERRED=1) launches, copies,
// the vendor's products and releases of memory run, in their order, only when somebody waits. Host code that counts on
// what has only been enqueued, or changes what a copy is still to read, then gets wrong numbers.
void set_deferred(bool deferred);
void enqueue(std::function<void()> work);
// How much has been enqueued so far; wait_for runs it up to there, wait_for_all runs everything. They throw what the
// work throws; what comes after it stays enqueued.
[[nodiscard]] std::uint64_t enqueued();
void wait_for(std::uint64_t position);
void wait_for_all();

// Shared memory that a block may have: 227 KiB, or DESCRAMBLER_SIMT_SHARED bytes, for other devices than sm_90.
[[nodiscard]] std::size_t shared_limit();

// Most dynamic shared memory that a launch asked for since the last call.
[[nodiscard]] std::size_t take_shared_bytes();

// Device memory can be read and written while one of these lives; other host code that touches it crashes.
class OpenMemory {
public:
    OpenMemory();
    ~OpenMemory();
    OpenMemory(const OpenMemory&) = delete;
    OpenMemory& operator=(const OpenMemory&) = delete;
};

// Size of the device's memory from now on; at the start DESCRAMBLER_SIMT_MEMORY bytes or 4 GiB.
void set_memory(std::size_t bytes);

// The k-th allocation from now on finds no memory, 0: none does; at the start DESCRAMBLER_SIMT_FAIL_ALLOCATION. Returns
// how many have been made since the last call.
std::uint64_t fail_allocation(std::uint64_t k);

// Bytes in live allocations.
[[nodiscard]] std::size_t memory_in_use();

// Throws Error unless [from, from + bytes) lies in one allocation. A null pointer passes.
void check_on_device(const void* from, std::size_t bytes);

}  // namespace descrambler::simt
