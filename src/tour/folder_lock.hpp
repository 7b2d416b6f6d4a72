// One process at a time writes into a folder.
#pragma once

#include <filesystem>

namespace descrambler::tour {

// Locks FILE (flock), made for it and removed again. The lock ends with the process however that ends, so a file that a
// killed one has left keeps nobody out; on file systems without locks nothing is locked. Throws Error "FOLDER: another tour
// is writing here, ..." where another holds it.
class FolderLock {
public:
    explicit FolderLock(std::filesystem::path file);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

private:
    std::filesystem::path file_;
    int descriptor_ = -1;
};

}  // namespace descrambler::tour
