#include "tasks/field.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/finite.hpp"
#include "descrambler/error.hpp"

namespace descrambler {

namespace {

std::string shortest(double value) {
    char text[40];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    std::string result(text, end);
    if (result.find_first_of(".en") == std::string::npos)
        result += ".0";
    return result;
}

std::string in_quotes(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            result += '\\';
        result += c;
    }
    return result + "\"";
}

std::optional<double> number_of(const Value& value) {
    if (const auto* whole = std::get_if<std::int64_t>(&value))
        return static_cast<double>(*whole);
    if (const auto* real = std::get_if<double>(&value))
        return *real;
    return {};
}

[[noreturn]] void expected(const std::string& what) {
    throw InputError("expected " + what);
}

Field named(FieldName name, std::string limits) {
    return {std::move(name.name), std::move(name.unit), std::move(name.meaning), std::move(limits), {}, {},
            std::move(name.axis)};
}

struct Print {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return shortest(number); }
    std::string operator()(const std::string& text) const { return in_quotes(text); }
    template <class T>
    std::string operator()(const std::vector<T>& list) const {
        std::string text;
        for (const T& item : list)
            text += (text.empty() ? "" : ", ") + (*this)(item);
        return "[" + text + "]";
    }
};

}  // namespace

std::int64_t whole_number(const Value& value, std::int64_t low, std::int64_t high) {
    const auto* found = std::get_if<std::int64_t>(&value);
    if (found == nullptr || *found < low || *found > high)
        expected("a whole number from " + std::to_string(low) + " to " + std::to_string(high) +
                 (found != nullptr ? ", found " + std::to_string(*found) : ""));
    return *found;
}

Field text_field(FieldName name, std::string& value) {
    Field field = named(std::move(name), "a text of one line");
    field.set = [&value](const Value& given) {
        const auto* found = std::get_if<std::string>(&given);
        if (found == nullptr || found->find_first_of("\n\r") != std::string::npos)
            expected("a text of one line");
        value = *found;
    };
    field.get = [&value] { return Value(value); };
    return field;
}

Field flag_field(FieldName name, bool& value) {
    Field field = named(std::move(name), "true or false");
    field.set = [&value](const Value& given) {
        const auto* found = std::get_if<bool>(&given);
        if (found == nullptr)
            expected("true or false");
        value = *found;
    };
    field.get = [&value] { return Value(value); };
    return field;
}

Field real_field(FieldName name, double& value, double low, double high) {
    const std::string limits = "a number from " + shortest(low) + " to " + shortest(high);
    Field field = named(std::move(name), limits);
    field.set = [=, &value](const Value& given) {
        const std::optional<double> found = number_of(given);
        if (!found || !(*found >= low && *found <= high))  // NaN fails too
            expected(limits + (found ? ", found " + shortest(*found) : ""));
        value = *found;
    };
    field.get = [&value] { return Value(value); };
    return field;
}

Field reals_field(FieldName name, std::vector<double>& value) {
    Field field = named(std::move(name), "a list of 1 to 16 numbers");
    field.set = [&value, limits = field.limits](const Value& given) {
        std::vector<double> found;
        if (const auto* whole = std::get_if<std::vector<std::int64_t>>(&given))
            found.assign(whole->begin(), whole->end());
        else if (const auto* real = std::get_if<std::vector<double>>(&given))
            found = *real;
        else
            expected(std::holds_alternative<std::vector<std::string>>(given) ? "a list of numbers" : limits);
        if (found.empty() || found.size() > 16)
            expected(limits);
        if (!all_finite(found))
            expected("a list of numbers");
        value = std::move(found);
    };
    field.get = [&value] { return Value(value); };
    return field;
}

Field widths_field(FieldName name, std::vector<Index>& value) {
    constexpr std::int64_t least = 3, most = 1 << 13;
    Field field = named(std::move(name), "a list of 1 to 64 widths from 3 to 8192");
    field.set = [&value](const Value& given) {
        const auto* found = std::get_if<std::vector<std::int64_t>>(&given);
        if (const auto* real = std::get_if<std::vector<double>>(&given); real != nullptr && !real->empty())
            (void)whole_number(real->front(), least, most);
        if (found == nullptr || found->size() > 64)
            expected("a list of 1 to 64 widths, e.g. [80]");
        std::vector<Index> widths;
        for (const std::int64_t width : *found)
            widths.push_back(whole_number(width, least, most));
        value = std::move(widths);
    };
    field.get = [&value] { return Value(std::vector<std::int64_t>(value.begin(), value.end())); };
    return field;
}

const std::string& name_in_quotes(const Value& value) {
    const auto* found = std::get_if<std::string>(&value);
    if (found == nullptr)
        expected("a name in quotes");
    return *found;
}

const std::vector<std::string>& names_in_quotes(const Value& value) {
    const auto* found = std::get_if<std::vector<std::string>>(&value);
    if (found == nullptr || found->empty() || found->size() > 16)
        expected("a list of 1 to 16 names in quotes");
    return *found;
}

std::string either_of(const std::vector<std::string_view>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i)
        text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + in_quotes(names[i]);
    return text;
}

void check_limits(const Fields& fields) {
    for (const Field& field : fields)
        try {
            field.set(field.get());
        } catch (const InputError& error) {
            throw InputError(field.name + ": " + error.what());
        }
}

std::string to_toml(const Value& value) {
    return std::visit(Print(), value);
}

std::string to_toml(const Fields& fields) {
    std::string out, section;
    for (const Field& field : fields) {
        const std::size_t dot = field.name.find('.');
        const std::string of = dot == std::string::npos ? "" : field.name.substr(0, dot);
        if (of != section) {
            out += "\n[" + of + "]\n";
            section = of;
        }
        out += field.key() + " = " + to_toml(field.get()) + "\n";
    }
    return out;
}

Recipe to_recipe(const Fields& fields) {
    Recipe recipe;
    for (const Field& field : fields)
        if (field.stored)
            recipe.entries.push_back(
                {field.key(), field.get(), {field.unit.empty() ? "1" : field.unit, field.meaning, field.axis}});
    return recipe;
}

void fill(const Fields& fields, const Recipe& recipe) {
    for (const Field& field : fields) {
        if (!field.stored)
            continue;
        const Value* found = recipe.find(field.key());
        if (found == nullptr)
            throw InputError(recipe.where + ": expected '" + field.key() + "', " + field.limits);
        Value value = *found;
        if (const auto* real = std::get_if<double>(&value);  // files do not tell 4 from 4.0
            real != nullptr && std::holds_alternative<std::int64_t>(field.get()) && std::abs(*real) < 9e15 &&
            *real == std::floor(*real))
            value = static_cast<std::int64_t>(*real);
        try {
            field.set(value);
        } catch (const InputError& error) {
            throw InputError(recipe.where + ": " + field.key() + ": " + error.what());
        }
    }
}

}  // namespace descrambler
