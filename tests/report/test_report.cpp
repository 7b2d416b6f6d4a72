// The report of a study of invented numbers: complete, well formed, reproducible, and clear about what is absent.
#include "report/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <regex>
#include <sstream>

#include "data.hpp"
#include "descrambler/error.hpp"
#include "report/fake_study.hpp"
#include "report/well_formed.hpp"

namespace descrambler {
namespace {

using test::FakeStudy;
using test::malformed;
using test::Scratch;
using test::write_fake_study;

std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        if (entry.is_regular_file())
            files[std::filesystem::relative(entry.path(), folder).string()] = read_file(entry.path());
    return files;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const std::vector<std::string>& figure_names() {
    static const std::vector<std::string> names{
        "training_loss",         "relative_error",   "examples",        "layer_1_weights",   "layer_1_spectrum",
        "layer_1_spectrum_zoom", "layer_1_gain",     "layer_2_weights", "layer_2_link_gram", "layer_2_singular_vectors",
        "singular_values",       "time_to_distance", "alignment",       "network_pairs",     "same_function"};
    return names;
}

// One complete report for all tests that only look at it.
class Report : public testing::Test {
protected:
    static void SetUpTestSuite() {
        scratch_ = new Scratch("report");
        write_fake_study(scratch_->path(), FakeStudy{});
        write_report(scratch_->path());
        files_ = new std::map<std::string, std::string>(files_of(scratch_->path()));
    }
    static void TearDownTestSuite() {
        delete files_;
        delete scratch_;
    }
    static const std::string& file(const std::string& name) { return files_->at(name); }
    static const std::string& page() { return file("report.html"); }

    static inline Scratch* scratch_ = nullptr;
    static inline std::map<std::string, std::string>* files_ = nullptr;
};

TEST_F(Report, IsWellFormed) {
    EXPECT_EQ(malformed(page()), "");
}

TEST(WellFormed, CheckerFindsFaults) {
    EXPECT_EQ(malformed("<p>a &amp; b<br /></p>"), "");
    EXPECT_NE(malformed("<p><b></p></b>"), "");
    EXPECT_NE(malformed("<p>a & b</p>"), "");
    EXPECT_NE(malformed("<p>a ]]> b</p>"), "");
    EXPECT_NE(malformed("<p><i id='a'></i><i id='a'></i></p>"), "");
    EXPECT_NE(malformed("<p class=x></p>"), "");
    EXPECT_NE(malformed("<div><p></p>"), "");
}

TEST_F(Report, NeedsNothingFromOutside) {
    EXPECT_FALSE(contains(page(), "<script"));
    EXPECT_FALSE(contains(page(), "<link"));
    EXPECT_FALSE(contains(page(), "url(http"));
    const std::regex reference(R"re((href|src)=["']([^"']{1,40}))re");
    for (std::sregex_iterator m(page().begin(), page().end(), reference), last; m != last; ++m) {
        const std::string target = (*m)[2];
        EXPECT_TRUE(target.starts_with("#") || target.starts_with("data:image/png;base64,")) << target;
    }
    EXPECT_LT(page().size(), std::size_t{4} << 20);
}

TEST_F(Report, HasEveryFigureWithItsData) {
    for (const std::string& name : figure_names()) {
        EXPECT_TRUE(files_->count("figures/" + name + ".svg")) << name;
        ASSERT_TRUE(files_->count("figures/" + name + ".csv")) << name;
        const std::string& table = file("figures/" + name + ".csv");
        EXPECT_TRUE(table.starts_with("panel,")) << name;
        EXPECT_GT(std::count(table.begin(), table.end(), '\n'), 3) << name;
        EXPECT_TRUE(contains(page(), "id=\"figure-" + name + "\"")) << name;
        EXPECT_TRUE(contains(page(), "figures/" + name + ".csv")) << name;
    }
    EXPECT_TRUE(files_->count("figures/time_to_distance-curves.csv"));  // curves over images
}

TEST_F(Report, FiguresNameTheirAxes) {
    const std::map<std::string, std::vector<std::string>> labels{
        {"training_loss", {"iteration", "mean squared error", "trained", "shuffled targets", "no decay"}},
        {"relative_error", {"relative error, Tikhonov", "relative error, network", "predict the mean distribution"}},
        {"examples", {"time, µs", "distance, nm", "density / maximum", "signal", "truth", "Tikhonov"}},
        {"layer_1_weights", {"time, µs", "link index", "weight"}},
        {"layer_1_spectrum", {"frequency along time, MHz", "frequency along link, bins", "dB of the maximum"}},
        {"layer_1_spectrum_zoom", {"best cube root", "best power law", "frequency along time, MHz"}},
        {"layer_1_gain", {"frequency, MHz", "gain H", "gain relative to bins 1 to 8, dB", "untrained"}},
        {"layer_2_weights", {"link index", "distance, nm"}},
        {"layer_2_link_gram", {"link index", "cosine"}},
        {"layer_2_singular_vectors", {"distance, nm", "singular vector"}},
        {"singular_values", {"number of the singular value", "singular value / largest"}},
        {"time_to_distance", {"input distance, nm", "output distance, nm", "largest response"}},
        {"alignment", {"likeness", "A: trained, raw", "E: trained against shuffled"}},
        {"network_pairs", {"network, in the order of the clusters", "likeness", "shuffled targets"}},
        {"same_function",
         {"A: one trained network, two libraries", "B: trained among themselves", "threshold, s: 0.996",
          "F: trained against shuffled targets"}}};
    EXPECT_EQ(labels.size(), figure_names().size());
    for (const auto& [name, texts] : labels)
        for (const std::string& text : texts)
            EXPECT_TRUE(contains(file("figures/" + name + ".svg"), std::string(">").append(text)))
                << name << ": " << text;
}

TEST_F(Report, StatesEveryFindingWithItsVerdict) {
    const auto findings = test::FakeStudyWriter(FakeStudy{}).summary().at("findings");
    for (const auto& [name, finding] : findings.items()) {
        EXPECT_TRUE(contains(page(), "<code>" + name + "</code>")) << name;
        EXPECT_TRUE(contains(page(), finding.at("verdict").get<std::string>() + "</span>")) << name;
    }
    // Three published findings, one of each kind, and one alternative that is not counted.
    EXPECT_TRUE(contains(page(), "<b>1 of 3</b>findings reproduced, and the controls do not show them"));
    EXPECT_TRUE(contains(page(), "has 1 further row with"));
    const std::size_t list = page().find("Published findings that do not reproduce");
    ASSERT_NE(list, std::string::npos);
    const std::string after = page().substr(list, 800);
    EXPECT_TRUE(contains(after, "Frequencies are rearranged by &quot;cube root&quot; &amp; so on."));
    EXPECT_TRUE(contains(after, "controls &lt;differ&gt; &amp; vary."));
    EXPECT_FALSE(contains(after.substr(0, after.find("</ul>")), "Legendre"));
    EXPECT_TRUE(contains(page(), "same raw and descrambled"));
}

TEST_F(Report, AnswersWhetherNetworksAreTheSame) {
    for (const char* sentence :
         {"Is the interpretation the same for every network?",
          "95 % of such pairs reach 0.996, the threshold of “same function”. 33.3 % of the pairs of trained networks",
          "some pairs cannot be told apart, others differ by more",
          "Agreement inside an ensemble is no evidence of learning by itself.",
          "trained against the shuffled: s = 0.15", "Each kind is closer to its own than to the other",
          "the largest gap leaves 2 clusters with purity 0.71",
          "Clusters among the trained networks by themselves are not real"})
        EXPECT_TRUE(contains(page(), sentence)) << sentence;
    // rows in the order of the clusters: the last network comes first, and is 1 with itself
    std::istringstream lines(file("figures/network_pairs.csv"));
    std::string line;
    std::getline(lines, line);
    std::getline(lines, line);
    EXPECT_TRUE(line.starts_with("a  s,0,1,0.2,")) << line;
}

TEST(ReportOfNoLearning, IsNotCalledLearning) {
    const auto answer = [](double against, double most, double share) {
        const Scratch scratch("report_same");
        write_fake_study(scratch.path(), {.without = {"tikhonov", "examples", "layers", "analysis", "training"}});
        auto summary = nlohmann::ordered_json::parse(read_file(scratch / "summary.json"));
        summary["alignment"]["against_shuffled"]["s"] = {{"median", against}, {"min", 0.1}, {"max", most}};
        for (const char* kind : {"descrambled", "shuffled"})
            summary["alignment"][kind]["s"] = {{"median", 0.9}, {"min", 0.6}, {"max", 0.95}};
        summary["alignment"]["same_function"]["within_trained"]["s"] = share;
        write_file(scratch / "summary.json", summary.dump());
        write_report(scratch.path());
        return read_file(scratch / "report.html");
    };
    const std::string close = answer(0.98, 0.99, 1);
    EXPECT_TRUE(contains(close, "nothing here shows learning"));
    EXPECT_TRUE(contains(close, "the interpretation is the same for every network"));
    const std::string far = answer(0.2, 0.5, 0.01);
    EXPECT_FALSE(contains(far, "nothing here shows learning"));
    EXPECT_TRUE(contains(far, "the shuffled: s = 0.2 (0.1 to 0.5). Each kind is closer to its own"));
    const std::string between = answer(0.2, 0.7, 0.01);
    EXPECT_TRUE(contains(between, "the ranges overlap"));
    EXPECT_FALSE(contains(between, "Each kind is closer to its own"));
    EXPECT_TRUE(contains(far, "the networks are alike but not the same"));
}

TEST(ReportOfDepth, ShowsEveryLayerAndNoFindings) {
    const Scratch scratch("report_deep");
    write_fake_study(scratch.path(), {.deep = true});
    write_report(scratch.path());
    const std::string page = read_file(scratch / "report.html");
    EXPECT_EQ(malformed(page), "");
    for (const char* text :
         {"3 Deeper layers", "These networks have 2 hidden layers", "layer 2, before, smoothness",
          "share on the diagonal of P W Pᵀ", "id=\"figure-deep_profile\"", "id=\"figure-deep_layer_2\"",
          "id=\"figure-deep_last_weights\"", "What stays defined for several hidden layers is in section 3"})
        EXPECT_TRUE(contains(page, text)) << text;
    EXPECT_FALSE(contains(page, "figure-layer_2_weights"));
    // 29..31 does not touch 69..71 and lies inside 12..40; there is no third control
    EXPECT_TRUE(contains(page, "<td>–</td><td>untrained</td>"));
    const std::string profile = read_file(scratch / "figures/deep_profile.svg");
    for (const char* text : {"smoothness gain", "effective rank of the weight", "trained against shuffled targets"})
        EXPECT_TRUE(contains(profile, text)) << text;
    EXPECT_TRUE(contains(read_file(scratch / "figures/deep_layer_2.svg"), "component out"));
}

TEST_F(Report, SaysWhenTrainingWasShort) {
    const std::string warning = "“not reproduced” may here mean not yet learnt";
    EXPECT_FALSE(contains(page(), warning));
    EXPECT_TRUE(contains(page(), "The networks make a mean relative error of 0.302"));
    EXPECT_TRUE(contains(page(), "0.89 times the error of Tikhonov regularisation"));
    const Scratch scratch("report_short");
    write_fake_study(scratch.path(),
                     {.without = {"tikhonov", "examples", "controls", "alignment", "layers", "analysis", "training"}});
    auto summary = nlohmann::ordered_json::parse(read_file(scratch / "summary.json"));
    summary["training"]["relative_error"]["mean"] = 0.6;
    write_file(scratch / "summary.json", summary.dump());
    write_report(scratch.path());
    EXPECT_TRUE(contains(read_file(scratch / "report.html"), warning));
}

TEST_F(Report, TablesHoldTheNumbersOfTheStudy) {
    // The first point of the first curve of the loss figure is the median over the networks, in its file.
    const Hdf5File study = Hdf5File::open((scratch_->path() / "study.h5").string());
    const FileArray<double> loss = study.root().read<double>("training/loss/trained");
    std::vector<double> first;
    for (Index i = 0; i < loss.shape[0]; ++i)
        first.push_back(loss.values[static_cast<std::size_t>(i * loss.shape[1])]);
    std::sort(first.begin(), first.end());
    char expected[64];
    std::snprintf(expected, sizeof expected, ",100,%.6g,%.6g,%.6g,", first[1], first[0], first[2]);
    const std::string& table = file("figures/training_loss.csv");
    EXPECT_TRUE(contains(table.substr(0, 300), expected)) << table.substr(0, 300);

    // An image: rows are output distances, columns input distances, relative to the largest magnitude.
    const FileArray<double> response = study.root().read<double>("analysis/trained/jacobian_response");
    const std::size_t M = static_cast<std::size_t>(response.shape[2]);
    double top = 0;
    for (std::size_t i = 0; i < M * M; ++i)
        top = std::max(top, std::abs(response.values[i]));
    char start[80];  // output distance 2 of network 0: its coordinate, then input distances 0 and 1
    std::snprintf(start, sizeof start, "a  trained,%.6g,%.5g,%.5g,", 1.18 + 4.75 * 2 / 47, response.values[2 * M] / top,
                  response.values[2 * M + 1] / top);
    std::istringstream lines(file("figures/time_to_distance.csv"));
    std::string line;
    for (int i = 0; i <= 3; ++i)
        std::getline(lines, line);
    EXPECT_TRUE(line.starts_with(start)) << start << " expected, found " << line.substr(0, 80);
}

TEST_F(Report, IsReproducible) {
    const Scratch again("report_again");
    write_fake_study(again.path(), FakeStudy{});
    write_report(again.path());
    const auto files = files_of(again.path());
    EXPECT_EQ(files.size(), files_->size());
    for (const auto& [name, content] : files)
        if (name != "study.h5") {
            EXPECT_TRUE(content == file(name)) << name;
        }
}

TEST(ReportOfLess, SaysWhatIsAbsent) {
    const Scratch scratch("report_less");
    write_fake_study(scratch.path(), {.without = {"tikhonov", "examples", "controls", "alignment", "layers"}});
    make_folder(scratch / "figures");
    write_file(scratch / "figures/examples.svg", "of an older report");
    write_report(scratch.path());
    const std::string page = read_file(scratch / "report.html");
    EXPECT_EQ(malformed(page), "");
    for (const char* sentence : {"No Tikhonov comparison is stored in this study", "No example traces are stored",
                                 "so not shown: untrained, shuffled targets, no decay.",
                                 "No comparison of networks is stored in this study (/alignment).",
                                 "No pairs of all networks are stored in this study (/alignment/networks).",
                                 "The weights of layer 1 are not stored before and after descrambling"})
        EXPECT_TRUE(contains(page, sentence)) << sentence;
    EXPECT_FALSE(std::filesystem::exists(scratch / "figures/examples.svg"));  // no picture of an older study
    EXPECT_TRUE(std::filesystem::exists(scratch / "figures/training_loss.svg"));
}

TEST(ReportOfLess, HasEverythingButPicturesWithoutGnuplot) {
    const Scratch scratch("report_nothing");
    write_fake_study(scratch.path(), FakeStudy{});
    EXPECT_EQ(missing_figures(), "");
    const std::string old = std::getenv("PATH");
    ::setenv("PATH", "/nonexistent", 1);
    write_report(scratch.path());
    const std::string said = missing_figures();
    draw_prediction(scratch / "prediction.svg", {.title = "a",
                                                 .time_us = {0, 1},
                                                 .signal = {1, 0},
                                                 .distance_nm = {1, 2},
                                                 .mean = {1, 1},
                                                 .lower = {1, 1},
                                                 .upper = {1, 1}});
    ::setenv("PATH", old.c_str(), 1);
    EXPECT_TRUE(contains(said, "gnuplot is not on the PATH")) << said;
    EXPECT_FALSE(std::filesystem::exists(scratch / "prediction.svg"));
    const std::string page = read_file(scratch / "report.html");
    EXPECT_EQ(malformed(page), "");
    EXPECT_TRUE(contains(page, "Not drawn, for want of gnuplot. Data: <code>figures/training_loss.csv</code>"));
    EXPECT_FALSE(contains(page, "<svg"));
    EXPECT_TRUE(std::filesystem::exists(scratch / "figures/training_loss.csv"));
    EXPECT_FALSE(std::filesystem::exists(scratch / "figures/training_loss.svg"));
}

TEST(ReportOfLess, StandsWithAxesOnly) {
    const Scratch scratch("report_least");
    write_fake_study(scratch.path(),
                     {.networks = 1,
                      .without = {"tikhonov", "examples", "controls", "alignment", "layers", "analysis", "training"}});
    write_report(scratch.path());
    EXPECT_EQ(malformed(read_file(scratch / "report.html")), "");
}

// The message of the InputError that write_report throws for a changed summary or study; nothing is written then.
template <class Change>
std::string refusal(Change&& change) {
    const Scratch scratch("report_refused");
    write_fake_study(scratch.path(), {.without = {"examples"}});
    change(scratch.path());
    std::string message = "accepted";
    try {
        write_report(scratch.path());
    } catch (const InputError& e) {
        message = e.what();
    }
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_FALSE(std::filesystem::exists(scratch / "report.html"));
    EXPECT_FALSE(std::filesystem::exists(scratch / "figures"));
    return message;
}

template <class Change>
std::string refused_summary(Change&& change) {
    return refusal([&](const std::filesystem::path& folder) {
        auto json = nlohmann::ordered_json::parse(read_file(folder / "summary.json"));
        change(json);
        write_file(folder / "summary.json", json.dump());
    });
}

TEST(ReportRefuses, MalformedSummary) {
    using Json = nlohmann::ordered_json;
    const auto expect_field = [](const std::string& message, const std::string& field) {
        EXPECT_TRUE(contains(message, "summary.json: ")) << message;
        EXPECT_TRUE(contains(message, field)) << message;
    };
    expect_field(refusal([](const auto& folder) { write_file(folder / "summary.json", "{\"version\": "); }), "JSON");
    expect_field(refusal([](const auto& folder) { write_file(folder / "summary.json", "[1]"); }), "object");
    expect_field(refused_summary([](Json& j) { j.erase("commit"); }), "field commit: missing");
    expect_field(refused_summary([](Json& j) { j["version"] = 3; }), "field version: expected a text");
    expect_field(refused_summary([](Json& j) { j["training"]["relative_error"]["mean"] = "low"; }),
                 "field training.relative_error.mean: expected a number");
    expect_field(refused_summary([](Json& j) { j["findings"]["HFrej"]["verdict"] = "maybe"; }),
                 "field findings.HFrej.verdict: expected");
    expect_field(refused_summary([](Json& j) { j["findings"]["HFrej"]["raw"].erase("max"); }),
                 "field findings.HFrej.raw.max: missing");
    expect_field(refused_summary([](Json& j) { j["layers"][0]["eta"] = Json::array(); }), "field layers[0].eta");
    expect_field(refused_summary([](Json& j) { j["findings"] = 1; }), "field findings: expected an object");
    expect_field(refused_summary([](Json& j) { j["alignment"]["threshold"].erase("quantile"); }),
                 "field alignment.threshold.quantile: missing");
    expect_field(refused_summary([](Json& j) { j["alignment"]["clusters"]["all"]["gap"]["sizes"] = 3; }),
                 "field alignment.clusters.all.gap.sizes: expected an array");
    expect_field(refused_summary([](Json& j) { j["alignment"]["same_function"]["within_trained"]["s"] = "all"; }),
                 "field alignment.same_function.within_trained.s: expected a number");
    expect_field(refused_summary([](Json& j) { j["deep"] = {{"taps", 1}}; }), "field deep.taps: expected an array");
}

TEST(ReportRefuses, MalformedStudy) {
    const auto with_study = [](auto&& write) {
        return refusal([&](const std::filesystem::path& folder) {
            std::filesystem::remove(folder / "study.h5");
            Hdf5File file = Hdf5File::create((folder / "study.h5").string());
            const std::vector<double> axis{0, 1, 2, 3};
            file.root().write("axes/distance_nm", axis, {});
            write(file.root());
            file.commit();
        });
    };
    const std::vector<double> axis{0, 1, 2, 3};
    const std::string no_time = with_study([](const Hdf5Group&) {});
    EXPECT_TRUE(contains(no_time, "study.h5")) << no_time;
    EXPECT_TRUE(contains(no_time, "time_us")) << no_time;
    const std::string backwards = with_study([](const Hdf5Group& root) {
        root.write("axes/time_us", std::vector<double>{3, 2, 1, 0}, {});
    });
    EXPECT_TRUE(contains(backwards, "axes/time_us: expected at least two ascending values")) << backwards;
    const std::string shape = with_study([&](const Hdf5Group& root) {
        root.write("axes/time_us", axis, {});
        root.write("analysis/trained/gain", Matrix<double>(2, 7), {});
    });
    EXPECT_TRUE(contains(shape, "analysis/trained/gain: shape [2, 7], expected [any, 3]")) << shape;
    const std::string group = with_study([&](const Hdf5Group& root) {
        root.write("axes/time_us", axis, {});
        root.write("alignment/networks/s", Matrix<double>(2, 2), {});
        root.write("alignment/networks/group", std::vector<double>{0, 4}, {});
    });
    EXPECT_TRUE(contains(group, "alignment/networks/group: expected whole numbers from 0 to 3")) << group;
    const std::string part = with_study([&](const Hdf5Group& root) {
        root.write("axes/time_us", axis, {});
        root.write("tikhonov/lambda", axis, {});
    });
    EXPECT_TRUE(contains(part, "tikhonov/relative_error")) << part;
}

TEST(Prediction, DrawsTraceAndBand) {
    const Scratch scratch("prediction");
    PredictionFigure figure{.title = "it's <a> trace & more_1"};
    for (int i = 0; i < 50; ++i) {
        const double x = i / 49.0, p = std::exp(-30 * (x - 0.5) * (x - 0.5));
        figure.time_us.push_back(2 * x);
        figure.signal.push_back(std::exp(-x));
        figure.distance_nm.push_back(1 + 5 * x);
        figure.mean.push_back(p);
        figure.lower.push_back(0.9 * p);
        figure.upper.push_back(1.1 * p);
    }
    figure.peak_nm = 3.5;
    draw_prediction(scratch / "a.svg", figure);
    const std::string svg = read_file(scratch / "a.svg");
    EXPECT_EQ(malformed(svg.substr(svg.find("<svg"))), "");
    for (const char* text : {"time, µs", "distance, nm", "peak at 3.5 nm",
                             "it&#39;s &lt;a&gt; trace &amp; more_1</title>", "it's &lt;a> trace &amp; more_1"})
        EXPECT_TRUE(contains(svg, text)) << text;
    EXPECT_FALSE(contains(svg, ">fit<"));
    figure.fit = figure.signal;
    draw_prediction(scratch / "b.svg", figure);
    EXPECT_TRUE(contains(read_file(scratch / "b.svg"), ">fit<"));
    figure.mean.pop_back();
    EXPECT_THROW(draw_prediction(scratch / "c.svg", figure), std::invalid_argument);
}

}  // namespace
}  // namespace descrambler
