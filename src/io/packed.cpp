#include "io/packed.hpp"

#include <zlib.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <type_traits>

#include "descrambler/error.hpp"

namespace descrambler {

namespace {

static_assert(std::endian::native == std::endian::little, "files hold little-endian numbers");

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// Mantissas are noise, in which a search for repetitions finds nothing: of those only runs are looked for.
std::vector<std::uint8_t> deflated_by(std::span<const std::uint8_t> bytes, int strategy) {
    z_stream stream{};
    if (deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS, 9, strategy) != Z_OK)
        throw std::bad_alloc();
    std::vector<std::uint8_t> to(deflateBound(&stream, bytes.size()));
    stream.next_in = const_cast<Bytef*>(bytes.data());
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = to.data();
    stream.avail_out = static_cast<uInt>(to.size());
    const int status = ::deflate(&stream, Z_FINISH);
    to.resize(stream.total_out);
    deflateEnd(&stream);
    if (status != Z_STREAM_END)
        throw Error("zlib cannot deflate " + std::to_string(bytes.size()) + " bytes");
    return to;
}

// body(first number, count) for every line of the box
template <class Body>
void for_lines(const Box& box, const Extents& extents, const Body& body) {
    for (Index i = 0; i < box.size[0]; ++i)
        for (Index j = 0; j < box.size[1]; ++j)
            body(((box.first[0] + i) * extents[1] + box.first[1] + j) * extents[2] + box.first[2], box.size[2]);
}

}  // namespace

template <class T>
Box box_of(std::span<const T> values, const Extents& extents) {
    Extents low = extents, high{};
    const T* line = values.data();
    for (Index i = 0; i < extents[0]; ++i)
        for (Index j = 0; j < extents[1]; ++j, line += extents[2]) {
            const auto some = [](T value) { return std::bit_cast<Bits<T>>(value) != 0; };
            const T* const end = line + extents[2];
            const T* const first = std::find_if(line, end, some);
            if (first == end)
                continue;
            const T* last = end;
            while (!some(last[-1]))
                --last;
            low = {std::min(low[0], i), std::min(low[1], j), std::min<Index>(low[2], first - line)};
            high = {std::max(high[0], i + 1), std::max(high[1], j + 1), std::max<Index>(high[2], last - line)};
        }
    if (high[2] == 0)
        return {};
    return {low, {high[0] - low[0], high[1] - low[1], high[2] - low[2]}};
}

template <class T>
Packed pack(std::span<const T> values, const Extents& extents) {
    require(std::ssize(values) == extents[0] * extents[1] * extents[2], "pack: values [extents]");
    Packed result{box_of(values, extents), {}};
    const auto count = static_cast<std::size_t>(result.box.count());
    if (count == 0)
        return result;
    std::vector<std::uint8_t> planes(count * sizeof(T));
    std::size_t at = 0;
    for_lines(result.box, extents, [&](Index first, Index length) {
        for (Index k = 0; k < length; ++k, ++at) {
            const auto bits = std::bit_cast<Bits<T>>(values[static_cast<std::size_t>(first + k)]);
            for (std::size_t byte = 0; byte < sizeof(T); ++byte)
                planes[byte * count + at] = static_cast<std::uint8_t>(bits >> (8 * byte));
        }
    });
    result.bytes = deflated_by(planes, Z_RLE);
    return result;
}

template <class T>
std::vector<T> unpack(const Box& box, std::span<const std::uint8_t> bytes) {
    const auto count = static_cast<std::size_t>(box.count());
    std::vector<T> values(count);
    if (count == 0)
        return values;
    std::vector<std::uint8_t> planes(count * sizeof(T));
    uLongf length = planes.size();
    if (::uncompress(planes.data(), &length, bytes.data(), bytes.size()) != Z_OK || length != planes.size())
        throw InputError("packed numbers: expected a zlib stream of " + std::to_string(planes.size()) + " bytes");
    for (std::size_t at = 0; at < count; ++at) {
        Bits<T> bits = 0;
        for (std::size_t byte = 0; byte < sizeof(T); ++byte)
            bits |= static_cast<Bits<T>>(planes[byte * count + at]) << (8 * byte);
        values[at] = std::bit_cast<T>(bits);
    }
    return values;
}

std::vector<std::uint8_t> deflated(std::span<const std::uint8_t> bytes) {
    return deflated_by(bytes, Z_DEFAULT_STRATEGY);
}

template Box box_of(std::span<const float>, const Extents&);
template Box box_of(std::span<const double>, const Extents&);
template Packed pack(std::span<const float>, const Extents&);
template Packed pack(std::span<const double>, const Extents&);
template std::vector<float> unpack(const Box&, std::span<const std::uint8_t>);
template std::vector<double> unpack(const Box&, std::span<const std::uint8_t>);

}  // namespace descrambler
