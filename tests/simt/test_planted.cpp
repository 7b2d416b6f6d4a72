// Every planted fault is caught by the tool meant for it: each runs in a process of its own, in the four schedules of
// the plain build and in the sanitized ones. With --gtest_also_run_disabled_tests --gtest_filter=PlantedTable* the
// program prints what caught what (docs/test-device.md).
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace {

constexpr const char* tools[] = {"forward", "reverse", "random", "deep", "asan", "tsan"};

// What each tool must notice of the fault: 'w' a wrong result, 'e' an error of the test device, 's' the sanitizer; '.':
// it need not notice anything.
struct Fault {
    const char* name;
    std::array<char, 6> seen;  // by tools
    const char* text;          // of the error; a sanitizer names the file
};
constexpr Fault faults[] = {
    {"tile_read_too_early", {'w', 'w', 'w', 'w', 'w', 's'}, ""},
    {"tile_overwritten", {'w', 'w', 'w', 'w', 'w', 's'}, ""},
    {"no_syncwarp", {'w', 'w', 'w', 'w', 'w', 's'}, ""},
    {"divergent_barrier", {'e', 'e', 'e', 'e', 'e', 'e'}, "divergent barrier"},
    {"early_return", {'e', 'e', 'e', 'e', 'e', 'e'}, "24 have already returned"},
    {"shuffle_in_a_branch", {'e', 'e', 'e', 'e', 'e', 'e'}, "planted.hpp"},
    {"lane_not_in_its_mask", {'e', 'e', 'e', 'e', 'e', 'e'}, "is not in the mask of its warp collective"},
    {"shuffle_from_outside_the_mask", {'e', 'e', 'e', 'e', 'e', 'e'}, "which is not in the mask"},
    {"shared_never_written", {'w', 'w', 'w', 'w', 'w', 'w'}, ""},
    {"shared_overflow", {'e', 'e', 'e', 'e', 's', 'e'}, "beyond its 512 bytes of shared memory"},
    {"global_overflow", {'e', 'e', 'e', 'e', 's', 'e'}, "beyond an allocation of 512 bytes"},
    {"global_read_beyond", {'w', 'w', 'w', 'w', 's', 'w'}, ""},
    {"same_value", {'.', '.', '.', '.', '.', 's'}, ""},
    {"blocks_add", {'.', '.', '.', '.', '.', 's'}, ""},
    {"host_reads_device_memory", {'e', 'e', 'e', 'e', 'e', 'e'}, "host code touched device memory"},
    {"host_array_to_a_kernel", {'e', 'e', 'e', 'e', 'e', 'e'}, "host memory"},
    {"memory_after_release", {'e', 'e', 'e', 'e', 'e', 'e'}, "allocation"},
    {"too_many_threads", {'e', 'e', 'e', 'e', 'e', 'e'}, "1025 threads a block"},
    {"too_much_shared_memory", {'e', 'e', 'e', 'e', 'e', 'e'}, "bytes of shared memory"},
};

struct Outcome {
    char seen;
    std::string output;
};

// Runs a fault under a tool; '-' where nothing was noticed, '?' where the build has no such variant.
Outcome run(const std::string& fault, const std::string& tool) {
    std::string command = "DESCRAMBLER_SIMT_SCHEDULE=forward ASAN_OPTIONS=detect_leaks=0 ";
    if (tool == "asan" || tool == "tsan") {
        if (std::string(DESCRAMBLER_PLANTED_VARIANTS).find(tool) == std::string::npos)
            return {'?', ""};
        command += (tool == "tsan" ? std::string(DESCRAMBLER_SETARCH) + " -R " : std::string()) + DESCRAMBLER_PLANTED +
                   "_" + tool;
    } else {
        command = "DESCRAMBLER_SIMT_SCHEDULE=" + tool + " " + DESCRAMBLER_PLANTED;
    }
    std::FILE* const pipe = popen((command + " " + fault + " 2>&1").c_str(), "r");
    Outcome outcome{'-', ""};
    std::array<char, 4096> text;
    while (const std::size_t n = std::fread(text.data(), 1, text.size(), pipe))
        outcome.output.append(text.data(), n);
    const int status = pclose(pipe);
    if (outcome.output.find("Sanitizer: ") != std::string::npos &&
        outcome.output.find("test device: host code") == std::string::npos)
        outcome.seen = 's';
    else if (outcome.output.find("test device: ") != std::string::npos)
        outcome.seen = 'e';
    else if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
        outcome.seen = 'w';
    else if (status != 0)
        outcome.seen = '!';
    return outcome;
}

class Planted : public testing::TestWithParam<Fault> {};

TEST_P(Planted, IsCaught) {
    const Fault& fault = GetParam();
    for (std::size_t i = 0; i < std::size(tools); ++i) {
        if (fault.seen[i] == '.')
            continue;
        const Outcome outcome = run(fault.name, tools[i]);
        if (outcome.seen == '?')
            continue;
        EXPECT_EQ(outcome.seen, fault.seen[i]) << tools[i] << ": " << outcome.output;
        const std::string text = outcome.seen == 's' ? "planted.hpp" : outcome.seen == 'e' ? fault.text : "";
        EXPECT_NE(outcome.output.find(text), std::string::npos) << tools[i] << ": " << outcome.output;
    }
}
INSTANTIATE_TEST_SUITE_P(Fault, Planted, testing::ValuesIn(faults),
                         [](const auto& fault) { return std::string(fault.param.name); });

}  // namespace
