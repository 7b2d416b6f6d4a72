// A .npy file whose header has been read and believed; its values are read piece by piece, in any order.
#pragma once

#include <bit>
#include <filesystem>
#include <fstream>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

class NpyFile {
public:
    // Reads the header only. Throws InputError as read_npy (npy.hpp) says. Of more than two axes all but the first are
    // columns.
    explicit NpyFile(std::filesystem::path path, std::size_t most_axes = 2);

    [[nodiscard]] Index rows() const { return rows_; }
    [[nodiscard]] Index cols() const { return cols_; }  // 1 for rank 1
    [[nodiscard]] const std::vector<Index>& shape() const { return shape_; }
    [[nodiscard]] bool fortran_order() const { return fortran_order_; }

    // Values first .. first + count - 1 in the order of the file.
    void read_values(Index first, Index count, double* to);
    // Rows first .. first + count - 1, one after the other: column-major [cols, count]. Fortran order is read in pieces
    // of columns, which takes longer.
    void read(Index first, Index count, double* to);

private:
    std::filesystem::path path_;
    std::ifstream in_;
    std::streamoff data_ = 0;  // where the values begin
    std::vector<Index> shape_;
    Index rows_ = 0, cols_ = 0;
    std::endian order_ = std::endian::little;
    bool wide_ = true;  // f8
    bool fortran_order_ = false;
};

}  // namespace descrambler
