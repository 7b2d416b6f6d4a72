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
// The name under which a file is written before it is renamed: hidden, in the same folder, unique to host, process and
// call.
[[nodiscard]] std::filesystem::path temporary_name(const std::filesystem::path& path);
// Puts a file or a whole folder in its place: fsync, rename, fsync of the folder it lies in. Throws Error where one of
// these fails or path is a device, a pipe or a socket; the temporary is then still there for the caller to remove.
void commit_file(const std::filesystem::path& temporary, const std::filesystem::path& path);
// Throws InputError unless `path` can become a file: not empty, nothing there or a regular file (a device or a pipe
// would be replaced by the rename), and its folder there. To be asked before the work, not after it.
void check_output(const std::filesystem::path& path);
// mkdir -p; throws InputError if something that is not a folder is in the way, Error if it is not permitted.
void make_folder(const std::filesystem::path& path);

// Reserves disk space for the first `bytes` bytes of the file `temporary`, whose size stays as it is. Throws Error that
// names `path` where there is no room; on file systems that cannot reserve it does nothing.
void reserve_disk(const std::filesystem::path& temporary, const std::filesystem::path& path, std::uint64_t bytes);

// Files under temporary names in a folder, as killed processes leave them: those that are there when this is made. Does
// not throw for a folder or a file that cannot be read.
class Leftovers {
public:
    explicit Leftovers(const std::filesystem::path& folder);
    void remove() const;  // those that nobody has touched since

private:
    std::vector<std::pair<std::filesystem::path, std::filesystem::file_time_type>> files_;
};

}  // namespace descrambler
