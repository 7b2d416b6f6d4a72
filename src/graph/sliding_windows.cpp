#include "graph/sliding_windows.hpp"

#include <algorithm>
#include <limits>

namespace descrambler {
namespace {

std::vector<Index> list_of(Import& import, const char* name, std::size_t size, Index otherwise, Index least) {
    std::vector<Index> result = import.list(name).value_or(std::vector<Index>(size, otherwise));
    if (result.size() != size)
        import.refuse("attribute " + std::string(name) + " has " + std::to_string(result.size()) +
                      " numbers, expected " + std::to_string(size));
    constexpr Index most = std::numeric_limits<std::int32_t>::max();
    for (const Index number : result)
        if (number < least || number > most)
            import.refuse("attribute " + std::string(name) + ": " + std::to_string(number) + ", expected " +
                          std::to_string(least) + " to " + std::to_string(most));
    return result;
}

Index ceil_divided(Index a, Index b) {
    return a / b + (a % b > 0 ? 1 : 0);
}

// SAME: as many outputs as strides fit into the input; an odd number pads more behind (UPPER) or in front (LOWER).
void pad_same(SlidingWindows& w, std::size_t i, bool lower, Index total) {
    total = std::max<Index>(total, 0);
    w.before[i] = lower ? total - total / 2 : total / 2;
    w.after[i] = total - w.before[i];
}

}  // namespace

SlidingWindows read_windows(Import& import, Shape in, Shape kernel, bool transposed, bool ceil) {
    const std::size_t axes = in.size();
    SlidingWindows w;
    w.in = std::move(in);
    if (const auto given = import.list("kernel_shape")) {
        if (!kernel.empty() && *given != kernel)
            import.refuse("attribute kernel_shape " + to_string(*given) + ", the weights have " + to_string(kernel));
        kernel = *given;
    }
    constexpr Index most = std::numeric_limits<std::int32_t>::max();
    if (kernel.size() != axes || std::ranges::any_of(kernel, [](Index k) { return k < 1 || k > most; }))
        import.refuse("kernel of shape " + to_string(kernel) + " for " + std::to_string(axes) + " axes");
    w.kernel = std::move(kernel);
    w.stride = list_of(import, "strides", axes, 1, 1);
    w.dilation = list_of(import, "dilations", axes, 1, 1);
    const std::vector<Index> pads =
        list_of(import, "pads", 2 * axes, 0, transposed ? std::numeric_limits<std::int32_t>::min() : 0);
    w.before.assign(pads.begin(), pads.begin() + static_cast<Index>(axes));
    w.after.assign(pads.begin() + static_cast<Index>(axes), pads.end());
    const std::string automatic = import.text("auto_pad", "NOTSET");
    if (automatic != "NOTSET" && automatic != "VALID" && automatic != "SAME_UPPER" && automatic != "SAME_LOWER")
        import.refuse("attribute auto_pad: expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, found " + automatic);
    const bool same = automatic.starts_with("SAME"), lower = automatic == "SAME_LOWER";
    if (automatic == "VALID") {
        w.before.assign(axes, 0);
        w.after.assign(axes, 0);
    }
    std::vector<Index> extra(axes, 0);
    std::optional<std::vector<Index>> wanted;
    if (transposed) {
        extra = list_of(import, "output_padding", axes, 0, 0);
        wanted = import.list("output_shape");
        if (wanted &&
            (wanted->size() != axes || std::ranges::any_of(*wanted, [](Index o) { return o < 1 || o > most; })))
            import.refuse("attribute output_shape has " + std::to_string(wanted->size()) + " numbers, expected " +
                          std::to_string(axes));
    }
    w.out.resize(axes);
    Shape padded;
    for (std::size_t i = 0; i < axes; ++i) {
        const Index reach = (w.kernel[i] - 1) * w.dilation[i] + 1;
        if (transposed) {
            const Index whole = (w.in[i] - 1) * w.stride[i] + extra[i] + reach;
            if (wanted || same) {
                w.out[i] = wanted ? (*wanted)[i] : w.in[i] * w.stride[i];
                pad_same(w, i, automatic != "SAME_UPPER", whole - w.out[i]);
            } else {
                w.out[i] = whole - w.before[i] - w.after[i];
            }
        } else if (same) {
            w.out[i] = ceil_divided(w.in[i], w.stride[i]);
            pad_same(w, i, lower, (w.out[i] - 1) * w.stride[i] + reach - w.in[i]);
        } else {
            const Index room = w.in[i] + w.before[i] + w.after[i] - reach;
            w.out[i] = ceil ? ceil_divided(room, w.stride[i]) + 1 : room < 0 ? 0 : room / w.stride[i] + 1;
            if (ceil && (w.out[i] - 1) * w.stride[i] >= w.in[i] + w.before[i])
                --w.out[i];  // it would begin behind the input
        }
        if (w.out[i] < 1)
            import.refuse("an output without extent on axis " + std::to_string(i + 2));
        // what a transposed one reaches is the padded input of the convolution whose transpose it is
        padded.push_back(std::max<Index>(0, w.before[i]) + std::max<Index>(0, w.after[i]) +
                         (transposed ? (w.in[i] - 1) * w.stride[i] + reach : w.in[i]));
    }
    (void)limited(padded);
    (void)limited(w.kernel);
    return w;
}

Convolution convolution_of(const SlidingWindows& w, bool transposed) {
    Convolution s;
    const std::size_t skip = 3 - w.in.size();
    for (std::size_t i = 0; i < w.in.size(); ++i) {
        s.in[i + skip] = transposed ? w.out[i] : w.in[i];
        s.out[i + skip] = transposed ? w.in[i] : w.out[i];
        s.kernel[i + skip] = w.kernel[i];
        s.stride[i + skip] = w.stride[i];
        s.dilation[i + skip] = w.dilation[i];
        s.pad[i + skip] = w.before[i];
    }
    return s;
}

}  // namespace descrambler
