// Everything of a signal stays with one thread, depth first, so that a modulus is still in the cache when its children
// want it. Two moduli of one level are transformed together as u + i v: half of the transforms back and of the low-passes.
// A signal has pairs of its own, so its bits do not depend on the batch.
#include "cpu/scattering.hpp"

#include <omp.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

namespace descrambler::cpu {
namespace {

template <class T>
struct Planes {
    T *re, *im;
};

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}

// The sample at place i of a padded line of n; -1: a zero.
Index source(Index i, Index n, Padding padding) {
    if (i >= 0 && i < n)
        return i;
    if (padding == Padding::zero)
        return -1;
    if (padding == Padding::periodic)
        return (i % n + n) % n;
    if (n == 1)
        return 0;
    const Index period = 2 * (n - 1), place = (i % period + period) % period;
    return std::min(place, period - place);
}

// What the walks through a tree have in common: where things lie, by node and by level.
template <class T>
struct Plan {
    static constexpr Index lanes = vector_lanes<T>;
    const ScatteringTree<T>& tree;
    std::vector<const GridFft<T>*> fft;                            // by level; null: no node there
    std::vector<std::vector<Index>> children;                      // by node, by level
    std::vector<Index> place;                                      // by node its place among those that are kept; -1
    std::vector<Index> row_source, col_source;                     // of the padded grid
    Index depth = 0;                                               // of the deepest node
    std::map<std::pair<Index, Index>, std::vector<Index>> starts;  // by filter and level where its product goes

    Plan(const ScatteringTree<T>& t, std::map<std::pair<Index, Index>, GridFft<T>>& plans) : tree(t) {
        fft.resize(at(tree.out_level) + 1);
        const auto needs = [&](Index level) {
            if (fft[at(level)] == nullptr) {
                const Index n1 = tree.rows(level), n2 = tree.cols(level);
                fft[at(level)] = &plans.try_emplace({n1, n2}, n1, n2).first->second;
            }
        };
        children.resize(tree.nodes.size());
        std::vector<Index> depths;
        Index count = 0;
        for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
            const ScatteringNode& node = tree.nodes[i];
            needs(node.level);
            place.push_back(node.kept ? count++ : -1);
            depths.push_back(i == 0 ? 0 : depths[at(node.parent)] + 1);
            depth = std::max(depth, depths.back());
            if (i > 0) {
                children[at(node.parent)].push_back(static_cast<Index>(i));
                find_blocks(node.psi, tree.nodes[at(node.parent)].level, node.level);
            }
            if (node.kept && !tree.mean)
                find_blocks(node.phi, node.level, tree.out_level);
        }
        needs(tree.out_level);
        for (std::vector<Index>& list : children)
            std::ranges::stable_sort(list, {}, [&](Index i) { return tree.nodes[at(i)].level; });
        for (Index i = 0; i < tree.grid1; ++i)
            row_source.push_back(source(i - tree.left1, tree.n1, tree.padding));
        for (Index j = 0; j < tree.grid2; ++j)
            col_source.push_back(source(j - tree.left2, tree.n2, tree.padding));
    }

    [[nodiscard]] Index plane(Index level) const { return (tree.points(level) + 2 * lanes + 15) / 16 * 16; }
    [[nodiscard]] Index work() const {
        Index most = 0;
        for (const GridFft<T>* one : fft)
            if (one != nullptr)
                most = std::max(most, one->work());
        return (most + 15) / 16 * 16;
    }
    [[nodiscard]] Index level(Index node) const { return tree.nodes[at(node)].level; }

    // What falls together on a grid 2^(to - from) times coarser is a sum over blocks (t1, t2) of the finer one: those in which
    // the filter is not so small that they cannot be seen. Wavelets fill few of them.
    void find_blocks(SpectrumPlace filter, Index from, Index to) {
        const auto [found, fresh] = starts.try_emplace({filter.re, to});
        if (!fresh)
            return;
        const Index n2 = tree.cols(from), m1 = tree.rows(to), m2 = tree.cols(to), points = tree.points(from);
        const auto largest = [&](Index first1, Index rows, Index first2, Index cols) {
            T most = 0;
            for (const Index part : {filter.re, filter.im})
                for (Index i = first1; i < first1 + rows && part >= 0; ++i)
                    for (Index j = first2; j < first2 + cols; ++j)
                        most = std::max(most, std::abs(tree.spectra[part + i * n2 + j]));
            return most;
        };
        const T enough = largest(0, 1, 0, points) * std::numeric_limits<T>::epsilon() / 1024;
        for (Index t1 = 0; t1 < tree.rows(from) / m1; ++t1)
            for (Index t2 = 0; t2 < n2 / m2; ++t2)
                if (largest(t1 * m1, m1, t2 * m2, m2) > enough)
                    found->second.push_back(t1 * m1 * n2 + t2 * m2);
    }
    // Spectrum times filter, summed so, as vectors.
    template <bool real_filter>
    struct Folded {
        const T *re, *im, *filter, *filter_im;
        Index cols, row_length;         // of the finer grid; of the coarser one in the order of the plan
        std::span<const Index> starts;  // of the blocks
        void operator()(Index i, Index first, Vector<T>& a, Vector<T>& b) const {
            a = b = Vector<T>{};
            for (const Index start : starts) {
                const Index k = i * row_length * cols + first + start;
                const Vector<T> x = load(re + k), y = load(im + k), f = load(filter + k);
                if constexpr (real_filter) {
                    a += x * f;
                    b += y * f;
                } else {
                    const Vector<T> g = load(filter_im + k);
                    a += x * f - y * g;
                    b += x * g + y * f;
                }
            }
        }
    };
    template <bool real_filter>
    [[nodiscard]] Folded<real_filter> folded(Planes<T> x, SpectrumPlace filter, Index from, Index to) const {
        const T* const im = filter.im < 0 ? nullptr : tree.spectra + filter.im;
        const std::vector<Index>& here = starts.at({filter.re, to});
        if (tree.grid1 == 1)  // rows of the plan are pieces of one line
            return {x.re, x.im, tree.spectra + filter.re, im, 1, fft[at(to)]->spectrum_cols(), here};
        return {x.re, x.im, tree.spectra + filter.re, im, tree.cols(from), 1, here};
    }
    // x * filter at the steps of level `to`, as store(place, re, im), not scaled: by 1 / points(from).
    template <class Store>
    void filtered(Planes<T> x, SpectrumPlace filter, Index from, Index to, const Store& store, T* work) const {
        if (filter.im < 0)
            fft[at(to)]->inverse(folded<true>(x, filter, from, to), store, work);
        else
            fft[at(to)]->inverse(folded<false>(x, filter, from, to), store, work);
    }
};

template <class T>
inline Vector<T> root(const Vector<T>& x) {
    Vector<T> result;
    for (Index l = 0; l < vector_lanes<T>; ++l)
        result[l] = std::sqrt(x[l]);
    return result;
}

// x with its padding in the order of the plans, as the real part of a signal.
template <class T>
void pad(const Plan<T>& plan, const T* x, T* padded) {
    const ScatteringTree<T>& tree = plan.tree;
    const auto number = [&](Index i, Index j) {
        const Index from1 = plan.row_source[at(i)], from2 = plan.col_source[at(j)];
        return from1 < 0 || from2 < 0 ? T{0} : x[from1 * tree.n2 + from2];
    };
    for (Index j = 0; j < tree.grid2; ++j)
        for (Index i = 0; i < tree.grid1; ++i)
            padded[j * tree.grid1 + i] = number(i, j);
}

template <class T>
class Walk {
public:
    static constexpr Index lanes = vector_lanes<T>;
    Walk(const Plan<T>& plan, T* memory) : plan_(plan), work_(memory) {
        T* next = memory + plan.work();
        const auto take = [&](Index level) { return std::exchange(next, next + plan.plane(level)); };
        u_ = {take(0), take(0)};
        z_ = {take(0), take(0)};
        for (Index d = 0; d <= plan.depth; ++d)
            hats_.push_back({Planes<T>{take(0), take(0)}, Planes<T>{take(0), take(0)}});
    }
    static Index memory(const Plan<T>& plan) { return plan.work() + (4 + 4 * (plan.depth + 1)) * plan.plane(0); }

    // The spectrum of x, and what is kept of the root.
    void root_of(const T* x, T* s) {
        pad(plan_, x, u_.re);
        const Planes<T> hat = hats_[0][0];
        forward(0, false, hat);
        smooth(hat, 0, -1, s);
    }
    void use_root(Planes<T> hat) { hats_[0][0] = hat; }
    [[nodiscard]] Planes<T> root_hat() const { return hats_[0][0]; }

    // The pair of nodes a and b (-1: none) of one level, whose parents' spectra are number pa and pb of the depth above; and
    // all that comes from them.
    void pair(Index a, Index pa, Index b, Index pb, Index d, T* s) {
        const ScatteringTree<T>& tree = plan_.tree;
        const Index level = plan_.level(a);
        modulus(a, hats_[at(d - 1)][at(pa)], u_.re);
        if (b >= 0)
            modulus(b, hats_[at(d - 1)][at(pb)], u_.im);
        const bool more = !plan_.children[at(a)].empty() || (b >= 0 && !plan_.children[at(b)].empty());
        const bool kept = tree.nodes[at(a)].kept || (b >= 0 && tree.nodes[at(b)].kept);
        if (!more && !kept)
            return;
        forward(level, b >= 0, z_);
        smooth(z_, a, b, s);
        if (!more)
            return;
        part(level, b >= 0, d);
        std::vector<std::pair<Index, Index>> all;  // child, number of its parent
        for (const Index child : plan_.children[at(a)])
            all.emplace_back(child, 0);
        if (b >= 0)
            for (const Index child : plan_.children[at(b)])
                all.emplace_back(child, 1);
        std::ranges::stable_sort(all, {}, [&](const auto& one) { return plan_.level(one.first); });
        for (const auto& [first, second] : in_pairs(all))
            pair(first.first, first.second, second.first, second.second, d + 1, s);
    }
    // Neighbours of one level two by two, -1 where one has no other.
    [[nodiscard]] std::vector<std::pair<std::pair<Index, Index>, std::pair<Index, Index>>> in_pairs(
        const std::vector<std::pair<Index, Index>>& all) const {
        std::vector<std::pair<std::pair<Index, Index>, std::pair<Index, Index>>> result;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const bool two = i + 1 < all.size() && alike(all[i].first, all[i + 1].first);
            result.push_back({all[i], two ? all[i + 1] : std::pair<Index, Index>{-1, -1}});
            i += two ? 1 : 0;
        }
        return result;
    }

private:
    [[nodiscard]] bool alike(Index a, Index b) const {
        const ScatteringNode &one = plan_.tree.nodes[at(a)], &other = plan_.tree.nodes[at(b)];
        return one.level == other.level && one.phi.re == other.phi.re && one.phi.im == other.phi.im;
    }
    void modulus(Index node, Planes<T> hat, T* u) {
        const ScatteringNode& one = plan_.tree.nodes[at(node)];
        const Index from = plan_.level(one.parent);
        const T scale = T{1} / static_cast<T>(plan_.tree.points(from));
        plan_.filtered(
            hat, one.psi, from, one.level,
            [&](Index place, const Vector<T>& re, const Vector<T>& im) {
                store(u + place, scale * root<T>(re * re + im * im));
            },
            work_);
    }
    void forward(Index level, bool two, Planes<T> to) {
        const GridFft<T>& fft = *plan_.fft[at(level)];
        const Index cols = fft.signal_cols();
        fft.forward(
            [&](Index i, Index first, Vector<T>& re, Vector<T>& im) {
                re = load(u_.re + i * cols + first);
                im = two ? load(u_.im + i * cols + first) : Vector<T>{};
            },
            [&](Index place, const Vector<T>& re, const Vector<T>& im) {
                store(to.re + place, re);
                store(to.im + place, im);
            },
            work_);
    }
    // s of the nodes a and b from the spectrum of u_a + i u_b. Both have low-passes that are real in space.
    void smooth(Planes<T> hat, Index a, Index b, T* s) {
        const ScatteringTree<T>& tree = plan_.tree;
        const Index from = plan_.level(a), outputs = tree.outputs();
        T* const to_a = plan_.place[at(a)] < 0 ? nullptr : s + plan_.place[at(a)] * outputs;
        T* const to_b = b < 0 || plan_.place[at(b)] < 0 ? nullptr : s + plan_.place[at(b)] * outputs;
        if (to_a == nullptr && to_b == nullptr)
            return;
        const T scale = T{1} / static_cast<T>(tree.points(from));
        if (tree.mean) {
            if (to_a != nullptr)
                *to_a = scale * hat.re[0];
            if (to_b != nullptr)
                *to_b = scale * hat.im[0];
            return;
        }
        const SpectrumPlace phi = tree.nodes[at(to_a != nullptr ? a : b)].phi;
        // a vector holds numbers of one column, or in one dimension neighbours
        const bool line = tree.grid1 == 1;
        const Index row = plan_.fft[at(tree.out_level)]->spectrum_rows(), apart = line ? 1 : tree.count2;
        const Index begin = line ? tree.first2 : tree.first1, count = line ? tree.count2 : tree.count1;
        plan_.filtered(
            hat, phi, from, tree.out_level,
            [&](Index j, Index first, const Vector<T>& re, const Vector<T>& im) {
                const Index place = (line ? j * row : 0) + first - begin, shift = line ? 0 : j - tree.first2;
                if (shift < 0 || (!line && shift >= tree.count2))
                    return;
                const Index end = std::min(lanes, std::min(count - place, row - first));
                for (Index l = std::max<Index>(0, -place); l < end; ++l) {
                    if (to_a != nullptr)
                        to_a[(place + l) * apart + shift] = scale * re[l];
                    if (to_b != nullptr)
                        to_b[(place + l) * apart + shift] = scale * im[l];
                }
            },
            work_);
    }
    // The spectra of u_a and u_b from that of u_a + i u_b: A = (Z[k] + conj Z[-k])/2, B = (Z[k] - conj Z[-k])/2i.
    void part(Index level, bool two, Index d) {
        const Index n1 = plan_.tree.rows(level), n2 = plan_.tree.cols(level);
        if (!two) {
            std::swap(z_, hats_[at(d)][0]);
            return;
        }
        const auto [a, b] = hats_[at(d)];
        const T half = T{0.5};
        for (Index k1 = 0; k1 < n1; ++k1)
            for (Index k2 = 0; k2 < n2; ++k2) {
                const Index k = k1 * n2 + k2, m = (k1 == 0 ? 0 : n1 - k1) * n2 + (k2 == 0 ? 0 : n2 - k2);
                a.re[k] = half * (z_.re[k] + z_.re[m]);
                a.im[k] = half * (z_.im[k] - z_.im[m]);
                b.re[k] = half * (z_.im[k] + z_.im[m]);
                b.im[k] = half * (z_.re[m] - z_.re[k]);
            }
    }

    const Plan<T>& plan_;
    T* work_;
    Planes<T> u_{}, z_{};
    std::vector<std::array<Planes<T>, 2>> hats_;  // by depth, of the pair that is looked at
};

// Backwards through the tree, node by node. A gradient by complex numbers z is dL/dRe z + i dL/dIm z.
template <class T>
class WalkBack {
public:
    static constexpr Index lanes = vector_lanes<T>;
    WalkBack(const Plan<T>& plan, T* memory) : plan_(plan), work_(memory) {
        T* next = memory + plan.work();
        const auto take = [&] { return std::exchange(next, next + plan.plane(0)); };
        fold_ = {take(), take()};
        for (Index d = 0; d <= plan.depth; ++d)
            levels_.push_back({{take(), take()}, {take(), take()}, {take(), take()}});
    }
    static Index memory(const Plan<T>& plan) { return plan.work() + (2 + 6 * (plan.depth + 1)) * plan.plane(0); }

    void signal(const T* x, const T* s_bar, T* x_bar, T* spectra_bar) {
        s_bar_ = s_bar;
        spectra_bar_ = spectra_bar;
        const ScatteringTree<T>& tree = plan_.tree;
        Depth& root = levels_[0];
        pad(plan_, x, root.z.re);
        std::fill_n(root.z.im, tree.points(0), T{0});
        below(0, 0);
        if (x_bar == nullptr)
            return;
        inverse(0, root.hat_bar, root.z);
        std::fill_n(x_bar, tree.n1 * tree.n2, T{0});
        for (Index i = 0; i < tree.grid1; ++i)
            for (Index j = 0; j < tree.grid2; ++j) {
                const Index from1 = plan_.row_source[at(i)], from2 = plan_.col_source[at(j)];
                if (from1 >= 0 && from2 >= 0)
                    x_bar[from1 * tree.n2 + from2] += root.z.re[j * tree.grid1 + i];
            }
    }

private:
    struct Depth {
        Planes<T> z, hat, hat_bar;  // of a node: u psi before the modulus, spectrum of u, its gradient
    };
    static void clear(Planes<T> x, Index count) {
        std::fill_n(x.re, count, T{0});
        std::fill_n(x.im, count, T{0});
    }
    // hat from u, which stands in z, and hat_bar from all that is made of u.
    void below(Index node, Index d) {
        Depth& here = levels_[at(d)];
        const Index level = plan_.level(node);
        forward(level, here.z, here.hat);
        clear(here.hat_bar, plan_.tree.points(level));
        smoothed(node, here);
        for (const Index child : plan_.children[at(node)])
            through(child, d + 1);
    }
    void through(Index node, Index d) {
        const ScatteringNode& one = plan_.tree.nodes[at(node)];
        Depth &above = levels_[at(d - 1)], &here = levels_[at(d)];
        const Index from = plan_.level(one.parent), points = plan_.tree.points(one.level);
        const auto convolve = [&] {
            plan_.filtered(
                above.hat, one.psi, from, one.level,
                [&](Index place, const Vector<T>& re, const Vector<T>& im) {
                    store(here.z.re + place, re);
                    store(here.z.im + place, im);
                },
                work_);
        };
        const T scale = T{1} / static_cast<T>(plan_.tree.points(from));
        convolve();
        for (Index k = 0; k < points; ++k) {
            here.z.re[k] = scale * std::hypot(here.z.re[k], here.z.im[k]);
            here.z.im[k] = 0;
        }
        below(node, d);
        inverse(one.level, here.hat_bar, here.hat);  // its real part is u_bar
        convolve();                                  // once more: children have made use of nothing else
        for (Index k = 0; k < points; ++k) {
            const T size = std::hypot(here.z.re[k], here.z.im[k]), factor = size > 0 ? here.hat.re[k] / size : T{0};
            here.z.re[k] *= factor;
            here.z.im[k] *= factor;
        }
        forward(one.level, here.z, fold_);
        unfold(above, one.psi, from, one.level, scale);
    }
    // hat_bar and the gradient of phi from that of s.
    void smoothed(Index node, Depth& here) {
        const ScatteringTree<T>& tree = plan_.tree;
        const Index place = plan_.place[at(node)], level = plan_.level(node);
        if (place < 0)
            return;
        const T* const s_bar = s_bar_ + place * tree.outputs();
        const T scale = T{1} / static_cast<T>(tree.points(level));
        if (tree.mean) {
            here.hat_bar.re[0] += scale * *s_bar;
            return;
        }
        const Index rows = tree.rows(tree.out_level);
        clear(here.z, tree.points(tree.out_level));
        for (Index i = 0; i < tree.count1; ++i)
            for (Index j = 0; j < tree.count2; ++j)
                here.z.re[(j + tree.first2) * rows + i + tree.first1] = s_bar[i * tree.count2 + j];
        forward(tree.out_level, here.z, fold_);
        unfold(here, tree.nodes[at(node)].phi, level, tree.out_level, scale);
    }
    // fold_ is the gradient of a folded product of `of`.hat and a filter: to both of them.
    void unfold(Depth& of, SpectrumPlace filter, Index from, Index to, T scale) {
        const ScatteringTree<T>& tree = plan_.tree;
        const Index n1 = tree.rows(from), n2 = tree.cols(from), m1 = tree.rows(to), m2 = tree.cols(to);
        const T *const f = tree.spectra + filter.re, *const g = filter.im < 0 ? nullptr : tree.spectra + filter.im;
        T* const f_bar = spectra_bar_ == nullptr ? nullptr : spectra_bar_ + filter.re;
        T* const g_bar = spectra_bar_ == nullptr || g == nullptr ? nullptr : spectra_bar_ + filter.im;
        for (Index k1 = 0; k1 < n1; ++k1)
            for (Index k2 = 0; k2 < n2; ++k2) {
                const Index k = k1 * n2 + k2, m = k1 % m1 * m2 + k2 % m2;
                const T a = scale * fold_.re[m], b = scale * fold_.im[m], x = of.hat.re[k], y = of.hat.im[k];
                const T c = f[k], d = g == nullptr ? T{0} : g[k];
                of.hat_bar.re[k] += c * a + d * b;
                of.hat_bar.im[k] += c * b - d * a;
                if (f_bar != nullptr)
                    f_bar[k] += x * a + y * b;
                if (g_bar != nullptr)
                    g_bar[k] += x * b - y * a;
            }
    }
    void forward(Index level, Planes<T> from, Planes<T> to) {
        const GridFft<T>& fft = *plan_.fft[at(level)];
        fft.forward(rows_of(from, fft.signal_cols()), into(to), work_);
    }
    void inverse(Index level, Planes<T> from, Planes<T> to) {
        const GridFft<T>& fft = *plan_.fft[at(level)];
        fft.inverse(rows_of(from, fft.spectrum_cols()), into(to), work_);
    }
    static auto rows_of(Planes<T> from, Index cols) {
        return [from, cols](Index i, Index first, Vector<T>& re, Vector<T>& im) {
            re = load(from.re + i * cols + first);
            im = load(from.im + i * cols + first);
        };
    }
    static auto into(Planes<T> to) {
        return [to](Index place, const Vector<T>& re, const Vector<T>& im) {
            store(to.re + place, re);
            store(to.im + place, im);
        };
    }

    const Plan<T>& plan_;
    T* work_;
    Planes<T> fold_{};
    std::vector<Depth> levels_;
    const T* s_bar_ = nullptr;
    T* spectra_bar_ = nullptr;
};

}  // namespace

template <class T>
void Scatterer<T>::scatter(const ScatteringTree<T>& tree, Batch<const T> x, Batch<T> s) {
    const Plan<T> plan(tree, plans_);
    std::vector<std::pair<Index, Index>> first;  // children of the root
    for (const Index child : plan.children[0])
        first.emplace_back(child, 0);
    const Index memory = Walk<T>::memory(plan);
    if (x.cols >= threads_) {
#pragma omp parallel num_threads(threads_) if (x.cols > 1)
        {
            Walk<T> walk(plan, aligned(work_, omp_get_thread_num(), memory));
#pragma omp for schedule(static)
            for (Index c = 0; c < x.cols; ++c) {
                walk.root_of(&x(0, c), &s(0, c));
                for (const auto& [a, b] : walk.in_pairs(first))
                    walk.pair(a.first, 0, b.first, 0, 1, &s(0, c));
            }
        }
        return;
    }
    for (Index c = 0; c < x.cols; ++c) {  // fewer signals than threads: these share what comes from the root
        Walk<T> root(plan, aligned(work_, 0, memory));
        root.root_of(&x(0, c), &s(0, c));
        const auto pairs = root.in_pairs(first);
        const Planes<T> hat = root.root_hat();
#pragma omp parallel num_threads(threads_)
        {
            Walk<T> walk(plan, aligned(work_, omp_get_thread_num(), memory));
            walk.use_root(hat);
#pragma omp for schedule(dynamic)
            for (std::size_t i = 0; i < pairs.size(); ++i)
                walk.pair(pairs[i].first.first, 0, pairs[i].second.first, 0, 1, &s(0, c));
        }
    }
}

// Gradients of filters are summed signal by signal in a fixed number of parts, and these in order: threads change nothing.
template <class T>
void Scatterer<T>::adjoint(const ScatteringTree<T>& tree, Batch<const T> x, Batch<const T> s_bar, Batch<T> x_bar,
                           Batch<T> spectra_bar) {
    const Plan<T> plan(tree, plans_);
    const Index memory = WalkBack<T>::memory(plan);
    constexpr Index most = 8;
    const Index parts = std::min(most, x.cols);
    std::vector<std::vector<T>> sums(at(parts));
#pragma omp parallel num_threads(threads_) if (parts > 1)
    {
        WalkBack<T> walk(plan, aligned(work_, omp_get_thread_num(), memory));
#pragma omp for schedule(dynamic)
        for (Index part = 0; part < parts; ++part) {
            std::vector<T>& sum = sums[at(part)];
            if (spectra_bar.data != nullptr)
                sum.resize(at(tree.numbers));
            for (Index c = part; c < x.cols; c += parts)
                walk.signal(&x(0, c), &s_bar(0, c), x_bar.data == nullptr ? nullptr : &x_bar(0, c),
                            spectra_bar.data == nullptr ? nullptr : sum.data());
        }
    }
    for (const std::vector<T>& sum : sums)
        for (std::size_t k = 0; k < sum.size(); ++k)
            spectra_bar.data[k] += sum[k];
}

template class Scatterer<float>;
template class Scatterer<double>;

}  // namespace descrambler::cpu
