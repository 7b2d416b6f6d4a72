// Results of one network or of several in one data set.
#pragma once

#include <string>
#include <vector>

#include "descrambler/hdf5.hpp"

namespace descrambler::cli {

// One network: `shape`; several: the networks in front.
void write(const Hdf5Group& root, const std::string& name, std::vector<Index> shape, const std::vector<double>& values,
           Label label, std::size_t networks);
// Row by row, as files are.
void append(std::vector<double>& values, const Matrix<double>& A);

}  // namespace descrambler::cli
