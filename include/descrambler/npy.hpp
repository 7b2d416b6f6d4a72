// NumPy .npy files, versions 1 to 3, f4 or f8 of either byte order, C or Fortran order, rank 1 or 2. Never pickle.
#pragma once

#include <filesystem>
#include <string>

#include "descrambler/tensor.hpp"

namespace descrambler {

// [rows, cols] as in the file, rank 1 as [n, 1]. Throws InputError that names file and field for anything else (object
// arrays, a shape that contradicts the size of the file, sizes that overflow). NaN and infinity come back as they are.
[[nodiscard]] Matrix<double> read_npy(const std::filesystem::path& path);
// The same of any rank up to 8, as double precision numbers in C order.
[[nodiscard]] Tensor read_npy_tensor(const std::filesystem::path& path);
// f8, C order, whole or not at all; throws Error where the file cannot be written.
void write_npy(const std::filesystem::path& path, const Matrix<double>& matrix);

// A library of inputs, read whole: any name that Shards::open (shards.hpp) takes. Rows are samples in the files,
// columns in memory: [features, samples]. Throws InputError as Shards does: for a width other than `features` (0: any),
// NaN, infinity and an empty library.
[[nodiscard]] Matrix<double> read_inputs(const std::string& inputs, Index features);

}  // namespace descrambler
