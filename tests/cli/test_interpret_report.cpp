// `interpret --report` as a user runs it: a page of what --json says, whole, in a folder of its own.
#include <nlohmann/json.hpp>

#include "descrambler/picture.hpp"
#include "image_net.hpp"
#include "report/well_formed.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;

class InterpretReportTest : public ImageNetTest {
protected:
    std::string report = folder / "report";

    // A number as the page has it.
    static std::string six(double number) {
        char text[40];
        std::snprintf(text, sizeof text, "%.6g", number);
        return text;
    }
    [[nodiscard]] std::string page() const { return read_file(report + "/index.html"); }
    void expect_on_page(const std::string& part) const { EXPECT_NE(page().find(part), std::string::npos) << part; }
    // A table cell.
    void expect_number(double number) const { expect_on_page("<td>" + six(number) + "</td>"); }
    Json reported(std::vector<std::string> more) {
        more.insert(more.end(), {"--json", "--report", report});
        const Outcome outcome = run(asked(more));
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return Json::parse(outcome.out, nullptr, false);
    }
};

TEST_F(InterpretReportTest, TellsTheNumbersOfTheResult) {
    const Json json = reported({"--mean",        "100",       "--scale",        "50",        "--rows",          "130",
                                "--columns",     "40",        "--svd",          "3",         "--contributions", "130,7",
                                "--discussion",  "130",       "--votes",        "0,130,200", "--adversarial",   "2",
                                "--split",       "r",         "--split-output", "130",       "--kink",          "x0",
                                "--bias-images", "--measures"});
    EXPECT_EQ(malformed(page()), "");
    for (const char* section : {"asked", "numbers", "rows", "columns", "svd", "contributions", "discussion", "votes",
                                "adversarial", "splits", "region", "bias", "rules", "request"}) {
        expect_on_page(std::string("<h2 id=\"") + section + "\">");
        expect_on_page(std::string("<a href=\"#") + section + "\">");
    }
    for (const char* origin : {"input", "raw"})
        for (const char* number : {"norm_Fx", "norm_r", "residual_share", "residual_over_output"})
            expect_number(json["origins"][origin][number]);
    for (const Json& sigma : json["sigma"])
        expect_number(sigma);
    for (const Json& output : json["contributions"])
        for (const Json& part : output["parts"])
            expect_number(part["value"]);
    expect_number(json["discussions"][0]["y"]);
    expect_number(json["votes"]["share_of_first"]);
    expect_number(json["votes"]["shuffled_pixels"]["share_of_first"]);
    for (const char* state : {"before", "after", "random_signs"})
        expect_number(json["adversarial"][state]["margin"]);
    expect_number(json["splits"][0]["terms"][0]["alpha"]);
    expect_number(json["splits"][0]["reduced"]["terms"][0]["value"]);
    for (const Json& image : json["bias_images"])
        expect_number(image["norm"]);
    if (json["kink"].is_object())
        expect_on_page("at " + six(json["kink"]["distance"]) + " times this direction");
    expect_on_page("F x0 + r misses y by ");
    for (const char* name : {"row_0", "column_0", "left_2", "right_2", "discussion_0", "votes_0", "split_0_map_0"})
        EXPECT_TRUE(std::filesystem::exists(report + "/index/" + name + ".png")) << name;
    for (const char* name : {"spectrum", "parts_0", "parts_1", "split_0"})
        EXPECT_TRUE(std::filesystem::exists(report + "/index/" + name + ".csv")) << name;
}

// The rules of --explain, and nothing of what was not asked.
TEST_F(InterpretReportTest, HasWhatWasAskedAlone) {
    const Json graph = reported({"--explain"})["graph"];
    for (const Json& node : graph["nodes"])
        expect_on_page("<td class=\"words\">" + node["frozen_as"].get<std::string>() + "</td>");
    for (const char* section :
         {"rows", "columns", "svd", "contributions", "discussion", "votes", "adversarial", "splits", "region", "bias"})
        EXPECT_EQ(page().find(std::string("<h2 id=\"") + section + "\">"), std::string::npos) << section;
    EXPECT_EQ(malformed(page()), "");
}

TEST_F(InterpretReportTest, WhatIsNoImageIsDrawnAsLines) {
    using namespace onnx;
    const std::string vectors = folder / "vectors.onnx";
    write_file(vectors, model(node("Gemm", {"x", "W", "b"}, {"h"}) + node("Relu", {"h"}, {"y"}) +
                              initialiser(tensor("W", {2, 2}, {1, 2, 3, 4})) +
                              initialiser(tensor("b", {2}, {.5F, -.5F})) + input("x", {1, 2}) + output("y", {1, 2})));
    write_input({1, 2});
    net = vectors;
    const Json json = reported({"--rows", "1,1", "--svd", "1", "--contributions", "top"});
    EXPECT_EQ(malformed(page()), "");
    expect_number(json["sigma"][0]);
    EXPECT_TRUE(std::filesystem::exists(report + "/index/row.csv"));
    reported({"--rows", "1", "--svd", "1", "--contributions", "top", "--discussion", "0", "--votes", "all",
              "--baselines", "0", "--split", "h", "--bias-images", "--force"});
    EXPECT_EQ(malformed(page()), "");
    for (const char* of_pictures : {"pixel", "neighbour", "checkerboard", "irror", "Bright"})  // there are none
        EXPECT_EQ(page().find(of_pictures, page().find("<h1>")), std::string::npos) << of_pictures;
    reported({"--rows", "1,1", "--force"});
    EXPECT_NE(read_file(report + "/index/row.csv").find("row 1,,0,2,"), std::string::npos);
}

TEST_F(InterpretReportTest, AFolderOfAnotherRequestIsRefused) {
    reported({"--rows", "3"});
    const std::string before = page();
    reported({"--rows", "3"});  // the same again
    EXPECT_EQ(page(), before);
    expect_refusal(asked({"--rows", "4", "--report", report}),
                   "index.html: is there already, of another request: expected another --report, or --force");
    EXPECT_EQ(page(), before);
    reported({"--columns", "4", "--force"});
    EXPECT_FALSE(std::filesystem::exists(report + "/index/row_0.png"));
    EXPECT_TRUE(std::filesystem::exists(report + "/index/column_0.png"));
    expect_refusal(asked({"--report", folder.path()}), "holds other files and no index.html");
    expect_refusal(asked({"--report", folder / "in"}),
                   "--report " + (folder / "in").string() + ": expected another folder than that of ");
    expect_refusal(asked({"--report", folder / "both", "--pictures", (folder / "both").string() + "/"}),
                   "expected another folder than that of --pictures");
    std::filesystem::create_directory(folder / "made");
    expect_refusal(asked({"--report", folder / "made", "--out", folder / "made/out.h5"}), "expected another folder");
    expect_refusal(asked({"--report", ""}), "--report: expected a value");
    expect_refusal({"interpret", net, "--explain", "--report", report}, "--report: expected --input");
    for (const std::string other : {"--viewer", "--walk"})
        expect_refusal(asked({other, folder / "seen", "--report", folder / "r"}),
                       other + ": expected no --report beside it");
    expect_refusal(asked({"--all", "rows", "--out", out, "--report", folder / "r"}),
                   "--all: expected no --report beside it");
    write_file(folder / "list", x + "\n");
    expect_refusal(
        {"interpret", net, "--input", std::string("@") + (folder / "list").string(), "--report", folder / "r"},
        "--report: expected one input, not a list");
    EXPECT_FALSE(std::filesystem::exists(folder / "r"));
}

TEST_F(InterpretReportTest, ARequestThatFailsLeavesNoFolder) {
    for (const std::string option : {"--report", "--pictures"}) {
        expect_refusal(asked({"--svd", "100000", option, folder / "new/er"}), "--svd 100000: expected 1 to");
        EXPECT_FALSE(std::filesystem::exists(folder / "new")) << option;
    }
    std::filesystem::create_directory(folder / "there");
    expect_refusal(asked({"--svd", "100000", "--report", folder / "there"}), "--svd 100000: expected 1 to");
    EXPECT_TRUE(std::filesystem::is_empty(folder / "there"));
}

TEST_F(InterpretReportTest, OnePathIsOneThing) {
    const std::string p = folder / "p";
    for (const std::string option : {"--report", "--pictures"}) {
        for (const std::string& inside : {p, p + "/", p + "/below", (folder / "in/../p").string()})
            expect_refusal(asked({"--out", p, option, inside}),
                           option + " " + inside + ": expected another path than --out " + p + ", which is a file");
        expect_refusal(asked({option, net}), option + " " + net + ": expected a folder, something else is in the way");
        expect_refusal(asked({option, net + "/below"}), option + " " + net + "/below: expected a folder");
    }
    expect_refusal(asked({"--report", p, "--pictures", p + "/index"}),
                   "--pictures " + p + "/index: expected another folder than that of the page's own pictures");
    for (const std::string option : {"--viewer", "--walk"})
        expect_refusal(asked({"--all", "rows", "--out", p, option, p}),
                       option + " " + p + ": expected another path than --out " + p + ", which is a file");
    EXPECT_FALSE(std::filesystem::exists(p));
}

// Their squares are out of range; the numbers of the page are not.
TEST_F(InterpretReportTest, TellsFiniteNumbersOfLargeOnes) {
    std::vector<double> values;
    for (Index i = 0; i < inputs(); ++i)
        values.push_back(1e300 * std::sin(.31 * static_cast<double>(i * i % 97)));
    write_input(values);
    const Json json = reported({"--rows", "130", "--columns", "40", "--svd", "2", "--discussion", "130", "--measures",
                                "--residual", "--bias-images", "--contributions", "130"});
    const auto expect_finite = [&](const auto& self, const Json& of, const std::string& name) -> void {
        EXPECT_FALSE(of.is_null()) << name;
        if (of.is_structured())
            for (const auto& [key, value] : of.items())
                self(self, value, name + "/" + key);
    };
    expect_finite(expect_finite, json, "");
    for (const char* number : {">nan", ">-nan", ">inf", ">-inf", " nan", " inf"})
        EXPECT_EQ(page().find(number), std::string::npos) << number;
}

TEST_F(InterpretReportTest, AnAttackThatIsAtItsTargetChangesNothing) {
    const Json before = reported({"--adversarial", "2"})["adversarial"]["before"];
    const std::string top = std::to_string(before["label"].get<int>());
    const Json json = reported({"--adversarial", "2", "--target", top, "--force"})["adversarial"];
    EXPECT_TRUE(json["succeeded"].is_null());
    EXPECT_EQ(json["target_before"], true);
    EXPECT_EQ(json["before"], json["after"]);
    expect_on_page("nothing had to be changed");
    EXPECT_NE(run(asked({"--adversarial", "2", "--target", top})).out.find("nothing had to be changed"),
              std::string::npos);
    const Json other = reported({"--adversarial", "2", "--target", top == "0" ? "1" : "0", "--force"})["adversarial"];
    EXPECT_TRUE(other["succeeded"].is_boolean());
    EXPECT_EQ(other["target_before"], false);
}

// Numbers of a logarithmic axis within one decade would have no tick.
TEST_F(InterpretReportTest, ASpectrumHasNumbersAtItsAxis) {
    const Json sigma = reported({"--svd", "3"})["sigma"];
    ASSERT_LT(sigma[0].get<double>(), 10 * sigma[2].get<double>());
    const std::string all = page();
    const std::size_t begin = all.find("<svg", all.find("<h2 id=\"svd\">")), end = all.find("</svg>", begin);
    ASSERT_NE(end, std::string::npos);
    int ticks = 0;  // at the axis of sigma: numbers between the smallest and the largest
    for (std::size_t at = all.find("<text", begin); at < end; at = all.find("<text", at + 1)) {
        const std::size_t from = all.find("<tspan", at),
                          open = all.find('>', from == std::string::npos ? at : from) + 1;
        char* stop = nullptr;
        const double number = std::strtod(all.c_str() + open, &stop);
        ticks += *stop == '<' && stop != all.c_str() + open && number > 2 ? 1 : 0;
    }
    EXPECT_GE(ticks, 2);
}

// The report changes no bit of the result, and is not part of what was asked.
TEST_F(InterpretReportTest, LeavesTheResultAsItIs) {
    ASSERT_EQ(run(asked({"--rows", "3", "--out", out})).code, 0);
    const std::string before = read_file(out);
    reported({"--rows", "3", "--out", out});
    EXPECT_EQ(read_file(out), before);
}

}  // namespace
}  // namespace descrambler
