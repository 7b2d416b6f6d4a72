#include "descrambler/shards.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <system_error>
#include <utility>
#include <variant>

#include "descrambler/communicator.hpp"
#include "descrambler/hdf5.hpp"
#include "io/npy_file.hpp"
#include "io/shard_names.hpp"

namespace descrambler {
namespace fs = std::filesystem;
namespace {

constexpr Index most_values = Index{1} << 60;  // their bytes still have a 64-bit count
constexpr std::size_t most_axes = 8;           // of an array of samples
constexpr std::size_t most_common = 4;         // files that all ranks open together for one window each

std::string only_dataset(const Hdf5File& file, const std::string& path) {
    std::string chosen;
    for (const std::string& candidate : file.root().datasets())
        if (file.root().shape(candidate).size() == 2) {
            if (!chosen.empty())
                throw InputError(path + ": expected one data set of rank 2, found /" + chosen + " and /" + candidate +
                                 ": name one as FILE:/DATASET");
            chosen = candidate;
        }
    if (chosen.empty())
        throw InputError(path + ": expected a data set of rank 2, found none");
    return chosen;
}

std::uintmax_t size_of(const std::string& path) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    if (error)
        throw InputError(path + ": cannot be read: " + error.message());
    return size;
}

std::string shape_text(Index rows, Index cols) {
    return std::to_string(rows) + " rows of " + std::to_string(cols) + " columns";
}

// An open file of either kind.
class Shard {
public:
    explicit Shard(ShardName& of) : source_(open(of)) {}  // notes the data set that it has chosen
    [[nodiscard]] Index rows() const {
        return std::visit([](const auto& source) { return source.rows(); }, source_);
    }
    [[nodiscard]] Index cols() const {
        return std::visit([](const auto& source) { return source.cols(); }, source_);
    }
    void read(Index first, Index count, double* to) {
        std::visit([&](auto& source) { source.read(first, count, to); }, source_);
    }

private:
    using Source = std::variant<NpyFile, Hdf5Rows>;
    static Source open(ShardName& of) {
        if (of.npy) {
            NpyFile file(of.path, most_axes);
            if (file.fortran_order() && file.shape().size() > 2)
                throw InputError(of.path + ": Fortran order, expected C order of samples with several axes");
            return Source(std::move(file));
        }
        const Hdf5File file = Hdf5File::open(of.path);
        if (of.dataset.empty())
            of.dataset = only_dataset(file, of.path);
        return file.root().rows(of.dataset);
    }
    Source source_;
};

void require_finite(const std::string& name, Index first, Batch<const double> X) {  // [features, samples]
    for (Index sample = 0; sample < X.cols; ++sample)
        for (Index feature = 0; feature < X.rows; ++feature)
            if (!std::isfinite(X(feature, sample)))
                throw InputError(name + ": row " + std::to_string(first + sample) + ", column " +
                                 std::to_string(feature) + " (from 0): expected a finite number");
}

}  // namespace

struct Shards::State {
    std::vector<ShardName> names;
    std::vector<std::uintmax_t> bytes;  // sizes of the files at open()
    std::size_t current = 0;            // index of the open file
    std::optional<Shard> shard;
    std::size_t common_at = 0;  // of the file that all ranks have open
    std::optional<Hdf5Rows> common;

    // Fails on all ranks or on none.
    void open_together(Communicator& ranks, std::size_t at) {
        if (common && common_at == at)
            return;
        common.reset();
        const Hdf5File opened = Hdf5File::open(names[at].path, ranks);
        std::optional<Hdf5Rows> rows;
        together(ranks, [&] {
            require_unchanged(at);
            rows = opened.root().rows(names[at].dataset);
        });
        common = std::move(rows);
        common_at = at;
    }
    // HDF5 reads zeros behind the end of a file that was cut short.
    void require_unchanged(std::size_t at) const {
        const std::uintmax_t now = size_of(names[at].path);
        if (now != bytes[at])
            throw InputError(names[at].path + ": expected " + std::to_string(bytes[at]) +
                             " bytes, as when it was opened, found " + std::to_string(now));
    }
    Shard& opened(std::size_t at, const File& file, Index features) {
        if (shard && current == at)
            return *shard;
        shard.reset();
        shard.emplace(names[at]);
        current = at;
        const Index rows = shard->rows(), cols = shard->cols();
        if (rows != file.samples || cols != features) {
            shard.reset();
            throw InputError(file.name + ": expected " + shape_text(file.samples, features) +
                             ", as when it was opened, found " + shape_text(rows, cols));
        }
        return *shard;
    }
};

Shards::Shards() : state_(std::make_unique<State>()) {}
Shards::Shards(Shards&&) noexcept = default;
Shards& Shards::operator=(Shards&&) noexcept = default;
Shards::~Shards() = default;

Shards Shards::open(const std::string& inputs, Index features) {
    Shards result;
    result.state_->names = shard_names(inputs);
    for (ShardName& of : result.state_->names) {
        const Shard shard(of);
        const std::string name = of.npy ? of.path : of.path + ":/" + of.dataset;
        const Index rows = shard.rows(), cols = shard.cols();
        if (features != 0 && cols != features)
            throw InputError(name + ": expected " + std::to_string(features) + " columns (features), found " +
                             std::to_string(cols));
        if (!result.files_.empty() && cols != result.features_)
            throw InputError(name + ": expected " + std::to_string(result.features_) + " columns (features) as in " +
                             result.files_.front().name + ", found " + std::to_string(cols));
        if (rows == 0 || cols == 0)
            throw InputError(name + ": expected at least one row and one column, found " + shape_text(rows, cols));
        if (rows > most_values / cols - result.samples_)
            throw InputError(name + ": expected at most " + std::to_string(most_values / cols) +
                             " samples in all, found more");
        result.state_->bytes.push_back(size_of(of.path));
        result.files_.push_back({name, result.samples_, rows});
        result.features_ = cols;
        result.samples_ += rows;
    }
    return result;
}

void Shards::read(Index first, Batch<double> X) const {
    require(X.rows == features_ && X.batch == 1, "a window of a library has one row a feature");
    require(first >= 0 && X.cols >= 0 && first + X.cols <= samples_, "a window beyond the library");
    const auto next = std::upper_bound(files_.begin(), files_.end(), first,
                                       [](Index sample, const File& file) { return sample < file.first; });
    auto at = static_cast<std::size_t>(next - files_.begin()) - 1;
    for (Index done = 0; done < X.cols; ++at) {
        const File& file = files_[at];
        const Index start = first + done - file.first, count = std::min(file.samples - start, X.cols - done);
        const Batch<double> part = X.columns(done, count);
        state_->require_unchanged(at);
        state_->opened(at, file, features_).read(start, count, part.data);
        state_->require_unchanged(at);
        require_finite(file.name, start, part);
        done += count;
    }
}

bool Shards::wants_all(const Communicator& ranks) const {
    return ranks.size() > 1 && shares_files(ranks) &&
           std::ranges::any_of(state_->names, [](const ShardName& of) { return !of.npy; });
}

void Shards::read_together(Communicator& ranks, Index first, Batch<double> X) const {
    struct Window {
        Index first = 0, count = 0;
    };
    const auto file_of = [&](Index sample) {
        const auto next =
            std::ranges::upper_bound(files_, sample, std::less<>(), [](const File& file) { return file.first; });
        return static_cast<std::size_t>(next - files_.begin()) - 1;
    };
    std::set<std::size_t> touched;  // by anybody
    for (const Window& window : all_gather(ranks, Window{first, X.cols}))
        for (std::size_t at = window.count > 0 ? file_of(window.first) : files_.size();
             at < files_.size() && files_[at].first < window.first + window.count; ++at)
            touched.insert(at);
    if (!wants_all(ranks) || touched.size() > most_common) {
        read(first, X);
        return;
    }
    std::exception_ptr failure;  // of this rank alone: it still takes part in what the others read
    for (const std::size_t at : touched) {
        const File& file = files_[at];
        const Index from = std::clamp(first, file.first, file.first + file.samples),
                    to = std::clamp(first + X.cols, file.first, file.first + file.samples);
        const Batch<double> part = X.columns(from - first, to - from);
        const ShardName& of = state_->names[at];
        if (!of.npy)
            state_->open_together(ranks, at);
        try {
            if (!of.npy)
                state_->common->read(from < to ? from - file.first : 0, std::max<Index>(to - from, 0), part.data);
            else if (from < to)
                read(from, part);
            if (from < to)
                require_finite(file.name, from - file.first, part);
        } catch (...) {
            failure = failure ? failure : std::current_exception();
        }
    }
    if (failure)
        std::rethrow_exception(failure);
}

std::vector<std::string> input_files(const std::string& inputs) {
    std::vector<std::string> files;
    for (const ShardName& of : shard_names(inputs))
        files.push_back(of.path);
    if (std::error_code ignored; inputs.starts_with('@') && !fs::exists(inputs, ignored))
        files.push_back(inputs.substr(1));
    return files;
}

}  // namespace descrambler
