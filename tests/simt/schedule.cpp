// Orders of execution by name.
#include <cstdlib>
#include <optional>

#include "descrambler/error.hpp"
#include "engine.hpp"

namespace descrambler::simt {

namespace {

std::optional<Schedule> chosen;

}  // namespace

Schedule parse_schedule(const std::string& text) {
    if (text == "forward")
        return {Order::forward};
    if (text == "reverse")
        return {Order::reverse};
    if (text == "deep")
        return {Order::deep};
    if (text == "random")
        return {Order::random};
    if (text.starts_with("random:") && text.size() > 7 &&
        text.find_first_not_of("0123456789", 7) == std::string::npos && text.size() < 26)
        return {Order::random, std::stoull(text.substr(7))};
    throw InputError("DESCRAMBLER_SIMT_SCHEDULE: '" + text +
                     "', expected forward, reverse, deep, random or random:SEED");
}

void set_schedule(Schedule schedule) {
    chosen = schedule;
}

Schedule schedule() {
    if (!chosen) {
        const char* const text = std::getenv("DESCRAMBLER_SIMT_SCHEDULE");
        chosen = text != nullptr && *text != '\0' ? parse_schedule(text) : Schedule{};
    }
    return *chosen;
}

}  // namespace descrambler::simt
