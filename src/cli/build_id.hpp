// What tells one build of this program from another.
#pragma once

#include <string>

namespace descrambler::cli {

// The identifier that the linker has given to this executable (a hash of its content), in hexadecimal; "" if none.
[[nodiscard]] std::string build_id();

}  // namespace descrambler::cli
