#include "descrambler/backend/orthogonal.hpp"

#include "backend/shapes.hpp"

namespace descrambler {

template <class T>
void Orthogonal<T>::cayley(Batch<const T> q, Batch<T> P) {
    require(P.rows == P.cols && is(q, P.rows * (P.rows - 1) / 2, 1, P.batch), "cayley: q [n (n - 1) / 2, 1], P [n, n]");
    require(packed(q, P), "cayley: takes no leading dimension");
    do_cayley(q, P);
}

template <class T>
void Orthogonal<T>::cayley_pullback(Batch<const T> P, Batch<const T> dP, Batch<T> dq) {
    require(P.rows == P.cols && same_shape(P, dP) && is(dq, P.rows * (P.rows - 1) / 2, 1, P.batch),
            "cayley_pullback: P [n, n], dP [n, n], dq [n (n - 1) / 2, 1]");
    require(packed(P, dP, dq), "cayley_pullback: takes no leading dimension");
    do_cayley_pullback(P, dP, dq);
}

template <class T>
void Orthogonal<T>::tikhonov(Batch<const T> mu, Batch<const T> L, Batch<const T> q, Batch<T> eta, Batch<T> dq) {
    const Index n = L.rows, angles = n * (n - 1) / 2;
    require(is(mu, n, 1, L.batch) && is(q, angles, 1, L.batch) && is(eta, 1, 1, L.batch) && is(dq, angles, 1, L.batch),
            "tikhonov: mu [n, 1], L [n, k], q and dq [n (n - 1) / 2, 1], eta [1, 1]");
    require(packed(mu, L, q, eta, dq), "tikhonov: takes no leading dimension");
    do_tikhonov(mu, L, q, eta, dq);
}

template <class T>
void Orthogonal<T>::minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
                             std::span<MinimiseReport> reports) {
    const Index n = L.rows;
    require(n >= 1 && is(mu, n, 1, L.batch) && is(P, n, n, L.batch), "minimise: mu [n, 1], L [n, k], P [n, n]");
    require(static_cast<Index>(reports.size()) == L.batch, "minimise: one report an item");
    require(options.bound.empty() || static_cast<Index>(options.bound.size()) == L.batch,
            "minimise: one bound an item, or none");
    require(packed(mu, L, P), "minimise: takes no leading dimension");
    do_minimise(options, mu, L, P, reports);
}

template class Orthogonal<float>;
template class Orthogonal<double>;

}  // namespace descrambler
