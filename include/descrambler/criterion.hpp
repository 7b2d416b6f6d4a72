// Criteria, methods and what else a request to descramble names. P is the descrambler [n, n], S the signals [n, N], D
// the differentiation matrix of a stencil, W_K the weight of the layer.
#pragma once

#include <string_view>

namespace descrambler {

enum class Criterion {
    smoothness,  // ||D P S||^2
    joint,       // ||D P S||^2 + lambda ||W_{K+1} P^T D^T||^2
    mds,         // diagonal sum tr(P W_K), to be maximised
    mdn,         // squared norm of the diagonal, sum (P W_K)_ii^2, to be maximised
    tv,          // total variation, sum |D P S|
    fourth,      // fourth moment, sum (P S)^4, to be maximised
    user         // an objective of the user's (objective.hpp)
};
enum class Method {
    automatic,  // closed where the criterion has a closed form (mdn: its polar fixed point), else riemannian
    closed,
    riemannian,  // steps of Cayley transforms around the current point
    cayley       // in the one chart P = cayley(q), from q = 0, as published
};
// How the Gram matrices of a sum are brought to one scale: divided by their 2-norms, by their traces, or not at all.
enum class Balance { norm, trace, none };
// Where an iteration starts. automatic: the identity for criteria with a closed form, else the smoothest rotation.
enum class Start { automatic, identity, closed, random };

[[nodiscard]] std::string_view to_string(Criterion c);
[[nodiscard]] std::string_view to_string(Method m);
[[nodiscard]] std::string_view to_string(Balance b);
[[nodiscard]] std::string_view to_string(Start s);
// Each throws InputError with the known names for any other. "user" is not one: a user's criterion is a file.
[[nodiscard]] Criterion criterion_from(std::string_view name);
[[nodiscard]] Method method_from(std::string_view name);
[[nodiscard]] Balance balance_from(std::string_view name);
[[nodiscard]] Start start_from(std::string_view name);

// A function of the Gram matrix alone: has a closed form with a certified bound.
[[nodiscard]] constexpr bool is_gram(Criterion c) {
    return c == Criterion::smoothness || c == Criterion::joint;
}
// A function of a square weight matrix: needs no inputs.
[[nodiscard]] constexpr bool is_diagonal(Criterion c) {
    return c == Criterion::mds || c == Criterion::mdn;
}

}  // namespace descrambler
