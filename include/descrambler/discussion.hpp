// Pixel discussions: for every output a map over the input that sums to the output, biases and other offsets included;
// and votes, which output has the largest number at a pixel.
// Navarrete Michelini et al. (ICCV 2019), eq. 17, 18; the conserving rule instead of the printed one is ours: docs/interpreters.md.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "descrambler/frozen.hpp"

namespace descrambler {

// How offsets reach the input. conserving: what an offset adds to the output is divided among the inputs by the absolute
// network, in proportion to the paths that lead to it, whatever their signs. paper: F_j + sum_i P_i offset_i, P_i the
// transposed network in front of node i, scaled so that its sum is the output; paper_x: with x0 .* F_j in place of F_j.
enum class DiscussionRule { conserving, paper, paper_x };
[[nodiscard]] std::string_view to_string(DiscussionRule rule);
[[nodiscard]] DiscussionRule discussion_rule_from(std::string_view name);  // throws InputError with the known names

struct Discussions {
    Matrix<double> maps;        // [inputs, outputs asked for]: each column sums to y_j
    std::vector<double> rest;   // conserving: part of y_j from offsets that no live path leads to, divided by all paths
    std::vector<double> even;   // of it what no path at all leads to, the same for every input
    std::vector<double> scale;  // paper, paper_x: what the map was multiplied by
};

// Of a network, which outlives it, in its precision: sums are those of the outputs to its rounding. Holds the absolute
// weights, and one number for each value of the network.
template <class T>  // float, double
class Discussion {
public:
    Discussion(const FrozenNetwork<T>& network, DiscussionRule rule);
    ~Discussion();
    Discussion(Discussion&&) noexcept;
    // Outputs are checked by the caller. A map has the same bits in any set of outputs. Throws InputError under the paper's
    // rules where a map sums to 0 and has no scale.
    [[nodiscard]] Discussions of(std::span<const Index> outputs) const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

// At every pixel the output whose map is largest there, the one that came first on ties.
class Votes {
public:
    explicit Votes(Index pixels)
        : best_(static_cast<std::size_t>(pixels)), winner_(static_cast<std::size_t>(pixels), -1) {}
    // map [pixels]: of output `label`, summed over channels.
    void add(Index label, std::span<const double> map);
    [[nodiscard]] const std::vector<Index>& winner() const { return winner_; }  // [pixels], -1 before the first map
    [[nodiscard]] std::vector<Index> count(Index labels) const;                 // [labels]: sums to the pixels

private:
    std::vector<double> best_;
    std::vector<Index> winner_;
};

// Of each number of `shape` its place along the axes `kept`, in ascending order: a pixel, where these are the spatial ones.
[[nodiscard]] std::vector<Index> kept_places(const Shape& shape, const std::vector<Index>& kept);
// Sums of the numbers at each place: [largest place + 1].
[[nodiscard]] std::vector<double> summed_at(std::span<const double> map, const std::vector<Index>& places);

}  // namespace descrambler
