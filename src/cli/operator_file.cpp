#include "cli/operator_file.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string_view>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "io/checksum.hpp"
#include "io/text.hpp"

namespace descrambler::cli {

namespace {

namespace fs = std::filesystem;

constexpr Index index_width = 8;  // first byte, bytes, first place and size of the box along three axes

struct OtherRequest : InputError {
    using InputError::InputError;
};

// A part is plain bytes, not HDF5, which may not get over a full disk: magic, then the lengths of what follows and its
// checksum, 8 bytes each, then request, index and data.
constexpr std::string_view magic = "DSPART1\n";
constexpr std::size_t head_words = 4, head_bytes = magic.size() + 8 * head_words;

template <class T>
std::string_view bytes_of(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), sizeof(T) * values.size()};
}

std::uint64_t checksum(std::string_view bytes) {
    Checksum sum;
    sum.add(bytes);
    return std::stoull(sum.text());
}

template <class T>
std::vector<T> values_of(std::string_view bytes) {
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), sizeof(T) * values.size());
    return values;
}

// What a run that was killed while it joined has left beside `out`: as large as the result.
void remove_unfinished(const fs::path& out) {
    const std::string start = "." + out.filename().string().substr(0, 100) + ".";
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(fs::absolute(out).parent_path(), none))
        if (const std::string name = entry.path().filename().string();
            name.starts_with(start) && name.ends_with(".tmp"))
            fs::remove(entry.path(), none);
}

}  // namespace

OperatorParts::OperatorParts(std::string out, std::string request, Index items, Index per_part, const Extents& extents)
    : out_(std::move(out)),
      request_(std::move(request)),
      items_(items),
      per_part_(per_part),
      extents_(extents),
      folder_(out_ + ".parts") {}

fs::path OperatorParts::path_of(Index part) const {
    char name[32];
    std::snprintf(name, sizeof name, "%010td.part", first_of(part));
    return folder_ / name;
}

OperatorParts::Part OperatorParts::read(Index part) const {
    const fs::path path = path_of(part);
    const std::string content = read_file(path, std::size_t{1} << 40);
    const auto damaged = [&](bool it_is) {
        if (it_is)
            throw InputError(path.string() + ": the content is damaged");
    };
    damaged(content.size() < head_bytes || !content.starts_with(magic));
    const auto head = values_of<std::uint64_t>(std::string_view(content).substr(magic.size(), 8 * head_words));
    std::string_view rest = std::string_view(content).substr(head_bytes);
    damaged(head[0] > rest.size() || head[1] > rest.size() - head[0] || head[2] != rest.size() - head[0] - head[1] ||
            head[3] != checksum(rest));
    if (const std::string_view found = rest.substr(0, head[0]); found != request_)
        throw OtherRequest(path.string() + ": belongs to another request: " +
                           first_difference(found, request_, "this one") + ": expected another --out, or --force");
    Part result{values_of<std::int64_t>(rest.substr(head[0], head[1])),
                values_of<std::uint8_t>(rest.substr(head[0] + head[1]))};
    damaged(std::ssize(result.index) != index_width * count_of(part));
    return result;
}

std::vector<Index> OperatorParts::open(const Progress& progress, bool force) const {
    make_folder(folder_);
    Leftovers(folder_).remove();  // of killed runs
    remove_unfinished(out_);
    std::vector<Index> missing;
    for (Index part = 0; part < parts(); ++part) {
        if (!fs::exists(path_of(part))) {
            missing.push_back(part);
            continue;
        }
        try {
            (void)read(part);
        } catch (const OtherRequest&) {
            if (!force)
                throw;
            missing.push_back(part);
        } catch (const InputError& error) {
            if (progress.warn)
                progress.warn(std::string(error.what()) + ": made again");
            missing.push_back(part);
        }
    }
    return missing;
}

void OperatorParts::write(Index part, const std::vector<Packed>& items) const {
    require(std::ssize(items) == count_of(part), "OperatorParts::write: all items of the part");
    Part content;
    for (const Packed& item : items) {
        content.index.insert(content.index.end(), {std::ssize(content.data), std::ssize(item.bytes)});
        content.index.insert(content.index.end(), item.box.first.begin(), item.box.first.end());
        content.index.insert(content.index.end(), item.box.size.begin(), item.box.size.end());
        content.data.insert(content.data.end(), item.bytes.begin(), item.bytes.end());
    }
    std::string bytes = request_;
    bytes += bytes_of(content.index);
    bytes += bytes_of(content.data);
    const std::vector<std::uint64_t> head{request_.size(), bytes_of(content.index).size(), content.data.size(),
                                          checksum(bytes)};
    bytes.insert(0, bytes_of(head));
    bytes.insert(0, magic);
    write_file(path_of(part), bytes);
}

// On a full disk HDF5 fails late and leaves what it cannot close.
void OperatorParts::check_room(Index bytes) const {
    const fs::path probe = temporary_name(out_);
    std::error_code ignored;
    try {
        std::ofstream(probe).close();
        reserve_disk(probe, out_, static_cast<std::uint64_t>(bytes));
    } catch (...) {
        fs::remove(probe, ignored);
        throw;
    }
    fs::remove(probe, ignored);
}

Index OperatorParts::join(const std::function<void(const Hdf5Group& root)>& describe) const {
    std::vector<std::int64_t> index;
    Index bytes = 0;
    for (Index part = 0; part < parts(); ++part) {
        std::vector<std::int64_t> of_part = read(part).index;
        for (std::size_t item = 0; item < of_part.size(); item += index_width) {
            of_part[item] = bytes;  // parts are joined in order
            bytes += of_part[item + 1];
        }
        index.insert(index.end(), of_part.begin(), of_part.end());
    }
    // attributes, and what describe adds: input, output and residual
    const Index besides = (1 << 18) + 16 * (items_ + extents_[0] * extents_[1] * extents_[2]);
    check_room(bytes + 8 * std::ssize(index) + besides);
    Hdf5File file = Hdf5File::create(out_);
    const Hdf5Group& root = file.root();
    root.write("index", {std::ssize(index) / index_width, index_width}, index.data(),
               {"1", "first byte in data, bytes, first place of the box (3), size of the box (3)", "items,8"});
    Index part = 0;
    std::vector<std::uint8_t> data;
    root.write_bytes("data", bytes,
                     [&]() -> std::span<const std::uint8_t> {
                         for (data.clear(); data.empty() && part < parts(); ++part)  // a part of zeros alone has none
                             data = read(part).data;
                         return data;
                     },
                     {"1", "boxes of the items: bytes sorted by place, deflated (zlib)", "bytes"});
    root.attribute("", "items", static_cast<std::int64_t>(items_));
    root.attribute("", "extents", std::vector<double>(extents_.begin(), extents_.end()));
    root.attribute("", "request", request_);
    describe(root);
    file.commit();
    return bytes;
}

void OperatorParts::remove() const {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

}  // namespace descrambler::cli
