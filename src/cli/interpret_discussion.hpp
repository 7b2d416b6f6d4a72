// interpret --discussion and --votes: maps over the input that sum to an output, and which output has the largest at a
// pixel.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "descrambler/discussion.hpp"
#include "descrambler/execution.hpp"
#include "descrambler/hdf5.hpp"

namespace descrambler::cli {

struct InterpretOptions;
struct InterpretInput;

struct DiscussionOptions {
    std::string outputs, votes, rule = "conserving";
    void add_to(CLI::App& command);
    [[nodiscard]] bool wanted() const { return !outputs.empty() || !votes.empty(); }
    void check(const CLI::App& command) const;  // throws InputError
};

struct VoteCount {
    std::vector<Index> winner;  // of each pixel, row after row
    std::vector<Index> count;   // of each output; 0 where it was not asked
    double entropy = 0;         // of the shares of the outputs that were asked, over its largest
    [[nodiscard]] double share(Index output) const;
    [[nodiscard]] Index rank(Index output, const std::vector<Index>& asked) const;  // 1: the most votes
};
struct DiscussionAnswers {
    std::vector<Index> index;  // outputs
    Discussions found;
    std::vector<double> error;          // |sum of the map - y| over the sum of the sizes of the parts
    std::vector<double> opposite, lag;  // of the pixels of a row: share of neighbours of other sign; correlation
    std::vector<Index> labels;          // that may vote
    Index height = 0, width = 0;        // of the votes; one row where the input is no image
    Index first = 0;                    // the label with the largest y
    std::optional<VoteCount> votes, shuffled;
};

// Of the network frozen at the input; the control of votes is the same question of the input with its pixels shuffled.
// Discussions are in double precision, votes, which compare, in that of the network.
template <class T>
[[nodiscard]] DiscussionAnswers discussed(const InterpretOptions& o, const InterpretInput& input,
                                          const FrozenNetwork<T>& frozen, const Execution& execution,
                                          std::uint64_t seed);
// Votes alone, without a control.
[[nodiscard]] VoteCount voted(const InterpretOptions& o, const InterpretInput& input,
                              const FrozenNetwork<double>& frozen);
void write(const Hdf5Group& root, const DiscussionAnswers& a, const std::string& rule);
[[nodiscard]] nlohmann::ordered_json json_of(const DiscussionAnswers& a, const std::vector<double>& y);
void print(const DiscussionAnswers& a, const std::vector<double>& y);

}  // namespace descrambler::cli
