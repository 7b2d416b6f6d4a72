#include "cli/operator_file.hpp"

#include <algorithm>
#include <cstdio>

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

std::string checksum(const std::vector<std::int64_t>& index, const std::vector<std::uint8_t>& data) {
    Checksum sum;
    for (const std::int64_t number : index)
        sum.add(static_cast<std::uint64_t>(number));
    sum.add(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
    return sum.text();
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
    std::snprintf(name, sizeof name, "%010td.h5", first_of(part));
    return folder_ / name;
}

OperatorParts::Part OperatorParts::read(Index part) const {
    const fs::path path = path_of(part);
    const Hdf5File file = Hdf5File::open(path);
    const Hdf5Group& root = file.root();
    if (const std::string found = root.text_attribute("", "request"); found != request_)
        throw OtherRequest(path.string() + ": belongs to another request: " +
                           first_difference(found, request_, "this one") + ": expected another --out, or --force");
    Part result{root.read_vector<std::int64_t>("index"), root.read_vector<std::uint8_t>("data")};
    if (std::ssize(result.index) != index_width * count_of(part))
        throw InputError(path.string() + ": expected " + std::to_string(count_of(part)) + " items");
    if (root.text_attribute("", "checksum") != checksum(result.index, result.data))
        throw InputError(path.string() + ": checksum: the content is damaged");
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
    Hdf5File file = Hdf5File::create(path_of(part));
    file.root().write("index", content.index, {"1", "place of every item", ""});
    file.root().write("data", content.data, {"1", "packed items", ""});
    file.root().attribute("", "request", request_);
    file.root().attribute("", "checksum", checksum(content.index, content.data));
    file.commit();
}

Index OperatorParts::join(const std::function<void(const Hdf5Group& root)>& describe) const {
    std::vector<std::int64_t> index;
    Index bytes = 0;
    for (Index part = 0; part < parts(); ++part) {
        std::vector<std::int64_t> of_part = Hdf5File::open(path_of(part)).root().read_vector<std::int64_t>("index");
        for (std::size_t item = 0; item < of_part.size(); item += index_width) {
            of_part[item] = bytes;  // parts are joined in order
            bytes += of_part[item + 1];
        }
        index.insert(index.end(), of_part.begin(), of_part.end());
    }
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
