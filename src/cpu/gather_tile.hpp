// Which numbers of the source a stretch of positions needs, and how they go to the lanes of vectors. Positions are
// numbered through all images of all probes, so that small images fill vectors together.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>

#include "cpu/gather_sum.hpp"

namespace descrambler::cpu {

// Neighbouring positions in one image: the box of the source that they need is copied, with zeros outside the image.
struct Piece {
    Index plane = 0;  // probe * images + image
    Index position = 0, count = 0, lane = 0;
    std::array<Index, 3> first{}, extent{};  // the smallest box of positions around them
};

class GatherTile {
public:
    // One vector from a place in the boxes of a channel to lanes of the tile. Moves are made in order: what one writes
    // beyond its numbers, the next ones put right.
    struct Move {
        Index from = 0, lane = 0;
    };

    // Tiles have at most `most_lanes` positions, panels `panel` of them.
    GatherTile(const GatherSum& sum, Index most_lanes, Index panel, Index vector);

    void place(Index first_position, Index lanes);

    [[nodiscard]] Index lanes() const { return lanes_; }
    [[nodiscard]] Index panels() const { return (lanes_ + panel_ - 1) / panel_; }
    [[nodiscard]] Index channel() const { return std::ssize(pieces_) * box_; }  // numbers in the boxes of one
    [[nodiscard]] Index most_of_channel() const { return most_pieces_ * most_box_; }
    [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }
    [[nodiscard]] const std::vector<Index>& taps() const { return taps_; }  // their places in a box
    [[nodiscard]] std::span<const Move> moves() const { return moves_; }
    [[nodiscard]] std::span<const Move> moves(Index p) const {
        const auto at = static_cast<std::size_t>(p);
        return std::span(moves_).subspan(panel_moves_[at], panel_moves_[at + 1] - panel_moves_[at]);
    }
    // body(plane, position, lane, count): what each piece has of the lanes begin ... end - 1
    template <class Body>
    void for_runs(Index begin, Index end, const Body& body) const {
        for (const Piece& piece : pieces_) {
            const Index from = std::max(begin, piece.lane), to = std::min(end, piece.lane + piece.count);
            if (from < to)
                body(piece.plane, piece.position + from - piece.lane, from, to - from);
        }
    }
    // The boxes of `channels` channels, channel() numbers each; source(plane) is the first of these channels. A copy leaves
    // the zeros that a clear has put around the images.
    template <class T>
    void clear(Index channels, T* boxes) const;
    template <class T, class Source>
    void copy(Index channels, const Source& source, T* boxes) const;

private:
    // Of a row of a box: numbers begin ... end - 1 lie in the source, the first of them at `from`.
    struct Span {
        Index from = 0, begin = 0, end = 0;
    };

    void place_spans();
    void place_moves();
    // body(place in the box, place in the source), both along axis a
    template <class Body>
    void for_places(std::size_t a, const Piece& piece, const Body& body) const {
        const GatherAxis& axis = sum_.axes[a];
        for (Index part = 0; part < std::ssize(axis.residues); ++part)
            for (Index u = 0; u < piece.extent[a] + axis.reach; ++u)
                body(part * length_[a] + u, (piece.first[a] + u) * axis.step + axis.least + axis.residues[part]);
    }

    const GatherSum& sum_;
    Index most_lanes_, panel_, vector_, most_pieces_ = 0, most_box_ = 0, lanes_ = 0, box_ = 0;
    std::array<Index, 3> length_{}, side_{};  // of one part of a box, of all
    std::vector<Piece> pieces_;
    std::vector<Span> spans_;  // of each piece, one a part of the last axis
    std::vector<Index> taps_;
    std::vector<Move> moves_;
    std::vector<std::size_t> panel_moves_;
};

namespace detail {

// Most rows are too short for the library's copy.
template <class T>
inline void copy_row(const T* from, Index step, Index count, T* to) {
    constexpr Index word = 16 / static_cast<Index>(sizeof(T)), long_row = 16 * word;
    const auto words = [&]<Index n>(std::integral_constant<Index, n>) {  // the last one over some of the one before
        for (Index u = 0; u + n <= count; u += n)
            std::memcpy(to + u, from + u, n * sizeof(T));
        std::memcpy(to + count - n, from + count - n, n * sizeof(T));
    };
    if (step == 2)  // a constant, for the compiler to shuffle by
        for (Index u = 0; u < count; ++u)
            to[u] = from[2 * u];
    else if (step != 1)
        for (Index u = 0; u < count; ++u)
            to[u] = from[u * step];
    else if (count >= long_row)
        std::memcpy(to, from, static_cast<std::size_t>(count) * sizeof(T));
    else if (count >= 2 * word)
        words(std::integral_constant<Index, 2 * word>{});
    else if (count >= word)
        words(std::integral_constant<Index, word>{});
    else
        for (Index u = 0; u < count; ++u)
            to[u] = from[u];
}

}  // namespace detail

template <class T>
void GatherTile::clear(Index channels, T* boxes) const {
    std::fill_n(boxes, channels * channel() + vector_, T{0});
}

template <class T, class Source>
void GatherTile::copy(Index channels, const Source& source, T* boxes) const {
    const GatherAxis &a = sum_.axes[0], &b = sum_.axes[1], &c = sum_.axes[2];
    const Index stride = channel(), parts = std::ssize(c.residues);
    for (Index n = 0; n < std::ssize(pieces_); ++n) {
        const Piece& piece = pieces_[n];
        T* const box = boxes + n * box_;
        const T* const image = source(piece.plane);
        for_places(0, piece, [&](Index i, Index p) {
            for_places(1, piece, [&](Index j, Index q) {
                if (p < 0 || p >= a.source || q < 0 || q >= b.source)
                    return;
                for (Index part = 0; part < parts; ++part) {
                    const Span& span = spans_[n * parts + part];
                    const Index count = span.end - span.begin;
                    T* to = box + (i * side_[1] + j) * side_[2] + part * length_[2] + span.begin;
                    const T* from = image + (p * b.source + q) * c.source + span.from;
                    for (Index e = 0; e < channels; ++e, to += stride, from += sum_.source_size)
                        detail::copy_row(from, c.step, count, to);
                }
            });
        });
    }
}

}  // namespace descrambler::cpu
