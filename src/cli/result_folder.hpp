// Folders of --pictures, --report and of the tour.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace descrambler::cli {

// mkdir -p, so that what is in the way or not permitted is known before the work. Folders that were made here and are still
// empty in the end are removed again: a request that fails leaves none behind.
class ResultFolder {
public:
    // Throws InputError "OPTION FOLDER: ..." where something that is no folder is in the way, Error where it is not permitted.
    ResultFolder(const std::string& option, const std::filesystem::path& folder);
    ~ResultFolder();
    ResultFolder(const ResultFolder&) = delete;
    ResultFolder& operator=(const ResultFolder&) = delete;

private:
    std::vector<std::filesystem::path> made_;  // the innermost first
};

// Whether `path` is `other` or lies below it, however they are written, there or not.
[[nodiscard]] bool lies_within(const std::filesystem::path& path, const std::filesystem::path& other);

}  // namespace descrambler::cli
