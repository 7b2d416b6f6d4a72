// Measured DEER traces: Bruker BES3T (.DSC / .DTA / .XGF) and text with two or more columns.
#pragma once

#include <complex>
#include <filesystem>
#include <string>
#include <vector>

namespace descrambler {

enum class TimeUnit { automatic, nanosecond, microsecond };

struct Trace {
    std::string stem;                          // file name without its last suffix
    std::string title;                         // from the file, may be empty
    std::vector<double> time_us;               // increasing
    std::vector<std::complex<double>> signal;  // imaginary part 0 where the file has none
    bool complex_valued = false;
    std::vector<std::string> flags;  // what was assumed, e.g. "time unit taken as ns"
};

// Either of .DSC, .DTA (any case) names a BES3T pair; anything else is text.
//
// Text: numbers separated by blanks, tabs, commas or semicolons; comments begin with # or %; one line of headings may
// come first. Column 1 is time, column 2 the real part. Of exactly three columns the third is the imaginary part,
// whatever its size (an unphased trace may have the larger part there). Of four or more, as written by programs that
// append fits, only the first two are used. Both choices are flagged. Automatic unit: a last time above 100 means ns,
// otherwise us, flagged.
//
// BES3T: honours BSEQ, IRFMT, IKKF, XPTS, XMIN, XWID (the width of the axis, not its end), XUNI (absent: ns, flagged),
// XTYP (IGD with .XGF companion; without it the linear axis, flagged). A `unit` other than automatic overrides XUNI;
// flagged where the file says otherwise.
//
// Throws InputError (file, field, expectation): a file that is missing, truncated or overlong, NaN, fewer than 8
// points, times that do not increase, more than one trace in a file.
[[nodiscard]] Trace read_trace(const std::filesystem::path& path, TimeUnit unit = TimeUnit::automatic);

}  // namespace descrambler
