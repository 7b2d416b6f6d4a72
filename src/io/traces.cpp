#include "descrambler/traces.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "descrambler/array.hpp"
#include "descrambler/files.hpp"
#include "io/bruker.hpp"
#include "io/text.hpp"

namespace descrambler {
namespace {

constexpr std::size_t most_text_bytes = std::size_t{1} << 26;
constexpr std::size_t fewest_points = 8;
constexpr double longest_us = 100;  // a last time above that must be in ns

std::string at_line(const std::filesystem::path& path, std::size_t number) {
    return path.string() + ": line " + std::to_string(number) + ": ";
}

// Fields are separated by one comma or semicolon, or by any number of blanks and tabs.
std::vector<std::string_view> split_fields(std::string_view line) {
    std::vector<std::string_view> fields;
    for (;;) {
        line = trim(line);
        const std::size_t end = std::min(line.find_first_of(" \t,;"), line.size());
        fields.push_back(line.substr(0, end));
        line = trim(line.substr(end));
        if (line.empty())
            return fields;
        if (line[0] == ',' || line[0] == ';')
            line.remove_prefix(1);
    }
}

struct Columns {
    std::size_t count = 0;  // of the file
    std::vector<double> time, real, imaginary;
    std::vector<std::size_t> lines;  // number of each row's line
};

Columns parse_columns(const std::filesystem::path& path, std::string_view text) {
    if (text.starts_with("\xef\xbb\xbf"))  // byte order mark
        text.remove_prefix(3);
    Columns columns;
    bool headings = false;
    std::size_t number = 0;
    for (const std::string_view raw : split_lines(text)) {
        ++number;
        const std::string_view line = trim(raw.substr(0, raw.find_first_of("#%")));
        if (line.empty())
            continue;
        const std::vector<std::string_view> fields = split_fields(line);
        const bool numbers =
            std::any_of(fields.begin(), fields.end(), [](auto field) { return parse_number(field).has_value(); });
        if (columns.count == 0 && !headings && !numbers) {
            headings = true;
            continue;
        }
        if (columns.count == 0)
            columns.count = fields.size();
        if (columns.count < 2)
            throw InputError(at_line(path, number) + "expected two or more columns, found 1");
        if (fields.size() != columns.count)
            throw InputError(at_line(path, number) + "expected " + std::to_string(columns.count) +
                             " columns as before, found " + std::to_string(fields.size()));
        const std::size_t used = columns.count == 3 ? 3 : 2;
        std::vector<double>* const to[] = {&columns.time, &columns.real, &columns.imaginary};
        for (std::size_t k = 0; k < used; ++k) {
            const std::optional<double> value = parse_number(fields[k]);
            if (!value)
                throw InputError(at_line(path, number) + "column " + std::to_string(k + 1) +
                                 ": expected a finite number, found " + excerpt(fields[k]));
            to[k]->push_back(*value);
        }
        columns.lines.push_back(number);
    }
    return columns;
}

Trace read_text_trace(const std::filesystem::path& path, TimeUnit unit) {
    const Columns columns = parse_columns(path, read_file(path, most_text_bytes));
    if (columns.time.size() < fewest_points)
        throw InputError(path.string() + ": expected at least " + std::to_string(fewest_points) +
                         " rows of numbers, found " + std::to_string(columns.time.size()));
    Trace trace;
    trace.stem = path.stem().string();
    if (unit == TimeUnit::automatic) {
        unit = columns.time.back() > longest_us ? TimeUnit::nanosecond : TimeUnit::microsecond;
        trace.flags.push_back(std::string("time unit taken as ") + (unit == TimeUnit::nanosecond ? "ns" : "us"));
    }
    trace.complex_valued = columns.count == 3;
    if (columns.count == 3)
        trace.flags.push_back("column 3 taken as the imaginary part");
    else if (columns.count > 3)
        trace.flags.push_back("columns 3 to " + std::to_string(columns.count) + " ignored");
    for (std::size_t i = 0; i < columns.time.size(); ++i) {
        trace.time_us.push_back(unit == TimeUnit::nanosecond ? columns.time[i] / 1e3 : columns.time[i]);
        trace.signal.emplace_back(columns.real[i], trace.complex_valued ? columns.imaginary[i] : 0.0);
        if (i > 0 && !(trace.time_us[i] > trace.time_us[i - 1]))
            throw InputError(at_line(path, columns.lines[i]) + "column 1: expected a time later than the one before");
    }
    return trace;
}

}  // namespace

Trace read_trace(const std::filesystem::path& path, TimeUnit unit) {
    const std::string suffix = lower(path.extension().string());
    if (suffix != ".dsc" && suffix != ".dta")
        return read_text_trace(path, unit);
    Trace trace = read_bes3t(path, unit);
    for (std::size_t i = 0; i < trace.time_us.size(); ++i)
        if (!std::isfinite(trace.time_us[i]) || (i > 0 && !(trace.time_us[i] > trace.time_us[i - 1])))
            throw InputError(path.string() + ": time axis: expected increasing finite times, not so at point " +
                             std::to_string(i) + " (from 0)");
    return trace;
}

}  // namespace descrambler
