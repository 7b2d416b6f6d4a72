// The whole minimisation of eta = sum_i mu_i ||row_i(P L)||^2 over SO(n), one problem a batch item, in the basis of M.
//
// riemannian: the chart is centred anew at every step, P <- cayley(t X) P. With N = P G P^T and nu = diag(N)
//   g_ij = -4 (mu_i - mu_j) N_ij                                             the gradient
//   h_ij = 8 |mu_i - mu_j| sqrt((nu_i - nu_j)^2 + 4 N_ij^2),  X = -g / h     the preconditioned step
// h is the diagonal Hessian at a diagonal N, with the true eigenvalue gap of each 2 x 2 block in place of nu_i - nu_j
// and a damping relative to the pair. Rows of equal mu are free to turn among themselves: a gauge keeps N diagonal
// there, without which the preconditioner is wrong inside every (cos, sin) pair.
// cayley: L-BFGS over q with P = cayley(q), from q = 0: the published parameterisation.
//
// One evaluation: one Cayley transform and its product with Y (riemannian); value and gradient (cayley).
// flops  4 n^3 per evaluation and 3 n^3 more per accepted step (riemannian, k = n); 8 n^3 per evaluation (cayley); see
//        cost.hpp
// Source: docs/numerics.md, "Methods".
#include "cpu/minimise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/descent.hpp"
#include "core/lbfgs.hpp"
#include "cpu/cayley.hpp"
#include "cpu/lapack.hpp"

namespace descrambler::cpu {

namespace {

using namespace descent;

template <class T>
constexpr double unit = std::numeric_limits<T>::epsilon() / 2;

// sum_i mu_i y_i^2 in double
template <class T>
double weighted_square(Index n, const T* __restrict mu, const T* __restrict y) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Index i = 0; i < n; ++i)
        sum += static_cast<double>(mu[i]) * static_cast<double>(y[i]) * static_cast<double>(y[i]);
    return sum;
}

template <class T>
class Recentred {
public:
    Recentred(const MinimiseOptions& options, double bound, Batch<const T> mu, Batch<const T> L, Batch<T> P)
        : options_(options), bound_(bound), n_(L.rows), k_(L.cols), mu_(mu.data), L_(L.data), P_(P.data) {
        for (std::vector<T>* square : {&N_, &X_, &C_, &spare_})
            square->resize(static_cast<std::size_t>(n_ * n_));
        Y_.resize(static_cast<std::size_t>(n_ * k_));
        next_Y_.resize(Y_.size());
        work_.resize(static_cast<std::size_t>(std::max(inverse_work(n_), Index{2} * n_)));
        for (Index first = 0, last = 0; first < n_; first = last) {
            for (last = first + 1; last < n_ && mu_[last] == mu_[first]; ++last) {
            }
            blocks_.push_back({first, last});
            block_.insert(block_.end(), static_cast<std::size_t>(last - first), static_cast<Index>(blocks_.size()));
        }
    }

    void run(MinimiseReport& report) {
        refresh();
        report.evaluations = 1;
        note(report);
        while (report.evaluations < options_.evaluations && report.iterations < options_.iterations) {
            const bool at_rest = diagonal();
            if (at_rest && !sorted()) {  // a saddle: N diagonal in the wrong order
                sort();
                ++report.evaluations;
                note(report);
                continue;
            }
            if (at_rest && close())
                break;
            if (!step(report))
                break;
            ++report.iterations;
            if (report.iterations % orthogonalise_every == 0)
                orthogonalise();
            note(report);
        }
        report.converged = diagonal() && sorted() && close();
    }

private:
    struct Block {
        Index first, last;
    };

    [[nodiscard]] double entry(Index i, Index j) const { return static_cast<double>(N_[j * n_ + i]); }  // i >= j

    void note(MinimiseReport& report) const {
        double squares = 0;  // of the gradient over independent entries
        for (Index j = 0; j < n_; ++j)
            for (Index i = j + 1; i < n_; ++i) {
                const double g = 4 * (static_cast<double>(mu_[i]) - static_cast<double>(mu_[j])) * entry(i, j);
                squares += g * g;
            }
        report.history.push_back({report.iterations, report.evaluations, eta_, std::sqrt(squares)});
    }

    // Lower triangle of N = Y Y^T; only that triangle is used.
    void form_gram(const std::vector<T>& Y, std::vector<T>& N) const {
        syrk(static_cast<int>(n_), static_cast<int>(k_), Y.data(), static_cast<int>(n_), T{0}, N.data(),
             static_cast<int>(n_));
    }
    [[nodiscard]] double energy(const std::vector<T>& Y) const {
        double eta = 0;
        for (Index j = 0; j < k_; ++j)
            eta += weighted_square(n_, mu_, Y.data() + j * n_);
        return eta;
    }
    void multiply(const std::vector<T>& A, const T* B, Index columns, T* out) const {
        const int n = static_cast<int>(n_);
        gemm(CblasNoTrans, CblasNoTrans, n, static_cast<int>(columns), n, 1, A.data(), n, B, n, 0, out, n);
    }

    // Y, N and eta from P.
    void refresh() {
        const int n = static_cast<int>(n_);
        gemm(CblasNoTrans, CblasNoTrans, n, static_cast<int>(k_), n, 1, P_, n, L_, n, 0, Y_.data(), n);
        form_gram(Y_, N_);
        gauge();
        eta_ = energy(Y_);
    }

    struct Turn {
        Index a;  // rows a and a + 1
        T c, s;
    };
    static void rotate(const Turn& turn, T& x, T& y) {
        const T turned = turn.c * x + turn.s * y;
        y = turn.c * y - turn.s * x;
        x = turned;
    }
    // All turns of a column while it is at hand.
    void rotate_rows(T* A, Index columns) const {
        for (Index j = 0; j < columns; ++j)
            for (const Turn& turn : turns_)
                rotate(turn, A[j * n_ + turn.a], A[j * n_ + turn.a + 1]);
    }

    // Inside each block of equal mu the rows of P and Y are turned so that N is diagonal there, the larger first.
    void gauge() {
        turns_.clear();
        for (const Block& block : blocks_) {
            if (block.last - block.first != 2)
                continue;
            const Index a = block.first, b = a + 1;
            const double angle = std::atan2(2 * entry(b, a), entry(a, a) - entry(b, b)) / 2;
            const Turn turn{a, static_cast<T>(std::cos(angle)), static_cast<T>(std::sin(angle))};
            if (turn.s == 0)
                continue;
            turns_.push_back(turn);
            for (Index j = 0; j < a; ++j)  // N, lower triangle: its rows left of the block, its columns below it
                rotate(turn, N_[j * n_ + a], N_[j * n_ + b]);
            for (Index i = b + 1; i < n_; ++i)
                rotate(turn, N_[a * n_ + i], N_[b * n_ + i]);
            const double x = entry(a, a), y = entry(b, b), z = entry(b, a);
            const double mean = (x + y) / 2, spread = std::hypot((x - y) / 2, z);
            N_[a * n_ + a] = static_cast<T>(mean + spread);
            N_[b * n_ + b] = static_cast<T>(mean - spread);
            N_[a * n_ + b] = 0;
        }
        rotate_rows(Y_.data(), k_);
        rotate_rows(P_, n_);
        for (const Block& block : blocks_)
            if (block.last - block.first > 2)
                turn_block(block);
    }

    void turn_block(const Block& block) {
        const Index size = block.last - block.first;
        std::vector<T> V(static_cast<std::size_t>(size * size)), w(static_cast<std::size_t>(size));
        for (Index j = 0; j < size; ++j)
            for (Index i = j; i < size; ++i)
                V[j * size + i] = N_[(block.first + j) * n_ + block.first + i];
        const int m = static_cast<int>(size);
        std::vector<T> work(static_cast<std::size_t>(1 + 6 * size + 2 * size * size));
        std::vector<int> iwork(static_cast<std::size_t>(3 + 5 * size));
        int info = 0;
        lapack::syevd(m, V.data(), w.data(), work.data(), static_cast<int>(work.size()), iwork.data(),
                      static_cast<int>(iwork.size()), info);
        if (info != 0)
            throw Error("minimise: a block of equal mu did not factorise");
        const auto turn = [&](T* A, Index columns) {
            std::vector<T> old(static_cast<std::size_t>(size));
            for (Index j = 0; j < columns; ++j) {
                std::copy_n(A + j * n_ + block.first, size, old.begin());
                for (Index i = 0; i < size; ++i) {
                    T sum = 0;
                    for (Index l = 0; l < size; ++l)
                        sum += V[(size - 1 - i) * size + l] * old[l];  // descending
                    A[j * n_ + block.first + i] = sum;
                }
            }
        };
        turn(Y_.data(), k_);
        turn(P_, n_);
        form_gram(Y_, N_);
    }

    [[nodiscard]] double largest_signal() const {
        double top = 0;
        for (Index i = 0; i < n_; ++i)
            top = std::max(top, entry(i, i));
        return top;
    }

    // |N_ij| <= tolerance sqrt(N_ii N_jj) + n u sqrt(N_max max(N_ii, N_jj)) for all pairs of different mu.
    [[nodiscard]] bool diagonal() const {
        const double rounding = static_cast<double>(n_) * unit<T>, top = largest_signal();
        for (Index j = 0; j < n_; ++j)
            for (Index i = j + 1; i < n_; ++i) {
                if (block_[i] == block_[j])
                    continue;
                const double a = entry(i, i), b = entry(j, j);
                if (std::abs(entry(i, j)) >
                    options_.offdiagonal * std::sqrt(a * b) + rounding * std::sqrt(top * std::max(a, b)))
                    return false;
            }
        return true;
    }

    // Within the asked gap of the certified bound, where that is known.
    [[nodiscard]] bool close() const {
        const double floor = static_cast<double>(n_) * unit<T> * static_cast<double>(mu_[n_ - 1]) * largest_signal();
        return std::isnan(bound_) || eta_ - bound_ <= options_.gap * std::max(bound_, floor);
    }

    // Descending from block to block; the order inside one is free.
    [[nodiscard]] bool sorted() const {
        // a row of Y is right to n u ||L||: below the square of that the order means nothing
        const double rounding = std::pow(static_cast<double>(n_) * unit<T>, 2) * largest_signal();
        for (std::size_t b = 0; b + 1 < blocks_.size(); ++b) {
            double smallest = std::numeric_limits<double>::infinity(), largest = 0;
            for (Index i = blocks_[b].first; i < blocks_[b].last; ++i)
                smallest = std::min(smallest, entry(i, i));
            for (Index i = blocks_[b + 1].first; i < blocks_[b + 1].last; ++i)
                largest = std::max(largest, entry(i, i));
            if (largest > (1 + order_slack) * smallest + rounding)
                return false;
        }
        return true;
    }

    void sort() {
        std::vector<Index> order(static_cast<std::size_t>(n_));
        std::iota(order.begin(), order.end(), Index{0});
        std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return entry(a, a) > entry(b, b); });
        std::vector<T> column(static_cast<std::size_t>(n_));
        for (Index j = 0; j < n_; ++j) {
            std::copy_n(P_ + j * n_, n_, column.begin());
            for (Index i = 0; i < n_; ++i)
                P_[j * n_ + i] = column[order[i]];
        }
        refresh();
    }

    // Length of X in the 2-norm, from below: some steps of the power method on X^T X, all columns in play at first.
    [[nodiscard]] double norm_of_X() {
        std::vector<double> v(static_cast<std::size_t>(n_)), w(v.size());
        for (Index i = 0; i < n_; ++i)
            v[i] = 1 + 0.5 * static_cast<double>(i % 7) / 7 * (i % 2 == 0 ? 1 : -1);
        double norm = 0;
        for (int round = 0; round < norm_steps; ++round) {
            std::fill(w.begin(), w.end(), 0.0);
            for (Index j = 0; j < n_; ++j)
                for (Index i = 0; i < n_; ++i)
                    w[i] += static_cast<double>(X_[j * n_ + i]) * v[j];
            const double before = std::sqrt(inner<double>(v, v)), after = std::sqrt(inner<double>(w, w));
            if (after == 0)
                return 0;
            norm = after / before;
            for (Index i = 0; i < n_; ++i)
                v[i] = w[i] / after;
        }
        return norm;
    }

    // One accepted step; false if the line search finds none.
    bool step(MinimiseReport& report) {
        double slope = 0;
        for (Index j = 0; j < n_; ++j) {
            X_[j * n_ + j] = 0;
            for (Index i = j + 1; i < n_; ++i) {
                const double dmu = static_cast<double>(mu_[i]) - static_cast<double>(mu_[j]), a = entry(i, i),
                             b = entry(j, j), c = entry(i, j);
                const double h =
                    block_[i] == block_[j]
                        ? 0
                        : 8 * std::abs(dmu) * (std::sqrt((a - b) * (a - b) + 4 * c * c) + damping * (a + b));
                const double g = -4 * dmu * c, x = h > 0 ? -g / h : 0;
                slope += g * x;
                X_[j * n_ + i] = static_cast<T>(x);
                X_[i * n_ + j] = static_cast<T>(-x);
            }
        }
        const double length = norm_of_X();
        double t = length > longest_step ? longest_step / length : 1;
        for (int trial = 0; trial < shrinks && report.evaluations < options_.evaluations; ++trial, t *= shrink) {
            for (Index j = 0; j < n_; ++j) {
                for (Index i = 0; i < n_; ++i)
                    C_[j * n_ + i] = static_cast<T>(t * static_cast<double>(X_[j * n_ + i]));
                C_[j * n_ + j] = 1;
            }
            invert_unpivoted(n_, C_.data(), work_.data());
            for (Index j = 0; j < n_; ++j) {
                for (Index i = 0; i < n_; ++i)
                    C_[j * n_ + i] *= 2;
                C_[j * n_ + j] -= 1;
            }
            multiply(C_, Y_.data(), k_, next_Y_.data());
            const double next = energy(next_Y_);
            ++report.evaluations;
            const bool flat =
                std::abs(t * slope) < flat_slope * unit<T> * std::abs(eta_) && next <= eta_ * (1 + flat_rise * unit<T>);
            if (next <= eta_ + sufficient * t * slope || flat) {
                form_gram(next_Y_, N_);
                multiply(C_, P_, n_, spare_.data());
                std::copy(spare_.begin(), spare_.end(), P_);
                Y_.swap(next_Y_);
                gauge();
                eta_ = energy(Y_);
                return true;
            }
        }
        return false;
    }

    // P <- P (3 - P^T P) / 2: one Newton-Schulz step back to O(n).
    void orthogonalise() {
        const int n = static_cast<int>(n_);
        gemm(CblasTrans, CblasNoTrans, n, n, n, T(-0.5), P_, n, P_, n, 0, C_.data(), n);
        for (Index i = 0; i < n_; ++i)
            C_[i * n_ + i] += T(1.5);
        gemm(CblasNoTrans, CblasNoTrans, n, n, n, 1, P_, n, C_.data(), n, 0, spare_.data(), n);
        std::copy(spare_.begin(), spare_.end(), P_);
        refresh();
    }

    const MinimiseOptions& options_;
    double bound_;
    Index n_, k_;
    const T *mu_, *L_;
    T* P_;
    std::vector<T> Y_, next_Y_, N_, X_, C_, spare_, work_;
    std::vector<Block> blocks_;
    std::vector<Turn> turns_;
    std::vector<Index> block_;
    double eta_ = 0;
};

template <class T>
void chart(const MinimiseOptions& options, double bound, Batch<const T> mu, Batch<const T> L, Batch<T> P,
           MinimiseReport& report) {
    const Index n = L.rows, count = n * (n - 1) / 2;
    std::vector<T> q(static_cast<std::size_t>(count));
    Scratch<T> scratch(1);
    const auto evaluate = [&](const std::vector<T>& x, std::vector<T>& g) {
        T eta = 0;
        tikhonov<T>(mu, L, {x.data(), count, 1}, {&eta, 1, 1}, {g.data(), count, 1}, scratch, 1);
        return static_cast<double>(eta);
    };
    Index iteration = 0;
    report.converged = lbfgs(q, {options.iterations, options.evaluations, options.memory, options.gradient}, evaluate,
                             [&](Index evaluations, double eta, double gradient) {
                                 report.history.push_back({iteration, evaluations, eta, gradient});
                                 report.iterations = iteration++;
                                 report.evaluations = evaluations;
                                 return !std::isnan(bound) && eta - bound <= options.gap * std::abs(bound);
                             });
    cayley<T>({q.data(), count, 1}, P, scratch, 1);
}

}  // namespace

template <class T>
void minimise(const MinimiseOptions& options, Batch<const T> mu, Batch<const T> L, Batch<T> P,
              std::span<MinimiseReport> reports, int threads) {
    std::vector<std::exception_ptr> failures(reports.size());
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads) if (P.batch > 1)
    for (Index b = 0; b < P.batch; ++b)
        try {
            MinimiseReport& report = reports[b] = {};
            const double bound = options.bound.empty() ? std::numeric_limits<double>::quiet_NaN() : options.bound[b];
            if (options.method == Minimiser::cayley)
                chart(options, bound, mu.item(b), L.item(b), P.item(b), report);
            else
                Recentred<T>(options, bound, mu.item(b), L.item(b), P.item(b)).run(report);
        } catch (...) {
            failures[b] = std::current_exception();
        }
    for (const std::exception_ptr& failure : failures)
        if (failure)
            std::rethrow_exception(failure);
}

template void minimise<float>(const MinimiseOptions&, Batch<const float>, Batch<const float>, Batch<float>,
                              std::span<MinimiseReport>, int);
template void minimise<double>(const MinimiseOptions&, Batch<const double>, Batch<const double>, Batch<double>,
                               std::span<MinimiseReport>, int);

}  // namespace descrambler::cpu
