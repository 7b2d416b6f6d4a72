// Hostile files made from valid ones: every truncation (of larger files every other one), and flips of bytes drawn from
// Philox.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "descrambler/error.hpp"
#include "descrambler/random.hpp"

namespace descrambler::test {

inline void put(const std::filesystem::path& path, const std::string& bytes) {
    std::filesystem::remove(path);  // a new file is not forced to disk, one cut short is on some file systems
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// The message of the InputError that `call` throws, "" if it throws none. Anything else it throws fails the test.
inline std::string input_error(const std::function<void()>& call) {
    try {
        call();
    } catch (const InputError& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        return error.what();
    }
    return "";
}

// Writes mutations of `valid` to `path` and calls `read`, which must succeed or throw InputError and may not take more
// than a GiB, whatever the sizes in the file claim. Returns how many mutations were refused.
inline int fuzz(const std::filesystem::path& path, const std::string& valid, int flips, std::uint64_t seed,
                const std::function<void()>& read) {
    const auto resident = [] {  // peak, KiB
        rusage usage{};
        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;
    };
    const long before = resident();
    int refused = 0;
    const auto attempt = [&](const std::string& bytes, const std::string& what) {
        put(path, bytes);
        try {
            read();
        } catch (const InputError&) {
            ++refused;
        } catch (const std::exception& error) {
            ADD_FAILURE() << what << ": " << error.what();
        }
    };
    for (std::size_t length = 0; length < valid.size(); length += 1 + valid.size() / 4096)
        attempt(valid.substr(0, length), "truncated to " + std::to_string(length));
    RandomStream random(seed, 0);
    for (int i = 0; i < flips; ++i) {
        std::string bytes = valid;
        for (std::uint32_t count = 1 + random.below(4); count > 0; --count) {
            // half of them extreme bytes, which make large sizes
            const std::size_t at = random.below(static_cast<std::uint32_t>(bytes.size()));
            bytes[at] = static_cast<char>(random.below(2) ? random.below(256) : random.below(2) ? 0xff : 0x7f);
        }
        attempt(bytes, "flip " + std::to_string(i));
    }
    EXPECT_LT(resident() - before, 1 << 20);
    return refused;
}

}  // namespace descrambler::test
