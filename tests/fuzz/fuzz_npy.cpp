// NumPy files.
#include "descrambler/npy.hpp"
#include "target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace descrambler;
    static const fuzz::Scratch file("a.npy");
    file.put({reinterpret_cast<const char*>(data), size});
    fuzz::accept_or_refuse([&] {
        const Matrix<double> read = read_npy(file.path());
        fuzz::expect(static_cast<std::size_t>(read.size()) <= size / 4);  // no value that is not in the file
    });
    return 0;
}
