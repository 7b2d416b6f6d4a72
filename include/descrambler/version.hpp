// What was built.
#pragma once

#include <string>

namespace descrambler {

[[nodiscard]] std::string version();  // "0.1.0"
[[nodiscard]] std::string commit();   // short hash of the source, "-dirty" if changed, "unknown" outside a checkout
[[nodiscard]] std::string build_options();  // compiler, build type, architecture, libraries: one line

}  // namespace descrambler
