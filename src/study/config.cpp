#include "study/config.hpp"

// Where assertions are on, those of the parser abort on files that it refuses a line later: "[ = 0".
#define TOML_ASSERT(condition) static_cast<void>(0)
#include <toml++/toml.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <numeric>

#include "descrambler/files.hpp"

namespace descrambler {

namespace {

template <class T>
std::vector<T> items_of(const toml::array& list) {
    std::vector<T> items;
    for (const toml::node& item : list)
        items.push_back(*item.value<T>());
    return items;
}

Value value_of(const toml::node& node) {
    if (const auto found = node.value_exact<bool>())
        return *found;
    if (const auto found = node.value_exact<std::int64_t>())
        return *found;
    if (const auto found = node.value_exact<double>())
        return *found;
    if (const auto found = node.value_exact<std::string>())
        return *found;
    const toml::array* list = node.as_array();
    const auto all = [&](auto&& holds) { return std::all_of(list->begin(), list->end(), holds); };
    if (list == nullptr)
        return {};
    if (list->empty())
        return std::vector<double>{};
    if (all([](const toml::node& item) { return item.is_integer(); }))
        return items_of<std::int64_t>(*list);
    if (all([](const toml::node& item) { return item.is_number(); }))
        return items_of<double>(*list);
    if (all([](const toml::node& item) { return item.is_string(); }))
        return items_of<std::string>(*list);
    return {};
}

// What every study has; the fields of its task stand in the sections of the task and after analysis.validation.
struct CommonFields {
    Fields before, behind, last;
};

CommonFields common_fields(StudyConfig& c) {
    CommonFields all;
    all.before = {
        text_field({"title", "", "heading of page and summary"}, c.title),
        whole_field({"seed", "", "of every random number"}, c.seed, 0, std::numeric_limits<std::int64_t>::max())};
    all.behind = training_fields(c);
    all.behind.push_back(
        whole_field({"analysis.library", "", "samples at which the taps are read"}, c.library, 2, 1 << 18));
    all.behind.push_back(whole_field({"analysis.validation", "", "held-out samples"}, c.validation, 1, 1 << 18));
    all.last = {
        choice_field<StencilKind>({"analysis.stencil", "", "what smooth means along a link"}, c.stencil,
                                  {StencilKind::fourier2, StencilKind::dct, StencilKind::diff2}, stencil_from,
                                  [](StencilKind k) { return to_string(k); }),
        real_field({"analysis.joint_lambda", "", "weight of the second term of the joint criterion"}, c.joint_lambda, 0,
                   1e12),
        whole_field({"analysis.chart_iterations", "", "of the published optimiser; 0: left out"}, c.chart_iterations, 0,
                    100000),
        whole_field({"analysis.bootstrap", "", "resampled libraries for the threshold of one function; 0: none"},
                    c.bootstrap, 0, 200)};
    return all;
}

Fields joined(std::vector<Fields> parts) {
    Fields all;
    for (Fields& part : parts)
        std::move(part.begin(), part.end(), std::back_inserter(all));
    return all;
}

// A configuration in the making: the keys of every task are known, whatever the task will be.
struct Draft {
    StudyConfig config;
    std::string task{task_name(config.data)};
    std::vector<TaskRecipe> recipes = standard_recipes();

    [[nodiscard]] Fields fields() {
        CommonFields common = common_fields(config);
        Field name = task_field(config.data);
        name.set = [this](const Value& given) { task = task_name(standard_recipe(name_in_quotes(given))); };
        std::vector<Fields> parts{std::move(common.before), {std::move(name)}};
        for (TaskRecipe& recipe : recipes)
            parts.push_back(data_fields(recipe));
        parts.push_back(std::move(common.behind));
        for (TaskRecipe& recipe : recipes)
            parts.push_back(study_fields(recipe));
        parts.push_back(std::move(common.last));
        return joined(std::move(parts));
    }
    [[nodiscard]] StudyConfig finished() const {
        StudyConfig whole = config;
        for (const TaskRecipe& recipe : recipes)
            if (task_name(recipe) == task)
                whole.data = recipe;
        return whole;
    }
};

Index distance(std::string_view a, std::string_view b) {  // Levenshtein
    std::vector<Index> row(b.size() + 1);
    std::iota(row.begin(), row.end(), Index{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        Index diagonal = row[0];
        row[0] = static_cast<Index>(i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const Index substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
        }
    }
    return row.back();
}

std::string nearest(const std::string& name, const Fields& fields) {
    // "iterations" is nearest to "training.iterations" although a prefix is missing
    const auto score = [&](const Field& field) {
        return std::min(distance(name, field.name), distance(name.substr(name.rfind('.') + 1), field.key()) + 1);
    };
    return std::min_element(fields.begin(), fields.end(),
                            [&](const Field& a, const Field& b) { return score(a) < score(b); })
        ->name;
}

// The nodes of the fields that a file gives a value, each at the place of its field; nullptr for the others.
void find_nodes(const toml::table& table, const std::string& prefix, const Fields& fields, const std::string& where,
                std::vector<const toml::node*>& nodes) {
    for (const auto& [key, node] : table) {
        const std::string name = prefix.empty() ? std::string(key.str()) : prefix + "." + std::string(key.str());
        const auto known = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
        const bool is_section =
            std::any_of(fields.begin(), fields.end(), [&](const Field& f) { return f.name.starts_with(name + "."); });
        if (known != fields.end())
            nodes[static_cast<std::size_t>(known - fields.begin())] = &node;
        else if (is_section && node.is_table())
            find_nodes(*node.as_table(), name, fields, where, nodes);
        else if (is_section)
            throw InputError(where + ": " + name + ": expected a section [" + name + "]");
        else if (node.is_table() && !node.as_table()->empty())  // an unknown section: its first key tells more
            find_nodes(*node.as_table(), name, fields, where, nodes);
        else
            throw InputError(where + ": " + name + ": unknown key; the nearest known one is " + nearest(name, fields));
    }
}

// In the order of the fields: a preset comes before what changes it.
void apply(Draft& draft, const toml::table& table, const std::string& where) {
    const Fields fields = draft.fields();
    std::vector<const toml::node*> nodes(fields.size());
    find_nodes(table, "", fields, where, nodes);
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (nodes[i] != nullptr)
            try {
                fields[i].set(value_of(*nodes[i]));
            } catch (const InputError& error) {
                throw InputError(where + ": " + fields[i].name + ": " + error.what());
            }
}

// Where the string at the front of `text` ends, for the one that begins with its quote, or three of them.
std::size_t end_of_string(std::string_view text) {
    const char quote = text.front();
    const bool several = text.size() >= 3 && text[1] == quote && text[2] == quote;
    for (std::size_t i = several ? 3 : 1; i < text.size(); ++i) {
        if (text[i] == '\\' && quote == '"')
            ++i;
        else if (several && text.substr(i, 3) == std::string(3, quote))
            return std::min({text.size(), text.find_first_not_of(quote, i), i + 5});  // two more may belong to it
        else if (!several && (text[i] == quote || text[i] == '\n'))
            return i + 1;
    }
    return text.size();
}

// One character outside ASCII at the front of `text`, which is moved behind it. Throws InputError where there is none.
std::uint32_t next_character(std::string_view& text, const std::string& where) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) : 0;
    };
    const std::uint32_t first = byte(0);
    const std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    std::uint32_t character = first & (0x3fU >> more);
    bool good = first >= 0xc2 && first < 0xf5;
    for (std::size_t i = 1; i <= more; ++i) {
        good = good && byte(i) >> 6 == 2;
        character = character << 6 | (byte(i) & 0x3f);
    }
    constexpr std::uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    if (!good || character < least[more] || character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
        throw InputError(where + ": bytes that are no UTF-8");
    text.remove_prefix(more + 1);
    return character;
}

// A string of the file in ASCII: characters outside it are escaped, and a literal string that has some becomes a basic one.
std::string escaped_string(std::string_view text, const std::string& where) {
    if (std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
        return std::string(text);
    const bool literal = text.front() == '\'';
    const std::size_t quotes = text.starts_with(literal ? "'''" : "\"\"\"") ? 3 : 1;
    const bool closed = text.size() >= 2 * quotes && text.ends_with(text.substr(0, quotes));
    std::string_view rest = text.substr(quotes, text.size() - (closed ? 2 : 1) * quotes);
    std::string result(quotes, '"');
    while (!rest.empty()) {
        if (static_cast<unsigned char>(rest.front()) >= 0x80) {
            char escape[16];
            std::snprintf(escape, sizeof escape, "\\U%08X", next_character(rest, where));
            result += escape;
            continue;
        }
        if (!literal && rest.front() == '\\' && rest.size() > 1) {
            if (static_cast<unsigned char>(rest[1]) >= 0x80)
                throw InputError(where + ": a character outside ASCII behind a backslash");
            result += rest.substr(0, 2);
            rest.remove_prefix(2);
            continue;
        }
        if (literal && (rest.front() == '\\' || rest.front() == '"'))
            result += '\\';
        result += rest.front();
        rest.remove_prefix(1);
    }
    return result + std::string(closed ? quotes : 0, '"');
}

// The same file in ASCII. The parser's behaviour is undefined at characters outside it wherever it looks for the end of a
// value, and in a damaged file it may look inside what was meant to be a string.
std::string in_ascii(std::string_view text, const std::string& where) {
    std::string result;
    const auto line = [&](std::size_t i) {
        return where + ": line " + std::to_string(1 + std::ranges::count(text.substr(0, i), '\n'));
    };
    for (std::size_t i = text.starts_with("\xef\xbb\xbf") ? 3 : 0; i < text.size();) {
        std::size_t end = i + 1;
        if (text[i] == '#') {
            end = std::min(text.size(), text.find('\n', i));
            for (std::string_view rest = text.substr(i, end - i); !rest.empty();)
                if (static_cast<unsigned char>(rest.front()) >= 0x80) {
                    (void)next_character(rest, line(i));
                    result += '?';
                } else {
                    result += rest.front();
                    rest.remove_prefix(1);
                }
        } else if (text[i] == '"' || text[i] == '\'') {
            end = i + end_of_string(text.substr(i));
            result += escaped_string(text.substr(i, end - i), line(i));
        } else if (static_cast<unsigned char>(text[i]) >= 0x80) {
            throw InputError(line(i) + ": a character outside ASCII, expected it in strings and comments alone");
        } else {
            result += text[i];
        }
        i = end;
    }
    return result;
}

toml::table parse_toml(const std::string& text, const std::string& where) {
    const std::string plain = in_ascii(text, where);
    try {
        return toml::parse(plain);
    } catch (const toml::parse_error& error) {
        std::string what(error.description());
        std::replace(what.begin(), what.end(), '\n', ' ');
        throw InputError(where + ": line " + std::to_string(error.source().begin.line) + ": " + what);
    }
}

void merge(toml::table& into, const toml::table& changes) {
    for (const auto& [key, node] : changes)
        if (node.is_table() && into[key].is_table())
            merge(*into[key].as_table(), *node.as_table());
        else
            into.insert_or_assign(key, node);
}

// Keys of another task would do nothing: whoever wrote them expected something else.
void refuse_other_tasks(const toml::table& table, const std::string& task, const std::string& where) {
    for (TaskRecipe& other : standard_recipes()) {
        const std::string name(task_name(other));
        if (name == task)
            continue;
        for (const Field& field : joined({data_fields(other), study_fields(other)}))
            if (table.at_path(field.name))
                throw InputError(where + ": " + field.name + ": belongs to data.task = \"" + name +
                                 "\", the task of this study is \"" + task + "\"");
    }
}

void check(const StudyConfig& config, const std::string& where) {
    try {
        validate(config.data);
    } catch (const InputError& error) {
        throw InputError(where + ": " + error.what());
    }
    if (config.bootstrap == 1)
        throw InputError(where +
                         ": analysis.bootstrap: expected 0 (none) or at least 2 replicates to compare, found 1");
    TaskRecipe recipe = config.data;
    for (const Field& field : study_fields(recipe))
        if (std::get<std::int64_t>(field.get()) > config.validation)
            throw InputError(where + ": " + field.name + ": expected at most analysis.validation = " +
                             std::to_string(config.validation) + ", found " + to_toml(field.get()));
}

}  // namespace

StudyConfig parse_config(const std::string& text, const std::string& where, const std::vector<std::string>& overrides) {
    toml::table whole = parse_toml(text, where);
    const toml::table file = whole;
    std::vector<std::pair<toml::table, std::string>> changes;
    {
        Draft trial;
        apply(trial, whole, where);
    }
    for (const std::string& change : overrides) {
        const std::string source = "--set " + change;
        const std::size_t equals = change.find('=');
        if (equals == std::string::npos || equals == 0 || change.find('\n') != std::string::npos)
            throw InputError(source + ": expected KEY=VALUE");
        const std::string key = change.substr(0, equals), value = change.substr(equals + 1);
        toml::table table;
        try {
            table = parse_toml(key + " = " + value, source);
        } catch (const InputError&) {  // a name without quotes
            table = parse_toml(key + " = " + to_toml(Value(value)), source);
        }
        Draft trial;
        apply(trial, table, source);  // so that a mistake is told of --set, not of the file
        merge(whole, table);
        changes.emplace_back(std::move(table), source);
    }
    Draft draft;  // all changes are known before a preset fills the section of its task
    apply(draft, whole, where);
    refuse_other_tasks(file, draft.task, where);
    for (const auto& [table, source] : changes)
        refuse_other_tasks(table, draft.task, source);
    StudyConfig config = draft.finished();
    check(config, where);
    return config;
}

StudyConfig read_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
    return parse_config(read_file(path, std::size_t{1} << 20), path.string(), overrides);
}

Fields fields(StudyConfig& config) {
    CommonFields common = common_fields(config);
    return joined({std::move(common.before),
                   {task_field(config.data)},
                   data_fields(config.data),
                   std::move(common.behind),
                   study_fields(config.data),
                   std::move(common.last)});
}

std::string to_toml(const StudyConfig& config) {
    StudyConfig copy = config;
    return to_toml(fields(copy));
}

}  // namespace descrambler
