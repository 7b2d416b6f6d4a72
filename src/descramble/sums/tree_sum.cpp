#include "descramble/sums/tree_sum.hpp"

#include <iterator>

namespace descrambler {

void TreeSum::add(Node node) {
    for (;;) {
        const bool left = node.index % 2 == 0;
        const auto sibling = nodes_.find((left ? node.index + 1 : node.index - 1) << node.level);
        if (sibling == nodes_.end() || sibling->second.level != node.level)
            break;
        Node other = std::move(sibling->second);
        nodes_.erase(sibling);
        if (left) {
            merge_(node.value, other.value);
        } else {
            merge_(other.value, node.value);
            node.value = std::move(other.value);
        }
        ++node.level;
        node.index /= 2;
    }
    const Index first = node.first();
    require(nodes_.emplace(first, std::move(node)).second, "tree sum: leaves that are there already");
}

std::vector<double> TreeSum::total(Index count) {
    Index next = 0;
    for (const auto& [first, node] : nodes_) {
        require(first == next, "tree sum: leaves are missing");
        next = node.last();
    }
    require(next == count, "tree sum: leaves are missing");
    std::vector<double> sum = std::move(nodes_.rbegin()->second.value);
    for (auto node = std::next(nodes_.rbegin()); node != nodes_.rend(); ++node) {
        merge_(node->second.value, sum);
        sum = std::move(node->second.value);
    }
    nodes_.clear();
    return sum;
}

}  // namespace descrambler
