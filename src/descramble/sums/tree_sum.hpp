// Sums of numbered leaves in the order of one binary tree, whoever computes which of them: node (level, index) is the
// sum of the leaves index 2^level .. (index + 1) 2^level - 1, made of its two halves. What a rank knows of the tree is
// a few nodes; so is a checkpoint. The total does not depend on how the leaves were shared.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

class TreeSum {
public:
    struct Node {
        int level = 0;
        Index index = 0;
        std::vector<double> value;
        [[nodiscard]] Index first() const { return index << level; }
        [[nodiscard]] Index last() const { return (index + 1) << level; }  // one beyond
    };
    // left becomes the sum of both; its leaves precede those of right.
    using Merge = std::function<void(std::vector<double>& left, const std::vector<double>& right)>;

    explicit TreeSum(Merge merge) : merge_(std::move(merge)) {}
    // In any order, no leaf twice (std::invalid_argument). Two halves of a node are merged at once.
    void add(Node node);
    [[nodiscard]] const std::map<Index, Node>& nodes() const { return nodes_; }  // by first leaf
    [[nodiscard]] std::map<Index, Node> take() { return std::exchange(nodes_, {}); }
    // The sum of all leaves 0 .. count - 1, which must be there (std::invalid_argument): the nodes that are left,
    // merged from the right.
    [[nodiscard]] std::vector<double> total(Index count);

private:
    Merge merge_;
    std::map<Index, Node> nodes_;
};

}  // namespace descrambler
