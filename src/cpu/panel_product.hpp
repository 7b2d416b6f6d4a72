// Products of matrices whose small side stays in the cache, in tiles of registers, without the copies that a general
// product makes first: for the layers of this project these copies would add half to the time.
//   Panels       Y = W X, W [n, d] small, many columns of X, each read once from where it lies
//   panel_gram   G = S S^T + beta G, S [n, N] with few rows
// A tile is three vectors of rows by eight columns (double, 512 bits: 24 x 8 in 24 registers).
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/vectors.hpp"
#include "descrambler/array.hpp"

namespace descrambler::cpu {

inline constexpr Index tile_columns_of_panel = vector_bytes == 64 ? 8 : 4;

namespace detail {

// Cache lines that are prefetched while a tile is computed: `step` bytes further at every k.
struct Ahead {
    const char* at = nullptr;
    Index step = 0;
};

// A vector from memory, once. With AVX2, GCC 12 makes the load a part of each multiply-add that uses it, and the loads
// then take longer than the arithmetic: half of the speed.
template <class Vector, class T>
inline Vector in_register(const T* at) {
    Vector value;
    std::memcpy(&value, at, sizeof value);
#if defined(__AVX512F__)
    asm("" : "+v"(value));
#elif defined(__AVX__)
    asm("" : "+x"(value));
#endif
    return value;
}

template <class T, int V, int C>
struct Tile {
    typedef T Vector __attribute__((vector_size(vector_bytes)));
    Vector sum[C][V] = {};

    // sum(i, c) += sum over k of w[k ldw + i] x[k step + c ldx]
    template <bool Prefetch>
    void multiply(Index count, const T* w, Index ldw, const T* x, Index step, Index ldx, Ahead ahead) {
        Vector s[C][V];  // a copy, so that nothing but registers holds it
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v)
                s[c][v] = sum[c][v];
        for (Index k = 0; k < count; ++k, w += ldw, x += step) {
            if constexpr (Prefetch) {
                __builtin_prefetch(ahead.at);
                ahead.at += ahead.step;
            }
            Vector a[V];
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v)
                a[v] = in_register<Vector>(w + v * vector_lanes<T>);
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c) {
                const T b = x[c * ldx];
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v)
                    s[c][v] += a[v] * b;
            }
        }
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v)
                sum[c][v] = s[c][v];
    }
    void store(T* y, Index ldy, Index rows) const {
        if (rows == V * vector_lanes<T>) {
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c)
#pragma GCC unroll 4
                for (int v = 0; v < V; ++v)
                    std::memcpy(y + c * ldy + v * vector_lanes<T>, &sum[c][v], sizeof sum[c][v]);
            return;
        }
        for (int c = 0; c < C; ++c) {
            T column[V * vector_lanes<T>];
            std::memcpy(column, sum[c], sizeof column);
            std::copy_n(column, rows, y + c * ldy);
        }
    }
    void add_to(T* y, Index ldy) const {
#pragma GCC unroll 8
        for (int c = 0; c < C; ++c)
#pragma GCC unroll 4
            for (int v = 0; v < V; ++v) {
                T* at = y + c * ldy + v * vector_lanes<T>;
                Vector old;
                std::memcpy(&old, at, sizeof old);
                old += sum[c][v];
                std::memcpy(at, &old, sizeof old);
            }
    }
};

// body(first row, vectors) for panels of at most three vectors that share the rows evenly.
template <class T, class Body>
void for_panels(Index rows, const Body& body) {
    const Index vectors = (rows + vector_lanes<T> - 1) / vector_lanes<T>, panels = (vectors + 2) / 3;
    for (Index p = 0, first = 0; p < panels; ++p) {
        const Index count = vectors / panels + (p < vectors % panels ? 1 : 0);
        body(first * vector_lanes<T>, count);
        first += count;
    }
}

}  // namespace detail

// W laid out panel by panel: [d][rows of the panel], rows beyond the last are zero.
template <class T>
class Panels {
public:
    explicit Panels(const Batch<const T>& W) : n_(W.rows), d_(W.cols) {
        values_.reserve(static_cast<std::size_t>((n_ + vector_lanes<T> - 1) / vector_lanes<T> * vector_lanes<T> * d_));
        detail::for_panels<T>(n_, [&](Index first, Index vectors) {
            panels_.push_back({first, std::min(vectors * vector_lanes<T>, n_ - first), vectors, std::ssize(values_)});
            values_.resize(values_.size() + static_cast<std::size_t>(vectors * vector_lanes<T> * d_));
            T* to = values_.data() + panels_.back().at;
            for (Index k = 0; k < d_; ++k, to += vectors * vector_lanes<T>)
                std::copy_n(W.data + first + k * W.ld, panels_.back().rows, to);
        });
    }

    // Y [n, any] = W X
    void multiply(const Batch<const T>& X, const Batch<T>& Y) const {
        constexpr Index wide = tile_columns_of_panel;
        Index j = 0;
        for (; j + wide <= X.cols; j += wide)
            columns<wide>(X.data + j * X.ld, X.ld, Y.data + j * Y.ld, Y.ld);
        for (; j < X.cols; ++j)
            columns<1>(X.data + j * X.ld, X.ld, Y.data + j * Y.ld, Y.ld);
    }

private:
    struct Panel {
        Index first = 0, rows = 0, vectors = 0, at = 0;
    };
    template <int C>
    void columns(const T* x, Index ldx, T* y, Index ldy) const {
        // each panel prefetches its share of the next columns, which are as long as these
        const Index bytes = C * ldx * static_cast<Index>(sizeof(T)), share = bytes / std::ssize(panels_);
        detail::Ahead ahead{reinterpret_cast<const char*>(x) + bytes, share / std::max<Index>(d_, 1)};
        for (const Panel& panel : panels_) {
            if (panel.vectors == 3)
                rows<3, C>(panel, x, ldx, y, ldy, ahead);
            else if (panel.vectors == 2)
                rows<2, C>(panel, x, ldx, y, ldy, ahead);
            else
                rows<1, C>(panel, x, ldx, y, ldy, ahead);
            ahead.at += share;
        }
    }
    template <int V, int C>
    void rows(const Panel& panel, const T* x, Index ldx, T* y, Index ldy, const detail::Ahead& ahead) const {
        detail::Tile<T, V, C> tile;
        tile.template multiply<(C > 1)>(d_, values_.data() + panel.at, V * vector_lanes<T>, x, 1, ldx, ahead);
        tile.store(y + panel.first, ldy, panel.rows);
    }

    Index n_, d_;
    std::vector<Panel> panels_;
    std::vector<T> values_;
};

// The lower triangle of G; rows in whole vectors and whole tiles of columns.
template <class T>
[[nodiscard]] bool panel_gram_serves(Index n) {
    constexpr Index most_rows = 128;  // longer columns miss the cache
    return n > 0 && n <= most_rows && n % vector_lanes<T> == 0 && n % tile_columns_of_panel == 0;
}
template <class T>
void panel_gram(Batch<const T> S, T beta, Batch<T> G) {
    constexpr Index wide = tile_columns_of_panel, depth = 128;  // samples that stay in the cache
    const Index n = S.rows;
    for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
            G(i, j) = beta == 0 ? T{0} : beta * G(i, j);
    for (Index begin = 0; begin < S.cols; begin += depth) {
        const Index count = std::min(depth, S.cols - begin);
        const T* const s = S.data + begin * S.ld;
        detail::for_panels<T>(n, [&](Index first, Index vectors) {
            for (Index j = 0; j < std::min(n, first + vectors * vector_lanes<T>); j += wide) {
                const auto run = [&]<int V>(std::integral_constant<int, V>) {
                    detail::Tile<T, V, wide> tile;
                    tile.template multiply<false>(count, s + first, S.ld, s + j, S.ld, 1, {});
                    tile.add_to(G.data + first + j * G.ld, G.ld);
                };
                if (vectors == 3)
                    run(std::integral_constant<int, 3>{});
                else if (vectors == 2)
                    run(std::integral_constant<int, 2>{});
                else
                    run(std::integral_constant<int, 1>{});
            }
        });
    }
}

}  // namespace descrambler::cpu
