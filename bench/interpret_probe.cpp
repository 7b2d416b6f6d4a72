// What rows, columns and singular values of a frozen network take, for bench/peers/interpret_torch.py to set beside others:
//   descrambler_interpret_probe NET.onnx X.npy f32|f64 QUESTION COUNT [WANTED [NAME=FILE.npy ...]]
// QUESTION: record, rows (whole probes), window_rows, columns, window_columns, one_probe (F x0), svd. One line of JSON for
// each line on standard input, so that two programs can take turns: seconds of COUNT probes (of WANTED triplets), the
// record apart.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "descrambler/frozen.hpp"
#include "descrambler/lanczos.hpp"
#include "descrambler/npy.hpp"

namespace {

using namespace descrambler;

template <class T>
Matrix<T> units(Index size, const std::vector<Index>& places) {
    Matrix<T> result(size, std::ssize(places));
    for (Index k = 0; k < result.cols(); ++k)
        result(places[static_cast<std::size_t>(k)], k) = 1;
    return result;
}

// Neighbours in the middle.
std::vector<Index> places(Index size, Index count) {
    std::vector<Index> result;
    for (Index k = 0; k < count; ++k)
        result.push_back((size / 2 + k) % size);
    return result;
}

template <class T>
int run(const Graph& graph, const std::vector<double>& x0, const std::string& question, Index count, int wanted) {
    const auto on = make_cpu_backend<T>(1);
    const auto exact = make_cpu_backend<double>(1);
    const FrozenNetwork<T> frozen(*on, *exact, graph, x0, {});
    const std::vector<Index> rows = places(frozen.outputs(), count), columns = places(frozen.inputs(), count);
    const Matrix<T> U = units<T>(frozen.outputs(), rows), V = units<T>(frozen.inputs(), columns);
    Matrix<T> at_x0(frozen.inputs(), 1);
    std::ranges::transform(x0, at_x0.data(), [](double number) { return static_cast<T>(number); });
    for (std::string line; std::getline(std::cin, line);) {
        double check = 0;
        Index pairs = 0;
        const auto add = [&check](const Matrix<T>& result) {
            for (const T number : result.values())
                check += static_cast<double>(number) * static_cast<double>(number);
        };
        const auto start = std::chrono::steady_clock::now();
        if (question == "record") {
            check = static_cast<double>(FrozenNetwork<T>(*on, *exact, graph, x0, {}).recorded_bytes());
        } else if (question == "rows") {
            add(frozen.adjoint(U));
        } else if (question == "window_rows") {
            add(frozen.rows(rows));
        } else if (question == "columns") {
            add(frozen.apply(V));
        } else if (question == "one_probe") {
            add(frozen.apply(at_x0));
        } else if (question == "window_columns") {
            add(frozen.columns(columns));
        } else if (question == "svd") {
            LanczosOptions options;
            options.wanted = wanted;
            const LanczosSvd svd = lanczos_svd(*exact, operator_of(frozen), options);
            check = svd.s.front();
            pairs = svd.pairs;
        } else {
            std::fprintf(stderr, "unknown question %s\n", question.c_str());
            return 2;
        }
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        std::cout << nlohmann::json{{"seconds", seconds}, {"check", check}, {"pairs", pairs}}.dump() << std::endl;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 6) {
        std::fprintf(stderr, "usage: descrambler_interpret_probe NET.onnx X.npy f32|f64 QUESTION COUNT [WANTED]\n");
        return 2;
    }
    try {
        set_up_blas();
        const Tensor x = read_npy_tensor(argv[2]);
        const OnnxModel model = read_onnx(argv[1]);
        ImportOptions options;
        for (int i = 7; i < argc; ++i) {
            const std::string text = argv[i];
            options.set[text.substr(0, text.find('='))] = read_npy_tensor(text.substr(text.find('=') + 1));
        }
        for (const OnnxValue& input : model.graph.inputs)
            if (!options.set.contains(input.name))
                options.shapes[input.name] = x.shape;
        const Graph graph = import_onnx(model, options);
        const std::vector<double> x0 = x.as<double>();
        const Index count = std::atoll(argv[5]);
        const int wanted = argc > 6 ? std::atoi(argv[6]) : 10;
        return std::string(argv[3]) == "f32" ? run<float>(graph, x0, argv[4], count, wanted)
                                             : run<double>(graph, x0, argv[4], count, wanted);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
