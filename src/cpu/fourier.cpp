#include "cpu/fourier.hpp"

#include <kissfft/kissfft.hh>

namespace descrambler::cpu {

template <class T>
void fft(Batch<const std::complex<T>> x, Batch<std::complex<T>> y, int threads) {
    if (x.size() == 0)
        return;
    const Index columns = x.cols * x.batch;
#pragma omp parallel num_threads(threads) if (columns > 8)
    {
        kissfft<T> plan(static_cast<std::size_t>(x.rows), false);
#pragma omp for schedule(static)
        for (Index c = 0; c < columns; ++c)
            plan.transform(x.item(c / x.cols).data + c % x.cols * x.rows,
                           y.item(c / y.cols).data + c % y.cols * y.rows);
    }
}

template void fft<float>(Batch<const std::complex<float>>, Batch<std::complex<float>>, int);
template void fft<double>(Batch<const std::complex<double>>, Batch<std::complex<double>>, int);

}  // namespace descrambler::cpu
