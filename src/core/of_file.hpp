// Messages of networks that do not know what file they come from.
#pragma once

#include <string>
#include <string_view>

#include "descrambler/error.hpp"

namespace descrambler {

// make(); an InputError "the network: ..." that it throws becomes "FILE: ...".
template <class Make>
auto of_file(const std::string& file, const Make& make) {
    constexpr std::string_view nameless = "the network: ";
    try {
        return make();
    } catch (const InputError& error) {
        const std::string_view what = error.what();
        if (!what.starts_with(nameless))
            throw;
        throw InputError(file + ": " + std::string(what.substr(nameless.size())));
    }
}

}  // namespace descrambler
