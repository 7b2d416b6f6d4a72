#include "descrambler/npy.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "descrambler/files.hpp"
#include "descrambler/shards.hpp"
#include "io/bytes.hpp"
#include "io/npy_file.hpp"

namespace descrambler {
namespace fs = std::filesystem;

Matrix<double> read_npy(const fs::path& path) {
    NpyFile file(path);
    Matrix<double> matrix(file.rows(), file.cols());
    if (file.fortran_order()) {
        file.read_values(0, matrix.size(), matrix.data());
        return matrix;
    }
    constexpr Index block = 1 << 16;
    std::vector<double> values(static_cast<std::size_t>(std::min(block, matrix.size())));
    for (Index first = 0; first < matrix.size(); first += block) {
        const Index count = std::min(block, matrix.size() - first);
        file.read_values(first, count, values.data());
        for (Index k = 0; k < count; ++k)
            matrix((first + k) / matrix.cols(), (first + k) % matrix.cols()) = values[static_cast<std::size_t>(k)];
    }
    return matrix;
}

Tensor read_npy_tensor(const fs::path& path) {
    NpyFile file(path, 8);
    std::vector<double> values(static_cast<std::size_t>(file.rows() * file.cols()));
    file.read_values(0, std::ssize(values), values.data());
    const Shape& shape = file.shape();
    if (!file.fortran_order() || shape.size() == 1)
        return tensor(shape, std::move(values));
    std::vector<double> turned(values.size());
    std::vector<Index> at(shape.size());
    for (double& to : turned) {  // row-major places, from the first axis as the fastest
        Index place = 0;
        for (std::size_t i = shape.size(); i-- > 0;)
            place = place * shape[i] + at[i];
        to = values[static_cast<std::size_t>(place)];
        for (std::size_t i = shape.size(); i-- > 0 && ++at[i] == shape[i];)
            at[i] = 0;
    }
    return tensor(shape, std::move(turned));
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

Matrix<double> read_inputs(const std::string& inputs, Index features) {
    const Shards shards = Shards::open(inputs, features);
    Matrix<double> X(shards.features(), shards.samples());
    shards.read(0, X.view());
    return X;
}

}  // namespace descrambler
