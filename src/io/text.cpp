#include "io/text.hpp"

#include <charconv>
#include <cmath>

namespace descrambler {

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\f\v";
    const std::size_t first = text.find_first_not_of(blanks);
    return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::vector<std::string_view> split_lines(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
        lines.push_back(text.substr(0, end));
        const bool windows = text.substr(end, 2) == "\r\n";
        text.remove_prefix(std::min(end + (windows ? 2 : 1), text.size()));
    }
    return lines;
}

std::string excerpt(std::string_view text, std::size_t most) {
    std::string result = "'";
    for (const char c : text.substr(0, most))
        result += c >= ' ' && c <= '~' ? c : '?';
    return result + (text.size() > most ? "...'" : "'");
}

std::optional<double> parse_number(std::string_view text) {
    if (text.size() > 1 && text[0] == '+' && text[1] != '-')
        text.remove_prefix(1);
    const char* const end = text.data() + text.size();
    double value = 0;
    auto result = std::from_chars(text.data(), end, value);
    if (result.ec == std::errc::result_out_of_range) {  // too large or too small: the wider type can tell
        long double wide = 0;
        result = std::from_chars(text.data(), end, wide);
        if (std::abs(wide) > 1)
            return std::nullopt;
        value = static_cast<double>(wide);
    }
    if (result.ec != std::errc{} || result.ptr != end || !std::isfinite(value))
        return std::nullopt;
    return value;
}

std::optional<Index> parse_index(std::string_view text) {
    Index value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size() || value < 0)
        return std::nullopt;
    return value;
}

std::string numbered(Index i) {
    const std::string digits = std::to_string(i);
    return std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

std::string first_difference(std::string_view stored, std::string_view wanted, std::string_view what) {
    std::size_t at = 0;
    while (at < wanted.size() && at < stored.size() && wanted[at] == stored[at])
        ++at;
    const auto line = [&](std::string_view text) {
        const std::size_t before = at == 0 ? text.npos : text.rfind('\n', at - 1);
        const std::size_t begin = before == text.npos ? 0 : before + 1;
        return std::string(text.substr(begin, text.find('\n', begin) - begin));
    };
    return "it has '" + line(stored) + "', " + std::string(what) + " has '" + line(wanted) + "'";
}

}  // namespace descrambler
