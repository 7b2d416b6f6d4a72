// NumPy .npy files, versions 1 to 3, f4 or f8 of either byte order, C or Fortran order, rank 1 or 2. Never pickle.
#pragma once

#include <filesystem>
#include <string>

#include "descrambler/tensor.hpp"

namespace descrambler {

// Rank 1 comes back as [n, 1]. Throws InputError naming file and field for anything else (object arrays, lying
// shapes, truncated or overlong data, sizes that overflow). NaN and infinity come back as they are.
[[nodiscard]] Matrix<double> read_npy(const std::filesystem::path& path);
void write_npy(const std::filesystem::path& path, const Matrix<double>& matrix);  // The same of any rank up to 8, as double precision numbers in C order.
[[nodiscard]] Tensor read_npy_tensor(const std::filesystem::path& path);
// f8, C order, whole or not at all

// A library of inputs, read whole: any name that Shards::open (shards.hpp) takes. Rows are samples in the files,
// columns in memory: [features, samples]. `features` != 0 must match, otherwise InputError (never a guess). NaN,
// infinity and an empty library are refused.
[[nodiscard]] Matrix<double> read_inputs(const std::string& inputs, Index features);

}  // namespace descrambler
