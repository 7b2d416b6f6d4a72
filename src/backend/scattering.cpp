#include "descrambler/backend/scattering.hpp"

#include <algorithm>
#include <string>

#include "backend/shapes.hpp"

namespace descrambler {
namespace {

template <class T>
void check(const ScatteringTree<T>& tree, const std::string& who) {
    require(tree.n1 > 0 && tree.n2 > 0 && tree.grid1 >= tree.n1 + tree.left1 && tree.grid2 >= tree.n2 + tree.left2 &&
                tree.left1 >= 0 && tree.left2 >= 0,
            who + ": the grid must hold the signal");
    require(!tree.nodes.empty() && tree.nodes.front().parent < 0 && tree.nodes.front().level == 0,
            who + ": the first node must be the root");
    const auto inside = [&](const SpectrumPlace& place, Index level) {
        const Index last = std::max(place.re, place.im) + tree.points(level);
        return place.re >= 0 && place.im >= -1 && last <= tree.numbers;
    };
    for (std::size_t i = 0; i < tree.nodes.size(); ++i) {
        const ScatteringNode& node = tree.nodes[i];
        require(i == 0 || (node.parent >= 0 && node.parent < static_cast<Index>(i)),
                who + ": a node must stand behind its parent");
        const Index from = i == 0 ? 0 : tree.nodes[static_cast<std::size_t>(node.parent)].level;
        require(node.level >= from && node.level <= tree.out_level, who + ": levels must not fall");
        require(i == 0 || inside(node.psi, from), who + ": a spectrum outside of the memory");
        require(tree.mean || !node.kept || inside(node.phi, node.level), who + ": a low-pass outside of the memory");
    }
    const Index step = Index{1} << tree.out_level;
    require(tree.grid2 % step == 0 && (tree.grid1 == 1 || tree.grid1 % step == 0),
            who + ": 2^level must divide the grid");
    require(
        tree.mean || (tree.first1 >= 0 && tree.first2 >= 0 && tree.first1 + tree.count1 <= tree.rows(tree.out_level) &&
                      tree.first2 + tree.count2 <= tree.cols(tree.out_level)),
        who + ": the window must lie on the grid");
}

}  // namespace

template <class T>
Index ScatteringTree<T>::kept() const {
    return std::ranges::count_if(nodes, [](const ScatteringNode& node) { return node.kept; });
}

template <class T>
void Scattering<T>::scatter(const ScatteringTree<T>& tree, Batch<const T> x, Batch<T> s) {
    check(tree, "scatter");
    require(x.rows == tree.n1 * tree.n2 && x.batch == 1 && s.batch == 1 && s.cols == x.cols &&
                s.rows == tree.kept() * tree.outputs(),
            "scatter: x must be [n1 n2, B], s [kept nodes x outputs, B]");
    do_scatter(tree, x, s);
}

template <class T>
void Scattering<T>::scatter_adjoint(const ScatteringTree<T>& tree, Batch<const T> x, Batch<const T> s_bar,
                                    Batch<T> x_bar, Batch<T> spectra_bar) {
    check(tree, "scatter_adjoint");
    require(x.rows == tree.n1 * tree.n2 && x.batch == 1 && s_bar.batch == 1 && s_bar.cols == x.cols &&
                s_bar.rows == tree.kept() * tree.outputs(),
            "scatter_adjoint: x must be [n1 n2, B], s_bar [kept nodes x outputs, B]");
    require(x_bar.data == nullptr || is(x_bar, x.rows, x.cols, 1), "scatter_adjoint: x_bar must be as x");
    require(spectra_bar.data == nullptr || is(spectra_bar, tree.numbers, 1, 1),
            "scatter_adjoint: spectra_bar must be as the spectra");
    do_scatter_adjoint(tree, x, s_bar, x_bar, spectra_bar);
}

template <class T>
void Scattering<T>::do_scatter(const ScatteringTree<T>&, Batch<const T>, Batch<T>) {
    throw InputError("--device: scattering is computed on the CPU alone");
}
template <class T>
void Scattering<T>::do_scatter_adjoint(const ScatteringTree<T>&, Batch<const T>, Batch<const T>, Batch<T>, Batch<T>) {
    throw InputError("--device: scattering is computed on the CPU alone");
}

template struct ScatteringTree<float>;
template struct ScatteringTree<double>;
template class Scattering<float>;
template class Scattering<double>;

}  // namespace descrambler
