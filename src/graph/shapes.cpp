// Broadcasting and places of numbers.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/import.hpp"

namespace descrambler {

Index limited(const Shape& shape) {
    constexpr Index most = Index{1} << 28;
    const Index total = volume(shape);
    if (total > most)
        throw InputError("shape " + to_string(shape) + ": more than 2^28 numbers");
    return total;
}
void limit_entries(const Import& import, std::initializer_list<Index> counts) {
    constexpr Index most = Index{1} << 28;
    Index product = 1;
    for (const Index count : counts) {
        if (count > 0 && product > most / count)
            import.refuse("more than 2^28 products");
        product *= std::max<Index>(count, 1);
    }
}

Shape broadcast(const Import& import, const Shape& a, const Shape& b) {
    const std::size_t rank = std::max(a.size(), b.size());
    Shape result(rank, 1);
    for (std::size_t i = 0; i < rank; ++i) {  // from the last axis
        const Index x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
        if (x != y && x != 1 && y != 1)
            import.refuse("shapes " + to_string(a) + " and " + to_string(b) + " do not broadcast");
        result[rank - 1 - i] = x == 1 ? y : x;
    }
    return result;
}

std::vector<Index> strides_of(const Shape& shape) {
    std::vector<Index> strides(shape.size(), 1);
    for (std::size_t i = shape.size(); i-- > 1;)
        strides[i - 1] = strides[i] * shape[i];
    return strides;
}

void for_places(const Shape& shape, const std::function<void(Index, const std::vector<Index>&)>& visit) {
    const Index total = limited(shape);
    std::vector<Index> at(shape.size());
    for (Index place = 0; place < total; ++place) {
        visit(place, at);
        for (std::size_t i = shape.size(); i-- > 0;) {
            if (++at[i] < shape[i])
                break;
            at[i] = 0;
        }
    }
}

std::vector<std::uint32_t> broadcast_index(const Shape& from, const Shape& to) {
    std::vector<Index> strides = strides_of(from);
    for (std::size_t i = 0; i < from.size(); ++i)
        if (from[i] == 1)
            strides[i] = 0;
    require(from.size() <= to.size(), "broadcast: a rank that is larger");
    std::vector<std::uint32_t> index(static_cast<std::size_t>(limited(to)));
    const std::size_t skip = to.size() - from.size();
    for_places(to, [&](Index place, const std::vector<Index>& at) {
        Index source = 0;
        for (std::size_t i = 0; i < from.size(); ++i)
            source += strides[i] * at[i + skip];
        index[static_cast<std::size_t>(place)] = static_cast<std::uint32_t>(source);
    });
    return index;
}

// Axes of a constant that are not 1 next to each other and whole: its numbers repeat as they lie.
Pattern pattern_of(const Tensor& constant, const Shape& to) {
    require(constant.shape.size() <= to.size(), "broadcast: a rank that is larger");
    const std::vector<double> numbers = constant.as<double>();
    Shape from(to.size() - constant.shape.size(), 1);
    from.insert(from.end(), constant.shape.begin(), constant.shape.end());
    std::size_t first = 0, last = from.size();
    while (first < last && from[first] == 1)
        ++first;
    while (last > first && from[last - 1] == 1)
        --last;
    bool whole = true;
    for (std::size_t i = first; i < last; ++i)
        whole = whole && from[i] == to[i];
    if (whole) {
        Index run = 1;
        for (std::size_t i = last; i < to.size(); ++i)
            run *= to[i];
        return {numbers, std::max<Index>(run, 1)};
    }
    Pattern full;
    for (const std::uint32_t place : broadcast_index(from, to))
        full.values.push_back(numbers[place]);
    return full;
}

Operand reshaped(Operand operand, Shape shape) {
    require(volume(operand.shape) == volume(shape), "reshaped: as many numbers");
    if (!operand.live()) {
        Tensor copy = *operand.constant;
        copy.shape = std::move(shape);
        return constant_operand(std::move(copy));
    }
    operand.shape = std::move(shape);
    return operand;
}

Operand moved(Import& import, const Operand& operand, std::vector<std::uint32_t> index, Shape shape, double fill) {
    if (operand.live()) {
        Move move{std::move(index), fill};
        return import.add(std::move(move), {operand}, std::move(shape));
    }
    if (!is_real(operand.type) && !(std::abs(fill) < 0x1p63))
        import.refuse("filled with " + digits(fill) + ", expected a whole number");
    Tensor result{operand.type, std::move(shape), {}};
    std::visit(
        [&](const auto& numbers) {
            std::decay_t<decltype(numbers)> chosen(index.size());
            for (std::size_t i = 0; i < index.size(); ++i)
                chosen[i] = index[i] == SparseRows<double>::nothing
                                ? static_cast<typename std::decay_t<decltype(numbers)>::value_type>(fill)
                                : numbers[index[i]];
            result.values = std::move(chosen);
        },
        operand.constant->values);
    return constant_operand(std::move(result));
}

Operand broadcast_to(Import& import, const Operand& operand, const Shape& to) {
    if (operand.shape == to)
        return operand;
    if (volume(operand.shape) == volume(to))
        return reshaped(operand, to);
    return moved(import, operand, broadcast_index(operand.shape, to), to);
}

Operand transposed(Import& import, const Operand& operand, const std::vector<Index>& order) {
    const std::vector<Index> strides = strides_of(operand.shape);
    Shape shape;
    bool still = true;  // axes longer than 1 keep their order
    Index before = -1;
    for (const Index axis : order) {
        shape.push_back(operand.shape[static_cast<std::size_t>(axis)]);
        if (shape.back() != 1) {
            still = still && axis > before;
            before = axis;
        }
    }
    if (still)
        return reshaped(operand, shape);
    std::vector<std::uint32_t> index(static_cast<std::size_t>(limited(shape)));
    for_places(shape, [&](Index place, const std::vector<Index>& at) {
        Index source = 0;
        for (std::size_t i = 0; i < order.size(); ++i)
            source += at[i] * strides[static_cast<std::size_t>(order[i])];
        index[static_cast<std::size_t>(place)] = static_cast<std::uint32_t>(source);
    });
    return moved(import, operand, std::move(index), shape);
}

}  // namespace descrambler
