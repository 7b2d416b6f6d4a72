// The program as a user runs it: arguments in, exit code and both outputs back.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "data.hpp"
#include "descrambler/files.hpp"

namespace descrambler::test {

struct Outcome {
    int code = 0;
    std::string out, err;
};

inline std::string slurp(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

class CliTest : public ::testing::Test {
protected:
    Scratch folder{"cli"};
    int calls = 0;

    pid_t start(const std::vector<std::string>& arguments, const std::string& out, const std::string& err) {
        std::vector<std::string> all{DESCRAMBLER_PROGRAM};
        all.insert(all.end(), arguments.begin(), arguments.end());
        std::vector<char*> argv;
        for (std::string& argument : all)
            argv.push_back(argument.data());
        argv.push_back(nullptr);
        const pid_t child = fork();
        if (child == 0) {
            if (std::freopen(out.c_str(), "w", stdout) != nullptr && std::freopen(err.c_str(), "w", stderr) != nullptr)
                execv(argv[0], argv.data());
            _exit(127);
        }
        return child;
    }
    static int code_of(pid_t child) {
        int status = 0;
        waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    Outcome run(const std::vector<std::string>& arguments) {
        const std::string name = "call" + std::to_string(calls++);
        const std::string out = folder / (name + ".out"), err = folder / (name + ".err");
        const int code = code_of(start(arguments, out, err));
        return {code, slurp(out), slurp(err)};
    }
    // Bad input: exit code 2 and one line of the program's own (progress aside) that says `about`.
    void expect_refusal(const std::vector<std::string>& arguments, const std::string& about) {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 2) << outcome.err;
        EXPECT_EQ(outcome.out, "");
        const std::size_t own = outcome.err.find("descrambler: ");
        ASSERT_NE(own, std::string::npos) << outcome.err;
        EXPECT_EQ(std::count(outcome.err.begin() + static_cast<std::ptrdiff_t>(own), outcome.err.end(), '\n'), 1)
            << outcome.err;
        EXPECT_NE(outcome.err.find(about, own), std::string::npos) << outcome.err;
    }
    std::string write(const std::string& name, const std::string& text) {
        write_file(folder / name, text);
        return folder / name;
    }
};

}  // namespace descrambler::test
