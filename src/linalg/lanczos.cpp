#include "descrambler/lanczos.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "descrambler/random.hpp"
#include "linalg/basis.hpp"
#include "linalg/products.hpp"

namespace descrambler {

namespace {

constexpr Index largest_basis = Index{1} << 29;  // values of both bases: 4 GiB
constexpr std::uint64_t left_stream = stream::lanczos + (1ull << 31);

// A, and zeros to [rows, cols]
Matrix<double> padded(const Matrix<double>& A, Index rows, Index cols) {
    Matrix<double> result(rows, cols);
    for (Index j = 0; j < A.cols(); ++j)
        std::ranges::copy(A.column(j), result.column(j).begin());
    return result;
}

// [A, 0; H]: the columns of H become the last ones
Matrix<double> joined(const Matrix<double>& A, const Matrix<double>& H) {
    Matrix<double> result = padded(A, H.rows(), A.cols() + H.cols());
    for (Index j = 0; j < H.cols(); ++j)
        std::ranges::copy(H.column(j), result.column(A.cols() + j).begin());
    return result;
}

Matrix<double> corner(const Matrix<double>& A, Index first_row, Index rows, Index cols) {
    Matrix<double> result(rows, cols);
    for (Index j = 0; j < cols; ++j)
        std::copy_n(A.column(j).begin() + first_row, rows, result.column(j).begin());
    return result;
}

Matrix<double> diagonal(const std::vector<double>& s, Index n) {
    Matrix<double> result(n, n);
    for (Index i = 0; i < n; ++i)
        result(i, i) = s[i];
    return result;
}

void check(const LinearOperator& A, const LanczosOptions& o) {
    const Index rank = std::min(A.rows, A.cols);
    if (o.wanted < 1 || o.wanted > rank)
        throw InputError("Lanczos: " + std::to_string(o.wanted) + " triplets, a count above the rank; expected 1 to " +
                         std::to_string(rank) + ", the smaller side of [" + std::to_string(A.rows) + ", " +
                         std::to_string(A.cols) + "]");
    if (!(o.tolerance > 0 && o.tolerance < 1))
        throw InputError("Lanczos: tolerance " + digits(o.tolerance) + ", expected a number between 0 and 1");
    if (o.block < 1)
        throw InputError("Lanczos: a block of " + std::to_string(o.block) + ", expected 1 or more");
    if (o.basis_limit < 1)
        throw InputError("Lanczos: basis_limit " + std::to_string(o.basis_limit) + ", expected 1 or more");
    const Index least = std::min(2 * Index{o.wanted} + 4 * Index{o.block}, rank);
    if (std::max(A.rows, A.cols) > largest_basis / (2 * least))
        throw InputError("Lanczos: bases of " + std::to_string(least) + " vectors for [" + std::to_string(A.rows) +
                         ", " + std::to_string(A.cols) + "], expected at most 2^29 values");
    if (o.most_pairs < o.wanted + o.block - 1)
        throw InputError("Lanczos: " + std::to_string(o.most_pairs) + " pairs, expected at least " +
                         std::to_string(o.wanted + o.block - 1) + " for " + std::to_string(o.wanted) + " triplets");
}

class Lanczos {
public:
    Lanczos(Backend<double>& on, const LinearOperator& A, const LanczosOptions& o)
        : on_(on),
          o_(o),
          block_(std::min({Index{o.block}, A.rows, A.cols})),
          limit_(std::max(2 * o.wanted + 4 * block_, std::min(o.basis_limit, largest_basis / (A.rows + A.cols)))),
          rounding_(10 * std::sqrt(static_cast<double>(std::max(A.rows, A.cols))) *
                    std::numeric_limits<double>::epsilon()),
          products_(on, A, "Lanczos"),
          U_(on, A.rows, o.seed, left_stream),
          V_(on, A.cols, o.seed, stream::lanczos) {
        V_.append_random(block_);
    }

    LanczosSvd run() {
        for (;;) {
            const bool more = step();
            if (more && !due())
                continue;
            look();
            if (whole())
                return finish(true);
            const bool hiding = may_hide();
            if (!hiding && agrees(found_, o_.tolerance) && (agrees(bounds_, o_.tolerance) || measure()))
                return finish(true);
            if (!more)
                return finish(false);
            // what is locked stays as it is, and equal values are mixed later: a reserve
            if (hiding && agrees(found_, o_.tolerance / 4))
                begin_again();
            else if (full())
                restart();
        }
    }

private:
    [[nodiscard]] bool whole() const { return V_.size() == done(); }  // nothing is left that A or A^T leads to
    [[nodiscard]] bool full() const { return V_.size() + block_ > limit_; }
    [[nodiscard]] Index done() const { return B_.cols(); }  // right vectors whose products are known

    // The next block; false at the end of the space or of the pairs.
    bool step() {
        Index width = std::min(block_, V_.size() - done());
        if (width == 0 || products_.pairs() + width > o_.most_pairs)
            return false;
        const Index old = U_.size();
        const Matrix<double> AV = products_.apply(V_.columns(done(), width));
        for (Index j = 0; j < width; ++j)
            scale_ = std::max(scale_, norm(AV.column(j)));
        B_ = joined(B_, U_.append(AV, rounding_ * scale_));
        width = U_.size() - old;
        if (width > 0)
            C_ = joined(C_, V_.append(products_.adjoint(U_.columns(old, width)), rounding_ * scale_));
        basis_ = std::max(basis_, U_.size());
        return !whole();
    }

    // Decompositions of B are not free: every block while it is small, then every 1/32 of its size.
    [[nodiscard]] bool due() const {
        const Index found = std::min(B_.rows(), B_.cols());
        return found >= o_.wanted && (full() || found >= looked_ + std::max(block_, found / 32));
    }

    void look() {
        small_ = svd(on_, B_);
        looked_ = std::ssize(small_.s);
        const Matrix<double> CX = multiply(on_, Op::none, Op::none, C_, small_.U);
        found_.clear();
        bounds_.clear();
        for (Index i = 0; i < looked_; ++i) {
            std::vector<double> r(CX.column(i).begin(), CX.column(i).end());
            for (Index j = 0; j < done(); ++j)
                r[j] -= small_.s[i] * small_.V(j, i);
            double dropped = 0;
            for (Index j = 0; j < std::ssize(dropped_); ++j)
                dropped += std::abs(small_.U(j, i)) * dropped_[j];
            found_.push_back(norm(r));
            bounds_.push_back(found_.back() + dropped);
        }
        for (Index j = 0; j < C_.cols(); ++j) {
            if (j < std::ssize(dropped_) && dropped_[j] > 0)  // C is not all of it
                continue;
            for (Index i = 0; i < done(); ++i)
                mismatch_ = std::max(mismatch_, std::abs(C_(i, j) - B_(j, i)));
        }
    }

    // The wanted triplets, and behind a fresh block the next one too: nothing above the last wanted is on its way.
    [[nodiscard]] Index settled() const {
        return std::min(o_.wanted + Index{blocks_ > 1}, std::min(U_.dimension(), V_.dimension()));
    }
    [[nodiscard]] bool agrees(const std::vector<double>& residuals, double tolerance) const {
        return std::ssize(residuals) >= settled() &&
               std::all_of(residuals.begin(), residuals.begin() + settled(),
                           [&](double r) { return r <= tolerance * small_.s.front(); });
    }

    // A value above the last wanted one with as many copies as random vectors have been drawn.
    [[nodiscard]] bool may_hide() const {
        const double same = 2 * o_.tolerance * small_.s.front();
        Index copies = 1;
        for (Index i = 1; i < o_.wanted; ++i) {
            if (small_.s[i - 1] - small_.s[i] <= same)
                ++copies;
            else if (copies >= block_ * blocks_)
                return true;
            else
                copies = 1;
        }
        return false;
    }

    // Only the first `kept` triplets stay; what the residuals would go on along is lost unless the last block stays.
    void keep(Index kept, bool last_block) {
        const Index next = V_.size() - done();
        const Matrix<double> X = corner(small_.U, 0, small_.U.rows(), kept), Y = corner(small_.V, 0, done(), kept);
        const Matrix<double> CX = multiply(on_, Op::none, Op::none, C_, X);
        const Matrix<double> head = multiply(on_, Op::transpose, Op::none, Y, corner(CX, 0, done(), kept));
        const Matrix<double> tail = corner(CX, done(), next, kept);
        std::vector<double> dropped(static_cast<std::size_t>(kept));
        for (Index j = 0; j < kept; ++j) {
            for (Index i = 0; i < std::ssize(dropped_); ++i)
                dropped[j] += std::abs(X(i, j)) * dropped_[i];
            dropped[j] += last_block ? 0 : norm(tail.column(j));
        }
        dropped_ = std::move(dropped);
        U_.rotate(X, 0);
        V_.rotate(Y, next);
        B_ = diagonal(small_.s, kept);
        C_ = padded(head, kept + next, kept);
        for (Index j = 0; j < kept; ++j)
            std::ranges::copy(tail.column(j), C_.column(j).begin() + kept);
        if (!last_block) {
            V_.truncate(kept);
            C_ = head;
        }
        looked_ = 0;
    }

    void restart() {
        keep(std::min(looked_ - block_, std::max(o_.wanted + block_, limit_ / 2)), true);
        ++restarts_;
    }

    void begin_again() {
        keep(o_.wanted, false);
        V_.append_random(block_);
        C_ = padded(C_, V_.size(), C_.cols());
        ++blocks_;
    }

    // Products in the place of bounds; true if they are small. What they miss goes on as the next block.
    bool measure() {
        if (products_.pairs() + settled() > o_.most_pairs)
            return false;
        keep(settled(), false);
        C_ = V_.append(products_.adjoint(U_.columns(0, U_.size())), rounding_ * scale_);
        dropped_.clear();
        look();
        return agrees(bounds_, o_.tolerance);
    }

    LanczosSvd finish(bool converged) {
        const Index k = o_.wanted;
        LanczosSvd result{.U = U_.times(corner(small_.U, 0, small_.U.rows(), k)),
                          .s = {small_.s.begin(), small_.s.begin() + k},
                          .V = V_.times(corner(small_.V, 0, done(), k)),
                          .residuals = {bounds_.begin(), bounds_.begin() + k},
                          .converged = converged,
                          .pairs = products_.pairs(),
                          .basis = basis_,
                          .restarts = restarts_,
                          .blocks = blocks_,
                          .mismatch = scale_ > 0 ? mismatch_ / small_.s.front() : 0};
        for (Index j = 0; j < k; ++j) {
            if (result.s[j] <= rounding_ * small_.s.front())
                result.s[j] = 0;
            fix_sign(result.U.column(j), result.V.column(j));
        }
        return result;
    }

    Backend<double>& on_;
    LanczosOptions o_;
    Index block_, limit_;
    double rounding_;  // relative to ||A||: what is no more than this is 0
    Products products_;
    Basis U_, V_;
    Matrix<double> B_, C_;  // [U, done], [V, U]
    Svd small_;
    std::vector<double> found_, bounds_;  // residuals of every triplet of small_: within V, and with what was dropped
    std::vector<double> dropped_;         // ||A^T u - V C|| at most, of the first left vectors: 0 of the others
    double scale_ = 0, mismatch_ = 0;
    Index looked_ = 0, basis_ = 0, restarts_ = 0, blocks_ = 1;
};

}  // namespace

LanczosSvd lanczos_svd(Backend<double>& on, const LinearOperator& A, const LanczosOptions& options) {
    check(A, options);
    return Lanczos(on, A, options).run();
}

}  // namespace descrambler
