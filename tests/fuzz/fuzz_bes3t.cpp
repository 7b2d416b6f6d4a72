// Bruker BES3T: descriptor, data and, if there is a third part, axis, with two bytes 0x00 0xff between them.
#include <cmath>

#include "descrambler/traces.hpp"
#include "target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace descrambler;
    static const fuzz::Scratch file("a.DSC");
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const std::string_view between("\0\xff", 2);
    const char* const suffixes[] = {".DSC", ".DTA", ".XGF"};
    for (const char* suffix : suffixes) {
        std::filesystem::path path = file.path();
        if (rest.data() == nullptr) {
            std::filesystem::remove(path.replace_extension(suffix));
            continue;
        }
        const std::size_t end = rest.find(between);
        file.put(rest.substr(0, end), suffix);
        rest = end == rest.npos ? std::string_view() : rest.substr(end + between.size());
    }
    fuzz::accept_or_refuse([&] {
        const Trace trace = read_trace(file.path());
        fuzz::expect(trace.time_us.size() >= 8 && trace.time_us.size() == trace.signal.size());
        for (std::size_t i = 1; i < trace.time_us.size(); ++i)
            fuzz::expect(trace.time_us[i] > trace.time_us[i - 1]);
    });
    return 0;
}
