// Hierarchical clustering of the networks of a study by average linkage (UPGMA; Sokal, Michener 1958): the two clusters
// of the smallest mean distance are joined until one is left. Deterministic: of equal distances the pair with the
// smallest leaves is joined first, so that a permutation of the items changes the result only where distances tie.
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
// distance [n, n], n >= 1, symmetric (the lower triangle is read), finite. Time n^3,
// memory n^2. Throws std::invalid_argument.
[[nodiscard]] Dendrogram average_linkage(const Matrix<double>& distance);

// Labels [n] of the clusters whose merges are not above `height`: from 0, by their first item.
[[nodiscard]] std::vector<Index> cut(const Dendrogram& tree, double height);
// Half way across the largest gap between consecutive heights, where a cut leaves 2 clusters at least and one that is
// no singleton; infinity (one cluster) for fewer than 3 items or where all heights are equal to rounding (1e-12).
[[nodiscard]] double largest_gap(const Dendrogram& tree);

// Mean over the items of (b - a) / max(a, b), a the mean distance to the own cluster, b the least mean distance to
// another one; 0 for a singleton (Rousseeuw 1987). NaN unless there are two clusters at least.
[[nodiscard]] double silhouette(const Matrix<double>& distance, std::span<const Index> labels);
// Share of the items that belong to the commonest group of their cluster. 1 for singletons, so read it beside the
// adjusted Rand index: agreement of two partitions, 0 expected by chance, 1 if equal (Hubert, Arabie 1985); 1 where
// both partitions are trivial in the same way.
[[nodiscard]] double purity(std::span<const Index> labels, std::span<const Index> groups);
[[nodiscard]] double adjusted_rand(std::span<const Index> labels, std::span<const Index> groups);

}  // namespace descrambler
