#include "cli/result_folder.hpp"

#include <algorithm>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"

namespace descrambler::cli {

namespace fs = std::filesystem;

namespace {

// Whole, without "..", links of what is there followed, no separator at the end.
fs::path in_full(const fs::path& path) {
    std::error_code error;
    const fs::path whole = fs::weakly_canonical(fs::absolute(path), error);
    return ((error ? fs::absolute(path).lexically_normal() : whole) / fs::path()).parent_path();
}

}  // namespace

ResultFolder::ResultFolder(const std::string& option, const fs::path& folder) {
    std::error_code ignored;
    for (fs::path missing = in_full(folder); !fs::exists(missing, ignored) && missing.has_relative_path();
         missing = missing.parent_path())
        made_.push_back(missing);
    try {
        make_folder(folder);
    } catch (const InputError& error) {
        throw InputError(option + " " + error.what());
    }
}

ResultFolder::~ResultFolder() {
    std::error_code ignored;
    for (const fs::path& folder : made_)
        if (!fs::is_directory(folder, ignored) || !fs::remove(folder, ignored))  // not one that holds something
            return;
}

bool lies_within(const fs::path& path, const fs::path& other) {
    const fs::path a = in_full(path), b = in_full(other);
    return std::mismatch(a.begin(), a.end(), b.begin(), b.end()).second == b.end();
}

}  // namespace descrambler::cli
