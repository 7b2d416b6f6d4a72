// Pictures of rotated squares: a white square about the middle of a black ground (SpecXAI, section 2.3).
#pragma once

#include <span>
#include <vector>

#include "descrambler/matrix.hpp"

namespace descrambler::tour {

// Square of `side` px about the middle of size x size pixels, turned by `angle` (radians, anticlockwise on the screen):
// of every pixel the share of its area that the square covers, exact to rounding. [size size] row-major from the top left.
[[nodiscard]] std::vector<double> rotated_square(Index size, double side, double angle);
// One a column: [size size, angles].
[[nodiscard]] Matrix<double> rotated_square_pictures(Index size, double side, std::span<const double> angles);
// Whether the middle of each pixel lies within `reach` px of the outline of the square. [size size]
[[nodiscard]] std::vector<bool> near_outline(Index size, double side, double angle, double reach);

}  // namespace descrambler::tour
