// Resize and Upsample: sparse rows, the product of one interpolation an axis, by the formulas of the operator's definition.
#include <algorithm>
#include <cmath>

#include "graph/import.hpp"

namespace descrambler {
namespace {

struct Axis {
    Index in = 1, out = 1;
    double scale = 1, from = 0, to = 1;  // from, to: of the region of interest
};
struct Options {
    std::string mode, coordinates, nearest;
    double cubic = -.75, fill = 0;
    bool exclude = false, antialias = false;
};
struct Entry {
    Index place;
    double weight;
};

// The place of the input that a place of the output comes from.
template <class Real>
Real original(const Options& o, const Axis& a, Index place) {
    const auto x = static_cast<Real>(place), in = static_cast<Real>(a.in), out = static_cast<Real>(a.out),
               scale = static_cast<Real>(a.scale), half = Real(.5);
    if (o.coordinates == "half_pixel")
        return (x + half) / scale - half;
    if (o.coordinates == "half_pixel_symmetric") {
        const Real adjusted = out / (scale * in), centre = in / 2;
        return centre * (1 - adjusted) + (x + half) / scale - half;
    }
    if (o.coordinates == "pytorch_half_pixel")
        return a.out > 1 ? (x + half) / scale - half : 0;
    if (o.coordinates == "align_corners")
        return a.out > 1 ? x * (in - 1) / (out - 1) : 0;
    if (o.coordinates == "asymmetric")
        return x / scale;
    if (o.coordinates == "tf_half_pixel_for_nn")
        return (x + half) / scale;
    const auto from = static_cast<Real>(a.from), to = static_cast<Real>(a.to);
    return a.out > 1 ? from * (in - 1) + x * (to - from) * (in - 1) / (out - 1)  // tf_crop_and_resize
                     : half * (from + to) * (in - 1);
}

Index nearest(const Options& o, double x) {
    if (o.nearest == "floor")
        return static_cast<Index>(std::floor(x));
    if (o.nearest == "ceil")
        return static_cast<Index>(std::ceil(x));
    return static_cast<Index>(o.nearest == "round_prefer_ceil" ? std::floor(x + .5) : std::ceil(x - .5));
}

double kernel(const Options& o, double t) {
    t = std::abs(t);
    if (o.mode == "linear")
        return std::max(0.0, 1 - t);
    const double a = o.cubic;
    if (t < 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

// Weights of the places of one axis for one place of the output; none: outside, the fill value.
std::vector<Entry> entries(const Options& o, const Axis& a, Index place) {
    // where a digit decides, in single precision, as the runtimes of such files have it: 3 over 1/3 is 9 there
    const float decides = original<float>(o, a, place);
    if (o.coordinates == "tf_crop_and_resize" && (decides < 0 || decides > static_cast<float>(a.in - 1)))
        return {};
    const double x = o.mode == "nearest" ? static_cast<double>(decides) : original<double>(o, a, place);
    const auto inside = [&](Index at) { return std::clamp<Index>(at, 0, a.in - 1); };
    if (o.mode == "nearest")
        return {{inside(nearest(o, x)), 1}};
    // an antialiased kernel is as wide as the pixels of the output
    const double stretch = o.antialias ? std::min(1.0, a.scale) : 1;
    const double reach = (o.mode == "linear" ? 1 : 2) / stretch;
    const auto first = static_cast<Index>(std::floor(x - reach)) + 1,
               last = static_cast<Index>(std::ceil(x + reach)) - 1;
    std::vector<Entry> result;
    double sum = 0;
    for (Index at = first; at <= last; ++at) {
        const double weight = kernel(o, (static_cast<double>(at) - x) * stretch);
        if (weight == 0 || (o.exclude && at != inside(at)))
            continue;
        result.push_back({inside(at), weight});
        sum += weight;
    }
    if (result.empty())
        return {{inside(static_cast<Index>(std::lround(x))), 1}};
    if (o.exclude || o.antialias)
        for (Entry& entry : result)
            entry.weight /= sum;
    return result;
}

Operand interpolated(Import& import, const Operand& x, const std::vector<Axis>& axes, const Options& o) {
    Shape shape;
    std::vector<std::vector<std::vector<Entry>>> of(axes.size());
    for (const Axis& axis : axes)
        shape.push_back(axis.out);
    (void)limited(shape);
    for (std::size_t i = 0; i < axes.size(); ++i) {
        for (Index place = 0; place < axes[i].out; ++place)
            of[i].push_back(axes[i].in == axes[i].out && axes[i].scale == 1 && o.coordinates != "tf_crop_and_resize"
                                ? std::vector<Entry>{{place, 1}}
                                : entries(o, axes[i], place));
    }
    const std::vector<Index> strides = strides_of(x.shape);
    Sparse map;
    map.fill = o.fill;
    map.starts.push_back(0);
    // the entries of the axes before `axis` at one place, times those of the others at all places
    const auto extend = [&](const auto& self, std::size_t axis, const std::vector<Entry>& row) -> void {
        if (axis == axes.size()) {
            for (const Entry& entry : row) {
                map.index.push_back(static_cast<std::uint32_t>(entry.place));
                map.weight.push_back(entry.weight);
            }
            map.starts.push_back(static_cast<std::uint32_t>(map.index.size()));
            return;
        }
        std::vector<Entry> wider;
        for (const std::vector<Entry>& place : of[axis]) {
            wider.clear();
            for (const Entry& outer : row)
                for (const Entry& inner : place)
                    wider.push_back({outer.place + inner.place * strides[axis], outer.weight * inner.weight});
            self(self, axis + 1, wider);
        }
    };
    extend(extend, 0, {{0, 1}});
    const bool copies =
        std::ranges::all_of(map.weight, [](double weight) { return weight == 1; }) &&
        std::ranges::adjacent_find(map.starts, [](auto a, auto b) { return b != a + 1; }) == map.starts.end();
    if (copies)  // of one place each
        return import.add(Move{std::move(map.index), 0}, {x}, shape);
    return import.add(std::move(map), {x}, shape);
}

// Extents from scales or sizes, of all axes or of those that are named.
std::vector<Axis> axes_of(Import& import, const Operand& x, const std::vector<double>& scales,
                          const std::vector<Index>& sizes, const std::vector<double>& roi) {
    const std::size_t rank = x.shape.size();
    if (volume(x.shape) == 0)
        import.refuse("an input of shape " + to_string(x.shape));
    for (const double number : scales)
        if (!(number > 0 && number < 0x1p31))
            import.refuse("a scale of " + digits(number));
    for (const Index size : sizes)
        if (size < 1 || size > (Index{1} << 31))
            import.refuse("a size of " + std::to_string(size));
    std::vector<Index> named;
    if (const auto given = import.list("axes"))
        for (const Index a : *given)
            named.push_back(import.axis(a, static_cast<Index>(rank)));
    else
        for (std::size_t i = 0; i < rank; ++i)
            named.push_back(static_cast<Index>(i));
    const std::string policy = import.text("keep_aspect_ratio_policy", "stretch");
    if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
        import.refuse("attribute keep_aspect_ratio_policy: " + policy + " is not known");
    if ((scales.empty() ? sizes.size() : scales.size()) != named.size())
        import.refuse("as many scales or sizes as axes were expected");
    std::vector<Axis> axes;
    for (const Index extent : x.shape)
        axes.push_back({extent, extent, 1, 0, 1});
    if (!roi.empty() &&
        (roi.size() != 2 * named.size() || std::ranges::any_of(roi, [](double r) { return !(std::abs(r) < 1e6); })))
        import.refuse("a region of interest that is none");
    double common = 0;
    for (std::size_t i = 0; i < sizes.size() && scales.empty(); ++i) {
        const double own =
            static_cast<double>(sizes[i]) / static_cast<double>(x.shape[static_cast<std::size_t>(named[i])]);
        common = i == 0 ? own : policy == "not_larger" ? std::min(common, own) : std::max(common, own);
    }
    for (std::size_t i = 0; i < named.size(); ++i) {
        Axis& axis = axes[static_cast<std::size_t>(named[i])];
        const auto extent = static_cast<double>(axis.in);
        if (!scales.empty()) {
            axis.scale = scales[i];
            // in single precision, as the runtimes of such files have it: 10 times 0.7f are 7
            const float product = static_cast<float>(extent) * static_cast<float>(axis.scale);
            axis.out = product < 0x1p31f ? static_cast<Index>(std::floor(product)) : -1;
        } else if (policy == "stretch") {
            axis.out = sizes[i];
            axis.scale = static_cast<double>(sizes[i]) / extent;
        } else {
            axis.scale = common;
            axis.out = static_cast<Index>(std::floor(extent * common + .5));
        }
        if (!roi.empty()) {
            axis.from = roi[i];
            axis.to = roi[i + named.size()];
        }
        if (axis.out < 1)
            import.refuse("an output without extent on axis " + std::to_string(named[i]));
    }
    return axes;
}

void lower_resize(Import& import) {
    const Operand x = import.in(0);
    const bool early = import.opset() < 11;  // Resize 10: inputs x, scales; coordinates asymmetric, floor
    Options o{import.text("mode", "nearest"),
              early ? "asymmetric" : import.text("coordinate_transformation_mode", "half_pixel"),
              early ? "floor" : import.text("nearest_mode", "round_prefer_floor"),
              import.real("cubic_coeff_a", -.75),
              import.real("extrapolation_value", 0),
              import.integer("exclude_outside", 0) != 0,
              import.integer("antialias", 0) != 0};
    if (o.mode != "nearest" && o.mode != "linear" && o.mode != "cubic")
        import.refuse("attribute mode: expected nearest, linear or cubic, found " + o.mode);
    constexpr const char* known[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                     "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
    if (std::ranges::find(known, o.coordinates) == std::end(known))
        import.refuse("attribute coordinate_transformation_mode: " + o.coordinates + " is not known");
    constexpr const char* rounding[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    if (std::ranges::find(rounding, o.nearest) == std::end(rounding))
        import.refuse("attribute nearest_mode: " + o.nearest + " is not known");
    const std::size_t scales_at = early ? 1 : 2;
    std::vector<double> scales, roi;
    std::vector<Index> sizes;
    if (import.has(scales_at))
        scales = import.constant(scales_at).as<double>();
    if (!early && import.has(3) && scales.empty())
        sizes = import.numbers(3);
    if (!early && import.has(1) && o.coordinates == "tf_crop_and_resize")
        roi = import.constant(1).as<double>();
    import.out(interpolated(import, x, axes_of(import, x, scales, sizes, roi), o));
}

void lower_upsample(Import& import) {
    const Operand x = import.in(0);
    Options o{import.text("mode", "nearest"), "asymmetric", "floor"};
    if (o.mode != "nearest" && o.mode != "linear" && o.mode != "bilinear")
        import.refuse("attribute mode: expected nearest or linear, found " + o.mode);
    o.mode = o.mode == "nearest" ? "nearest" : "linear";
    std::vector<double> scales;
    if (import.opset() >= 9)
        scales = import.constant(1).as<double>();
    else if (const auto* numbers = import.attribute<std::vector<float>>("scales"))
        scales.assign(numbers->begin(), numbers->end());
    import.out(interpolated(import, x, axes_of(import, x, scales, {}, {}), o));
}

}  // namespace

std::span<const OperatorEntry> resize_operators() {
    static constexpr OperatorEntry table[] = {{"Resize", 10, lower_resize}, {"Upsample", 7, lower_upsample}};
    return table;
}

}  // namespace descrambler
