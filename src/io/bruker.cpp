#include "io/bruker.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "descrambler/array.hpp"
#include "descrambler/files.hpp"
#include "io/bytes.hpp"
#include "io/text.hpp"

namespace descrambler {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t most_descriptor_bytes = std::size_t{1} << 24;
constexpr Index most_points = Index{1} << 26;
constexpr Index fewest_points = 8;

// The file of the set with this suffix; file systems that know upper and lower case may hold either.
std::optional<fs::path> companion(fs::path path, const std::string& suffix) {
    if (lower(path.extension().string()) == lower(suffix))
        return path;
    for (const std::string& spelling : {suffix, lower(suffix)})
        if (std::error_code ignored; fs::exists(path.replace_extension(spelling), ignored))
            return path;
    return std::nullopt;
}

class Descriptor {
public:
    explicit Descriptor(fs::path path) : path_(std::move(path)) {
        const std::string text = read_file(path_, most_descriptor_bytes);
        if (!text.starts_with("#DESC"))
            throw InputError(path_.string() + ": line 1: expected a BES3T descriptor that begins with #DESC");
        for (const std::string_view raw : split_lines(std::string_view(text).substr(5))) {
            const std::string_view line = trim(raw);
            if (line.starts_with('#'))  // the layers that follow describe the spectrometer
                break;
            const std::size_t gap = std::min(line.find_first_of(" \t"), line.size());
            std::string_view value = trim(line.substr(gap));
            if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'')
                value = trim(value.substr(1, value.size() - 2));
            fields_.emplace(line.substr(0, gap), value);  // the first of equal keywords counts
        }
    }

    [[noreturn]] void fail(const std::string& field, const std::string& text) const {
        throw InputError(path_.string() + ": " + field + ": " + text);
    }
    [[nodiscard]] std::optional<std::string> find(const std::string& field) const {
        const auto at = fields_.find(field);
        return at == fields_.end() ? std::nullopt : std::optional(at->second);
    }
    [[nodiscard]] std::string text(const std::string& field) const { return find(field).value_or(""); }
    [[nodiscard]] std::string choice(const std::string& field, const std::vector<std::string>& choices) const {
        std::string names;
        for (const std::string& choice : choices) {
            if (text(field) == choice)
                return choice;
            names += (names.empty() ? "" : ", ") + choice;
        }
        fail(field, "expected one of " + names + ", found " + excerpt(text(field)));
    }
    [[nodiscard]] double number(const std::string& field) const {
        const std::optional<double> value = parse_number(text(field));
        if (!value)
            fail(field, "expected a number, found " + excerpt(text(field)));
        return *value;
    }
    [[nodiscard]] Index count(const std::string& field) const {
        const std::optional<Index> value = parse_index(text(field));
        if (!value)
            fail(field, "expected a whole number, found " + excerpt(text(field)));
        return *value;
    }

private:
    fs::path path_;
    std::map<std::string, std::string, std::less<>> fields_;
};

// C, S, I: signed integers of 1, 2, 4 bytes; F, D: IEEE floats of 4, 8 bytes.
const std::vector<std::string> formats = {"C", "S", "I", "F", "D"};

Index width(char format) {
    return format == 'C' ? 1 : format == 'S' ? 2 : format == 'D' ? 8 : 4;
}

double decode(const char* bytes, char format, std::endian order) {
    switch (format) {
        case 'C':
            return from_bytes<std::int8_t>(bytes, order);
        case 'S':
            return from_bytes<std::int16_t>(bytes, order);
        case 'I':
            return from_bytes<std::int32_t>(bytes, order);
        case 'F':
            return from_bytes<float>(bytes, order);
        default:
            return from_bytes<double>(bytes, order);
    }
}

// A whole file of `count` numbers.
std::vector<double> read_numbers(const fs::path& path, Index count, char format, std::endian order) {
    const std::string bytes = read_file(path);
    if (static_cast<Index>(bytes.size()) != count * width(format))
        throw InputError(path.string() + ": expected " + std::to_string(count * width(format)) + " bytes (" +
                         std::to_string(count) + " numbers of format " + format + "), found " +
                         std::to_string(bytes.size()));
    std::vector<double> values(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) {
        double& value = values[static_cast<std::size_t>(i)];
        value = decode(bytes.data() + i * width(format), format, order);
        if (!std::isfinite(value))
            throw InputError(path.string() + ": number " + std::to_string(i) + " (from 0): expected a finite number");
    }
    return values;
}

// Units of the axis in one microsecond.
double units_per_us(const Descriptor& descriptor, TimeUnit unit, Trace& trace) {
    const std::string name = descriptor.text("XUNI");
    if (unit != TimeUnit::automatic) {
        const std::string wanted = unit == TimeUnit::nanosecond ? "ns" : "us";
        if (name != wanted)
            trace.flags.push_back("time unit taken as " + wanted + ", the file says " + excerpt(name));
        return unit == TimeUnit::nanosecond ? 1e3 : 1;
    }
    if (name.empty()) {
        trace.flags.push_back("time unit taken as ns, the file has none");
        return 1e3;
    }
    constexpr std::array<std::pair<std::string_view, double>, 7> units{
        {{"ps", 1e6}, {"ns", 1e3}, {"us", 1}, {"\xb5s", 1}, {"\xc2\xb5s", 1}, {"ms", 1e-3}, {"s", 1e-6}}};
    for (const auto& [known, per_us] : units)  // the micro sign in Latin-1 and in UTF-8
        if (name == known)
            return per_us;
    descriptor.fail("XUNI", "expected a unit of time, found " + excerpt(name));
}

std::vector<double> read_axis(const Descriptor& descriptor, const fs::path& path, Index points, std::endian order,
                              Trace& trace) {
    if (descriptor.choice("XTYP", {"IDX", "IGD"}) == "IGD") {
        if (const std::optional<fs::path> axis = companion(path, ".XGF")) {
            const bool given = descriptor.find("XFMT").has_value();
            return read_numbers(*axis, points, given ? descriptor.choice("XFMT", formats)[0] : 'D', order);
        }
        trace.flags.push_back("axis taken as linear, the .XGF file is missing");
    }
    const double first = descriptor.number("XMIN"), span = descriptor.number("XWID");
    if (span <= 0)
        descriptor.fail("XWID", "expected a positive width");
    std::vector<double> axis(static_cast<std::size_t>(points));
    for (std::size_t i = 0; i < axis.size(); ++i)
        axis[i] = first + span * static_cast<double>(i) / static_cast<double>(points - 1);
    return axis;
}

}  // namespace

Trace read_bes3t(const fs::path& path, TimeUnit unit) {
    const std::optional<fs::path> dsc = companion(path, ".DSC"), dta = companion(path, ".DTA");
    if (!dsc || !dta)
        throw InputError(path.string() + ": expected its companion " + (dsc ? ".DTA" : ".DSC") + " in the same folder");
    const Descriptor descriptor(*dsc);
    for (const std::string axis : {"Y", "Z"})
        if (descriptor.find(axis + "PTS") && descriptor.text(axis + "TYP") != "NODATA" &&
            descriptor.count(axis + "PTS") > 1)
            descriptor.fail(axis + "PTS", "expected one trace, found " + descriptor.text(axis + "PTS") + " of them");
    const std::endian order =
        descriptor.choice("BSEQ", {"BIG", "LIT"}) == "BIG" ? std::endian::big : std::endian::little;
    const char format = descriptor.choice("IRFMT", formats)[0];
    const Index points = descriptor.count("XPTS");
    if (points < fewest_points || points > most_points)
        descriptor.fail("XPTS", "expected " + std::to_string(fewest_points) + " to " + std::to_string(most_points) +
                                    " points, found " + std::to_string(points));

    Trace trace;
    trace.stem = path.stem().string();
    trace.title = descriptor.text("TITL");
    trace.complex_valued = descriptor.choice("IKKF", {"CPLX", "REAL"}) == "CPLX";
    if (trace.complex_valued && descriptor.text("IIFMT") != descriptor.text("IRFMT") && descriptor.find("IIFMT"))
        descriptor.fail("IIFMT", "expected the format of the real part, " + excerpt(descriptor.text("IRFMT")));

    const double per_us = units_per_us(descriptor, unit, trace);
    trace.time_us = read_axis(descriptor, path, points, order, trace);
    for (double& time : trace.time_us)
        time /= per_us;

    const Index parts = trace.complex_valued ? 2 : 1;
    const std::vector<double> numbers = read_numbers(*dta, points * parts, format, order);
    for (std::size_t i = 0; i < numbers.size(); i += static_cast<std::size_t>(parts))
        trace.signal.emplace_back(numbers[i], trace.complex_valued ? numbers[i + 1] : 0.0);
    return trace;
}

}  // namespace descrambler
