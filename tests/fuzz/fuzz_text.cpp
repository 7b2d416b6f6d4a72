// Traces in text.
#include <cmath>

#include "descrambler/traces.hpp"
#include "target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace descrambler;
    static const fuzz::Scratch file("a.dat");
    file.put({reinterpret_cast<const char*>(data), size});
    fuzz::accept_or_refuse([&] {
        const Trace trace = read_trace(file.path());
        fuzz::expect(trace.time_us.size() >= 8 && trace.time_us.size() == trace.signal.size());
        for (std::size_t i = 0; i < trace.time_us.size(); ++i)
            fuzz::expect(std::isfinite(trace.time_us[i]) && std::isfinite(std::abs(trace.signal[i].real())) &&
                         (i == 0 || trace.time_us[i] > trace.time_us[i - 1]));
    });
    return 0;
}
