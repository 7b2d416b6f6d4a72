// Drawings: the script, the picture and the table.
#include "report/gnuplot.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "data.hpp"
#include "descrambler/error.hpp"

namespace descrambler {
namespace {

Drawing two_panels() {
    Drawing d{.name = "two", .title = "Two", .columns = 2};
    Panel curves{.title = "curves"};
    curves.x.label = "x, nm";
    curves.y.label = "y, with comma";
    curves.curves.push_back({.label = "a", .x = {0, 1, 2}, .y = {1, std::nan(""), 3}, .scale = 2, .offset = 1});
    curves.curves.push_back(
        {.label = "b", .x = {0, 1}, .y = {1, 2}, .lower = {0.5, 1.5}, .upper = {1.5, 2.5}, .dash = 2});
    Panel image{.title = "image"};
    image.x.label = "t, us";
    image.y.label = "link";
    Matrix<double> values(2, 3);
    for (Index i = 0; i < 2; ++i)
        for (Index j = 0; j < 3; ++j)
            values(i, j) = static_cast<double>(10 * i + j);
    image.image = Image{.values = values, .x_first = 5, .x_step = 0.5, .low = 0, .high = 12, .label = "level"};
    d.panels = {curves, image};
    return d;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST(Gnuplot, TableKeepsWhatThePictureScales) {
    EXPECT_EQ(curve_table(two_panels()),
              "panel,curve,x,y,lower,upper,x_label,y_label\n"
              "a  curves,a,0,1,,,\"x, nm\",\"y, with comma\"\n"
              "a  curves,a,1,NaN,,,\"x, nm\",\"y, with comma\"\n"
              "a  curves,a,2,3,,,\"x, nm\",\"y, with comma\"\n"
              "a  curves,b,0,1,0.5,1.5,\"x, nm\",\"y, with comma\"\n"
              "a  curves,b,1,2,1.5,2.5,\"x, nm\",\"y, with comma\"\n");
    EXPECT_TRUE(contains(gnuplot_script(two_panels()), "\n2 7 NaN NaN\n"));  // 1 + 2 * 3
}

TEST(Gnuplot, ImageTableHasCoordinates) {
    EXPECT_EQ(image_table(two_panels()),
              "panel,\"link \\ t, us\",5,5.5,6\n"
              "b  image,0,0,1,2\n"
              "b  image,1,10,11,12\n");
}

TEST(Gnuplot, ThinsOnlyThePicture) {
    Drawing d = two_panels();
    Curve& curve = d.panels[0].curves[0];
    curve = {.label = "many", .most_points = 5};
    for (int i = 0; i < 101; ++i) {
        curve.x.push_back(i);
        curve.y.push_back(0.25 * i);
    }
    const std::string script = gnuplot_script(d);
    for (const char* kept : {"\n0 0 NaN", "\n25 6.25 NaN", "\n100 25 NaN"})
        EXPECT_TRUE(contains(script, kept)) << kept;
    EXPECT_FALSE(contains(script, "\n24 6 NaN"));
    EXPECT_TRUE(contains(curve_table(d), "many,24,6,"));
}

TEST(Gnuplot, PutsEachLabelInTheLegendOnce) {
    Drawing d = two_panels();
    d.panels[0].curves[1].label = d.panels[0].curves[0].label;
    const std::string script = gnuplot_script(d);
    const std::size_t first = script.find("set label 'a' at");
    ASSERT_NE(first, std::string::npos);
    EXPECT_EQ(script.find("set label 'a' at", first + 1), std::string::npos);
}

TEST(Gnuplot, StepsOfTicksDoNotReachTheNextPanel) {
    Drawing d = two_panels();
    d.panels[0].y.low = 0;
    d.panels[0].y.high = 1;  // a step of 0.2 or so
    d.panels[1].y = {.label = "y", .ticks = {}};
    d.panels[1].curves = {{.label = "far", .x = {0, 1}, .y = {0, 1000}}};
    d.panels[1].image.reset();
    const std::string svg = draw(d);
    std::size_t labels = 0;
    for (std::size_t at = svg.find("<text"); at != std::string::npos; at = svg.find("<text", at + 1))
        ++labels;
    EXPECT_LT(labels, 60u);  // 5000 with a step of 0.2
}

TEST(Gnuplot, TextIsNeverCode) {
    Drawing d = two_panels();
    d.panels[0].title = "x'; system 'touch /nowhere'; '\n`date` ^2 _1";
    EXPECT_TRUE(contains(gnuplot_script(d), "'a  x''; system ''touch /nowhere''; '' `date` ^2 _1'"));
    const std::string svg = draw(d);
    EXPECT_TRUE(contains(svg, "`date` ^2 _1"));
}

TEST(Gnuplot, IdentifiersCarryTheName) {
    const std::string svg = draw(two_panels());
    EXPECT_TRUE(contains(svg, "id='two-gpDot'"));
    EXPECT_FALSE(contains(svg, "id='gp"));
    EXPECT_FALSE(contains(svg, "href='#gp"));
    EXPECT_TRUE(contains(svg, "<title>Two</title>"));
    EXPECT_TRUE(contains(svg, "data:image/png;base64,"));
    EXPECT_EQ(svg, draw(two_panels()));
}

TEST(Gnuplot, IgnoresTheUsersSettings) {
    const std::string usual = draw(two_panels());
    const test::Scratch home("gnuplot_home");
    std::FILE* file = std::fopen((home / ".gnuplot").c_str(), "w");
    std::fputs("set linetype 1 lc rgb 'pink'\nset title 'mine'\nset bars 9\nexit\n", file);
    std::fclose(file);
    const char* home_before = std::getenv("HOME");
    const std::string old(home_before ? home_before : "/");
    ::setenv("HOME", home.path().c_str(), 1);
    ::setenv("GNUTERM", "dumb", 1);
    const std::string svg = draw(two_panels());
    ::setenv("HOME", old.c_str(), 1);
    ::unsetenv("GNUTERM");
    EXPECT_EQ(svg, usual);
}

TEST(Gnuplot, MissingProgramIsOneClearLine) {
    const std::string old = std::getenv("PATH");
    ::setenv("PATH", "/nonexistent", 1);
    std::string message;
    try {
        (void)draw(two_panels());
    } catch (const Error& e) {
        message = e.what();
    }
    ::setenv("PATH", old.c_str(), 1);
    EXPECT_TRUE(contains(message, "gnuplot is not on the PATH")) << message;
    EXPECT_TRUE(contains(message, "./dev deps")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(Gnuplot, FailureNamesTheFigure) {
    Drawing d = two_panels();
    d.panels[0].curves[0].colour = "no colour";
    try {
        (void)draw(d);
        FAIL() << "drawn";
    } catch (const Error& e) {
        EXPECT_TRUE(contains(e.what(), "figure two")) << e.what();
        EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos);
    }
}

}  // namespace
}  // namespace descrambler
