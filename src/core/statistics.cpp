#include "descrambler/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "descrambler/error.hpp"

namespace descrambler {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Spread spread_of(std::vector<double> values) {
    require(!values.empty(), "spread_of needs at least one value");
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    const double middle = values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
    return {middle, values.front(), values.back()};
}

double median_of(std::vector<double> values) {
    return values.empty() ? not_a_number : spread_of(std::move(values)).median;
}

double upper_median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<Index>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

double mean_of(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double nearest_quantile(std::vector<double> values, double q) {
    std::erase_if(values, [](double v) { return std::isnan(v); });
    if (values.empty())
        return not_a_number;
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(std::lround(q * static_cast<double>(values.size() - 1)))];
}

double lower_quantile(std::vector<double> values, double q) {
    require(!values.empty() && q >= 0 && q < 1, "quantile: values and 0 <= q < 1");
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(std::floor(q * static_cast<double>(values.size())))];
}

double relative_error(std::span<const double> found, std::span<const double> truth) {
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
        difference += (found[i] - truth[i]) * (found[i] - truth[i]);
        norm += truth[i] * truth[i];
    }
    if (norm == 0)
        return difference == 0 ? 0 : std::numeric_limits<double>::infinity();
    return std::sqrt(difference / norm);
}

std::vector<double> column_errors(const Matrix<double>& found, const Matrix<double>& truth) {
    std::vector<double> errors;
    for (Index j = 0; j < truth.cols(); ++j)
        errors.push_back(relative_error(found.column(j), truth.column(j)));
    return errors;
}

double root_mean_square(const Matrix<double>& found, const Matrix<double>& truth) {
    double sum = 0;
    for (Index e = 0; e < truth.size(); ++e)
        sum += std::pow(found.data()[e] - truth.data()[e], 2);
    return std::sqrt(sum / static_cast<double>(truth.size()));
}

std::vector<double> mean_column(const Matrix<double>& A) {
    std::vector<double> mean(static_cast<std::size_t>(A.rows()));
    for (Index j = 0; j < A.cols(); ++j)
        for (Index i = 0; i < A.rows(); ++i)
            mean[static_cast<std::size_t>(i)] += A(i, j) / static_cast<double>(A.cols());
    return mean;
}

}  // namespace descrambler
