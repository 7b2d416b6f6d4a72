// A point of a network whose signals are looked at. The functions *_from throw InputError for unknown names.
#pragma once

#include <string>
#include <string_view>

#include "descrambler/array.hpp"

namespace descrambler {

enum class Tap { before, after };  // before or after the activation of a layer

[[nodiscard]] std::string_view to_string(Tap t);
[[nodiscard]] Tap tap_from(std::string_view name);  // "before", "after"

// A layer (from 1) and the side of its activation; {0, after} are the inputs of the network. Its name in options and
// files: "2:before".
struct TapPoint {
    Index layer = 1;
    Tap side = Tap::before;
    bool operator==(const TapPoint&) const = default;
};
inline constexpr TapPoint inputs_of_network{0, Tap::after};

[[nodiscard]] std::string to_string(const TapPoint& point);
// From LAYER:before or LAYER:after.
[[nodiscard]] TapPoint tap_point_from(std::string_view name);

}  // namespace descrambler
