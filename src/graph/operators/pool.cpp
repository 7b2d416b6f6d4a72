#include <limits>

#include "graph/frozen_node.hpp"

namespace descrambler {

// The first largest number of each window is kept; where the window has none (all of it padding), nothing.
template <class T>
Frozen<T> freeze(const MaxPool& op, Freezing<T>& at) {
    const Convolution& s = op.window;
    const std::vector<T> x = at.primal(0);
    std::vector<std::uint32_t> chosen(static_cast<std::size_t>(at.y.rows), SparseRows<T>::nothing);
    std::size_t o = 0;
    for (Index plane = 0; plane < s.images * s.in_channels; ++plane)
        for (Index i = 0; i < s.out[0]; ++i)
            for (Index j = 0; j < s.out[1]; ++j)
                for (Index k = 0; k < s.out[2]; ++k, ++o)
                    for (Index a = 0; a < s.kernel[0]; ++a)
                        for (Index b = 0; b < s.kernel[1]; ++b)
                            for (Index c = 0; c < s.kernel[2]; ++c) {
                                const Index p = i * s.stride[0] + a * s.dilation[0] - s.pad[0];
                                const Index q = j * s.stride[1] + b * s.dilation[1] - s.pad[1];
                                const Index r = k * s.stride[2] + c * s.dilation[2] - s.pad[2];
                                if (p < 0 || p >= s.in[0] || q < 0 || q >= s.in[1] || r < 0 || r >= s.in[2])
                                    continue;
                                const auto index =
                                    static_cast<std::uint32_t>(((plane * s.in[0] + p) * s.in[1] + q) * s.in[2] + r);
                                if (chosen[o] == SparseRows<T>::nothing || x[index] > x[chosen[o]])
                                    chosen[o] = index;
                            }
    auto result = std::make_unique<SparseMap<T>>();
    result->add(at.on, at.y.rows, at.x[0].rows, {}, chosen, {});
    const Index window = s.kernel[0] * s.kernel[1] * s.kernel[2];
    result->recorded = at.y.rows * (window <= 256 ? 1 : 4);
    result->decides = true;
    at.set_affine(*result);
    return result;
}
template Frozen<float> freeze(const MaxPool&, Freezing<float>&);
template Frozen<double> freeze(const MaxPool&, Freezing<double>&);

}  // namespace descrambler
