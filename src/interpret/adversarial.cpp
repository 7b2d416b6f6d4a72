#include "descrambler/adversarial.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/error.hpp"

namespace descrambler {
namespace {

std::vector<double> moved(std::span<const double> raw, const Attack& attack, const std::vector<double>& direction) {
    std::vector<double> result;
    for (std::size_t i = 0; i < raw.size(); ++i) {
        const double sign = direction[i] > 0 ? 1 : direction[i] < 0 ? -1 : 0;
        result.push_back(std::clamp(raw[i] + attack.epsilon * sign, std::min(attack.low, raw[i]),
                                    std::max(attack.high, raw[i])));  // what lies outside stays
    }
    return result;
}

}  // namespace

std::vector<double> fast_gradient_sign(Backend<double>& on, const Graph& graph, std::span<const double> raw,
                                       std::span<const double> mean, std::span<const double> scale,
                                       const Attack& attack) {
    if (graph.outputs() < 2)
        throw InputError("the network: " + std::to_string(graph.outputs()) + " output, expected two classes or more");
    require(!attack.target || (*attack.target >= 0 && *attack.target < graph.outputs()), "attack: no such output");
    std::vector<double> x;
    for (std::size_t i = 0; i < raw.size(); ++i)
        x.push_back((raw[i] - mean[i]) / scale[i]);
    const FrozenNetwork<double> tangent(on, graph, x, {FreezeRule::taylor, NormRule::std});
    const std::vector<double>& y = tangent.output();
    const Index label = attack.target ? *attack.target : std::ranges::max_element(y) - y.begin();
    const double largest = std::ranges::max(y);
    double sum = 0;
    Matrix<double> gradient(graph.outputs(), 1);  // of the cross-entropy: softmax(y) - e_label
    for (Index j = 0; j < graph.outputs(); ++j)
        sum += gradient(j, 0) = std::exp(y[static_cast<std::size_t>(j)] - largest);
    for (Index j = 0; j < graph.outputs(); ++j)
        gradient(j, 0) /= sum;
    // 1 - p of a sure classifier would be 0 to rounding: the sum of the others is not
    double others = 0;
    for (Index j = 0; j < graph.outputs(); ++j)
        others += j == label ? 0 : gradient(j, 0);
    gradient(label, 0) = -others;
    std::vector<double> direction;
    const Matrix<double> image = tangent.adjoint(gradient);
    for (std::size_t i = 0; i < raw.size(); ++i)
        direction.push_back((attack.target ? -1 : 1) * image.values()[i] / scale[i]);
    return moved(raw, attack, direction);
}

std::vector<double> random_signs(Backend<double>& on, std::span<const double> raw, const Attack& attack,
                                 std::uint64_t seed) {
    const Buffer<double> numbers = on.allocate(std::ssize(raw));
    on.random_uniform(seed, 1, 0, numbers.view(std::ssize(raw), 1));
    std::vector<double> direction(raw.size());
    on.download(numbers.view(std::ssize(raw), 1), direction.data());
    for (double& number : direction)
        number = number < .5 ? -1 : 1;
    return moved(raw, attack, direction);
}

}  // namespace descrambler
