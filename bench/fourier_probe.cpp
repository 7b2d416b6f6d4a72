// What complex forward transforms take on one thread, for bench/peers/fourier_scipy.py to set beside others. Asked by lines
//   f32|f64 N1 N2 COLUMNS CALLS
// on standard input (N1 = 1: one dimension), each of which is answered by seconds of CPU time, one number a call.
#include <ctime>

#include <iostream>
#include <string>

#include "descrambler/backend.hpp"

namespace {

using namespace descrambler;

double cpu_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <class T>
void run(Backend<T>& on, Index n1, Index n2, Index columns, int calls) {
    const Index points = n1 * n2;
    const Buffer<std::complex<T>> x = on.allocate_complex(points * columns), y = on.allocate_complex(points * columns);
    on.random_normal(1, 0, 0, {reinterpret_cast<T*>(x.data()), 2 * points * columns, 1});
    on.fft2(n1, n2, x.view(points, columns), y.view(points, columns));  // makes the plan
    for (int call = 0; call < calls; ++call) {
        const double start = cpu_seconds();
        on.fft2(n1, n2, x.view(points, columns), y.view(points, columns));
        std::cout << cpu_seconds() - start << ' ';
    }
    std::cout << std::endl;
}

}  // namespace

int main() {
    const auto on32 = make_cpu_backend<float>(1);
    const auto on64 = make_cpu_backend<double>(1);
    std::string precision;
    for (Index n1 = 0, n2 = 0, columns = 0, calls = 0; std::cin >> precision >> n1 >> n2 >> columns >> calls;)
        if (precision == "f32")
            run(*on32, n1, n2, columns, static_cast<int>(calls));
        else
            run(*on64, n1, n2, columns, static_cast<int>(calls));
}
