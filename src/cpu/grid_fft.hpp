// Transforms between a signal on a grid and its spectrum, from and to memory that the caller walks through in vectors.
// Spectra are row-major. Signals have the order that comes out of the inverse transform: in two dimensions column-major
// (the forward transform is that of the transposed matrix), in one dimension the order of time (four steps both ways).
#pragma once

#include <type_traits>

#include "cpu/fft_plan.hpp"

namespace descrambler::cpu {

template <class T>
class GridFft {
public:
    static constexpr Index lanes = vector_lanes<T>;

    GridFft(Index n1, Index n2)
        : points_(n1 * n2),
          a_(n1 == 1 ? divisor_near_root(n2) : n1),
          back_(a_, points_ / a_, n1 == 1),
          there_(points_ / a_, a_, n1 == 1) {}

    [[nodiscard]] Index points() const { return points_; }
    // What a plane of numbers must be able to hold: vectors reach beyond the end where a side is shorter than they are.
    [[nodiscard]] Index plane() const { return points_ + lanes; }
    [[nodiscard]] Index work() const { return std::max(numbers(back_), numbers(there_)); }

    // load(i, first, re, im) fills the vectors of the numbers first .. first + lanes - 1 of row i of the spectrum, in rows
    // of spectrum_cols(); store(place, re, im) takes those of the signal from `place` on. Vectors may be stored twice, and
    // what they hold behind the end of a row is stored over by the next one.
    template <class Load, class Store>
    void inverse(const Load& load, const Store& store, T* work) const {
        pass(Direction::inverse, back_, load, store, work);
    }
    // The same from signal (rows of signal_cols()) to spectrum.
    template <class Load, class Store>
    void forward(const Load& load, const Store& store, T* work) const {
        pass(Direction::forward, there_, load, store, work);
    }
    [[nodiscard]] Index spectrum_rows() const { return back_.rows(); }
    [[nodiscard]] Index spectrum_cols() const { return back_.cols(); }
    [[nodiscard]] Index signal_cols() const { return there_.cols(); }

private:
    static Index numbers(const FftPlan2<T>& plan) { return plan.between() + plan.work(); }

    template <class Load, class Store>
    static void pass(Direction direction, const FftPlan2<T>& plan, const Load& load, const Store& store, T* work) {
        T* const between = work + plan.work();
        const Index rows = plan.rows(), cols = plan.cols();
        for (Index block = 0; block < plan.column_blocks(); ++block) {
            const Index first = plan.first_of(block, cols);
            for (Index i = 0; i < rows; ++i) {
                Vector<T> re, im;
                load(i, first, re, im);
                cpu::store(work + 2 * i * lanes, re);
                cpu::store(work + (2 * i + 1) * lanes, im);
            }
            plan.columns(direction, block, between, work);
        }
        for (Index block = 0; block < plan.row_blocks(); ++block) {
            const Index first = plan.first_of(block, rows);
            const T* const out = plan.rows(direction, block, between, work);
            for (Index j = 0; j < cols; ++j) {
                const Vector<T> re = cpu::load(out + 2 * j * lanes), im = cpu::load(out + (2 * j + 1) * lanes);
                if constexpr (std::is_invocable_v<Store, Index, Index, Vector<T>, Vector<T>>)
                    store(j, first, re, im);
                else
                    store(j * rows + first, re, im);
            }
        }
    }

    Index points_, a_;
    FftPlan2<T> back_, there_;
};

}  // namespace descrambler::cpu
