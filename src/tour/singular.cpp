#include "tour/singular.hpp"

#include <algorithm>

namespace descrambler::tour {

MeanMeasures mean_measures(Backend<double>& on, const Matrix<double>& vectors, const ImageShape& shape) {
    MeanMeasures result;
    const auto share = 1 / static_cast<double>(std::max<Index>(1, vectors.cols()));
    for (Index k = 0; k < vectors.cols(); ++k) {
        const MapMeasures m = measure(on, vectors.column(k), shape);
        result.participation += share * m.participation;
        result.frequency += share * m.frequency;
        result.bandwidth += share * m.bandwidth;
        result.orientation += share * m.orientation;
        result.constant += share * m.constant;
        result.each_participation.push_back(m.participation);
    }
    return result;
}

LanczosSvd leading_triplets(Backend<double>& on, const FrozenNetwork<double>& frozen, int wanted, double tolerance,
                            std::uint64_t seed) {
    LanczosOptions options;
    options.wanted = wanted;
    options.tolerance = tolerance;
    options.seed = seed;
    return lanczos_svd(on, operator_of(frozen), options);
}

Picture signed_picture(std::span<const double> map, const ImageShape& shape, double range) {
    Picture picture{shape.height, shape.width, shape.channels == 3 ? Index{3} : Index{1}, {}};
    for (Index i = 0; i < shape.height; ++i)
        for (Index j = 0; j < shape.width; ++j)
            for (Index c = 0; c < picture.channels; ++c)
                picture.values.push_back(
                    std::clamp(128 + 127 * map[static_cast<std::size_t>(shape.at(c, i, j))] / std::max(range, 1e-300),
                               0.0, 255.0));
    return picture;
}

}  // namespace descrambler::tour
