// Numbers of many items as one data set.
#pragma once

#include <string>
#include <vector>

#include "descrambler/hdf5.hpp"

namespace descrambler {

// Equal matrices as [items, rows, cols], in T (f4 where a picture needs no more). Nothing for none.
template <class T>  // float, double
void write_stack(const Hdf5Group& at, const std::string& name, const std::vector<const Matrix<double>*>& items,
                 const Label& label);
// Vectors as [items, longest], NaN behind the shorter ones. Nothing where all are empty.
void write_rows(const Hdf5Group& at, const std::string& name, const std::vector<std::vector<double>>& items,
                const Label& label);

// One number of every item.
template <class Items, class F>
[[nodiscard]] std::vector<double> numbers_of(const Items& items, F&& number) {
    std::vector<double> numbers;
    for (const auto& item : items)
        numbers.push_back(static_cast<double>(number(item)));
    return numbers;
}
// One field of every item: a vector, or the address of a matrix.
template <class Item>
[[nodiscard]] std::vector<std::vector<double>> rows_of(const std::vector<Item>& items,
                                                       std::vector<double> Item::*field) {
    std::vector<std::vector<double>> rows;
    for (const Item& item : items)
        rows.push_back(item.*field);
    return rows;
}
template <class Item>
[[nodiscard]] std::vector<const Matrix<double>*> matrices_of(const std::vector<Item>& items,
                                                             Matrix<double> Item::*field) {
    std::vector<const Matrix<double>*> matrices;
    for (const Item& item : items)
        matrices.push_back(&(item.*field));
    return matrices;
}

}  // namespace descrambler
