#include "io/bruker.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "data.hpp"
#include "fuzz.hpp"
#include "io/bytes.hpp"

namespace descrambler {
namespace {

using Fields = std::map<std::string, std::string>;

// What a spectrometer writes for ten complex points at -100, -88, ... 8 ns.
Fields fields() {
    return {{"BSEQ", "BIG"},        {"IKKF", "CPLX"}, {"XTYP", "IDX"},      {"YTYP", "NODATA"},
            {"IRFMT", "D"},         {"IIFMT", "D"},   {"XPTS", "10"},       {"XMIN", "-100.000000"},
            {"XWID", "108.000000"}, {"XUNI", "'ns'"}, {"TITL", "'A title'"}};
}

std::string descriptor(const Fields& fields) {
    std::string text = "#DESC\t1.2 * DESCRIPTOR INFORMATION ****\n*\n*\tDataset Type and Format:\n";
    for (const auto& [key, value] : fields)
        text += key + "\t" + value + "\n";
    return text + "*\n#SPL\t1.2 * STANDARD PARAMETER LAYER\nXPTS 99999\n#DSL\t1.0\n";
}

template <class T>
void append(std::string& bytes, double value, std::endian order) {
    bytes.append(to_bytes(static_cast<T>(value), order).data(), sizeof(T));
}

// Values 1, -2, 3, -4, ...: real and imaginary parts by turns where there are both.
std::string values(int count, char format, std::endian order) {
    std::string bytes;
    for (int i = 0; i < count; ++i) {
        const double value = (i % 2 ? -1 : 1) * (i + 1);
        switch (format) {
            case 'C':
                append<std::int8_t>(bytes, value, order);
                break;
            case 'S':
                append<std::int16_t>(bytes, value, order);
                break;
            case 'I':
                append<std::int32_t>(bytes, value, order);
                break;
            case 'F':
                append<float>(bytes, value, order);
                break;
            default:
                append<double>(bytes, value, order);
        }
    }
    return bytes;
}

class Bruker : public testing::Test {
protected:
    Trace read(const Fields& dsc, const std::string& dta, TimeUnit unit = TimeUnit::automatic) {
        test::put(scratch_ / "a.DSC", descriptor(dsc));
        test::put(scratch_ / "a.DTA", dta);
        return read_trace(scratch_ / "a.DTA", unit);
    }
    Trace read(const std::string& key, const std::string& value, TimeUnit unit = TimeUnit::automatic) {
        Fields changed = fields();
        changed[key] = value;
        return read(changed, good_, unit);
    }
    std::string error(const std::string& key, const std::string& value) {
        return test::input_error([&] { (void)read(key, value); });
    }
    test::Scratch scratch_{"bruker"};
    const std::string good_ = values(20, 'D', std::endian::big);
};

TEST_F(Bruker, WidthIsNotTheEndOfTheAxis) {
    const Trace trace = read(fields(), good_);
    ASSERT_EQ(trace.time_us.size(), 10u);
    for (int i = 0; i < 10; ++i) {
        // exact in ns, one rounding on the way to us
        EXPECT_DOUBLE_EQ(trace.time_us[static_cast<std::size_t>(i)], (-100.0 + 12 * i) / 1000);
        EXPECT_EQ(trace.signal[static_cast<std::size_t>(i)], std::complex<double>(2 * i + 1, -2 * i - 2));
    }
    EXPECT_TRUE(trace.complex_valued);
    EXPECT_EQ(trace.title, "A title");
    EXPECT_EQ(trace.stem, "a");
    EXPECT_TRUE(trace.flags.empty());
}

TEST_F(Bruker, ReadsEveryFormatOfBothByteOrders) {
    for (const char format : {'C', 'S', 'I', 'F', 'D'})
        for (const std::string order : {"BIG", "LIT"})
            for (const std::string kind : {"CPLX", "REAL"}) {
                Fields dsc = fields();
                dsc["IRFMT"] = dsc["IIFMT"] = std::string(1, format);
                dsc["BSEQ"] = order;
                dsc["IKKF"] = kind;
                const int parts = kind == "CPLX" ? 2 : 1;
                const Trace trace =
                    read(dsc, values(10 * parts, format, order == "BIG" ? std::endian::big : std::endian::little));
                EXPECT_EQ(trace.complex_valued, parts == 2);
                EXPECT_EQ(trace.signal[9], parts == 2 ? std::complex<double>(19, -20) : std::complex<double>(-10, 0))
                    << format << order << kind;
            }
}

TEST_F(Bruker, HonoursTheUnit) {
    const std::map<std::string, double> us = {{"'ns'", 1e-3}, {"'us'", 1},    {"'s'", 1e6},       {"'ms'", 1e3},
                                              {"'ps'", 1e-6}, {"'\xb5s'", 1}, {"'\xc2\xb5s'", 1}, {"ns", 1e-3}};
    for (const auto& [name, factor] : us)
        EXPECT_DOUBLE_EQ(read("XUNI", name).time_us[0], -100 * factor) << name;
    EXPECT_EQ(read("XUNI", "''").flags.size(), 1u);  // ns taken
    EXPECT_DOUBLE_EQ(read("XUNI", "''").time_us[0], -0.1);
    EXPECT_DOUBLE_EQ(read("XUNI", "'ns'", TimeUnit::microsecond).time_us[0], -100);
    EXPECT_EQ(read("XUNI", "'ns'", TimeUnit::microsecond).flags.size(), 1u);
    EXPECT_TRUE(read("XUNI", "'us'", TimeUnit::microsecond).flags.empty());
    EXPECT_NE(error("XUNI", "'G'").find("XUNI: expected a unit of time, found 'G'"), std::string::npos);
}

TEST_F(Bruker, FindsCompanionsInEitherCase) {
    for (const auto& [dsc, dta] : {std::pair("p.DSC", "p.dta"), {"q.dsc", "q.DTA"}, {"r.dsc", "r.dta"}}) {
        test::put(scratch_ / dsc, descriptor(fields()));
        test::put(scratch_ / dta, good_);
        EXPECT_EQ(read_trace(scratch_ / dsc).signal.size(), 10u);
        EXPECT_EQ(read_trace(scratch_ / dta).signal.size(), 10u);
    }
    test::put(scratch_ / "lone.DSC", descriptor(fields()));
    EXPECT_NE(test::input_error([&] { (void)read_trace(scratch_ / "lone.DSC"); }).find("expected its companion .DTA"),
              std::string::npos);
    test::put(scratch_ / "alone.dta", good_);
    EXPECT_NE(test::input_error([&] { (void)read_trace(scratch_ / "alone.dta"); }).find("expected its companion .DSC"),
              std::string::npos);
}

TEST_F(Bruker, ReadsTheNonlinearAxisOrFlagsItsAbsence) {
    Fields dsc = fields();
    dsc["XTYP"] = "IGD";
    const Trace linear = read(dsc, good_);
    EXPECT_DOUBLE_EQ(linear.time_us[9], 0.008);
    EXPECT_EQ(linear.flags, std::vector<std::string>{"axis taken as linear, the .XGF file is missing"});
    std::string axis, short_axis, falling;
    for (int i = 0; i < 10; ++i) {
        append<double>(axis, 10.0 * i * i, std::endian::big);
        append<float>(short_axis, 20.0 * i * i, std::endian::big);
        append<double>(falling, i < 9 ? i : 8, std::endian::big);
    }
    test::put(scratch_ / "a.XGF", axis);
    const Trace trace = read(dsc, good_);
    EXPECT_DOUBLE_EQ(trace.time_us[9], 0.81);
    EXPECT_TRUE(trace.flags.empty());
    test::put(scratch_ / "a.XGF", falling);
    EXPECT_NE(test::input_error([&] { (void)read(dsc, good_); }).find("at point 9"), std::string::npos);
    test::put(scratch_ / "a.XGF", axis + "x");
    EXPECT_NE(test::input_error([&] { (void)read(dsc, good_); }).find("a.XGF: expected 80 bytes"), std::string::npos);
    test::put(scratch_ / "a.XGF", short_axis);
    dsc["XFMT"] = "F";
    EXPECT_DOUBLE_EQ(read(dsc, good_).time_us[9], 1.62);
}

TEST_F(Bruker, RefusesDataOfAnotherLength) {
    for (const std::size_t length : {std::size_t{0}, good_.size() - 1, good_.size() - 8, good_.size() / 2})
        EXPECT_NE(test::input_error([&] {
                      (void)read(fields(), good_.substr(0, length));
                  }).find("a.DTA: expected 160 bytes (20 numbers of format D), found " + std::to_string(length)),
                  std::string::npos);
    EXPECT_NE(test::input_error([&] { (void)read(fields(), good_ + "x"); }), "");
}

TEST_F(Bruker, RefusesFieldsThatDoNotFit) {
    const std::map<std::string, std::vector<std::string>> bad = {
        {"BSEQ", {"", "PDP", "BIG,LIT"}},
        {"IRFMT", {"", "A", "0", "d", "D,D"}},
        {"IIFMT", {"F", ""}},
        {"IKKF", {"", "CPLX,CPLX"}},
        {"XTYP", {"", "NTUP", "NODATA"}},
        {"XPTS", {"", "-10", "10.0", "7", "11", "99999999999999999999", "9223372036854775807", "67108865"}},
        {"XMIN", {"", "x", "nan", "1e999"}},
        {"XWID", {"", "0", "-108", "inf", "1e-320"}},
    };
    for (const auto& [key, choices] : bad)
        for (const std::string& value : choices)
            EXPECT_NE(error(key, value), "") << key << " " << value;
    EXPECT_NE(error("IRFMT", "A").find("a.DSC: IRFMT: expected one of C, S, I, F, D, found 'A'"), std::string::npos);
    Fields two = fields();
    two["YTYP"] = "IDX";
    two["YPTS"] = "1";
    EXPECT_EQ(read(two, good_).signal.size(), 10u);
    two["YPTS"] = "3";
    EXPECT_NE(test::input_error([&] { (void)read(two, good_); }).find("YPTS: expected one trace, found 3"),
              std::string::npos);
    std::string nan = good_;
    nan.replace(8 * 5, 8, std::string("\x7f\xf8\0\0\0\0\0\0", 8));
    EXPECT_NE(test::input_error([&] { (void)read(fields(), nan); }).find("a.DTA: number 5 (from 0): expected a finite"),
              std::string::npos);
    test::put(scratch_ / "a.DSC", "no descriptor");
    EXPECT_NE(test::input_error([&] { (void)read_trace(scratch_ / "a.DSC"); }).find("#DESC"), std::string::npos);
}

TEST_F(Bruker, SurvivesMutations) {
    Fields dsc = fields();
    dsc["XTYP"] = "IGD";
    const auto attempt = [&] { (void)read_trace(scratch_ / "a.DSC"); };
    (void)read(dsc, good_);
    const int text = test::fuzz(scratch_ / "a.DSC", descriptor(dsc), 3000, 13, attempt);
    EXPECT_GT(text, 500);
    EXPECT_LT(text, 3000);
    (void)read(dsc, good_);
    EXPECT_GE(test::fuzz(scratch_ / "a.DTA", good_, 2000, 14, attempt), 160);  // every truncation is refused
    (void)read(dsc, good_);
    EXPECT_GE(test::fuzz(scratch_ / "a.XGF", values(10, 'D', std::endian::big), 1000, 15, attempt), 80);
}

}  // namespace
}  // namespace descrambler
