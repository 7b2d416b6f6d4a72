// Lists of numbers as options have them.
#pragma once

#include <string>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler::cli {

// Whole numbers from 0 between separators: "5,17", "1x3x64x64". Throws InputError that names the option.
[[nodiscard]] std::vector<Index> whole_numbers(const std::string& option, const std::string& text, char separator);
// Finite numbers between commas: "123.7,116.3,103.5".
[[nodiscard]] std::vector<double> real_numbers(const std::string& option, const std::string& text);

}  // namespace descrambler::cli
