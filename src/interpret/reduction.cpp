#include "descrambler/reduction.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/error.hpp"
#include "descrambler/statistics.hpp"

namespace descrambler {
namespace {

void sort_by_size(std::vector<Term>& terms) {
    std::ranges::sort(terms, [](const Term& a, const Term& b) {
        if (std::abs(a.value) != std::abs(b.value))
            return std::abs(a.value) > std::abs(b.value);
        if ((a.index == rest_term) != (b.index == rest_term))
            return b.index == rest_term;
        return a.index < b.index;
    });
}

Term merged(const Term& a, const Term& b) {
    Index index = std::abs(b.value) > std::abs(a.value) ? b.index : a.index;
    if (index == rest_term)
        index = a.index == rest_term ? b.index : a.index;
    return {index, a.value + b.value, a.with_rest || b.with_rest};
}

}  // namespace

Reduction reduce_cancellation(std::vector<Term> terms) {
    for (Term& term : terms) {
        require(std::isfinite(term.value), "reduce_cancellation: a term is not finite");
        term.with_rest = term.with_rest || term.index == rest_term;
    }
    Reduction result;
    for (;;) {
        std::vector<Term> positive, negative;
        for (const Term& term : terms)
            if (term.value != 0)
                (term.value > 0 ? positive : negative).push_back(term);
        sort_by_size(positive);
        sort_by_size(negative);
        const std::size_t pairs = std::min(positive.size(), negative.size());
        const std::vector<Term>& longer = positive.size() > negative.size() ? positive : negative;
        terms.assign(longer.begin() + static_cast<std::ptrdiff_t>(pairs), longer.end());
        if (pairs == 0)
            break;
        for (std::size_t i = 0; i < pairs; ++i)
            terms.push_back(merged(positive[i], negative[i]));
        ++result.rounds;
    }
    result.terms = std::move(terms);
    double sum = 0;
    for (const Term& term : result.terms)
        sum += term.value;
    double squares = 0;
    for (const Term& term : result.terms) {
        result.shares.push_back(term.value / sum);
        squares += result.shares.back() * result.shares.back();
    }
    if (squares > 0)
        result.effective_terms = 1 / squares;
    return result;
}

Pruned prune(std::span<const Term> terms, double threshold) {
    require(threshold >= 0, "prune: the threshold must not be negative");
    Pruned result;
    result.threshold = threshold;
    for (const Term& term : terms)
        if (std::abs(term.value) >= threshold) {
            result.terms.push_back(term);
        } else {
            result.sum += term.value;
            ++result.count;
        }
    return result;
}

double prune_threshold(std::span<const Term> terms, double q) {
    std::vector<double> sizes;
    for (const Term& term : terms)
        sizes.push_back(std::abs(term.value));
    return sizes.empty() ? 0 : lower_quantile(std::move(sizes), q);
}

}  // namespace descrambler
