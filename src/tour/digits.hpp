// Handwritten digits of the UCI set, as the network of the tour takes them.
#pragma once

#include <filesystem>
#include <vector>

#include "descrambler/matrix.hpp"

namespace descrambler::tour {

struct Digits {
    Matrix<double> x;          // [784, count]: 28 x 28, (raw / 255 - .1307) / .3081
    std::vector<Index> label;  // [count]
};
// The first `count` lines of a file of 64 numbers from 0 to 16 and a label, separated by commas, plain or gzip; enlarged
// to 28 x 28, linear between centres of pixels. Throws InputError that names file and line for another.
[[nodiscard]] Digits read_digits(const std::filesystem::path& file, Index count);

}  // namespace descrambler::tour
