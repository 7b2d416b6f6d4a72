// Where the tests find shared data, and how they skip where it is absent:
//   if (!test::has_data("golden")) GTEST_SKIP() << test::no_data("golden");
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace descrambler::test {

inline std::filesystem::path data(const std::string& relative) {
    return std::filesystem::path(DESCRAMBLER_DATA) / relative;
}
inline bool has_data(const std::string& relative) {
    return std::filesystem::exists(data(relative));
}
inline std::string no_data(const std::string& relative) {
    return "no " + relative + " below DESCRAMBLER_DATA=" + DESCRAMBLER_DATA;
}

// An empty folder for one test, removed with the object.
class Scratch {
public:
    explicit Scratch(const std::string& name)
        : path_(std::filesystem::temp_directory_path() / ("descrambler_" + name + "_" + std::to_string(::getpid()))) {
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace descrambler::test
