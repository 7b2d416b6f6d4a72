// The preconditioned descent over SO(n) that host and device run (cpu/minimise.cpp, cuda/block_descent.cuh): its line
// search and how often P is made orthogonal again.
#pragma once

#include "descrambler/array.hpp"

namespace descrambler::descent {

inline constexpr double longest_step = 0.7;  // ||t X||_2: the inverse is safe, the quadratic model still good
inline constexpr double sufficient = 1e-4;   // Armijo
inline constexpr double shrink = 0.4;
inline constexpr int shrinks = 30;
inline constexpr Index orthogonalise_every = 10;

}  // namespace descrambler::descent
