// All rows or all columns of an operator in one file, packed (io/packed.hpp), made of parts: files of consecutive items in a
// folder beside it, each written whole, which are joined when all are there. docs/formats.md has the layout.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "descrambler/hdf5.hpp"
#include "descrambler/progress.hpp"
#include "io/packed.hpp"

namespace descrambler::cli {

// One rank at a time calls what names a part; parts of different numbers may be written by different ranks.
class OperatorParts {
public:
    // items: rows or columns of `extents`; a part has per_part of them, the last one what is left. The parts lie in
    // OUT.parts.
    OperatorParts(std::string out, std::string request, Index items, Index per_part, const Extents& extents);

    [[nodiscard]] Index parts() const { return (items_ + per_part_ - 1) / per_part_; }
    [[nodiscard]] Index first_of(Index part) const { return part * per_part_; }
    [[nodiscard]] Index count_of(Index part) const { return std::min(per_part_, items_ - part * per_part_); }
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

    // Makes the folder and reads what is there; returns the parts that are missing, in order. Damaged ones are told to
    // progress.warn and are missing. Throws InputError for a part of another request, which `force` removes.
    [[nodiscard]] std::vector<Index> open(const Progress& progress, bool force) const;
    // Throws Error where the part cannot be written; then nothing of it is there.
    void write(Index part, const std::vector<Packed>& items) const;
    // The file, whole or not at all: index and data of all parts, and what `describe` adds. The parts are left for
    // remove(). Returns the bytes of the data.
    Index join(const std::function<void(const Hdf5Group& root)>& describe) const;
    void remove() const;

private:
    struct Part {
        std::vector<std::int64_t> index;  // 8 an item
        std::vector<std::uint8_t> data;
    };
    [[nodiscard]] std::filesystem::path path_of(Index part) const;
    [[nodiscard]] Part read(Index part) const;
    void check_room(Index bytes) const;

    std::string out_, request_;
    Index items_, per_part_;
    Extents extents_;
    std::filesystem::path folder_;
};

}  // namespace descrambler::cli
