#include "io/shard_names.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "io/text.hpp"

namespace descrambler {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t most_list_bytes = std::size_t{1} << 26;
constexpr std::size_t most_name_bytes = 4096;  // PATH_MAX

bool is_there(const std::string& path) {
    std::error_code ignored;
    return fs::exists(path, ignored);
}

ShardName file_of(const std::string& path) {
    return {path, "", lower(fs::path(path).extension().string()) == ".npy"};
}

// "FILE.h5:/dataset" where that file is there, otherwise a plain name.
ShardName name_of(const std::string& input) {
    const std::size_t colon = input.rfind(":/");
    std::error_code ignored;
    if (colon != input.npos && fs::is_regular_file(input.substr(0, colon), ignored))
        return {input.substr(0, colon), input.substr(colon + 2), false};
    return file_of(input);
}

// ---- patterns ------------------------------------------------------------------------------------------------------

bool is_pattern(const std::string& path) {
    return fs::path(path).filename().string().find_first_of("*?") != std::string::npos;
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Text and runs of digits in turn, text first: "part-07.npy" is "part-", "07", ".npy".
std::vector<std::string> runs_of(const std::string& name) {
    std::vector<std::string> runs(1);
    for (const char c : name) {
        const bool in_digits = runs.size() % 2 == 0;
        if (is_digit(c) != in_digits)
            runs.emplace_back();
        runs.back() += c;
    }
    return runs;
}

// Digits without leading zeros, for comparing numbers of any length: the one with more digits is larger.
std::string_view value_of(std::string_view digits) {
    return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

// The run of digits that begins at `at`; `at` moves behind it.
std::string_view take_digits(std::string_view text, std::size_t& at) {
    const std::size_t first = at;
    while (at < text.size() && is_digit(text[at]))
        ++at;
    return text.substr(first, at - first);
}

// Runs of digits compare as numbers, everything else character by character.
bool precedes(const std::string& a, const std::string& b) {
    std::size_t i = 0, j = 0;
    while (i < a.size() && j < b.size()) {
        if (is_digit(a[i]) && is_digit(b[j])) {
            const std::string_view x = value_of(take_digits(a, i)), y = value_of(take_digits(b, j));
            if (x != y)
                return x.size() != y.size() ? x.size() < y.size() : x < y;
        } else if (a[i] != b[j]) {
            return a[i] < b[j];
        } else {
            ++i, ++j;
        }
    }
    const bool a_ends = i == a.size(), b_ends = j == b.size();
    return a_ends != b_ends ? a_ends : a < b;  // part-01 precedes part-1
}

// The next number, as wide as this one: "009" gives "010", "99" gives "100".
std::string successor(std::string digits) {
    for (std::size_t i = digits.size(); i-- > 0;) {
        if (digits[i] != '9') {
            ++digits[i];
            return digits;
        }
        digits[i] = '0';
    }
    return "1" + digits;
}

// Sorted names that differ in the value of one number only have consecutive values there.
void require_no_gap(const std::string& pattern, const std::vector<std::string>& names) {
    std::vector<std::vector<std::string>> runs;
    for (const std::string& name : names)
        runs.push_back(runs_of(name));
    const std::vector<std::string>& head = runs.front();
    std::size_t varying = 0;  // the run in which the names differ; 0, a text, for none as yet
    for (const std::vector<std::string>& other : runs) {
        if (other.size() != head.size())
            return;
        for (std::size_t i = 0; i < head.size(); ++i) {
            const bool digits = i % 2 == 1;
            if (digits ? value_of(other[i]) == value_of(head[i]) : other[i] == head[i])
                continue;
            if (!digits || (varying != 0 && varying != i))
                return;
            varying = i;
        }
    }
    for (std::size_t k = 1; k < runs.size() && varying != 0; ++k) {
        const std::string &last = runs[k - 1][varying], &here = runs[k][varying], next = successor(last);
        if (value_of(here) == value_of(last) || value_of(here) == value_of(next))
            continue;
        std::string missing;
        for (std::size_t i = 0; i < head.size(); ++i)
            missing += i == varying ? next : runs[k - 1][i];
        throw InputError(pattern + ": expected " + missing + " between " + names[k - 1] + " and " + names[k] +
                         ", found none; a list of names (@LIST) may leave numbers out");
    }
}

// Whatever matches counts as a shard, even if it cannot be read: a broken link must not go unnoticed.
std::vector<std::string> matches(const std::string& pattern) {
    const fs::path folder = fs::path(pattern).parent_path();
    std::string escaped;  // only * and ? are special here
    for (const char c : fs::path(pattern).filename().string())
        escaped += c == '[' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(folder.empty() ? "." : folder, error), end; !error && at != end;
         at.increment(error)) {
        const std::string name = at->path().filename().string();
        if (fnmatch(escaped.c_str(), name.c_str(), FNM_PERIOD) == 0)
            names.push_back(name);
    }
    if (error)
        throw InputError(pattern + ": folder cannot be read: " + error.message() +
                         " (* and ? stand in the file name only)");
    if (names.empty())
        throw InputError(pattern + ": expected at least one file of such a name, found none");
    std::sort(names.begin(), names.end(), precedes);
    require_no_gap(pattern, names);
    for (std::string& name : names)
        name = (folder / name).string();
    return names;
}

// ---- lists ---------------------------------------------------------------------------------------------------------

std::vector<ShardName> listed(const std::string& list) {
    const std::string text = read_file(list, most_list_bytes);
    std::vector<ShardName> found;
    std::size_t number = 0;
    for (const std::string_view line : split_lines(text)) {
        const std::string where = list + ": line " + std::to_string(++number) + ": ";
        const std::string_view name = trim(line);
        if (name.empty() || name.front() == '#')
            continue;
        const auto control = [](char c) { return (c >= '\0' && c < ' ') || c == '\x7f'; };
        if (name.size() > most_name_bytes || std::any_of(name.begin(), name.end(), control))
            throw InputError(where + "expected the name of a file, found " + excerpt(name));
        const std::string path = (fs::path(list).parent_path() / name).string();
        found.push_back(name_of(path));
        if (!is_there(found.back().path))
            throw InputError(where + "expected the file " + path + ", found none");
    }
    if (found.empty())
        throw InputError(list + ": expected at least one name of a file, found none");
    return found;
}

}  // namespace

std::vector<ShardName> shard_names(const std::string& inputs) {
    const ShardName one = name_of(inputs);
    if (is_there(one.path))
        return {one};
    if (inputs.starts_with('@'))
        return listed(inputs.substr(1));
    const std::size_t colon = inputs.rfind(":/");
    const bool dataset = colon != inputs.npos && is_pattern(inputs.substr(0, colon));
    const std::string pattern = dataset ? inputs.substr(0, colon) : inputs;
    if (!is_pattern(pattern))
        return {one};  // whoever opens it says what is wrong
    std::vector<ShardName> found;
    for (const std::string& path : matches(pattern))
        found.push_back(dataset ? ShardName{path, inputs.substr(colon + 2), false} : file_of(path));
    return found;
}

}  // namespace descrambler
