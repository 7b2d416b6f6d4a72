#include "descrambler/scattering_transform.hpp"

#include <algorithm>
#include <string>

#include "descrambler/morlet_1d.hpp"

namespace descrambler {

std::string_view to_string(Padding padding) {
    return padding == Padding::periodic ? "periodic" : padding == Padding::reflect ? "reflect" : "zero";
}
std::string_view to_string(ScatteringOutput output) {
    return output == ScatteringOutput::windowed ? "windowed" : output == ScatteringOutput::full ? "full" : "global";
}
Padding padding_from(std::string_view name) {
    for (const Padding padding : {Padding::periodic, Padding::reflect, Padding::zero})
        if (name == to_string(padding))
            return padding;
    throw InputError("--padding: expected periodic, reflect or zero, found \"" + std::string(name) + "\"");
}
ScatteringOutput scattering_output_from(std::string_view name) {
    for (const ScatteringOutput output : {ScatteringOutput::windowed, ScatteringOutput::full, ScatteringOutput::global})
        if (name == to_string(output))
            return output;
    throw InputError("--output: expected windowed, full or global, found \"" + std::string(name) + "\"");
}

Grid padded_grid(const Grid& signal, Index scales, Padding padding) {
    const Index shorter = signal.one_dimensional() ? signal.n2 : std::min(signal.n1, signal.n2);
    if (scales < 1 || scales > 40 || (Index{1} << scales) > shorter)
        throw InputError("--scales: expected 1 .. J with 2^J at most the size " + std::to_string(shorter) + ", found " +
                         std::to_string(scales));
    const Index step = Index{1} << scales;
    if (padding == Padding::periodic) {
        for (const Index n : {signal.one_dimensional() ? step : signal.n1, signal.n2})
            if (n % step != 0)
                throw InputError("--padding periodic: expected sizes that 2^" + std::to_string(scales) +
                                 " divides, found " + std::to_string(n));
        return signal;
    }
    if (signal.one_dimensional())
        return {1, morlet_padded_length(signal.n2, scales)};
    return {((signal.n1 + step) / step + 1) * step, ((signal.n2 + step) / step + 1) * step};
}

template <class T>
ScatteringTransform<T>::ScatteringTransform(Backend<T>& on, const Grid& signal, const FilterBank& bank,
                                            const ScatteringOptions& options)
    : on_(&on), signal_(signal), grid_(bank.grid), convention_(bank.convention), options_(options) {
    require(bank.grid == padded_grid(signal, bank.scales, options.padding), "scattering: a bank on the padded grid");
    if (options.orders < 0 || options.orders > 3)
        throw InputError("--orders: expected 0 .. 3, found " + std::to_string(options.orders));
    if (options.all_paths && options.output == ScatteringOutput::windowed)
        throw InputError("--all-paths: expected --output full or global: a sampled modulus has lost high frequencies");
    for (const FilterLayer& layer : bank.layers)
        bands_.push_back(std::ssize(layer.wavelets));
    std::vector<double> spectra;
    make_tree(bank, spectra);
    const std::vector<T> rounded(spectra.begin(), spectra.end());
    // vectors may read beyond the last spectrum
    spectra_ = on.allocate(std::ssize(rounded) + 64);
    on.upload(rounded.data(), spectra_.view(std::ssize(rounded), 1));
    tree_.spectra = spectra_.data();
    tree_.numbers = std::ssize(rounded);
}

template <class T>
SpectrumPlace ScatteringTransform<T>::place_of(Index layer, Index band, Index level, const FilterBank& bank,
                                               std::vector<double>& spectra) {
    for (const Use& use : uses_)
        if (use.layer == layer && use.band == band && use.level == level)
            return use.place;
    const Bands& bands = bank.layers[static_cast<std::size_t>(layer)].spectra;
    const SpectralFilter& filter = band < 0 ? bands.low_pass : bands.bands[static_cast<std::size_t>(band)];
    const SpectralFilter here = at_level(filter, grid_, Index{1} << level, convention_);
    SpectrumPlace place;
    place.re = std::ssize(spectra);
    spectra.insert(spectra.end(), here.re.begin(), here.re.end());
    if (!here.real()) {
        place.im = std::ssize(spectra);
        spectra.insert(spectra.end(), here.im.begin(), here.im.end());
    }
    uses_.push_back({layer, band, level, place});
    return place;
}

template <class T>
void ScatteringTransform<T>::make_tree(const FilterBank& bank, std::vector<double>& spectra) {
    const Index J = bank.scales, layers = std::ssize(bank.layers);
    const bool sampled = options_.output != ScatteringOutput::full && !options_.all_paths;
    tree_.n1 = signal_.n1;
    tree_.n2 = signal_.n2;
    tree_.padding = options_.padding;
    tree_.grid1 = grid_.n1;
    tree_.grid2 = grid_.n2;
    tree_.left1 = (grid_.n1 - signal_.n1) / 2;
    tree_.left2 = (grid_.n2 - signal_.n2) / 2;
    tree_.mean = options_.output == ScatteringOutput::global;
    tree_.out_level = sampled ? J : 0;
    paths_.push_back({});
    tree_.nodes.push_back({});
    std::vector<Index> last_j{-1};                          // by node
    for (std::size_t i = 0; i < tree_.nodes.size(); ++i) {  // order by order
        const Index order = paths_[i].order();
        if (!tree_.mean)
            tree_.nodes[i].phi = place_of(std::min(order + 1, layers) - 1, -1, tree_.nodes[i].level, bank, spectra);
        if (order == options_.orders)
            continue;
        const Index layer = std::min(order + 1, layers) - 1, level = tree_.nodes[i].level;
        const std::vector<Wavelet>& wavelets = bank.layers[static_cast<std::size_t>(layer)].wavelets;
        for (Index w = 0; w < std::ssize(wavelets); ++w) {
            const Index j = wavelets[static_cast<std::size_t>(w)].j;
            if (!options_.all_paths && j <= last_j[i])
                continue;
            ScatteringNode node;
            node.parent = static_cast<Index>(i);
            node.level = sampled ? std::max(level, std::min(j, J)) : 0;
            node.psi = place_of(layer, w, level, bank, spectra);
            tree_.nodes.push_back(node);
            ScatteringPath path = paths_[i];
            path.wavelets.push_back(w);
            paths_.push_back(std::move(path));
            last_j.push_back(j);
        }
    }
    // of what was padded two-dimensional transforms lose one coefficient on either side, as kymatio's do
    const Index step = Index{1} << tree_.out_level;
    tree_.count1 = tree_.rows(tree_.out_level);
    tree_.count2 = tree_.cols(tree_.out_level);
    if (options_.padding == Padding::periodic)
        return;
    if (!sampled) {
        tree_.first1 = tree_.left1;
        tree_.first2 = tree_.left2;
        tree_.count1 = signal_.n1;
        tree_.count2 = signal_.n2;
    } else if (signal_.one_dimensional()) {
        tree_.first2 = (tree_.left2 + step - 1) / step;
        tree_.count2 = (tree_.left2 + signal_.n2 + step - 1) / step - tree_.first2;
    } else {
        tree_.first1 = tree_.first2 = 1;
        tree_.count1 -= 2;
        tree_.count2 -= 2;
    }
}

template <class T>
void ScatteringTransform<T>::transform(Batch<const T> x, Batch<T> S) const {
    on_->scatter(tree_, x, S);
}

template <class T>
Matrix<T> ScatteringTransform<T>::operator()(const Matrix<T>& x) const {
    require(x.rows() == signal_.size(), "scattering: a signal a column");
    const Buffer<T> from = on_->allocate(x.size()), to = on_->allocate(features() * x.cols());
    on_->upload(x.data(), from.view(x.rows(), x.cols()));
    transform(from.view(x.rows(), x.cols()), to.view(features(), x.cols()));
    Matrix<T> S(features(), x.cols());
    on_->download(to.view(S.rows(), S.cols()), S.data());
    return S;
}

template <class T>
ScatteringGradient<T> ScatteringTransform<T>::gradient(const Matrix<T>& x, const Matrix<T>& S_bar) const {
    require(x.rows() == signal_.size() && S_bar.rows() == features() && S_bar.cols() == x.cols(),
            "scattering: gradients of the coefficients of these signals");
    Backend<T>& on = *on_;
    const Buffer<T> from = on.allocate(x.size()), by = on.allocate(S_bar.size()), x_bar = on.allocate(x.size()),
                    sums = on.allocate(tree_.numbers);
    on.upload(x.data(), from.view(x.rows(), x.cols()));
    on.upload(S_bar.data(), by.view(S_bar.rows(), S_bar.cols()));
    on.scatter_adjoint(tree_, from.view(x.rows(), x.cols()), by.view(S_bar.rows(), S_bar.cols()),
                       x_bar.view(x.rows(), x.cols()), sums.view(tree_.numbers, 1));
    ScatteringGradient<T> result{Matrix<T>(x.rows(), x.cols()), {}};
    on.download(x_bar.view(x.rows(), x.cols()), result.x.data());
    std::vector<T> numbers(static_cast<std::size_t>(tree_.numbers));
    on.download(sums.view(tree_.numbers, 1), numbers.data());
    for (const Index bands : bands_) {
        Bands& layer = result.filters.emplace_back();
        layer.bands.resize(static_cast<std::size_t>(bands));
        for (SpectralFilter& band : layer.bands)
            band.re.resize(static_cast<std::size_t>(grid_.size()));
        layer.low_pass.re.resize(static_cast<std::size_t>(grid_.size()));
    }
    for (const Use& use : uses_) {
        Bands& layer = result.filters[static_cast<std::size_t>(use.layer)];
        SpectralFilter& filter = use.band < 0 ? layer.low_pass : layer.bands[static_cast<std::size_t>(use.band)];
        const auto add = [&](Index place, std::vector<double>& to) {
            const auto first = numbers.begin() + place;
            to.resize(static_cast<std::size_t>(grid_.size()));
            add_from_level({first, first + tree_.points(use.level)}, grid_, Index{1} << use.level, convention_, to);
        };
        add(use.place.re, filter.re);
        if (use.place.im >= 0)
            add(use.place.im, filter.im);
    }
    return result;
}

template class ScatteringTransform<float>;
template class ScatteringTransform<double>;

}  // namespace descrambler
