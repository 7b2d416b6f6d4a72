#include "tour/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "descrambler/error.hpp"

namespace descrambler::tour {

namespace {

// Whether the open file is still the one of this name: who held the lock before has removed it.
bool is_there(int descriptor, const std::filesystem::path& file) {
    struct stat opened = {}, named = {};
    return fstat(descriptor, &opened) == 0 && stat(file.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

}  // namespace

FolderLock::FolderLock(std::filesystem::path file) : file_(std::move(file)) {
    for (;;) {
        descriptor_ = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (descriptor_ < 0)
            throw Error(file_.string() + ": cannot be written: " + std::strerror(errno));
        if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            close(descriptor_);
            throw Error(file_.parent_path().string() +
                        ": another tour is writing here, expected it to have ended, or another --out");
        }
        if (is_there(descriptor_, file_))
            return;
        close(descriptor_);
    }
}

FolderLock::~FolderLock() {
    unlink(file_.c_str());  // before the lock ends, so that it is not that of the next one
    close(descriptor_);
}

}  // namespace descrambler::tour
