// Small pieces of text that the parsers share. Everything is ASCII and independent of the locale.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

[[nodiscard]] std::string_view trim(std::string_view text);  // blanks, tabs, line ends
[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text);  // \n, \r\n or \r
// Foreign text inside a one-line message: in quotes, at most so many characters, unprintable ones as '?'.
[[nodiscard]] std::string excerpt(std::string_view text, std::size_t most = 40);
// The whole text as a finite number; nothing for "nan", "1e999", "12abc", "". Underflow gives the nearest double.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);
[[nodiscard]] std::optional<Index> parse_index(std::string_view text);  // whole text, decimal, not negative
[[nodiscard]] std::string numbered(Index i);                            // "007": three digits at least
// The first line in which two texts differ, for a message: "it has 'A', WHAT has 'B'".
[[nodiscard]] std::string first_difference(std::string_view stored, std::string_view wanted, std::string_view what);

}  // namespace descrambler
