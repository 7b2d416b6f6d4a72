// How far the affine map of a piecewise linear network holds: the nearest kink along a direction. On x + t d every value is
// z + t dz until the first decision changes (a unit reaches its threshold, z + t beta: t = (beta - z) / dz; another number
// of a maximum overtakes the chosen one), so the distance is exact up to rounding.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "descrambler/backend.hpp"
#include "descrambler/graph.hpp"

namespace descrambler {

struct Kink {
    double distance = 0;  // t, in lengths of d; 0 where x itself is on a kink and d leaves it
    Index node = 0;       // place in the graph
    Index number = 0;     // of its output, C order
};
// The smallest t >= 0 at which a decision changes; nothing where none ever does. A decision counts also where nothing
// behind it looks at it. x, d [inputs]; run in double precision by `exact`. Throws InputError where a node that is not
// piecewise linear (Sigmoid, a product of two values, ...) is moved by d, and for x or d of another size or not finite.
[[nodiscard]] std::optional<Kink> nearest_kink(Backend<double>& exact, const Graph& graph, std::span<const double> x,
                                               std::span<const double> d);

// Places of the nodes that take other decisions at the other input (Relu and its like, Clip, Abs, Max, Min, MaxPool): none,
// and the network is piecewise linear: both have one affine map.
[[nodiscard]] std::vector<Index> changed_decisions(Backend<double>& exact, const Graph& graph,
                                                   std::span<const double> x, std::span<const double> other);

}  // namespace descrambler
