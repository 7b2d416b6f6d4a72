// The test cases of the ONNX project (tests/graph/conformance.txt says which, and what each must show).
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "descrambler/frozen.hpp"
#include "descrambler/graph.hpp"
#include "graph/scope.hpp"

namespace descrambler {
namespace {

using namespace test;

struct Case {
    std::string kind, set, name, reason;
    [[nodiscard]] std::filesystem::path folder() const {
        return std::filesystem::path(DESCRAMBLER_ONNX_CASES) / set / name;
    }
};

std::vector<Case> cases(const std::string& kind) {
    std::ifstream file(std::filesystem::path(DESCRAMBLER_SOURCE) / "tests/graph/conformance.txt");
    std::vector<Case> found;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        Case one;
        words >> one.kind >> one.set >> one.name;
        std::getline(words >> std::ws, one.reason);
        if (one.kind == kind)
            found.push_back(one);
    }
    return found;
}

// Inputs of the model with their values, and the values that it must give.
struct Loaded {
    OnnxModel model;
    std::map<std::string, Tensor> inputs;
    Tensor output;
};
Loaded load(const Case& one) {
    Loaded result{read_onnx(one.folder() / "model.onnx"), {}, {}};
    for (std::size_t i = 0; i < result.model.graph.inputs.size(); ++i) {
        const auto file = one.folder() / "test_data_set_0" / ("input_" + std::to_string(i) + ".pb");
        if (std::filesystem::exists(file))
            result.inputs[result.model.graph.inputs[i].name] = read_onnx_tensor(file);
    }
    result.output = read_onnx_tensor(one.folder() / "test_data_set_0" / "output_0.pb");
    return result;
}

double difference(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.size() != b.size())
        return std::numeric_limits<double>::infinity();
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!(a[i] == b[i]))
            worst = std::max(worst, std::isnan(a[i] - b[i]) ? 1e300 : std::abs(a[i] - b[i]));
    return worst;
}

// Inputs that say how an operator works: they are constants in networks.
bool is_parameter(const Loaded& loaded, const std::string& name) {
    const OnnxNode& node = loaded.model.graph.nodes.front();
    const auto place = std::ranges::find(node.inputs, name) - node.inputs.begin();
    return place > 0 && (node.op == "Resize" || node.op == "Upsample" || node.op == "Pad" || node.op == "Dropout");
}

std::string fold_failure(const Case& one);

bool finite(const Tensor& tensor) {
    return std::ranges::all_of(tensor.as<double>(), [](double number) { return std::isfinite(number); });
}
template <class F>
std::string refusal(const F& f, const char* words) {
    try {
        f();
    } catch (const InputError& error) {
        return std::string(error.what()).find(words) != std::string::npos ? "" : error.what();
    }
    return "accepted";
}

// One line a failure, with its stage.
std::string failure(const Case& one) {
    std::string stage = "read";
    try {
        const Loaded loaded = load(one);
        const double tolerance = 1e-5 * std::max(1.0, largest(loaded.output.as<double>()));  // values stored in float32
        int tried = 0;
        for (const auto& [name, value] : loaded.inputs) {
            if (!is_real(value.type) || value.size() == 0 || is_parameter(loaded, name))
                continue;
            ++tried;
            for (const FreezeOptions options : {FreezeOptions{FreezeRule::frozen, NormRule::std},
                                                FreezeOptions{FreezeRule::frozen, NormRule::mean_std},
                                                FreezeOptions{FreezeRule::taylor, NormRule::none}}) {
                const std::string where = " of input " + name + ", " + std::string(to_string(options.rule));
                stage = "import" + where;
                ImportOptions import;
                import.set = loaded.inputs;
                import.set.erase(name);
                import.input = name;
                import.shapes[name] = value.shape;
                import.logits = false;
                import.output = loaded.model.graph.outputs[0].name;
                const Graph graph = import_onnx(loaded.model, import);
                if (graph.output_shape != loaded.output.shape)
                    return stage + ": shape " + to_string(graph.output_shape) + ", expected " +
                           to_string(loaded.output.shape);
                stage = "record" + where;
                const auto on = make_cpu_backend<double>(1);
                const std::vector<double> x0 = value.as<double>();
                if (!finite(loaded.output))  // the roots of negative numbers in one case: nothing to explain
                    return refusal([&] { FrozenNetwork<double>(*on, graph, x0, options); }, "is not finite");
                const FrozenNetwork<double> frozen(*on, graph, x0, options);
                const double off = difference(frozen.output(), loaded.output.as<double>());
                if (!(off <= tolerance))
                    return "value" + where + ": off by " + digits(off);
                stage = "probes" + where;
                const ScopeErrors errors = scope_errors(frozen, x0);
                if (!(errors.identity <= 1e-12))
                    return "identity" + where + ": " + digits(errors.identity);
                if (!(errors.adjoint <= 1e-12))
                    return "dot test" + where + ": " + digits(errors.adjoint);
                if (errors.windows != 0)
                    return "windows" + where + ": " + digits(errors.windows);
                if (!(errors.conservation <= 1e-12))
                    return "conservation" + where + ": " + digits(errors.conservation);
                stage = "facts" + where;
                if (const std::string wrong = facts_error(graph, options, frozen); !wrong.empty())
                    return "facts" + where + ": " + wrong;
            }
        }
        return tried > 0 ? "" : fold_failure(one);
    } catch (const std::exception& error) {
        return stage + ": " + error.what();
    }
}

std::string fold_failure(const Case& one) {
    try {
        const Loaded loaded = load(one);
        ImportOptions import;
        import.set = loaded.inputs;
        const auto found = evaluate_onnx(loaded.model, import);
        const Tensor& y = found.at(loaded.model.graph.outputs[0].name);
        if (y.shape != loaded.output.shape)
            return "shape " + to_string(y.shape) + ", expected " + to_string(loaded.output.shape);
        const double off = difference(y.as<double>(), loaded.output.as<double>());
        return off <= 1e-6 * std::max(1.0, largest(loaded.output.as<double>())) ? "" : "value off by " + digits(off);
    } catch (const std::exception& error) {
        return error.what();
    }
}

bool absent() {
    return !std::filesystem::exists(DESCRAMBLER_ONNX_CASES);
}
std::string no_cases() {
    return std::string("no ") + DESCRAMBLER_ONNX_CASES + " (Debian: libonnx-testdata)";
}

TEST(Conformance, ValuesScopesAndAdjoints) {
    if (absent())
        GTEST_SKIP() << no_cases();
    int good = 0;
    for (const Case& one : cases("scope")) {
        const std::string what = failure(one);
        EXPECT_EQ(what, "") << one.set << "/" << one.name;
        good += what.empty() ? 1 : 0;
    }
    RecordProperty("cases", good);
    std::printf("%d cases\n", good);
}

TEST(Conformance, ConstantsFold) {
    if (absent())
        GTEST_SKIP() << no_cases();
    for (const Case& one : cases("fold"))
        EXPECT_EQ(fold_failure(one), "") << one.name;
}

TEST(Conformance, TheRestIsRefusedByName) {
    if (absent())
        GTEST_SKIP() << no_cases();
    for (const Case& one : cases("refuse")) {
        const std::string scope = failure(one), fold = fold_failure(one);
        EXPECT_NE(scope, "") << one.name;
        EXPECT_NE(fold, "") << one.name << ": " << one.reason;
    }
}

}  // namespace
}  // namespace descrambler
