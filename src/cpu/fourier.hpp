// Fourier transforms on the CPU: our own plans (fft_plan.hpp), and kissfft for sizes with a prime factor above 13.
#pragma once

#include <map>
#include <memory>

#include "cpu/fft_plan.hpp"
#include "cpu/scratch.hpp"
#include "descrambler/backend.hpp"

namespace descrambler::cpu {

// What a backend keeps between calls: plans by size, and working memory. Calls are checked already; any of them may be the
// first for a size.
template <class T>
class Transforms {
public:
    explicit Transforms(int threads) : threads_(threads), work_(threads), between_(threads) {}

    void fft(const FourierShape& shape, Batch<const std::complex<T>> x, Batch<std::complex<T>> y);
    void real_fft(const FourierShape& shape, Batch<const T> x, Batch<std::complex<T>> y);
    void real_ifft(const FourierShape& shape, Batch<const std::complex<T>> y, Batch<T> x);

private:
    using Complex = std::complex<T>;

    void sequences(const FftPlan<T>& plan, bool inverse, Batch<const Complex> x, Batch<Complex> y);
    void matrices(const FftPlan2<T>& plan, bool inverse, Batch<const Complex> x, Batch<Complex> y);
    // before(z, item, column, two) for every pair of columns makes the complex numbers z, after(...) reads their transform;
    // `two` is false for a last column without a partner.
    template <class Before, class After>
    void in_pairs(const FourierShape& shape, Index cols, Index batch, const Before& before, const After& after);

    int threads_;
    std::map<Index, FftPlan<T>> lengths_;
    std::map<Index, FftPlan2<T>> long_;  // by length
    std::map<std::pair<Index, Index>, FftPlan2<T>> matrices_;
    Scratch<T> work_, between_;    // of each thread; the first of between_ also of all threads that share a transform
    std::vector<Complex> packed_;  // of pairs of real columns
};

}  // namespace descrambler::cpu
