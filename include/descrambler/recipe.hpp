// How the training data of an ensemble were made, as its file says under /input: named values, whose meaning is known
// to the task alone (tasks/task.hpp).
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

    [[nodiscard]] const Value* find(std::string_view name) const;  // nullptr: there is none of that name
    [[nodiscard]] bool operator==(const Recipe& other) const;      // names and values, in any order; 4 equals 4.0
};

// Single values are attributes of the group, lists are data sets. Reading gives lists of numbers as double and whole
// numbers beyond 2^53 as double; it leaves out `seed`, which belongs to the ensemble, and whatever cannot be a value of
// a recipe (tables, lists of more than 1024 numbers). Writing throws Error; reading InputError where the group is
// damaged.
void write_recipe(const Hdf5Group& input, const Recipe& recipe);
[[nodiscard]] Recipe read_recipe(const Hdf5Group& input);

}  // namespace descrambler
