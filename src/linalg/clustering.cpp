#include "descrambler/clustering.hpp"
#include "core/finite.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace descrambler {

namespace {

void check(const Matrix<double>& distance) {
    require(distance.rows() == distance.cols() && distance.rows() >= 1, "clustering: distances [n, n], n >= 1");
    require(all_finite(distance.values()), "clustering: a distance is not finite");
}

struct Node {  // a cluster that is still to be joined
    Index name = 0, size = 1;
};

using Table = std::map<std::pair<Index, Index>, double>;  // how often a label meets a group

double pairs(double n) {
    return n * (n - 1) / 2;
}

}  // namespace

Dendrogram average_linkage(const Matrix<double>& distance) {
    check(distance);
    const Index n = distance.rows();
    Dendrogram tree;
    tree.items = n;
    // Cluster i lives in the row of its smallest leaf, so that the first minimum is the pair of smallest leaves.
    Matrix<double> d(n, n);
    for (Index j = 0; j < n; ++j)
        for (Index i = j + 1; i < n; ++i)
            d(i, j) = d(j, i) = distance(i, j);
    std::vector<Node> nodes(static_cast<std::size_t>(n));
    std::vector<Index> alive(static_cast<std::size_t>(n));
    std::iota(alive.begin(), alive.end(), Index{0});
    for (const Index i : alive)
        nodes[i].name = i;
    double height = 0;  // rounding must not let a later merge fall below an earlier one
    while (alive.size() > 1) {
        Index a = alive[0], b = alive[1];
        for (std::size_t i = 0; i < alive.size(); ++i)
            for (std::size_t j = i + 1; j < alive.size(); ++j)
                if (d(alive[j], alive[i]) < d(b, a)) {
                    a = alive[i];
                    b = alive[j];
                }
        height = tree.merges.empty() ? d(b, a) : std::max(height, d(b, a));
        const double size_a = static_cast<double>(nodes[a].size), size_b = static_cast<double>(nodes[b].size);
        tree.merges.push_back({nodes[a].name, nodes[b].name, height, nodes[a].size + nodes[b].size});
        for (const Index k : alive)
            if (k != a && k != b)
                d(k, a) = d(a, k) = (size_a * d(k, a) + size_b * d(k, b)) / (size_a + size_b);
        nodes[a] = {n + std::ssize(tree.merges) - 1, tree.merges.back().size};
        std::erase(alive, b);
    }
    std::vector<Index> stack{tree.merges.empty() ? 0 : n + std::ssize(tree.merges) - 1};
    while (!stack.empty()) {
        const Index node = stack.back();
        stack.pop_back();
        if (node < n) {
            tree.order.push_back(node);
            continue;
        }
        stack.push_back(tree.merges[node - n].b);
        stack.push_back(tree.merges[node - n].a);
    }
    return tree;
}

std::vector<Index> cut(const Dendrogram& tree, double height) {
    std::vector<Index> root(static_cast<std::size_t>(tree.items + std::ssize(tree.merges)));
    std::iota(root.begin(), root.end(), Index{0});
    for (Index k = std::ssize(tree.merges) - 1; k >= 0; --k) {  // from the top: children inherit what is cut together
        const Merge& merge = tree.merges[k];
        if (merge.height <= height)
            root[merge.a] = root[merge.b] = root[tree.items + k];
    }
    std::vector<Index> labels;
    std::map<Index, Index> names;
    for (Index i = 0; i < tree.items; ++i)
        labels.push_back(names.try_emplace(root[i], std::ssize(names)).first->second);
    return labels;
}

double largest_gap(const Dendrogram& tree) {
    double widest = 0, at = std::numeric_limits<double>::infinity();
    for (std::size_t k = 1; k < tree.merges.size(); ++k) {
        const double low = tree.merges[k - 1].height, high = tree.merges[k].height;
        if (high - low > std::max(widest, 1e-12 * std::abs(high))) {
            widest = high - low;
            at = low + widest / 2;
        }
    }
    return at;
}

double silhouette(const Matrix<double>& distance, std::span<const Index> labels) {
    check(distance);
    require(std::ssize(labels) == distance.rows(), "silhouette: one label an item");
    const Index n = distance.rows(), clusters = 1 + *std::ranges::max_element(labels);
    if (clusters < 2)
        return std::numeric_limits<double>::quiet_NaN();
    std::vector<double> size(static_cast<std::size_t>(clusters));
    for (const Index label : labels)
        size[label] += 1;
    double total = 0;
    for (Index i = 0; i < n; ++i) {
        if (size[labels[i]] < 2)
            continue;
        std::vector<double> sum(static_cast<std::size_t>(clusters));
        for (Index j = 0; j < n; ++j)
            if (j != i)
                sum[labels[j]] += distance(std::max(i, j), std::min(i, j));
        const double own = sum[labels[i]] / (size[labels[i]] - 1);
        double other = std::numeric_limits<double>::infinity();
        for (Index c = 0; c < clusters; ++c)
            if (c != labels[i] && size[c] > 0)
                other = std::min(other, sum[c] / size[c]);
        const double larger = std::max(own, other);
        total += larger > 0 ? (other - own) / larger : 0;
    }
    return total / static_cast<double>(n);
}

double purity(std::span<const Index> labels, std::span<const Index> groups) {
    require(labels.size() == groups.size() && !labels.empty(), "purity: two equally long partitions");
    Table table;
    for (std::size_t i = 0; i < labels.size(); ++i)
        table[{labels[i], groups[i]}] += 1;
    std::map<Index, double> commonest;
    for (const auto& [cell, count] : table)
        commonest[cell.first] = std::max(commonest[cell.first], count);
    double sum = 0;
    for (const auto& [label, count] : commonest)
        sum += count;
    return sum / static_cast<double>(labels.size());
}

double adjusted_rand(std::span<const Index> labels, std::span<const Index> groups) {
    require(labels.size() == groups.size() && !labels.empty(), "adjusted Rand index: two equally long partitions");
    Table table;
    std::map<Index, double> rows, columns;
    for (std::size_t i = 0; i < labels.size(); ++i) {
        table[{labels[i], groups[i]}] += 1;
        rows[labels[i]] += 1;
        columns[groups[i]] += 1;
    }
    double together = 0, in_rows = 0, in_columns = 0;
    for (const auto& [cell, count] : table)
        together += pairs(count);
    for (const auto& [label, count] : rows)
        in_rows += pairs(count);
    for (const auto& [group, count] : columns)
        in_columns += pairs(count);
    const double all = pairs(static_cast<double>(labels.size()));
    const double expected = all > 0 ? in_rows * in_columns / all : 0, most = (in_rows + in_columns) / 2;
    return most > expected ? (together - expected) / (most - expected) : 1;
}

}  // namespace descrambler
