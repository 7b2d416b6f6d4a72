// What the fuzz targets share. A parser may return or throw InputError of one line; anything else ends the run: another
// exception, a sanitizer's finding, 2 GiB, 10 s.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "descrambler/error.hpp"

namespace descrambler::fuzz {

// A file of this process in memory where there is /dev/shm; removed at the end.
class Scratch {
public:
    explicit Scratch(const std::string& name) {
        const std::filesystem::path memory = "/dev/shm";
        folder_ = (std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path()) /
                  ("descrambler-fuzz-" + std::to_string(getpid()));
        std::filesystem::create_directories(folder_);
        path_ = folder_ / name;
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void put(std::string_view bytes, const char* suffix = nullptr) const {
        std::filesystem::path path = path_;
        if (suffix != nullptr)
            path.replace_extension(suffix);
        std::ofstream(path, std::ios::binary | std::ios::trunc)
            .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    }

private:
    std::filesystem::path folder_, path_;
};

inline void expect(bool condition) {
    if (!condition)
        std::abort();
}

template <class Parse>
void accept_or_refuse(Parse parse) {
    try {
        parse();
    } catch (const InputError& error) {
        expect(std::string_view(error.what()).find('\n') == std::string_view::npos);
    }
}

}  // namespace descrambler::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
