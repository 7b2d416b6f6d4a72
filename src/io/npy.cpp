#include "descrambler/npy.hpp"

#include <cmath>
#include <cstdint>
#include <fstream>
#include <optional>
#include <system_error>
#include <vector>

#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
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

// The header is the text of a Python dictionary with three known keys; nothing else is understood, nothing is
// evaluated.
class HeaderParser {
public:
    HeaderParser(const fs::path& path, std::string_view text) : path_(path), text_(text) {}

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
        const std::string what = "shape: one or two whole numbers in parentheses";
        if (!accept('('))
            fail(what);
        while (!accept(')')) {
            (void)accept("");  // blanks
            const std::size_t digits = std::min(text_.find_first_not_of("0123456789"), text_.size());
            const std::optional<Index> n = parse_index(text_.substr(0, digits));
            if (!n || dims.size() == 2)
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
    Header header_;
};

template <class T>
void read_values(std::istream& in, std::endian order, bool fortran, Matrix<double>& to) {
    constexpr Index block = 1 << 16;
    std::vector<char> bytes(static_cast<std::size_t>(block) * sizeof(T));
    for (Index first = 0; first < to.size(); first += block) {
        const Index count = std::min(block, to.size() - first);
        in.read(bytes.data(), count * static_cast<Index>(sizeof(T)));
        for (Index k = 0; k < count; ++k) {
            const double value = from_bytes<T>(bytes.data() + k * static_cast<Index>(sizeof(T)), order);
            if (fortran)
                to.data()[first + k] = value;
            else
                to((first + k) / to.cols(), (first + k) % to.cols()) = value;
        }
    }
}

void require_finite(const std::string& name, const Matrix<double>& inputs) {  // [features, samples]
    for (Index sample = 0; sample < inputs.cols(); ++sample)
        for (Index feature = 0; feature < inputs.rows(); ++feature)
            if (!std::isfinite(inputs(feature, sample)))
                throw InputError(name + ": row " + std::to_string(sample) + ", column " + std::to_string(feature) +
                                 " (from 0): expected a finite number");
}

Matrix<double> transposed(const Matrix<double>& from) {
    Matrix<double> to(from.cols(), from.rows());
    for (Index j = 0; j < to.cols(); ++j)
        for (Index i = 0; i < to.rows(); ++i)
            to(i, j) = from(j, i);
    return to;
}

Matrix<double> read_hdf5_inputs(const std::string& file_name, const std::string& dataset, std::string& name) {
    const Hdf5File file = Hdf5File::open(file_name);
    std::string chosen = dataset;
    if (chosen.empty()) {
        for (const std::string& candidate : file.root().datasets())
            if (file.root().shape(candidate).size() == 2) {
                if (!chosen.empty())
                    throw InputError(file_name + ": expected one data set of rank 2, found /" + chosen + " and /" +
                                     candidate + ": name one as FILE:/DATASET");
                chosen = candidate;
            }
        if (chosen.empty())
            throw InputError(file_name + ": expected a data set of rank 2, found none");
        name = file_name + ":/" + chosen;
    }
    return file.root().read_matrix<double>(chosen);
}

}  // namespace

Matrix<double> read_npy(const fs::path& path) {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);  // fails for anything but a regular file
    std::ifstream in(path, std::ios::binary);
    if (error || !in)
        throw InputError(path.string() + ": cannot be read: " + (error ? error.message() : "no permission"));

    std::array<char, 8> magic{};
    in.read(magic.data(), magic.size());
    if (!in || std::string_view(magic.data(), 6) != "\x93NUMPY" || magic[6] < 1 || magic[6] > 3)
        throw InputError(path.string() + ": expected a .npy file of version 1, 2 or 3");
    const std::size_t length_bytes = magic[6] == 1 ? 2 : 4;
    std::array<char, 4> length{};
    in.read(length.data(), static_cast<Index>(length_bytes));
    const std::size_t header_bytes = from_bytes<std::uint32_t>(length.data(), std::endian::little);
    const std::size_t before_data = magic.size() + length_bytes + header_bytes;
    if (!in || header_bytes > most_header_bytes || before_data > size)
        throw InputError(path.string() + ": header: expected at most " + std::to_string(most_header_bytes) +
                         " bytes inside the file");
    std::string text(header_bytes, ' ');
    in.read(text.data(), static_cast<Index>(text.size()));

    const Header header = HeaderParser(path, text).parse();
    const std::string& type = *header.descr;
    if (type != "<f4" && type != ">f4" && type != "<f8" && type != ">f8")
        throw InputError(path.string() + ": descr: expected <f4, <f8, >f4 or >f8, found " + excerpt(type));
    const Index rows = header.shape->front(), cols = header.shape->size() == 2 ? header.shape->back() : 1;
    if (std::max(rows, cols) > most_values || rows > most_values / std::max<Index>(cols, 1))
        throw InputError(path.string() + ": shape: expected fewer values");
    const bool wide = type[2] == '8';
    const std::uintmax_t expected = static_cast<std::uintmax_t>(rows * cols) * (wide ? 8 : 4);
    if (expected != size - before_data)
        throw InputError(path.string() + ": shape: expected " + std::to_string(expected) + " bytes of data, found " +
                         std::to_string(size - before_data));

    Matrix<double> matrix(rows, cols);
    const std::endian order = type[0] == '<' ? std::endian::little : std::endian::big;
    if (wide)
        read_values<double>(in, order, *header.fortran_order, matrix);
    else
        read_values<float>(in, order, *header.fortran_order, matrix);
    if (!in)
        throw InputError(path.string() + ": cannot be read to its end");
    return matrix;
}

void write_npy(const fs::path& path, const Matrix<double>& matrix) {
    std::string header = "{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::to_string(matrix.rows()) + ", " +
                         std::to_string(matrix.cols()) + "), }";
    header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10, ' ');  // data start at a multiple of 64
    header.back() = '\n';
    const auto length = to_bytes(static_cast<std::uint16_t>(header.size()), std::endian::little);
    std::string content = "\x93NUMPY";
    content += '\x01';
    content += '\0';
    content.append(length.data(), length.size()).append(header);
    content.reserve(content.size() + static_cast<std::size_t>(matrix.size()) * sizeof(double));
    for (Index i = 0; i < matrix.rows(); ++i)
        for (Index j = 0; j < matrix.cols(); ++j)
            content.append(to_bytes(matrix(i, j), std::endian::little).data(), sizeof(double));
    write_file(path, content);
}

Matrix<double> read_inputs(const std::string& path, Index features) {
    const std::size_t colon = path.rfind(":/");
    std::error_code ignored;
    const bool dataset = colon != path.npos && fs::is_regular_file(path.substr(0, colon), ignored);
    std::string name = path;
    Matrix<double> rows;
    if (dataset)
        rows = read_hdf5_inputs(path.substr(0, colon), path.substr(colon + 2), name);
    else if (lower(fs::path(path).extension().string()) == ".npy")
        rows = read_npy(path);
    else
        rows = read_hdf5_inputs(path, "", name);
    if (features != 0 && rows.cols() != features)
        throw InputError(name + ": expected " + std::to_string(features) + " columns (features), found " +
                         std::to_string(rows.cols()));
    if (rows.size() == 0)
        throw InputError(name + ": expected at least one row and one column");
    Matrix<double> inputs = transposed(rows);
    require_finite(name, inputs);
    return inputs;
}

}  // namespace descrambler
