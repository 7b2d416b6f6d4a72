#include "tour/splits.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tour/words.hpp"

namespace descrambler::tour {

namespace {

double dot(std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

SplitPicture split_picture(Backend<double>& on, const GraphCut& at, std::span<const double> x) {
    const FrozenNetwork<double> before(on, at.before, x, {}), after(on, at.after, before.output(), {});
    const LinearOperator R = operator_of(before);
    SplitPicture split;
    split.right = right_spectrum(on, R, {});
    const Index count = std::ssize(split.right.s);
    split.images = after.apply(left_vectors(on, R, split.right, count));
    for (Index k = 0; k < count; ++k)
        split.coefficients.push_back(split.right.s[static_cast<std::size_t>(k)] * dot(split.right.V.column(k), x));
    Matrix<double> latent(at.before.outputs(), 1);
    std::ranges::copy(before.residual(), latent.data());
    const Matrix<double> through = after.apply(latent);
    split.bias = after.residual();
    split.y = after.output();
    std::vector<double> difference(split.y.size());
    for (std::size_t i = 0; i < split.y.size(); ++i) {
        split.bias[i] += through.values()[i];
        difference[i] = split.bias[i] - split.y[i];
        for (Index k = 0; k < count; ++k)
            difference[i] += split.coefficients[static_cast<std::size_t>(k)] * split.images(static_cast<Index>(i), k);
    }
    const double size = norm(split.y) + norm(split.bias);
    split.error = size > 0 ? norm(difference) / size : 0;
    return split;
}

SplitOutput split_output(Backend<double>& on, const GraphCut& at, std::span<const double> x, Index output,
                         const SplitOptions& options) {
    const FrozenNetwork<double> before(on, at.before, x, {}), after(on, at.after, before.output(), {});
    const LinearOperator R = operator_of(before);
    SplitOutput split;
    split.right = right_spectrum(on, R, options);
    Matrix<double> unit(after.outputs(), 1);
    unit(output, 0) = 1;
    const Matrix<double> L = operator_of(after).adjoint(on, unit), row = R.adjoint(on, L);
    const Parts<double> parts = before.parts();
    const auto j = static_cast<std::size_t>(output);
    split.terms = split_terms(split.right, x, row.column(0), dot(L.column(0), parts.linear),
                              after.residual()[j] + dot(L.column(0), parts.residual), after.output()[j]);
    split.reduced = reduce_cancellation(tell_apart(split.right, split.terms, std::ssize(split.right.s), 0).all());
    return split;
}

double energy_share(std::span<const double> s, Index count) {
    const double all = dot(s, s);
    const auto first = s.first(static_cast<std::size_t>(std::min(count, std::ssize(s))));
    return all > 0 ? dot(first, first) / all : 0;
}

double decay(std::span<const double> s, Index k) {
    return k < std::ssize(s) && s[0] > 0 ? s[static_cast<std::size_t>(k)] / s[0] : 0;
}

Picture grey_picture(std::span<const double> map, Index height, Index width, double low, double high) {
    require(std::ssize(map) == height * width, "grey_picture: as many numbers as pixels");
    Picture picture{height, width, 1, {}};
    for (const double number : map)
        picture.values.push_back(high > low ? std::clamp((number - low) / (high - low), 0.0, 1.0) * 255 : 0);
    return picture;
}

Plate grey_plate(const std::string& name, std::span<const double> map, Index height, Index width,
                 const std::string& caption) {
    Plate plate{name, grey_picture(map, height, width, 0, largest(map)), caption, caption};
    plate.width = 160;
    return plate;
}

Plate signed_plate(const std::string& name, const std::vector<double>& map, Index height, Index width,
                   const std::string& caption) {
    const double scale = largest(map);
    Plate plate{name, map_picture(map, height, width, scale > 0 ? scale : 1),
                caption + " (up to " + digits(scale, 2) + ")", caption};
    plate.width = 160;
    return plate;
}

}  // namespace descrambler::tour
