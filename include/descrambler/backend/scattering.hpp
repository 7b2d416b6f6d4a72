// Scattering: a tree of circular convolutions and moduli on one periodic grid, each modulus smoothed.
//   u_0 = x padded,   u_i = |u_p * psi_i| at steps of 2^level_i,   s_i = u_i * phi_i at steps of 2^out_level
// p is the parent of node i. Images are row-major; a signal of one dimension has n1 = 1, and only n2 is sampled coarser.
// Throws std::invalid_argument where shapes or the tree do not fit, InputError on a device.
#pragma once

#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

// What stands outside of the signal: its period, its mirror image without the end repeated, zeros.
enum class Padding { periodic, reflect, zero };

// Where the spectra of a filter on the grid of some level begin in the memory of all spectra; im -1: a real spectrum.
struct SpectrumPlace {
    Index re = 0, im = -1;
};

struct ScatteringNode {
    Index parent = -1;  // in front of it in the list; -1: the root, which is x itself
    Index level = 0;    // u has steps of 2^level; not below that of the parent
    SpectrumPlace psi;  // on the grid of the parent's level; not for the root
    SpectrumPlace phi;  // on the grid of this level
    bool kept = true;   // s_i is wanted
};

template <class T>
struct ScatteringTree {
    Index n1 = 1, n2 = 1;  // of x
    Padding padding = Padding::periodic;
    Index left1 = 0, left2 = 0;  // numbers of padding in front
    Index grid1 = 1, grid2 = 1;  // padded; 2^level of every node divides them (grid1 where it is not 1)
    std::vector<ScatteringNode> nodes;
    Index out_level = 0;           // not below any level
    bool mean = false;             // s_i is the mean of u_i over its grid instead: one number, phi is not read
    Index first1 = 0, first2 = 0;  // of s the window that is kept
    Index count1 = 1, count2 = 1;
    const T* spectra = nullptr;  // where the backend computes; 64 numbers behind the last are read too, not used
    Index numbers = 0;           // of it

    [[nodiscard]] Index rows(Index level) const { return grid1 == 1 ? 1 : grid1 >> level; }
    [[nodiscard]] Index cols(Index level) const { return grid2 >> level; }
    [[nodiscard]] Index points(Index level) const { return rows(level) * cols(level); }
    [[nodiscard]] Index outputs() const { return mean ? 1 : count1 * count2; }  // of a node
    [[nodiscard]] Index kept() const;
};

template <class T>
class Scattering {
public:
    // s [kept nodes x outputs, B] of x [n1 n2, B]: of node after node the window, row-major. The same bits in any batch.
    void scatter(const ScatteringTree<T>& tree, Batch<const T> x, Batch<T> s);
    // Gradients of a loss L with s_bar = dL/ds: x_bar [n1 n2, B] = dL/dx, and spectra_bar [numbers, 1] += the sum over the
    // batch of dL by real and by imaginary parts of all psi and phi, real spectra by real parts alone. u is computed again. A
    // modulus of zero has the gradient zero. Either is left out where it has no data.
    void scatter_adjoint(const ScatteringTree<T>& tree, Batch<const T> x, Batch<const T> s_bar, Batch<T> x_bar,
                         Batch<T> spectra_bar);

protected:
    ~Scattering() = default;

private:
    virtual void do_scatter(const ScatteringTree<T>& tree, Batch<const T> x, Batch<T> s);
    virtual void do_scatter_adjoint(const ScatteringTree<T>& tree, Batch<const T> x, Batch<const T> s_bar,
                                    Batch<T> x_bar, Batch<T> spectra_bar);
};

}  // namespace descrambler
