// How the training data of an ensemble were made, as its file says it under /input: named values without a meaning of
// their own. What they mean is the affair of the task that they belong to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "descrambler/hdf5.hpp"

namespace descrambler {

// One value of a configuration or a recipe. std::monostate: something that is none of these.
using Value = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                           std::vector<double>, std::vector<std::string>>;

struct Recipe {
    struct Entry {
        std::string name;
        Value value;
        Label label;  // of a list
    };
    std::vector<Entry> entries;
    std::string where;  // "FILE:/input" of one that was read, for messages

    [[nodiscard]] const Value* find(std::string_view name) const;  // nullptr: has none
    [[nodiscard]] bool operator==(const Recipe& other) const;      // names and values, in any order
};

// Single values are attributes of the group, lists are data sets. Whole numbers beyond 2^53 come back as double;
// `seed`, which belongs to the ensemble, is left out, and so is what cannot be a value of a recipe.
void write_recipe(const Hdf5Group& input, const Recipe& recipe);
[[nodiscard]] Recipe read_recipe(const Hdf5Group& input);

}  // namespace descrambler
