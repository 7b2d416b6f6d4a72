// Scattering transforms of random signals for bench/peers/scattering_kymatio.py. Asked by lines
//   f32|f64 THREADS N1 N2 J L|Q BATCH CALLS [global]
// on standard input (N1 = 1: signals, Q wavelets an octave), each answered by seconds of wall time: of the bank, of what is
// made of it, then one number a call.
#include <chrono>
#include <iostream>
#include <sstream>
#include <string>

#include "descrambler/scattering_transform.hpp"

namespace {

using namespace descrambler;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Question {
    std::string precision, output;
    int threads = 1, calls = 1;
    Index n1 = 1, n2 = 1, scales = 1, wavelets = 1, batch = 1;
};

template <class T>
void answer(const Question& q) {
    const auto on = make_cpu_backend<T>(q.threads);
    const Grid signal{q.n1, q.n2};
    ScatteringOptions how;
    if (q.output == "global") {
        how.output = ScatteringOutput::global;
        how.padding = Padding::periodic;
    }
    const Grid grid = padded_grid(signal, q.scales, how.padding);
    Clock::time_point start = Clock::now();
    const BankOptions options{
        .scales = q.scales, .angles = {q.wavelets}, .per_octave = {q.wavelets, 1}, .convention = Convention::kymatio};
    const FilterBank bank = q.n1 == 1 ? morlet_bank_1d(grid.n2, options) : morlet_bank_2d(grid, options);
    std::cout << seconds_since(start) << ' ';
    start = Clock::now();
    const ScatteringTransform<T> transform(*on, signal, bank, how);
    std::cout << seconds_since(start);
    const Buffer<T> x = on->allocate(signal.size() * q.batch), S = on->allocate(transform.features() * q.batch);
    on->random_normal(1, 0, 0, x.view(signal.size(), q.batch));
    transform.transform(x.view(signal.size(), q.batch), S.view(transform.features(), q.batch));
    for (int call = 0; call < q.calls; ++call) {
        start = Clock::now();
        transform.transform(x.view(signal.size(), q.batch), S.view(transform.features(), q.batch));
        std::cout << ' ' << seconds_since(start);
    }
    std::cout << std::endl;
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        Question q;
        std::istringstream words(line);
        words >> q.precision >> q.threads >> q.n1 >> q.n2 >> q.scales >> q.wavelets >> q.batch >> q.calls >> q.output;
        if (q.precision == "f32")
            answer<float>(q);
        else
            answer<double>(q);
    }
}
