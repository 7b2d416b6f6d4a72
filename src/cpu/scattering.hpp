#pragma once

#include <map>
#include <utility>

#include "cpu/grid_fft.hpp"
#include "cpu/scratch.hpp"
#include "descrambler/backend/scattering.hpp"

namespace descrambler::cpu {

template <class T>
class Scatterer {  // plans and working memory, kept from call to call
public:
    explicit Scatterer(int threads) : threads_(threads), work_(threads) {}
    void scatter(const ScatteringTree<T>& tree, Batch<const T> x, Batch<T> s);
    void adjoint(const ScatteringTree<T>& tree, Batch<const T> x, Batch<const T> s_bar, Batch<T> x_bar,
                 Batch<T> spectra_bar);

private:
    int threads_;
    Scratch<T> work_;
    std::map<std::pair<Index, Index>, GridFft<T>> plans_;
};

}  // namespace descrambler::cpu
