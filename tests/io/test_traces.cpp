#include "descrambler/traces.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "fuzz.hpp"

namespace descrambler {
namespace {

class TextTrace : public testing::Test {
protected:
    Trace read(const std::string& text, TimeUnit unit = TimeUnit::automatic) {
        test::put(scratch_ / "a.b.dat", text);
        return read_trace(scratch_ / "a.b.dat", unit);
    }
    std::string error(const std::string& text) {
        return test::input_error([&] { (void)read(text); });
    }
    // `rows` lines "i<separator>value..." with i = 0, 1, ...
    static std::string table(const std::string& rest, int rows = 8, const std::string& end = "\n") {
        std::string text;
        for (int i = 0; i < rows; ++i)
            text += std::to_string(i) + rest + end;
        return text;
    }
    test::Scratch scratch_{"traces"};
};

TEST_F(TextTrace, ReadsEverySeparatorAndLineEnd) {
    for (const std::string rest : {" 2.5 -1e-3", "\t2.5\t-1e-3\t", ",2.5,-1e-3", " ; +2.5 ; -.001", ", 2.5  -0.1e-2"})
        for (const std::string end : {"\n", "\r\n", "\r", "\n\n", " \r\n# comment\r\n"}) {
            const Trace trace = read(table(rest, 9, end));
            ASSERT_EQ(trace.time_us.size(), 9u) << rest;
            EXPECT_EQ(trace.time_us[8], 8);
            EXPECT_EQ(trace.signal[8], std::complex<double>(2.5, -1e-3)) << rest;
            EXPECT_TRUE(trace.complex_valued);
            EXPECT_EQ(trace.stem, "a.b");
        }
}

TEST_F(TextTrace, ToleratesCommentsAndOneLineOfHeadings) {
    const std::string rows = table(" 1");
    for (const std::string top : {"", "# t V\n% more\n", "t/us V\n", "\"time\";\"signal\"\n",
                                  "# c\ntime (us), V\n# c\n", "\xef\xbb\xbf", "\n\n"})
        EXPECT_EQ(error(top + rows), "") << top;
    EXPECT_EQ(read("0 1 # first\n" + table(" 1").substr(4)).signal.size(), 8u);
    EXPECT_NE(error("t V\nus 1a\n" + rows).find("line 2"), std::string::npos);
    EXPECT_NE(error(rows + "t V\n").find("line 9: column 1: expected a finite number, found 't'"), std::string::npos);
}

TEST_F(TextTrace, ThirdOfThreeColumnsIsImaginaryOfMoreIsNot) {
    const Trace two = read(table(" 1")), three = read(table(" 1 9")), four = read(table(" 1 9 9"));
    EXPECT_FALSE(two.complex_valued);
    EXPECT_EQ(two.flags.size(), 1u);
    EXPECT_TRUE(three.complex_valued);
    EXPECT_EQ(three.signal[3], std::complex<double>(1, 9));
    EXPECT_EQ(three.flags.back(), "column 3 taken as the imaginary part");
    EXPECT_FALSE(four.complex_valued);
    EXPECT_EQ(four.signal[3], std::complex<double>(1, 0));
    EXPECT_EQ(four.flags.back(), "columns 3 to 4 ignored");
    EXPECT_EQ(error(table(" 1 nan none")), "");  // what is ignored may be anything
}

TEST_F(TextTrace, UnitIsAskedOrGuessedAndFlagged) {
    const std::string upto100 = table(" 1", 101), upto101 = table(" 1", 102);
    EXPECT_EQ(read(upto100).time_us.back(), 100);
    EXPECT_EQ(read(upto100).flags, std::vector<std::string>{"time unit taken as us"});
    EXPECT_EQ(read(upto101).time_us.back(), 0.101);
    EXPECT_EQ(read(upto101).flags, std::vector<std::string>{"time unit taken as ns"});
    EXPECT_EQ(read(upto100, TimeUnit::nanosecond).time_us.back(), 0.1);
    EXPECT_EQ(read(upto101, TimeUnit::microsecond).time_us.back(), 101);
    EXPECT_TRUE(read(upto101, TimeUnit::microsecond).flags.empty());
}

TEST_F(TextTrace, NumbersAreTakenExactlyOrRefused) {
    const auto value = [&](const std::string& text) {
        return read("0 " + text + "\n" + table(" 1").substr(4)).signal[0].real();
    };
    EXPECT_EQ(value("1e308"), 1e308);
    EXPECT_EQ(value("4.9e-324"), 4.9e-324);
    EXPECT_EQ(value("-1e-400"), 0);
    EXPECT_EQ(value("0.1000000000000000055511151231257827"), 0.1);
    for (const std::string bad :
         {"1e999", "-1e999", "nan", "NaN", "inf", "-inf", "0x10", "1.2.3", "1e", "--1", "+-1", "1d3", "."})
        EXPECT_NE(error("0 " + bad + "\n" + table(" 1").substr(4)).find("line 1"), std::string::npos) << bad;
}

TEST_F(TextTrace, RefusesTablesThatAreNoTraces) {
    EXPECT_NE(error("").find("at least 8 rows of numbers, found 0"), std::string::npos);
    EXPECT_NE(error(table(" 1", 7)).find("found 7"), std::string::npos);
    EXPECT_NE(error(table("")).find("line 1: expected two or more columns"), std::string::npos);
    EXPECT_NE(error(table(" 1") + "9 1 1\n").find("line 9: expected 2 columns as before, found 3"), std::string::npos);
    EXPECT_NE(error(table(" 1 2") + "9 1\n").find("line 9"), std::string::npos);
    EXPECT_NE(error(table(" 1 2", 8, "\r\n") + "9 1\n").find("line 9"), std::string::npos);
    EXPECT_NE(error("# c\n" + table(" 1") + "7 1\n").find("line 10: column 1: expected a time later"),
              std::string::npos);
    EXPECT_NE(error(table(" 1") + "-3 1\n"), "");
    EXPECT_NE(test::input_error([&] { (void)read_trace(scratch_ / "absent.dat"); }), "");
}

TEST_F(TextTrace, SurvivesMutations) {
    const std::string valid = "# title\nt;V\n" + table(" 1.5e-3,\t-2", 10, "\r\n");
    const int refused = test::fuzz(scratch_ / "a.dat", valid, 5000, 12, [&] { (void)read_trace(scratch_ / "a.dat"); });
    EXPECT_GT(refused, 1000);
    EXPECT_LT(refused, 5000 + static_cast<int>(valid.size()));  // flips in digits and comments are harmless
}

// Fields of one line of CSV, quotes understood.
std::vector<std::string> csv_fields(const std::string& line) {
    std::vector<std::string> fields(1);
    bool inside = false;
    for (const char c : line)
        if (c == '"')
            inside = !inside;
        else if (c == ',' && !inside)
            fields.emplace_back();
        else
            fields.back() += c;
    return fields;
}

TEST(Traces, EveryMeasuredFileAgreesWithTheIndex) {
    if (!test::has_data("traces/index.csv"))
        GTEST_SKIP() << test::no_data("traces/index.csv");
    std::istringstream index(read_file(test::data("traces/index.csv")));
    std::string line;
    std::getline(index, line);
    const std::vector<std::string> names = csv_fields(line);
    std::map<std::string, int> formats;
    while (std::getline(index, line)) {
        std::map<std::string, std::string> row;
        const std::vector<std::string> fields = csv_fields(line);
        ASSERT_EQ(fields.size(), names.size()) << line;
        for (std::size_t i = 0; i < names.size(); ++i)
            row[names[i]] = fields[i];
        SCOPED_TRACE(row["file"]);
        const std::string unit = row["axis_unit_in_file"];
        const std::string kind = row["format"].substr(0, row["format"].find(' '));
        ++formats[kind];
        // A distance axis (nm) is read as if it were in us and compared in its own unit.
        const TimeUnit asked = unit == "nm" ? TimeUnit::microsecond : TimeUnit::automatic;
        const double per_us = unit == "nm" ? 1 : 1e3;
        const Trace trace = read_trace(test::data("traces/" + row["file"]), asked);
        ASSERT_EQ(trace.time_us.size(), std::stoul(row["points"]));
        ASSERT_EQ(trace.signal.size(), trace.time_us.size());
        const double span = (trace.time_us.back() - trace.time_us.front()) * per_us;
        // The index has 4 decimals of the step and 3 of the rest: half a unit, and rounding of the sums.
        const double rounding = 1e-9;
        EXPECT_NEAR(span / static_cast<double>(trace.time_us.size() - 1), std::stod(row["step_ns"]), 0.5e-4 + rounding);
        EXPECT_NEAR(span, std::stod(row["span_ns"]), 0.5e-3 + rounding);
        EXPECT_NEAR(trace.time_us.front() * per_us, std::stod(row["first_ns"]), 0.5e-3 + rounding);
        EXPECT_EQ(trace.title, row["title_in_file"]);
        EXPECT_EQ(trace.complex_valued, kind == "BES3T" || row["format"].find("imag)") != std::string::npos);
        if (row["format"].find("4 cols") != std::string::npos) {
            EXPECT_EQ(trace.flags.back(), "columns 3 to 4 ignored");
        }
        if (kind == "BES3T") {
            EXPECT_TRUE(trace.flags.empty());
            // uniform to rounding: two roundings of a few ulp of the span
            const double step =
                (trace.time_us.back() - trace.time_us.front()) / static_cast<double>(trace.time_us.size() - 1);
            for (std::size_t i = 1; i < trace.time_us.size(); ++i)
                ASSERT_NEAR(trace.time_us[i] - trace.time_us[i - 1], step, 4 * 0x1p-52 * span / per_us);
            // a DEER trace: its phased part is far above its scatter from point to point
            double power = 0, jumps = 0;
            for (std::size_t i = 1; i < trace.signal.size(); ++i) {
                power += std::norm(trace.signal[i]);
                jumps += std::norm(trace.signal[i] - trace.signal[i - 1]);
            }
            EXPECT_LT(jumps, 0.1 * power);
        }
    }
    EXPECT_EQ(formats["BES3T"], 13);
    EXPECT_EQ(formats["ASCII"], 66);
}

}  // namespace
}  // namespace descrambler
