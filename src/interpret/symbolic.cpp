#include "descrambler/symbolic.hpp"

#include <algorithm>
#include <cmath>

#include "descrambler/error.hpp"

namespace descrambler {
namespace {

std::size_t at(Index i) {
    return static_cast<std::size_t>(i);
}
void check_sizes(std::span<const double> a, const PixelLayout& layout) {
    require(std::ssize(a) == layout.features * layout.pixels, "a vector of another size than its layout");
}
double number(std::span<const double> a, const PixelLayout& layout, Index feature, Index pixel) {
    return a[at(layout.features_last ? pixel * layout.features + feature : feature * layout.pixels + pixel)];
}
double factor_of(const RightSpectrum& spectrum, const SplitTerms& terms, Index k) {
    return terms.psi[at(k)] * spectrum.s[at(k)];
}
std::string signed_number(double value, bool first, int significant) {
    const std::string size = digits(std::abs(value), significant);
    return first ? (value < 0 ? "-" : "") + size : (value < 0 ? " - " : " + ") + size;
}

}  // namespace

std::vector<double> contract(std::span<const double> a, std::span<const double> x, const PixelLayout& layout) {
    check_sizes(a, layout);
    check_sizes(x, layout);
    std::vector<double> map(at(layout.pixels));
    for (Index i = 0; i < std::ssize(a); ++i)
        map[at(layout.pixel_of(i))] += a[at(i)] * x[at(i)];
    return map;
}

std::vector<double> feature_mean(std::span<const double> a, const PixelLayout& layout) {
    check_sizes(a, layout);
    std::vector<double> map(at(layout.pixels));
    for (Index i = 0; i < std::ssize(a); ++i)
        map[at(layout.pixel_of(i))] += a[at(i)] / static_cast<double>(layout.features);
    return map;
}

std::vector<double> without_negatives(std::vector<double> map) {
    for (double& value : map)
        value = std::max(value, 0.0);
    return map;
}

std::string SymbolicForm::text(int significant) const {
    std::string result;
    for (const SymbolicTerm& term : terms) {
        result += signed_number(term.guarded ? term.uniform : term.factor, result.empty(), significant);
        if (!term.guarded)
            result += term.index == rest_term ? " c_rest[p]" : " c" + std::to_string(term.index) + "[p]";
    }
    return result + signed_number(constant, result.empty(), significant);
}

namespace {

SymbolicForm begun(const SplitTerms& terms, const ToldApart& apart, Index pixels) {
    SymbolicForm form{{}, {}, terms.bias / static_cast<double>(pixels), pixels};
    for (const Term& term : apart.pruned.terms)
        form.apart.push_back(term.index);
    return form;
}

}  // namespace

SymbolicForm symbolic_form(const RightSpectrum& spectrum, const SplitTerms& terms, const ToldApart& apart,
                           Index pixels) {
    SymbolicForm form = begun(terms, apart, pixels);
    for (const Index k : form.apart)
        form.terms.push_back({k, factor_of(spectrum, terms, k), 0, false});
    if (apart.closes)
        form.terms.push_back({rest_term, 1, 0, false});
    return form;
}

SymbolicForm symbolic_form(const Reduction& reduced, const SplitTerms& terms, const ToldApart& apart, double norm_x,
                           Index pixels, double guard) {
    SymbolicForm form = begun(terms, apart, pixels);
    for (const Term& term : reduced.terms) {
        const bool rest = term.index == rest_term;
        const double over = rest ? apart.closing : terms.projection[at(term.index)];
        if (std::abs(over) <= guard * (rest ? terms.size : norm_x))
            form.terms.push_back({term.index, 0, term.value / static_cast<double>(pixels), true});
        else
            form.terms.push_back({term.index, term.value / over, 0, false});
    }
    return form;
}

std::vector<double> rest_map(const SymbolicForm& form, const RightSpectrum& spectrum, const SplitTerms& terms,
                             std::span<const double> x, std::span<const double> row, const PixelLayout& layout) {
    std::vector<double> left(row.begin(), row.end());
    for (const Index k : form.apart)
        for (Index i = 0; i < std::ssize(left); ++i)
            left[at(i)] -= factor_of(spectrum, terms, k) * spectrum.V(i, k);
    return contract(left, x, layout);
}

std::vector<double> evaluate(const SymbolicForm& form, const RightSpectrum& spectrum, const SplitTerms& terms,
                             std::span<const double> x, std::span<const double> row, const PixelLayout& layout) {
    require(form.pixels == layout.pixels, "evaluate: a form of another number of pixels");
    std::vector<double> map(at(layout.pixels), form.constant);
    for (const SymbolicTerm& term : form.terms) {
        if (term.guarded) {
            for (double& value : map)
                value += term.uniform;
            continue;
        }
        const std::vector<double> part = term.index == rest_term ? rest_map(form, spectrum, terms, x, row, layout)
                                                                 : contract(spectrum.V.column(term.index), x, layout);
        for (std::size_t p = 0; p < map.size(); ++p)
            map[p] += term.factor * part[p];
    }
    return map;
}

Mirrored mirror_symmetry(std::span<const double> a, const PixelLayout& layout, Index width) {
    check_sizes(a, layout);
    const Index height = layout.pixels / width;
    double across = 0, down = 0, squares = 0;
    for (Index c = 0; c < layout.features; ++c)
        for (Index i = 0; i < height; ++i)
            for (Index j = 0; j < width; ++j) {
                const double here = number(a, layout, c, i * width + j);
                across += here * number(a, layout, c, i * width + width - 1 - j);
                down += here * number(a, layout, c, (height - 1 - i) * width + j);
                squares += here * here;
            }
    return squares > 0 ? Mirrored{across / squares, down / squares} : Mirrored{};
}

double participation(std::span<const double> a, const PixelLayout& layout) {
    const std::vector<double> energy = contract(a, a, layout);
    double sum = 0, squares = 0;
    for (const double e : energy) {
        sum += e;
        squares += e * e;
    }
    return squares > 0 ? sum * sum / (static_cast<double>(layout.pixels) * squares) : 0;
}

double roughness(std::span<const double> a, const PixelLayout& layout, Index width) {
    check_sizes(a, layout);
    double variation = 0, size = 0;
    for (Index c = 0; c < layout.features; ++c)
        for (Index p = 0; p < layout.pixels; ++p) {
            const double here = number(a, layout, c, p);
            size += std::abs(here);
            if ((p + 1) % width != 0)
                variation += std::abs(number(a, layout, c, p + 1) - here);
            if (p + width < layout.pixels)
                variation += std::abs(number(a, layout, c, p + width) - here);
        }
    return size > 0 ? variation / size : 0;
}

}  // namespace descrambler
