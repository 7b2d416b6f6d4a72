#include "descrambler/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "descrambler/error.hpp"

namespace descrambler {
namespace fs = std::filesystem;
namespace {

std::string reason(int error) {
    return std::generic_category().message(error);
}

class Descriptor {
public:
    Descriptor(const fs::path& path, int flags) {
        do
            id_ = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
        while (id_ < 0 && errno == EINTR);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() { close(); }
    [[nodiscard]] int id() const { return id_; }
    int close() { return id_ < 0 ? 0 : ::close(std::exchange(id_, -1)); }

private:
    int id_ = -1;
};

fs::path folder_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void write_all(const fs::path& path, const fs::path& temporary, std::string_view content) {
    Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.id() < 0)
        throw Error(path.string() + ": cannot be created: " + reason(errno));
    while (!content.empty()) {
        const ssize_t written = ::write(file.id(), content.data(), content.size());
        if (written < 0 && errno != EINTR)
            throw Error(path.string() + ": cannot be written: " + reason(errno));
        content.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    if (file.close() != 0)  // some network file systems report a full disk only here
        throw Error(path.string() + ": cannot be written: " + reason(errno));
}

}  // namespace

std::string read_file(const fs::path& path, std::size_t limit) {
    const Descriptor file(path, O_RDONLY);
    if (file.id() < 0)
        throw InputError(path.string() + ": cannot be read: " + reason(errno));
    std::string content;
    std::array<char, 1 << 16> block;
    for (;;) {
        const ssize_t got = ::read(file.id(), block.data(), block.size());
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            throw InputError(path.string() + ": cannot be read: " + reason(errno));
        if (got == 0)
            return content;
        if (static_cast<std::size_t>(got) > limit - content.size())
            throw InputError(path.string() + ": expected at most " + std::to_string(limit) + " bytes");
        content.append(block.data(), static_cast<std::size_t>(got));
    }
}

void write_file(const fs::path& path, std::string_view content) {
    std::error_code ignored;
    if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored))
        throw Error(path.string() + ": cannot be written: not a regular file");
    const fs::path temporary = temporary_name(path);
    try {
        write_all(path, temporary, content);
        commit_file(temporary, path);
    } catch (...) {
        fs::remove(temporary, ignored);
        throw;
    }
}

fs::path temporary_name(const fs::path& path) {
    static std::atomic<unsigned> calls{0};
    std::array<char, 64> host{};  // two hosts may share the folder
    ::gethostname(host.data(), host.size() - 1);
    const std::string name = path.filename().string().substr(0, 100);  // file names end at 255 bytes
    return folder_of(path) /
           ("." + name + "." + host.data() + "." + std::to_string(::getpid()) + "." + std::to_string(calls++) + ".tmp");
}

Leftovers::Leftovers(const fs::path& folder) {
    std::error_code none;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, none)) {
        const std::string name = entry.path().filename().string();
        std::error_code gone;
        const fs::file_time_type written = entry.last_write_time(gone);
        if (name.starts_with('.') && name.ends_with(".tmp") && !gone)
            files_.emplace_back(entry.path(), written);
    }
}

void Leftovers::remove() const {
    for (const auto& [path, written] : files_)
        if (std::error_code gone; fs::last_write_time(path, gone) == written && !gone)
            fs::remove(path, gone);
}

// fsync that a signal may interrupt.
int synchronise(int file) {
    int result = ::fsync(file);
    while (result != 0 && errno == EINTR)
        result = ::fsync(file);
    return result;
}

void commit_file(const fs::path& temporary, const fs::path& path) {
    if (std::error_code ignored; fs::is_other(fs::symlink_status(path, ignored)))  // a device, a pipe, a socket
        throw Error(path.string() + ": is not a regular file and is left alone");
    const Descriptor file(temporary, O_RDONLY);
    if (file.id() < 0 || synchronise(file.id()) != 0)
        throw Error(path.string() + ": cannot be written to disk: " + reason(errno));
    if (std::rename(temporary.c_str(), path.c_str()) != 0)
        throw Error(path.string() + ": cannot be renamed from its temporary name: " + reason(errno));
    const Descriptor folder(folder_of(path), O_RDONLY | O_DIRECTORY);
    // Some file systems know no fsync of folders (EINVAL); the file is complete then all the same.
    if (folder.id() < 0 || (synchronise(folder.id()) != 0 && errno != EINVAL))
        throw Error(path.string() + ": its folder cannot be written to disk: " + reason(errno));
}

void reserve_disk(const fs::path& temporary, const fs::path& path, std::uint64_t bytes) {
    const Descriptor file(temporary, O_WRONLY);
    int result = -1;
    do
        result = ::fallocate(file.id(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes));
    while (result != 0 && errno == EINTR);
    if (result != 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
        throw Error(path.string() + ": cannot be written: " + reason(errno));
}

void check_output(const fs::path& path) {
    std::error_code ignored;
    if (path.empty() || !path.has_filename())
        throw InputError("'" + path.string() + "': expected the name of a file to write");
    if (fs::exists(fs::symlink_status(path, ignored)) && !fs::is_regular_file(fs::symlink_status(path, ignored)))
        throw InputError(path.string() + ": expected a file or nothing there, found something else");
    if (!fs::is_directory(folder_of(path), ignored))
        throw InputError(path.string() + ": expected an existing folder " + folder_of(path).string());
}

void make_folder(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    if (std::error_code ignored; fs::is_directory(path, ignored))
        return;
    if (error == std::errc::not_a_directory || error == std::errc::file_exists || !error)
        throw InputError(path.string() + ": expected a folder, something else is in the way");
    throw Error(path.string() + ": cannot be created: " + error.message());
}

}  // namespace descrambler
