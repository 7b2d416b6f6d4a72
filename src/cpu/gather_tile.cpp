#include "cpu/gather_tile.hpp"

namespace descrambler::cpu {

// No piece goes over the end of a row, or of a plane of rows, that is as long as a tile: its box would hold far more than
// it needs.
GatherTile::GatherTile(const GatherSum& sum, Index most_lanes, Index panel, Index vector)
    : sum_(sum), most_lanes_(most_lanes), panel_(panel), vector_(vector) {
    const auto& [a, b, c] = sum.axes;
    const Index row = c.count, slab = b.count * row;
    const std::array<Index, 3> most{slab >= most_lanes ? 1 : std::min(a.count, most_lanes / slab + 2),
                                    row >= most_lanes ? 1 : std::min(b.count, most_lanes / row + 2),
                                    std::min(row, most_lanes)};
    most_box_ = 1;
    for (std::size_t i = 0; i < 3; ++i)
        most_box_ *=
            std::ssize(sum.axes[i].residues) * ((most[0] > 1 && i == 1 ? b.count : most[i]) + sum.axes[i].reach);
    most_pieces_ = std::min(most_lanes, most_lanes / sum.positions() + 2);
    pieces_.reserve(most_pieces_);
    spans_.reserve(most_pieces_ * c.residues.size());
    moves_.reserve(most_lanes);
    panel_moves_.reserve(most_lanes / panel + 2);
    taps_.resize(sum.taps.size());
}

void GatherTile::place(Index first_position, Index lanes) {
    const Index row = sum_.axes[2].count, slab = sum_.axes[1].count * row, positions = sum_.positions();
    lanes_ = lanes;
    pieces_.clear();
    std::array<Index, 3> extent{};
    for (Index lane = 0; lane < lanes;) {
        Piece piece{.plane = (first_position + lane) / positions, .position = (first_position + lane) % positions};
        const Index first = piece.position;
        piece.lane = lane;
        piece.count = std::min(positions - first, lanes - lane);
        if (slab >= most_lanes_)
            piece.count = std::min(piece.count, slab - first % slab);
        if (row >= most_lanes_)
            piece.count = std::min(piece.count, row - first % row);
        const Index last = first + piece.count - 1;
        const bool one_slab = first / slab == last / slab, one_row = first / row == last / row;
        piece.first = {first / slab, one_slab ? first % slab / row : 0, one_row ? first % row : 0};
        piece.extent = {last / slab - first / slab + 1,
                        one_slab ? last % slab / row - first % slab / row + 1 : sum_.axes[1].count,
                        one_row ? piece.count : row};
        for (std::size_t a = 0; a < 3; ++a)
            extent[a] = std::max(extent[a], piece.extent[a]);
        pieces_.push_back(piece);
        lane += piece.count;
    }
    box_ = 1;
    for (std::size_t a = 0; a < 3; ++a) {  // the same for all pieces: so a tap has one place
        length_[a] = extent[a] + sum_.axes[a].reach;
        side_[a] = std::ssize(sum_.axes[a].residues) * length_[a];
        box_ *= side_[a];
    }
    place_spans();
    place_moves();
}

void GatherTile::place_spans() {
    const auto& [a, b, c] = sum_.axes;
    spans_.clear();
    for (const Piece& piece : pieces_)
        for (const Index residue : c.residues) {
            const Index base = piece.first[2] * c.step + c.least + residue, length = piece.extent[2] + c.reach;
            Span span;
            span.begin = base < 0 ? std::min((-base + c.step - 1) / c.step, length) : 0;
            span.end =
                base < c.source ? std::clamp((c.source - base + c.step - 1) / c.step, span.begin, length) : span.begin;
            span.from = span.begin < span.end ? base + span.begin * c.step : 0;
            spans_.push_back(span);
        }
    auto tap = taps_.begin();
    for (std::size_t i = 0; i < a.taps.size(); ++i)
        for (std::size_t j = 0; j < b.taps.size(); ++j)
            for (std::size_t k = 0; k < c.taps.size(); ++k)
                *tap++ = ((a.part[i] * length_[0] + a.shift[i]) * side_[1] + b.part[j] * length_[1] + b.shift[j]) *
                             side_[2] +
                         c.part[k] * length_[2] + c.shift[k];
}

void GatherTile::place_moves() {
    const Index row = sum_.axes[2].count, slab = sum_.axes[1].count * row;
    moves_.clear();
    panel_moves_.clear();
    for (Index n = 0; n < std::ssize(pieces_); ++n) {
        const Piece& piece = pieces_[n];
        for (Index e = 0; e < piece.count;) {
            const Index position = piece.position + e, lane = piece.lane + e, k = position % row;
            if (lane % panel_ == 0)
                panel_moves_.push_back(moves_.size());
            const Index run = std::min({row - k, piece.count - e, panel_ - lane % panel_});
            const Index from =
                ((position / slab - piece.first[0]) * side_[1] + position % slab / row - piece.first[1]) * side_[2] +
                k - piece.first[2];
            for (Index v = 0; v < run; v += vector_)
                moves_.push_back({n * box_ + from + v, lane + v});
            e += run;
        }
    }
    panel_moves_.push_back(moves_.size());
}

}  // namespace descrambler::cpu
