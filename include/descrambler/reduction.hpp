// Signed terms of a sum made comparable: pruning of the small ones, and cancellation until all have one sign.
// SpecXAI, eq. 21 and 22, with the corrections of docs/interpreters.md: the order of pairs is part of the definition.
#pragma once

#include <span>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

inline constexpr Index rest_term = -1;

struct Term {
    Index index = rest_term;  // of the component; rest_term: the closing term of what is not told apart
    double value = 0;
    bool with_rest = false;  // some of it is that of the closing term
    bool operator==(const Term&) const = default;
};

struct Reduction {
    std::vector<Term> terms;     // of one sign, largest first
    std::vector<double> shares;  // value_k / sum: they are positive and sum to 1
    Index rounds = 0;
    double effective_terms = 0;  // 1 / sum of share^2: 1 for a single term, n for n equal ones; 0 without terms
};
// Positive and negative terms are sorted by size, descending (equal ones by index, the rest last), and added pair by
// pair, the tail of the longer list stays; exact zeros go; again until one list is empty. A merged term has the index of
// its larger part (of equal ones that of the positive); the closing term never takes the place of an index, however large
// it is. The sum is kept to rounding, n terms take at most n - 1 rounds, a sum of zero leaves nothing. Throws
// std::invalid_argument for numbers that are not finite.
[[nodiscard]] Reduction reduce_cancellation(std::vector<Term> terms);

// The terms |value| >= threshold in their order, the others together.
struct Pruned {
    std::vector<Term> terms;
    double threshold = 0;
    double sum = 0;  // of those that went
    Index count = 0;
};
// Throws std::invalid_argument for a negative threshold.
[[nodiscard]] Pruned prune(std::span<const Term> terms, double threshold);
// The threshold below which a share q of the sizes lies, 0 <= q < 1: lower_quantile of statistics.hpp; 0 without terms.
[[nodiscard]] double prune_threshold(std::span<const Term> terms, double q);

}  // namespace descrambler
