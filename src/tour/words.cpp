#include "tour/words.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/statistics.hpp"

namespace descrambler::tour {

std::string text(double value, int digits) {
    return number_text(value, digits);
}

std::string percent(double share) {
    return number_text(100 * share, 3) + " %";
}

double deviation(std::span<const double> values) {
    if (values.size() < 2)
        return 0;
    const double mean = mean_of(values);
    double sum = 0;
    for (const double value : values)
        sum += (value - mean) * (value - mean);
    return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

std::string mean_and_deviation(std::span<const double> values) {
    return text(mean_of(values)) + " ± " + text(deviation(values), 2);
}

double largest(std::span<const double> values) {
    double result = 0;
    for (const double value : values)
        result = std::max(result, std::abs(value));
    return result;
}

double norm(std::span<const double> values) {
    double sum = 0;
    for (const double value : values)
        sum += value * value;
    return std::sqrt(sum);
}

double colour_range(std::span<const double> map) {
    std::vector<double> sizes;
    for (const double value : map)
        sizes.push_back(std::abs(value));
    const double range = sizes.empty() ? 0 : nearest_quantile(std::move(sizes), .99);
    return range > 0 ? range : std::max(largest(map), 1e-300);
}

Curve band(const std::vector<std::vector<double>>& items, const std::string& label, const std::string& colour,
           int dash) {
    Curve curve;
    curve.label = label;
    curve.colour = colour;
    curve.dash = dash;
    for (std::size_t i = 0; i < items.front().size(); ++i) {
        std::vector<double> values;
        for (const std::vector<double>& item : items)
            values.push_back(item[i]);
        const double mean = mean_of(values), spread = deviation(values);
        curve.x.push_back(static_cast<double>(i));
        curve.y.push_back(mean);
        curve.lower.push_back(mean - spread);
        curve.upper.push_back(mean + spread);
    }
    return curve;
}

}  // namespace descrambler::tour
