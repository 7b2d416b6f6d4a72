// Ranks of MPI 3. Waiting is polling with pauses, since implementations spin at full speed inside blocking calls.
#include <mpi.h>

#include <algorithm>
#include <limits>

#include "mpi/launcher.hpp"

namespace descrambler {
namespace {

constexpr int tag = 1;
constexpr std::size_t most_bytes = std::size_t{1} << 30;  // a message; counts of MPI 3 are int

void check(int status, const char* what) {
    if (status == MPI_SUCCESS)
        return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(status, text, &length);
    throw Error(std::string("MPI: ") + what + ": " + text);
}

// Ends MPI if it was begun here.
class Session {
public:
    Session() {
        int begun = 0;
        MPI_Initialized(&begun);
        if (begun != 0)
            return;
        int provided = 0;
        check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
        own_ = true;
        if (provided < MPI_THREAD_FUNNELED)
            throw Error("MPI: expected a library that allows threads besides the main one");
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {
        if (own_)
            MPI_Finalize();
    }

private:
    bool own_ = false;
};

class Sum final : public Communicator::PendingSum {
public:
    Sum(MPI_Comm comm, std::vector<double> mine) : PendingSum(std::move(mine)) {
        check(MPI_Iallreduce(MPI_IN_PLACE, values_.data(), static_cast<int>(values_.size()), MPI_DOUBLE, MPI_SUM, comm,
                             &request_),
              "MPI_Iallreduce");
    }
    bool ready() override {
        int done = 0;
        check(MPI_Test(&request_, &done, MPI_STATUS_IGNORE), "MPI_Iallreduce");
        return done != 0;
    }

private:
    MPI_Request request_ = MPI_REQUEST_NULL;
};

class Ranks final : public Communicator {
public:
    Ranks() {
        check(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
        MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
        MPI_Comm_rank(comm_, &rank_);
        MPI_Comm_size(comm_, &size_);
    }
    Ranks(const Ranks&) = delete;
    Ranks& operator=(const Ranks&) = delete;
    ~Ranks() override { MPI_Comm_free(&comm_); }

    int rank() const override { return rank_; }
    int size() const override { return size_; }
    const void* native() const override { return &comm_; }
    void abort(int code) override {
        MPI_Abort(comm_, code);
        std::_Exit(code);
    }

    // A message is its length, then pieces that an int can count.
    void send(int to, std::span<const std::byte> content) override {
        const std::uint64_t length = content.size();
        send_piece(to, std::as_bytes(std::span(&length, 1)));
        for (; !content.empty(); content = content.subspan(std::min(content.size(), most_bytes)))
            send_piece(to, content.first(std::min(content.size(), most_bytes)));
        sent_ += length;
    }
    Bytes receive(int from) override {
        std::uint64_t length = 0;
        receive_piece(from, std::as_writable_bytes(std::span(&length, 1)));
        Bytes content(length);
        for (std::span<std::byte> rest(content); !rest.empty(); rest = rest.subspan(std::min(rest.size(), most_bytes)))
            receive_piece(from, rest.first(std::min(rest.size(), most_bytes)));
        return content;
    }
    std::optional<Message> poll() override {
        int arrived = 0;
        MPI_Status status;
        check(MPI_Iprobe(MPI_ANY_SOURCE, tag, comm_, &arrived, &status), "MPI_Iprobe");
        if (arrived == 0)
            return std::nullopt;
        return Message{status.MPI_SOURCE, receive(status.MPI_SOURCE)};
    }

    void barrier() override {
        MPI_Request request;
        check(MPI_Ibarrier(comm_, &request), "MPI_Ibarrier");
        wait(request, "MPI_Ibarrier");
    }
    void broadcast(int root, Bytes& content) override {
        std::uint64_t length = content.size();
        broadcast_piece(root, std::as_writable_bytes(std::span(&length, 1)));
        content.resize(length);
        for (std::span<std::byte> rest(content); !rest.empty(); rest = rest.subspan(std::min(rest.size(), most_bytes)))
            broadcast_piece(root, rest.first(std::min(rest.size(), most_bytes)));
        if (rank_ == root)
            sent_ += length;
    }
    std::vector<Bytes> all_gather(std::span<const std::byte> mine) override {
        int count = static_cast<int>(mine.size());
        std::vector<int> counts(static_cast<std::size_t>(size_)), starts(counts.size());
        MPI_Request request;
        check(MPI_Iallgather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, comm_, &request), "MPI_Iallgather");
        wait(request, "MPI_Iallgather");
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < counts.size(); ++i) {
            starts[i] = static_cast<int>(total);
            total += static_cast<std::uint64_t>(counts[i]);
        }
        if (total > std::numeric_limits<int>::max())
            throw Error("MPI: all_gather is for short messages");
        Bytes all(total);
        check(MPI_Iallgatherv(mine.data(), count, MPI_BYTE, all.data(), counts.data(), starts.data(), MPI_BYTE, comm_,
                              &request),
              "MPI_Iallgatherv");
        wait(request, "MPI_Iallgatherv");
        std::vector<Bytes> parts;
        for (std::size_t i = 0; i < counts.size(); ++i)
            parts.emplace_back(all.begin() + starts[i], all.begin() + starts[i] + counts[i]);
        return parts;
    }

    std::unique_ptr<PendingSum> start_sum(std::vector<double> mine) override {
        return std::make_unique<Sum>(comm_, std::move(mine));
    }

private:
    static void wait(MPI_Request& request, const char* what) {
        Pause pause;
        for (int done = 0;;) {
            check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), what);
            if (done != 0)
                return;
            pause();
        }
    }
    void send_piece(int to, std::span<const std::byte> piece) {
        MPI_Request request;
        check(MPI_Isend(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, to, tag, comm_, &request), "MPI_Isend");
        wait(request, "MPI_Isend");
    }
    void receive_piece(int from, std::span<std::byte> piece) {
        MPI_Request request;
        check(MPI_Irecv(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, from, tag, comm_, &request),
              "MPI_Irecv");
        wait(request, "MPI_Irecv");
    }
    void broadcast_piece(int root, std::span<std::byte> piece) {
        MPI_Request request;
        check(MPI_Ibcast(piece.data(), static_cast<int>(piece.size()), MPI_BYTE, root, comm_, &request), "MPI_Ibcast");
        wait(request, "MPI_Ibcast");
    }

    Session session_;  // first in, last out
    MPI_Comm comm_ = MPI_COMM_NULL;
    int rank_ = 0, size_ = 1;
};

}  // namespace

std::shared_ptr<Communicator> make_communicator() {
    const int started = processes_started();
    std::shared_ptr<Communicator> ranks = launched() ? std::make_shared<Ranks>() : single_process();
    if (ranks->size() == 1 && started > 1)
        throw InputError(
            "started as one of " + std::to_string(started) +
            " processes, but MPI connects none of them: expected srun --mpi=pmix, or the mpirun of the MPI "
            "library of this build (" +
            mpi_version() + ")");
    return ranks;
}

std::string mpi_version() {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0, major = 0, minor = 0;
    MPI_Get_library_version(text, &length);
    MPI_Get_version(&major, &minor);
    std::string library(text, static_cast<std::size_t>(length));
    library = library.substr(0, library.find_first_of(",\n"));  // Open MPI goes on with who built it where
    if (library.starts_with("Open MPI v"))
        library = "Open MPI " + library.substr(10);
    return library + " (MPI " + std::to_string(major) + "." + std::to_string(minor) + ")";
}

}  // namespace descrambler
