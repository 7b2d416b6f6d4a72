#include "descrambler/recipe.hpp"

#include <algorithm>
#include <cmath>

namespace descrambler {

namespace {

constexpr Index longest_list = 1024;

template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

double as_number(const Value& value) {
    return std::holds_alternative<std::int64_t>(value) ? static_cast<double>(std::get<std::int64_t>(value))
                                                       : std::get<double>(value);
}

bool is_number(const Value& value) {
    return std::holds_alternative<std::int64_t>(value) || std::holds_alternative<double>(value);
}

}  // namespace

const Value* Recipe::find(std::string_view name) const {
    for (const Entry& entry : entries)
        if (entry.name == name)
            return &entry.value;
    return nullptr;
}

bool Recipe::operator==(const Recipe& other) const {
    return entries.size() == other.entries.size() && std::ranges::all_of(entries, [&](const Entry& entry) {
               const Value* found = other.find(entry.name);
               return found != nullptr &&
                      (is_number(entry.value) && is_number(*found) ? as_number(entry.value) == as_number(*found)
                                                                   : entry.value == *found);
           });
}

void write_recipe(const Hdf5Group& input, const Recipe& recipe) {
    for (const Recipe::Entry& entry : recipe.entries) {
        const std::string& name = entry.name;
        std::visit(
            Overloaded{[](std::monostate) {},
                       [&](bool flag) { input.attribute("", name, static_cast<std::int64_t>(flag)); },
                       [&](std::int64_t number) { input.attribute("", name, number); },
                       [&](double number) { input.attribute("", name, number); },
                       [&](const std::string& text) { input.attribute("", name, text); },
                       [&](const std::vector<std::string>& texts) { input.write_text(name, texts, entry.label); },
                       [&](const auto& numbers) { input.write(name, numbers, entry.label); }},
            entry.value);
    }
}

Recipe read_recipe(const Hdf5Group& input) {
    Recipe recipe{.entries = {}, .where = input.path()};
    // What cannot be a value of a recipe (a table, several values in an attribute) belongs to somebody else and is left
    // out. A damaged field is then reported as missing by whoever looks for its name.
    const auto add = [&](const std::string& name, const auto& read) {
        try {
            recipe.entries.push_back({name, read(), {}});
        } catch (const InputError&) {
        }
    };
    for (const std::string& name : input.attributes())
        if (name != "seed")
            add(name, [&]() -> Value {
                if (input.is_text_attribute(name))
                    return input.text_attribute("", name);
                const double number = input.number_attribute("", name);
                if (input.is_whole_attribute(name) && std::abs(number) <= 0x1p53)  // exact
                    return static_cast<std::int64_t>(number);
                return number;
            });
    for (const std::string& name : input.datasets())
        add(name, [&]() -> Value {
            if (input.is_text(name))
                return input.read_text(name);
            return input.read_vector<double>(name, longest_list);
        });
    return recipe;
}

}  // namespace descrambler
