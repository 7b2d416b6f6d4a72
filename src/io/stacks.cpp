#include "io/stacks.hpp"

#include <algorithm>
#include <limits>

namespace descrambler {

template <class T>
void write_stack(const Hdf5Group& at, const std::string& name, const std::vector<const Matrix<double>*>& items,
                 const Label& label) {
    if (items.empty() || items.front()->size() == 0)
        return;
    const Index rows = items.front()->rows(), cols = items.front()->cols();
    std::vector<T> values;
    values.reserve(items.size() * static_cast<std::size_t>(rows * cols));
    for (const Matrix<double>* item : items)
        for (Index i = 0; i < rows; ++i)
            for (Index j = 0; j < cols; ++j)
                values.push_back(static_cast<T>((*item)(i, j)));
    at.write(name, {std::ssize(items), rows, cols}, values.data(), label);
}

void write_rows(const Hdf5Group& at, const std::string& name, const std::vector<std::vector<double>>& items,
                const Label& label) {
    std::size_t longest = 0;
    for (const auto& item : items)
        longest = std::max(longest, item.size());
    if (longest == 0)
        return;
    std::vector<double> values;
    for (const auto& item : items) {
        values.insert(values.end(), item.begin(), item.end());
        values.insert(values.end(), longest - item.size(), std::numeric_limits<double>::quiet_NaN());
    }
    at.write(name, {std::ssize(items), static_cast<Index>(longest)}, values.data(), label);
}

template void write_stack<float>(const Hdf5Group&, const std::string&, const std::vector<const Matrix<double>*>&,
                                 const Label&);
template void write_stack<double>(const Hdf5Group&, const std::string&, const std::vector<const Matrix<double>*>&,
                                  const Label&);

}  // namespace descrambler
