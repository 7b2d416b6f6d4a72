// Bruker BES3T: a text descriptor .DSC, binary data .DTA and, for a nonlinear axis, .XGF.
#pragma once

#include "descrambler/traces.hpp"

namespace descrambler {

// path: any file of the set. Contract as read_trace.
[[nodiscard]] Trace read_bes3t(const std::filesystem::path& path, TimeUnit unit);

}  // namespace descrambler
