// Small files: read whole, written whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace descrambler {

// Throws InputError "PATH: ..." if it cannot be read or is larger than limit bytes.
[[nodiscard]] std::string read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 30);
// Temporary name in the same folder, fsync, rename, fsync of the folder. Throws Error (disk full, no permission, PATH
// is a folder or a device), and then leaves nothing behind and an old file intact.
void write_file(const std::filesystem::path& path, std::string_view content);
// The name under which a file is written before it is renamed: hidden, in the same folder,
// unique to host, process and call.
[[nodiscard]] std::filesystem::path temporary_name(const std::filesystem::path& path);
// fsync, rename, fsync of the folder; of a file or a whole folder. Throws Error; what happens to the temporary then is
// up to the caller.
void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path);
// Throws InputError unless `path` can become a file: not empty, nothing there or a regular file (a folder, a device or
// a pipe would be replaced by the rename), its folder there. To be asked before the work, not after it.
void check_output(const std::filesystem::path& path);
// mkdir -p; throws InputError if something that is not a folder is in the way, Error if it is not permitted.
void make_folder(const std::filesystem::path& path);

// Blocks of the disk for the first `bytes` of a file that is there, whose size stays. Throws Error that names `path`
// where there is no room; file systems that cannot reserve are left alone.
void reserve_disk(const std::filesystem::path& temporary, const std::filesystem::path& path, std::uint64_t bytes);

// Files under temporary names in a folder, as killed processes leave them: those that are there when this is made.
class Leftovers {
public:
    explicit Leftovers(const std::filesystem::path& folder);
    void remove() const;  // those that nobody has touched since

private:
    std::vector<std::pair<std::filesystem::path, std::filesystem::file_time_type>> files_;
};

}  // namespace descrambler
