// The processes that work on one job: those that mpirun or srun started together, otherwise this one alone. Messages
// between two ranks arrive in order; collectives (barrier, broadcast, all_gather, sums) are called by all ranks in the
// same order. Calls come from the main thread. Waiting is polling with pauses of up to a millisecond, which leave the
// core to others. Throws Error where MPI fails; send and receive of a single process throw std::logic_error.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace descrambler {

class Communicator {
public:
    using Bytes = std::vector<std::byte>;
    struct Message {
        int from = 0;
        Bytes content;
    };

    virtual ~Communicator() = default;
    [[nodiscard]] virtual int rank() const = 0;
    [[nodiscard]] virtual int size() const = 0;

    virtual void send(int to, std::span<const std::byte> content) = 0;  // not to itself
    [[nodiscard]] virtual Bytes receive(int from) = 0;                  // waits
    [[nodiscard]] virtual std::optional<Message> poll() = 0;            // a message that has arrived, from anybody

    virtual void barrier() = 0;
    virtual void broadcast(int root, Bytes& content) = 0;  // the root's content, resized elsewhere
    // The content of every rank, by rank. For short messages: Error where all together have 2 GiB or more.
    [[nodiscard]] virtual std::vector<Bytes> all_gather(std::span<const std::byte> mine) = 0;
    // Sums over the ranks, number by number (all give as many), made while they go on with something else.
    class PendingSum {
    public:
        virtual ~PendingSum() = default;
        [[nodiscard]] virtual bool ready() = 0;  // to be asked now and then; true: values() are the sums
        [[nodiscard]] const std::vector<double>& values() const { return values_; }

    protected:
        explicit PendingSum(std::vector<double> values) : values_(std::move(values)) {}
        std::vector<double> values_;
    };
    [[nodiscard]] virtual std::unique_ptr<PendingSum> start_sum(std::vector<double> mine) = 0;

    // Ends all ranks at once with this exit code and does not return: for failures that the others cannot know of.
    virtual void abort(int code) = 0;
    // The MPI_Comm behind it, for libraries that speak MPI; nullptr: none.
    [[nodiscard]] virtual const void* native() const { return nullptr; }

    [[nodiscard]] std::uint64_t bytes_sent() const { return sent_; }  // by this rank: messages and broadcasts
    // Whether all ranks throw the exception that is under way (see together).
    [[nodiscard]] bool agreed() const { return agreed_; }

protected:
    std::uint64_t sent_ = 0;

private:
    friend void agree(Communicator& ranks, std::exception_ptr mine);
    bool agreed_ = false;
};

// The ranks of the launcher (Open MPI, MPICH, Slurm's PMI), or one process. The last owner ends MPI. Throws InputError
// where a launcher started several processes that do not find each other: a build without MPI, srun without PMIx.
[[nodiscard]] std::shared_ptr<Communicator> make_communicator();
[[nodiscard]] std::shared_ptr<Communicator> single_process();
[[nodiscard]] std::string mpi_version();  // "Open MPI 4.1.4 (MPI 3.1)"; "off" in a build without

// If mine is not null on some rank, every rank throws what the lowest of these had caught: InputError, OutOfMemory and
// Stopped as they are, any other exception as Error. A single process throws its own, unchanged. All ranks call.
void agree(Communicator& ranks, std::exception_ptr mine);

// The result of body(), run on every rank. A failure on one of them is thrown on all, as agree does, so that none waits
// for a rank that has left.
template <class F>
auto together(Communicator& ranks, F&& body) {
    std::exception_ptr failure;
    if constexpr (std::is_void_v<decltype(body())>) {
        try {
            body();
        } catch (...) {
            failure = std::current_exception();
        }
        agree(ranks, failure);
    } else {
        std::optional<decltype(body())> result;
        try {
            result.emplace(body());
        } catch (...) {
            failure = std::current_exception();
        }
        agree(ranks, failure);
        return std::move(*result);
    }
}

// The value of every rank, by rank: [size]. Values without pointers, or texts. All ranks call.
template <class T>
[[nodiscard]] std::vector<T> all_gather(Communicator& ranks, const T& mine) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> values;
    for (const Communicator::Bytes& bytes : ranks.all_gather(std::as_bytes(std::span(&mine, 1)))) {
        T value;
        std::memcpy(&value, bytes.data(), sizeof value);
        values.push_back(value);
    }
    return values;
}
[[nodiscard]] std::vector<std::string> all_gather(Communicator& ranks, const std::string& mine);
// values of the root, resized elsewhere. All ranks call.
void broadcast(Communicator& ranks, int root, std::vector<double>& values);

// Who shares this node: the place of this rank among those of the node, from 0, and their number.
struct NodeShare {
    std::string host;
    int rank = 0, size = 1;
    int cores = 1;  // for this rank: its own where ranks are bound to cores, its share of common ones otherwise
};
// All ranks call, here and below.
[[nodiscard]] NodeShare node_share(Communicator& ranks);
// Lets the threads of rank 0 use the cores of all ranks on its node, which are about to sleep. Returns the number of
// these cores on rank 0, and 0 on the others.
[[nodiscard]] int take_cores_of_node(Communicator& ranks);

// Waits a little longer at every call: first only yields, then sleeps, up to a millisecond.
class Pause {
public:
    void operator()();

private:
    int calls_ = 0;
};

}  // namespace descrambler
