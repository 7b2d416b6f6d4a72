// Errors. The command line maps InputError to exit code 2, Stopped to 85 and everything else to 1.
#pragma once

#include <cstdio>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

namespace descrambler {

// Something went wrong that the caller could not have known: exit code 1.
class Error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

// Foreign text in a message: line breaks and other control characters become '?', so that a line stays a line.
[[nodiscard]] inline std::string one_line(std::string text) {
    for (char& c : text)
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            c = '?';
    return text;
}

// A file, an option or an array that does not fit. The message is one line that names the file (or option), the field
// and what was expected: exit code 2.
class InputError : public Error {
public:
    explicit InputError(std::string message) : Error(one_line(std::move(message))) {}
};

// A device has less memory than was asked for; the message tells both numbers. Fewer items may fit.
class OutOfMemory : public InputError {
public:
    using InputError::InputError;
};

// Stopped on request (Progress::stop), with the work so far on disk: exit code 85, run again to go on.
class Stopped : public Error {
public:
    using Error::Error;
};

// A number for a message, "%.*g".
[[nodiscard]] inline std::string digits(double x, int significant = 3) {
    char text[40];
    std::snprintf(text, sizeof text, "%.*g", significant, x);
    return text;
}

// Throws std::invalid_argument with the caller's file and line when a precondition does not hold.
inline void require(bool condition, const std::string& message,
                    std::source_location where = std::source_location::current()) {
    if (!condition)
        throw std::invalid_argument(std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " +
                                    message);
}

}  // namespace descrambler
