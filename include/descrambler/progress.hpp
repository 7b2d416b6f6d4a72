// How a long computation talks to whoever started it. Any of the functions may be empty.
#pragma once

#include <functional>
#include <string>

namespace descrambler {

struct Progress {
    // done of total, in the units of the stage (samples, iterations, networks, ...)
    std::function<void(const std::string& stage, double done, double total)> report;
    std::function<bool()> stop;                         // true: write a checkpoint and throw Stopped
    std::function<void(const std::string& text)> warn;  // something that the user should know, one line
    void operator()(const std::string& stage, double done, double total) const {
        if (report)
            report(stage, done, total);
    }
};

}  // namespace descrambler
