#include "cli/stack.hpp"

namespace descrambler::cli {

void write(const Hdf5Group& root, const std::string& name, std::vector<Index> shape, const std::vector<double>& values,
           Label label, std::size_t networks) {
    if (networks > 1) {
        shape.insert(shape.begin(), static_cast<Index>(networks));
        label.axes = "network," + label.axes;
    }
    root.write(name, shape, values.data(), label);
}

void append(std::vector<double>& values, const Matrix<double>& A) {
    for (Index i = 0; i < A.rows(); ++i)
        for (Index j = 0; j < A.cols(); ++j)
            values.push_back(A(i, j));
}

}  // namespace descrambler::cli
