#include "descramble/sums/sum_checkpoint.hpp"

#include <algorithm>
#include <charconv>

#include "descrambler/hdf5.hpp"
#include "io/checksum.hpp"
#include "io/text.hpp"

namespace descrambler {
namespace {

namespace fs = std::filesystem;

class OtherSum : public InputError {
public:
    using InputError::InputError;
};

void add(Checksum& checksum, const TreeSum::Node& node) {
    checksum.add(static_cast<std::uint64_t>(node.level));
    checksum.add(static_cast<std::uint64_t>(node.index));
    for (const double x : node.value)
        checksum.add(x);
}

fs::path file_of(const fs::path& folder, int number) {
    return folder / (std::to_string(number) + ".h5");
}

// Number of a file that a rank has written; -1: it is something else.
int number_of(const fs::path& path) {
    const std::string stem = path.stem().string();
    int number = -1;
    const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
    return error == std::errc() && end == stem.data() + stem.size() && path.extension() == ".h5" ? number : -1;
}

// A node that a file holds, and where.
struct Stored {
    fs::path file;
    std::string name;
    int level = 0;
    Index index = 0;
};

TreeSum::Node read_node(const Hdf5Group& root, const Stored& stored) {
    return {stored.level, stored.index, root.read_vector<double>(stored.name)};
}

// The nodes of a sound file; one at a time is in memory.
std::vector<Stored> read_contents(const fs::path& path, const std::string& fingerprint, Index size) {
    const Hdf5File file = Hdf5File::open(path.string());
    const Hdf5Group& root = file.root();
    if (const std::string found = root.text_attribute("", "fingerprint"); found != fingerprint)
        throw OtherSum(path.string() + ": belongs to another sum: " + first_difference(found, fingerprint, "this one"));
    std::vector<Stored> contents;
    Checksum checksum;
    for (const std::string& name : root.group("nodes").names()) {
        const std::string at = "nodes/" + name;
        const Stored stored{path, at, static_cast<int>(root.number_attribute(at, "level")),
                            static_cast<Index>(root.number_attribute(at, "index"))};
        const TreeSum::Node node = read_node(root, stored);
        add(checksum, node);
        if (static_cast<Index>(node.value.size()) != size || node.level < 0 || node.level > 62 || node.index < 0)
            throw InputError(path.string() + ": " + at + ": expected " + std::to_string(size) + " numbers");
        contents.push_back(stored);
    }
    if (root.text_attribute("", "checksum") != checksum.text())
        throw InputError(path.string() + ": checksum: the content is damaged");
    return contents;
}

// A node by its leaves, the rank that has it, and its place among what that rank has found.
struct Range {
    Index first = 0, last = 0;
    int rank = 0;
    std::size_t at = 0;
};

}  // namespace

void write_sum_checkpoint(const fs::path& folder, int rank, const std::string& fingerprint, const TreeSum& sum) {
    Hdf5File file = Hdf5File::create(file_of(folder, rank).string());
    const Hdf5Group& root = file.root();
    (void)root.create_group("nodes");
    Checksum checksum;
    std::vector<const TreeSum::Node*> nodes;
    for (const auto& [first, node] : sum.nodes())
        nodes.push_back(&node);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        char name[32];
        std::snprintf(name, sizeof name, "nodes/%06zu", i);
        root.write(name, nodes[i]->value, {"1", "sum over the leaves of a node of the tree", "number"});
        root.attribute(name, "level", static_cast<std::int64_t>(nodes[i]->level));
        root.attribute(name, "index", static_cast<std::int64_t>(nodes[i]->index));
        add(checksum, *nodes[i]);
    }
    root.attribute("", "fingerprint", fingerprint);
    root.attribute("", "checksum", checksum.text());
    file.commit();
}

StoredSum read_sum_checkpoints(Communicator& ranks, const fs::path& folder, const std::string& fingerprint, Index size,
                               TreeSum& sum, const Progress& progress) {
    StoredSum stored;
    std::vector<Stored> found;
    std::string damage;
    together(ranks, [&] {
        std::error_code none;
        for (const fs::directory_entry& entry : fs::directory_iterator(folder, none)) {
            const int number = number_of(entry.path());
            if (number < 0 || number % ranks.size() != ranks.rank())  // one rank alone reads and removes a file
                continue;
            try {
                for (Stored& node : read_contents(entry.path(), fingerprint, size))
                    found.push_back(std::move(node));
            } catch (const OtherSum&) {
                throw;
            } catch (const InputError& error) {
                damage += (damage.empty() ? "" : "; ") + std::string(error.what());
            }
            if (number != ranks.rank())
                stored.foreign.push_back(entry.path());
        }
    });
    for (const std::string& text : all_gather(ranks, damage))
        if (!text.empty() && progress.warn)
            progress.warn(text + "; its part is summed again");

    // A kill between the writing of one file and the removal of another may leave a leaf in two files, with the same
    // bits. Nodes of a tree lie one inside the other or apart; the larger ones are taken.
    std::vector<Index> mine;
    for (const Stored& node : found)
        mine.insert(mine.end(), {node.index << node.level, (node.index + 1) << node.level});
    std::vector<Range> ranges;
    const std::vector<Communicator::Bytes> all = ranks.all_gather(std::as_bytes(std::span(mine)));
    for (std::size_t rank = 0; rank < all.size(); ++rank) {
        std::vector<Index> pairs(all[rank].size() / sizeof(Index));
        std::ranges::copy(all[rank], std::as_writable_bytes(std::span(pairs)).begin());  // none may be there
        for (std::size_t i = 0; i < pairs.size(); i += 2)
            ranges.push_back({pairs[i], pairs[i + 1], static_cast<int>(rank), i / 2});
    }
    std::ranges::stable_sort(ranges, [](const Range& a, const Range& b) {
        return a.first != b.first ? a.first < b.first : a.last > b.last;
    });
    together(ranks, [&] {
        Index covered = 0;
        for (const Range& range : ranges) {
            if (range.first < covered)
                continue;
            covered = range.last;
            stored.done.emplace_back(range.first, range.last);
            if (range.rank == ranks.rank())
                sum.add(read_node(Hdf5File::open(found[range.at].file.string()).root(), found[range.at]));
        }
    });
    return stored;
}

}  // namespace descrambler
