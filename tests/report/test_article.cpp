// Pages of text, tables, pictures and figures: well formed whatever the words are, whole, and clear without gnuplot.
#include "report/article.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "data.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "report/well_formed.hpp"

namespace descrambler {
namespace {

using test::malformed;
using test::Scratch;

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

constexpr const char* hostile = "</p><script>alert(1)</script> & \"q\" 'a' ]]> \x01 @FILES@";

Plate square(const std::string& name) {
    return {name, map_picture({-1, 0, 0.5, 1}, 2, 2, 1), "a map", "", 64};
}
Drawing line(const std::string& name) {
    Drawing drawing{.name = name, .title = "A line"};
    Panel panel{.title = "line"};
    panel.curves.push_back({.label = "a", .x = {0, 1, 2}, .y = {1, 3, 2}});
    drawing.panels = {panel};
    return drawing;
}

Article full() {
    Article article("Title", "and more");
    article.section("first", "The first");
    article.paragraph("Words.");
    article.list({"one", "two"});
    article.code("descrambler interpret");
    article.subsection("Below");
    article.table({"what", "value", "of"}, {{"y", "1.5", "it"}, {"r", "2", "that"}}, "Two rows.", {2});
    article.section("second", "The second");
    article.plates({square("small"), square("other")}, "Two maps.");
    article.drawing(line("curve"), "It rises and falls.");
    article.absent("Nothing more.");
    article.link("E6/index.html", "elsewhere");
    return article;
}

TEST(Article, HasAllThatWasAddedInItsOrder) {
    const Scratch scratch("article");
    full().write(scratch.path(), "page");
    const std::string page = read_file(scratch / "page.html");
    EXPECT_EQ(malformed(page), "");
    std::size_t at = 0;
    for (const char* part : {"<h1>Title</h1>",
                             "and more",
                             "<a href=\"#first\">The first</a>",
                             "<a href=\"#second\">The second</a>",
                             "<h2 id=\"first\">The first</h2>",
                             "<p>Words.</p>",
                             "<li>one</li>",
                             "<pre>descrambler interpret</pre>",
                             "<h3>Below</h3>",
                             "<th scope=\"col\" class=\"words\">of</th>",
                             "<td>1.5</td><td class=\"words\">it</td>",
                             "<figcaption>Two rows.</figcaption>",
                             "<h2 id=\"second\">The second</h2>",
                             "src=\"page/small.png\"",
                             "width=\"64\" height=\"64\" class=\"pixels\"",
                             "<figcaption>a map</figcaption>",
                             "src=\"page/other.png\"",
                             "<figcaption>Two maps.</figcaption>",
                             "<svg role=\"img\" aria-label=\"A line\"",
                             "<b>Figure 1. A line.</b> It rises and falls.",
                             "href=\"page/curve.csv\"",
                             "href=\"page/curve.svg\"",
                             "<p class=\"absent\">Nothing more.</p>",
                             "<a href=\"E6/index.html\">elsewhere</a>"}) {
        const std::size_t found = page.find(part, at);
        EXPECT_NE(found, std::string::npos) << part;
        at = found == std::string::npos ? at : found;
    }
    EXPECT_EQ(read_picture(scratch / "page/small.png").values.size(), 12u);
    EXPECT_TRUE(contains(read_file(scratch / "page/curve.csv"), ",a,1,3,"));
    EXPECT_TRUE(contains(read_file(scratch / "page/curve.svg"), "</svg>"));
    EXPECT_FALSE(contains(page, "<script"));
}

TEST(Article, SamePageSameBytes) {
    const Scratch scratch("article_twice");
    full().write(scratch / "a", "page");
    full().write(scratch / "b", "page");
    for (const char* file : {"page.html", "page/small.png", "page/curve.svg", "page/curve.csv"})
        EXPECT_EQ(read_file(scratch / "a" / file), read_file(scratch / "b" / file)) << file;
}

TEST(Article, WordsAreNeverMarkup) {
    const Scratch scratch("article_hostile");
    Article article(hostile, hostile);
    article.section("a", hostile);
    article.subsection(hostile);
    article.paragraph(hostile);
    article.absent(hostile);
    article.list({hostile});
    article.code(hostile);
    article.table({hostile, "b"}, {{hostile, hostile}}, hostile, {1});
    Plate plate = square("p");
    plate.caption = plate.alternative = hostile;
    article.plates({plate}, hostile);
    Drawing drawing = line("d");
    drawing.title = drawing.panels[0].title = drawing.panels[0].curves[0].label = hostile;
    article.drawing(drawing, hostile);
    article.link("javascript:alert(\"1\")//../x y", hostile);
    article.write(scratch.path(), "page");
    const std::string page = read_file(scratch / "page.html");
    EXPECT_EQ(malformed(page), "");
    EXPECT_FALSE(contains(page, "<script"));
    EXPECT_FALSE(contains(page, "\x01"));
    EXPECT_TRUE(contains(page, "href=\"javascript%3Aalert%28%221%22%29//../x%20y\""));
}

TEST(Article, BytesThatAreNoCharactersDoNotReachThePage) {
    const Scratch scratch("article_bytes");
    Article article("ä\xC3(", "\xFF\xC0\xAF\xED\xA0\x80 € 𝛼 \xF0\x9D");
    article.write(scratch.path(), "page");
    const std::string page = read_file(scratch / "page.html");
    EXPECT_TRUE(contains(page, "<h1>ä\uFFFD(</h1>"));
    EXPECT_TRUE(contains(page, ">\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD € 𝛼 \uFFFD\uFFFD</p>"));
}

TEST(Article, NamesAreCheckedWhereTheyAreGiven) {
    Article article("t", "s");
    for (const char* name : {"", "a b", "../a", "a.png", "ä"}) {
        EXPECT_THROW(article.section(name, "h"), std::invalid_argument) << name;
        EXPECT_THROW(article.plates({square(name)}), std::invalid_argument) << name;
        EXPECT_THROW(article.drawing(line(name), ""), std::invalid_argument) << name;
        EXPECT_THROW(article.write("/nonexistent", name), std::invalid_argument) << name;
    }
    article.section("a", "h");
    EXPECT_THROW(article.section("a", "h"), std::invalid_argument);
    article.plates({square("p")});
    EXPECT_THROW(article.drawing(line("p"), ""), std::invalid_argument);
    EXPECT_THROW(article.table({"a", "b"}, {{"1"}}), std::invalid_argument);
}

TEST(Article, RemovesTheFilesOfTheEarlierPageAlone) {
    const Scratch scratch("article_again");
    full().write(scratch.path(), "page");
    full().write(scratch.path(), "page2");
    std::ofstream(scratch / "page/mine.csv") << "mine";
    std::ofstream(scratch / "page/.small.png.host.1.0.tmp") << "of a job that was killed";
    Article next("Next", "");
    next.plates({square("new")});
    next.write(scratch.path(), "page");
    EXPECT_FALSE(std::filesystem::exists(scratch / "page/small.png"));
    EXPECT_FALSE(std::filesystem::exists(scratch / "page/curve.csv"));
    EXPECT_FALSE(std::filesystem::exists(scratch / "page/.small.png.host.1.0.tmp"));
    EXPECT_TRUE(std::filesystem::exists(scratch / "page/new.png"));
    EXPECT_EQ(read_file(scratch / "page/mine.csv"), "mine");
    EXPECT_TRUE(std::filesystem::exists(scratch / "page2/small.png"));
}

TEST(Article, AnEarlierPageStaysWhereTheNextCannotBeWritten) {
    const Scratch scratch("article_failed");
    full().write(scratch.path(), "page");
    const std::string before = read_file(scratch / "page.html");
    Article next = full();
    Plate broken = square("broken");
    broken.picture.values.pop_back();
    next.plates({broken});
    EXPECT_THROW(next.write(scratch.path(), "page"), std::invalid_argument);
    EXPECT_EQ(read_file(scratch / "page.html"), before);
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(scratch / "page"))
        files += entry.is_regular_file() ? 1 : 0;
    EXPECT_EQ(files, 4u);  // small, other, curve twice: nothing under a temporary name
    std::ofstream(scratch / "file") << "in the way";
    EXPECT_THROW(next.write(scratch / "file", "page"), InputError);
}

TEST(Article, SaysWhatIsMissingWithoutGnuplot) {
    const Scratch scratch("article_no_gnuplot");
    const std::string old = std::getenv("PATH");
    ::setenv("PATH", "/nonexistent", 1);
    full().write(scratch.path(), "page");
    ::setenv("PATH", old.c_str(), 1);
    const std::string page = read_file(scratch / "page.html");
    EXPECT_EQ(malformed(page), "");
    EXPECT_FALSE(contains(page, "<svg"));
    EXPECT_TRUE(contains(page, "Not drawn, for want of gnuplot. It rises and falls. Data: <a href=\"page/curve.csv\""));
    EXPECT_TRUE(std::filesystem::exists(scratch / "page/curve.csv"));
    EXPECT_FALSE(std::filesystem::exists(scratch / "page/curve.svg"));
}

TEST(Article, LongThinPicturesStayOnThePage) {
    const Scratch scratch("article_thin");
    Article article("t", "");
    article.plates({{"thin", map_picture(std::vector<double>(4000, 0), 2000, 2, 0), "", "", 224}});
    article.write(scratch.path(), "page");
    EXPECT_TRUE(contains(read_file(scratch / "page.html"), "width=\"1\" height=\"640\""));
}

// ---- maps ------------------------------------------------------------------------------------------------------------

double luminance(const Picture& picture, Index pixel) {
    return with_channels(picture, 1).values[static_cast<std::size_t>(pixel)];
}
// CIE 1976 L* of an sRGB pixel, 0 to 100.
double lightness(const Picture& picture, Index pixel) {
    const double weight[] = {.2126, .7152, .0722};
    double y = 0;
    for (std::size_t c = 0; c < 3; ++c) {
        const double v = picture.values[3 * static_cast<std::size_t>(pixel) + c] / 255;
        y += weight[c] * (v <= .04045 ? v / 12.92 : std::pow((v + .055) / 1.055, 2.4));
    }
    return y > .008856 ? 116 * std::cbrt(y) - 16 : 903.3 * y;
}

TEST(Map, LightnessTellsTheValue) {
    std::vector<double> ramp;
    for (Index i = -100; i <= 100; ++i)
        ramp.push_back(.02 * static_cast<double>(i));
    const Picture picture = map_picture(ramp, 1, 201, 2);
    const double low = luminance(picture, 0), high = luminance(picture, 200);
    for (Index i = 0; i < 200; ++i) {
        EXPECT_LT(luminance(picture, i), luminance(picture, i + 1)) << i;
        EXPECT_LT(lightness(picture, i), lightness(picture, i + 1)) << i;
    }
    for (Index i = 0; i <= 200; ++i)  // a straight line to half a grey level at the stops and half for rounding them
        EXPECT_NEAR(luminance(picture, i), low + (high - low) * static_cast<double>(i) / 200, 1) << i;
    for (const std::size_t c : {0, 1, 2})  // grey, halfway
        EXPECT_NEAR(picture.values[300 + c], (low + high) / 2, 1);
}

TEST(Map, SaturatesAndTakesZeros) {
    EXPECT_EQ(map_picture({-5, 5}, 1, 2, 1), map_picture({-1, 1}, 1, 2, 1));
    EXPECT_EQ(map_picture({0, 0}, 1, 2, 0), map_picture({0, 0}, 1, 2, 3));
    EXPECT_THROW((void)map_picture({1, std::nan("")}, 1, 2, 1), std::invalid_argument);
    EXPECT_THROW((void)map_picture({1}, 1, 2, 1), std::invalid_argument);
    EXPECT_THROW((void)map_picture({1}, 1, 1, -1), std::invalid_argument);
    EXPECT_THROW((void)map_picture({1}, 1, 1, INFINITY), std::invalid_argument);
}

// Outlines of the picture never turn the sign that the grey print shows: half the scale stands 49 grey levels from 0.
TEST(Map, StaysReadableOverThePicture) {
    constexpr Index n = 48;
    Picture under{n, n, 3, {}};
    std::vector<double> map;
    for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
            under.values.insert(under.values.end(), 3, (i / 5 + j / 3) % 2 == 0 ? 0 : 255);
            map.push_back(j < n / 2 ? -.5 : .5);
        }
    const Picture over = map_over(map, n, n, 1, under);
    double negative = 0, positive = 255;
    for (Index p = 0; p < n * n; ++p)
        (p % n < n / 2 ? negative : positive) =
            p % n < n / 2 ? std::max(negative, luminance(over, p)) : std::min(positive, luminance(over, p));
    EXPECT_LT(negative, luminance(map_picture({0}, 1, 1, 1), 0));
    EXPECT_GT(positive, luminance(map_picture({0}, 1, 1, 1), 0));
    EXPECT_NE(over, map_picture(map, n, n, 1));  // and they are there
}

TEST(Map, EvenAreasOfThePictureChangeNothing) {
    const Picture white{2, 2, 1, {255, 255, 255, 255}};
    EXPECT_EQ(map_over({-1, 0, .5, 1}, 2, 2, 1, white), map_picture({-1, 0, .5, 1}, 2, 2, 1));
    const Picture large{4, 4, 1, std::vector<double>(16, 9)};  // the map is enlarged
    const Picture over = map_over({-1, 0, .5, 1}, 2, 2, 1, large);
    EXPECT_EQ(over.height, 4);
    EXPECT_EQ(luminance(over, 1), luminance(map_picture({-1}, 1, 1, 1), 0));
    EXPECT_EQ(luminance(over, 15), luminance(map_picture({1}, 1, 1, 1), 0));
}

TEST(Map, ScaleNamesItsEnds) {
    const Plate plate = map_scale("scale", 0.0123, "logits");
    EXPECT_TRUE(contains(plate.caption, "−0.0123"));
    EXPECT_TRUE(contains(plate.caption, "0.0123 logits"));
    EXPECT_EQ(plate.picture.width, 257);
    EXPECT_NEAR(luminance(plate.picture, 128), luminance(map_picture({0}, 1, 1, 1), 0), 1e-12);
}

}  // namespace
}  // namespace descrambler
