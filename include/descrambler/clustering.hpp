// Hierarchical clustering of the networks of a study by average linkage (UPGMA; Sokal, Michener 1958): the two clusters
// of the smallest mean distance are joined until one is left. Deterministic: of equal distances the pair with the
// smallest leaves is joined first, so that a permutation of the items changes the result only where distances tie.
// Throws std::invalid_argument for sizes that do not fit, empty samples and distances that are not finite.
#pragma once

#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

struct Merge {
    Index a = 0, b = 0;  // nodes: leaves 0 .. n-1, merge k makes node n + k; a holds the smaller leaf
    double height = 0;   // mean distance between the leaves of a and of b
    Index size = 0;      // leaves below
};
struct Dendrogram {
    Index items = 0;
    std::vector<Merge> merges;  // [n - 1], heights do not decrease
    std::vector<Index> order;   // [n] the leaves from left to right
};
// distance [n, n], n >= 1, symmetric (the lower triangle is read), finite. Time n^3, memory n^2.
[[nodiscard]] Dendrogram average_linkage(const Matrix<double>& distance);

// The clusters that merges up to `height` make, as labels [n] of the items: from 0, numbered by their first item.
[[nodiscard]] std::vector<Index> cut(const Dendrogram& tree, double height);
// The middle of the largest gap between consecutive heights: a cut there leaves at least two clusters, one of which is
// no singleton. Infinity (one cluster) for fewer than 3 items or where all heights are equal to rounding (1e-12).
[[nodiscard]] double largest_gap(const Dendrogram& tree);

// Mean over the items of (b - a) / max(a, b), a the mean distance to the own cluster, b the least mean distance to
// another one; 0 for a singleton (Rousseeuw 1987). distance as above, labels [n] from 0. NaN for fewer than two
// clusters.
[[nodiscard]] double silhouette(const Matrix<double>& distance, std::span<const Index> labels);
// Share of the items that belong to the commonest group of their cluster. It is 1 for singletons, so read it beside the
// adjusted Rand index. labels and groups [n].
[[nodiscard]] double purity(std::span<const Index> labels, std::span<const Index> groups);
// Agreement of two partitions: 0 expected by chance, 1 if equal (Hubert, Arabie 1985); 1 also where both partitions are
// trivial in the same way.
[[nodiscard]] double adjusted_rand(std::span<const Index> labels, std::span<const Index> groups);

}  // namespace descrambler
