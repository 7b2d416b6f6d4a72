#include "tour/digits.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string_view>

#include "descrambler/error.hpp"

namespace descrambler::tour {

namespace {

constexpr Index small_side = 8, side = 28;

// 64 numbers from 0 to 16 and a digit.
bool parse(std::string_view line, std::array<double, 65>& numbers) {
    const char* at = line.data();
    const char* const end = at + line.size();
    for (std::size_t k = 0; k < numbers.size(); ++k) {
        int value = 0;
        const auto [next, error] = std::from_chars(at, end, value);
        if (error != std::errc() || value < 0 || value > (k < 64 ? 16 : 9))
            return false;
        numbers[k] = value;
        at = next;
        if (k + 1 < numbers.size()) {
            if (at == end || *at != ',')
                return false;
            ++at;
        }
    }
    return at == end;
}

void enlarge(const std::array<double, 65>& small, std::span<double> to) {
    const auto place = [](Index i) {
        return std::clamp((static_cast<double>(i) + .5) * small_side / side - .5, 0., small_side - 1.);
    };
    for (Index p = 0; p < side * side; ++p) {
        const double y = place(p / side), x = place(p % side);
        const auto i = std::min(static_cast<Index>(y), small_side - 2),
                   j = std::min(static_cast<Index>(x), small_side - 2);
        const double down = y - static_cast<double>(i), right = x - static_cast<double>(j);
        const auto at = [&](Index a, Index b) { return small[static_cast<std::size_t>(small_side * a + b)]; };
        const double seen = (1 - down) * ((1 - right) * at(i, j) + right * at(i, j + 1)) +
                            down * ((1 - right) * at(i + 1, j) + right * at(i + 1, j + 1));
        to[static_cast<std::size_t>(p)] = (seen / 16 - .1307) / .3081;
    }
}

}  // namespace

Digits read_digits(const std::filesystem::path& file, Index count) {
    const std::unique_ptr<gzFile_s, int (*)(gzFile_s*)> in(gzopen(file.c_str(), "rb"), gzclose);
    if (!in)
        throw InputError(file.string() + ": cannot be read");
    Digits digits{Matrix<double>(side * side, count), {}};
    std::array<char, 512> buffer{};
    for (Index k = 0; k < count; ++k) {
        const char* const got = gzgets(in.get(), buffer.data(), static_cast<int>(buffer.size()));
        std::string_view line = got != nullptr ? got : "";
        while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
            line.remove_suffix(1);
        std::array<double, 65> numbers{};
        if (!parse(line, numbers))
            throw InputError(file.string() + ": line " + std::to_string(k + 1) +
                             ": expected 64 numbers from 0 to 16 and a digit");
        enlarge(numbers, digits.x.column(k));
        digits.label.push_back(static_cast<Index>(numbers[64]));
    }
    return digits;
}

}  // namespace descrambler::tour
