// The fields of a configuration or a recipe as data: what each is called, its unit, meaning and limits, and how its
// value is read and set. One list serves the TOML file, /input of ensembles and studies, validation, the fingerprint of
// a member and the tables of docs/formats.md.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "descrambler/array.hpp"
#include "descrambler/recipe.hpp"

namespace descrambler {

// Bound to the object that it was made for. set(value) throws InputError "expected ..." for another kind of value or
// one outside the limits, and then leaves the object as it was.
struct Field {
    std::string name;  // as in the configuration, "data.times"; files have what follows the dot
    std::string unit, meaning;
    std::string limits;  // in words, as messages have them: "a whole number from 4 to 8192"
    std::function<void(const Value&)> set;
    std::function<Value()> get;
    std::string axis = {};  // of a list in a file
    bool stored = true;     // decides the data: stands in /input

    [[nodiscard]] std::string key() const { return name.substr(name.rfind('.') + 1); }
};
using Fields = std::vector<Field>;

// What every field shares.
struct FieldName {
    std::string name, unit, meaning, axis = {};
};

[[nodiscard]] Field text_field(FieldName name, std::string& value);
[[nodiscard]] Field flag_field(FieldName name, bool& value);
[[nodiscard]] Field real_field(FieldName name, double& value, double low, double high);
[[nodiscard]] Field reals_field(FieldName name, std::vector<double>& value);                       // 1 to 16
[[nodiscard]] Field widths_field(FieldName name, std::vector<Index>& value);                       // 1 to 64, 3 to 8192
[[nodiscard]] std::int64_t whole_number(const Value& value, std::int64_t low, std::int64_t high);  // throws

template <class Integer>
[[nodiscard]] Field whole_field(FieldName name, Integer& value, std::int64_t low, std::int64_t high) {
    return {name.name,
            name.unit,
            name.meaning,
            "a whole number from " + std::to_string(low) + " to " + std::to_string(high),
            [=, &value](const Value& given) { value = static_cast<Integer>(whole_number(given, low, high)); },
            [&value] { return Value(static_cast<std::int64_t>(value)); }};
}

[[nodiscard]] const std::string& name_in_quotes(const Value& value);                // throws
[[nodiscard]] const std::vector<std::string>& names_in_quotes(const Value& value);  // throws
[[nodiscard]] std::string either_of(const std::vector<std::string_view>& names);    // "a", "b" or "c"

// One of the named values; from throws InputError for an unknown name.
template <class Enum>
[[nodiscard]] Field choice_field(FieldName name, Enum& value, const std::vector<Enum>& all,
                                 std::function<Enum(std::string_view)> from, std::function<std::string_view(Enum)> to) {
    std::vector<std::string_view> names;
    for (const Enum one : all)
        names.push_back(to(one));
    return {name.name,
            name.unit,
            name.meaning,
            either_of(names),
            [&value, from](const Value& given) { value = from(name_in_quotes(given)); },
            [&value, to] { return Value(std::string(to(value))); }};
}

// The first or the second of two names.
template <class Enum>
[[nodiscard]] Field either_field(FieldName name, Enum& value, Enum first, std::string first_name, Enum second,
                                 std::string second_name) {
    const std::string limits = either_of({first_name, second_name});
    return {name.name,
            name.unit,
            name.meaning,
            limits,
            [=, &value](const Value& given) {
                const std::string* found = std::get_if<std::string>(&given);
                if (found == nullptr || (*found != first_name && *found != second_name))
                    throw InputError("expected " + limits);
                value = *found == first_name ? first : second;
            },
            [=, &value] { return Value(value == first ? first_name : second_name); }};
}

// 1 to 16 of the named values.
template <class Enum>
[[nodiscard]] Field choices_field(FieldName name, std::vector<Enum>& value, const std::vector<Enum>& all,
                                  std::function<Enum(std::string_view)> from,
                                  std::function<std::string_view(Enum)> to) {
    std::vector<std::string_view> names;
    for (const Enum one : all)
        names.push_back(to(one));
    return {name.name,
            name.unit,
            name.meaning,
            "a list of " + either_of(names),
            [&value, from](const Value& given) {
                std::vector<Enum> found;
                for (const std::string& item : names_in_quotes(given))
                    found.push_back(from(item));
                value = std::move(found);
            },
            [&value, to] {
                std::vector<std::string> texts;
                for (const Enum one : value)
                    texts.emplace_back(to(one));
                return Value(std::move(texts));
            },
            name.axis};
}

// Every field by itself: throws InputError "NAME: expected ..." for the first that is outside its limits.
void check_limits(const Fields& fields);

// As TOML: numbers as short as reads back equal.
[[nodiscard]] std::string to_toml(const Value& value);
// All of them, in their order, a heading [SECTION] wherever the part before the dot changes.
[[nodiscard]] std::string to_toml(const Fields& fields);

// The fields that are stored, as /input has them, and back. fill throws InputError "WHERE: ..." for a value that is
// missing or outside its limits.
[[nodiscard]] Recipe to_recipe(const Fields& fields);
void fill(const Fields& fields, const Recipe& recipe);

}  // namespace descrambler
