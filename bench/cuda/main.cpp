// Benchmarks of the CUDA backend beside compositions of the vendor's libraries:
//   descrambler_bench_cuda [--out FILE] [--device cuda:N] [--filter TEXT] [--quick] [--samples N]
// Writes one JSON document in the schema of docs/benchmarks.md.
#include <cstdio>
#include <cstdlib>

#include "bench_cuda.hpp"
#include "descrambler/files.hpp"

namespace {

int usage(const std::string& wrong) {
    std::fprintf(stderr,
                 "%s\nusage: descrambler_bench_cuda [--out FILE] [--device cuda:N] [--filter TEXT] [--quick] "
                 "[--samples N]\n",
                 wrong.c_str());
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace descrambler;
    bench::Options options;
    std::string out;
    for (int i = 1; i < argc; ++i) {
        const std::string name = argv[i];
        if (name == "--quick") {
            options.quick = true;
            continue;
        }
        if (i + 1 == argc)
            return usage("'" + name + "' is no option, or lacks its value");
        const std::string value = argv[++i];
        if (name == "--out")
            out = value;
        else if (name == "--filter")
            options.filter = value;
        else if (name == "--samples" && std::atoi(value.c_str()) > 0)
            options.samples = std::atoi(value.c_str());
        else if (name == "--device" && value.starts_with("cuda:") && value.size() > 5 &&
                 value.find_first_not_of("0123456789", 5) == std::string::npos)
            options.device = std::atoi(value.c_str() + 5);
        else
            return usage("'" + name + " " + value + "' is no option");
    }
    try {
        if (!out.empty())
            check_output(out);
        bench::Session session(options);
        bench::bench_cayley(session);
        bench::bench_blas(session);
        bench::bench_factor(session);
        bench::bench_descramble(session);
        bench::bench_mlp(session);
        bench::bench_deer(session);
        bench::bench_randomized_svd(session);
        bench::bench_convolution(session);
        const std::string text = session.document().dump(2) + "\n";
        if (out.empty())
            std::fputs(text.c_str(), stdout);
        else
            write_file(out, text);
        return session.failed() ? 1 : 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
