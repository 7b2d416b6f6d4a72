#include "descrambler/tap.hpp"

#include <charconv>

#include "descrambler/error.hpp"

namespace descrambler {

std::string_view to_string(Tap t) {
    return t == Tap::before ? "before" : "after";
}

Tap tap_from(std::string_view name) {
    for (const Tap t : {Tap::before, Tap::after})
        if (name == to_string(t))
            return t;
    throw InputError("tap '" + std::string(name) + "': unknown, expected before or after");
}

std::string to_string(const TapPoint& point) {
    return std::to_string(point.layer) + ":" + std::string(to_string(point.side));
}

TapPoint tap_point_from(std::string_view name) {
    const std::size_t colon = std::min(name.find(':'), name.size());
    TapPoint point;
    const auto [end, error] = std::from_chars(name.data(), name.data() + colon, point.layer);
    const std::string_view side = name.substr(std::min(colon + 1, name.size()));
    if (colon == name.size() || error != std::errc() || end != name.data() + colon ||
        (side != "before" && side != "after"))
        throw InputError("tap '" + std::string(name) + "': expected LAYER:before or LAYER:after, e.g. 2:after");
    point.side = tap_from(side);
    return point;
}

}  // namespace descrambler
