#include "io/npy_file.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "io/bytes.hpp"
#include "io/text.hpp"

namespace descrambler {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t most_header_bytes = 1 << 16;
constexpr Index most_values = Index{1} << 60;  // their bytes still have a 64-bit count

struct Header {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<Index>> shape;
};

// The header is the text of a Python dictionary with three known keys. Nothing else is understood, nothing is
// evaluated.
class HeaderParser {
public:
    HeaderParser(const fs::path& path, std::string_view text, std::size_t most_axes)
        : path_(path), text_(text), most_axes_(most_axes) {}

    Header parse() {
        expect('{');
        while (!accept('}')) {
            const std::string key = string("a key");
            expect(':');
            if (key == "descr" && !header_.descr)
                header_.descr = string("descr: a plain type in quotes");
            else if (key == "fortran_order" && !header_.fortran_order)
                header_.fortran_order = boolean();
            else if (key == "shape" && !header_.shape)
                header_.shape = shape();
            else
                fail("the keys descr, fortran_order and shape once each, found " + excerpt(key));
            if (!accept(',')) {
                expect('}');
                break;
            }
        }
        if (!trim(text_).empty())
            fail("nothing after the closing brace");
        if (!header_.descr || !header_.fortran_order || !header_.shape)
            fail("the keys descr, fortran_order and shape");
        return header_;
    }

private:
    [[noreturn]] void fail(const std::string& expected) const {
        throw InputError(path_.string() + ": header: expected " + expected);
    }
    [[nodiscard]] bool accept(std::string_view token) {
        text_ = text_.substr(std::min(text_.find_first_not_of(" \t\n"), text_.size()));
        if (!text_.starts_with(token))
            return false;
        text_.remove_prefix(token.size());
        return true;
    }
    [[nodiscard]] bool accept(char c) { return accept(std::string_view(&c, 1)); }
    void expect(char c) {
        if (!accept(c))
            fail(std::string("'") + c + "'");
    }
    std::string string(const std::string& what) {
        const char quote = accept('\'') ? '\'' : '"';
        if (quote == '"' && !accept('"'))
            fail(what);
        const std::size_t end = text_.find(quote);
        if (end == text_.npos)
            fail("a closing quote");
        const std::string result(text_.substr(0, end));
        text_.remove_prefix(end + 1);
        return result;
    }
    bool boolean() {
        if (accept("True"))
            return true;
        if (!accept("False"))
            fail("fortran_order: True or False");
        return false;
    }
    std::vector<Index> shape() {
        std::vector<Index> dims;
        const std::string what =
            "shape: " + (most_axes_ == 2 ? std::string("one or two") : "one to " + std::to_string(most_axes_)) +
            " whole numbers in parentheses";
        if (!accept('('))
            fail(what);
        while (!accept(')')) {
            (void)accept("");  // blanks
            const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
            const std::optional<Index> n = parse_index(text_.substr(0, digits));
            if (!n || dims.size() == most_axes_)
                fail(what);
            dims.push_back(*n);
            text_.remove_prefix(digits);
            if (!accept(',')) {
                if (!accept(')'))
                    fail(what);
                break;
            }
        }
        if (dims.empty())
            fail(what);
        return dims;
    }

    const fs::path& path_;
    std::string_view text_;
    std::size_t most_axes_;
    Header header_;
};

constexpr Index block = 1 << 16;      // values that are converted at once
constexpr Index tile_rows = 1 << 11;  // a piece of a column of a Fortran order file
constexpr Index tile_cols = 16;       // whose pieces are turned into rows at once

template <class T, std::endian order>
void read_block(std::istream& in, Index count, double* to) {
    if constexpr (std::same_as<T, double> && order == std::endian::native) {  // as memory has them
        in.read(reinterpret_cast<char*>(to), count * static_cast<Index>(sizeof(double)));
        return;
    }
    std::vector<char> bytes(static_cast<std::size_t>(std::min(block, count)) * sizeof(T));
    for (Index first = 0; first < count && in; first += block) {
        const Index here = std::min(block, count - first);
        in.read(bytes.data(), here * static_cast<Index>(sizeof(T)));
        for (Index k = 0; k < here; ++k)
            to[first + k] = from_bytes<T>(bytes.data() + k * static_cast<Index>(sizeof(T)), order);
    }
}

template <class T>
void read_block(std::istream& in, std::endian order, Index count, double* to) {
    if (order == std::endian::little)
        read_block<T, std::endian::little>(in, count, to);
    else
        read_block<T, std::endian::big>(in, count, to);
}

}  // namespace

NpyFile::NpyFile(fs::path path, std::size_t most_axes) : path_(std::move(path)) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path_, error);  // fails for anything but a regular file
    in_.open(path_, std::ios::binary);
    if (error || !in_)
        throw InputError(path_.string() + ": cannot be read: " + (error ? error.message() : "no permission"));

    std::array<char, 8> magic{};
    in_.read(magic.data(), magic.size());
    if (!in_ || std::string_view(magic.data(), 6) != "\x93NUMPY" || magic[6] < 1 || magic[6] > 3)
        throw InputError(path_.string() + ": expected a .npy file of version 1, 2 or 3");
    const std::size_t length_bytes = magic[6] == 1 ? 2 : 4;
    std::array<char, 4> length{};
    in_.read(length.data(), static_cast<Index>(length_bytes));
    const std::size_t header_bytes = from_bytes<std::uint32_t>(length.data(), std::endian::little);
    const std::size_t before_data = magic.size() + length_bytes + header_bytes;
    if (!in_ || header_bytes > most_header_bytes || before_data > size)
        throw InputError(path_.string() + ": header: expected at most " + std::to_string(most_header_bytes) +
                         " bytes inside the file");
    std::string text(header_bytes, ' ');
    in_.read(text.data(), static_cast<Index>(text.size()));

    const Header header = HeaderParser(path_, text, most_axes).parse();
    const std::string& type = *header.descr;
    if (type != "<f4" && type != ">f4" && type != "<f8" && type != ">f8")
        throw InputError(path_.string() + ": descr: expected <f4, <f8, >f4 or >f8, found " + excerpt(type));
    shape_ = *header.shape;
    rows_ = shape_.front();
    cols_ = 1;
    for (std::size_t i = 1; i < shape_.size(); ++i) {
        if (shape_[i] > most_values / std::max<Index>(cols_, 1))
            throw InputError(path_.string() + ": shape: expected fewer values");
        cols_ *= shape_[i];
    }
    if (rows_ > most_values / std::max<Index>(cols_, 1))
        throw InputError(path_.string() + ": shape: expected fewer values");
    order_ = type[0] == '<' ? std::endian::little : std::endian::big;
    wide_ = type[2] == '8';
    fortran_order_ = *header.fortran_order;
    data_ = static_cast<std::streamoff>(before_data);
    const std::uintmax_t expected = static_cast<std::uintmax_t>(rows_ * cols_) * (wide_ ? 8 : 4);
    if (expected != size - before_data)
        throw InputError(path_.string() + ": shape: expected " + std::to_string(expected) + " bytes of data, found " +
                         std::to_string(size - before_data));
}

void NpyFile::read_values(Index first, Index count, double* to) {
    require(first >= 0 && count >= 0 && first + count <= rows_ * cols_, "values beyond the .npy file");
    in_.seekg(data_ + first * (wide_ ? 8 : 4));
    if (wide_)
        read_block<double>(in_, order_, count, to);
    else
        read_block<float>(in_, order_, count, to);
    if (!in_)
        throw InputError(path_.string() + ": cannot be read to its end");
}

void NpyFile::read(Index first, Index count, double* to) {
    require(first >= 0 && count >= 0 && first + count <= rows_, "rows beyond the .npy file");
    if (!fortran_order_) {
        read_values(first * cols_, count * cols_, to);
        return;
    }
    std::vector<double> tile(static_cast<std::size_t>(std::min(tile_rows, count) * tile_cols));
    for (Index done = 0; done < count; done += tile_rows) {
        const Index height = std::min(tile_rows, count - done);
        for (Index left = 0; left < cols_; left += tile_cols) {
            const Index width = std::min(tile_cols, cols_ - left);
            for (Index j = 0; j < width; ++j)
                read_values((left + j) * rows_ + first + done, height, tile.data() + j * height);
            for (Index i = 0; i < height; ++i)
                for (Index j = 0; j < width; ++j)
                    to[(done + i) * cols_ + left + j] = tile[static_cast<std::size_t>(j * height + i)];
        }
    }
}

}  // namespace descrambler
