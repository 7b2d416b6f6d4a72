// The tour: pages, findings and what they are kept in; pictures and digits as they are read.
#include "tour/tour.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data.hpp"
#include "descrambler/error.hpp"
#include "descrambler/files.hpp"
#include "descrambler/picture.hpp"
#include "io/onnx_bytes.hpp"
#include "tour/catalogue.hpp"
#include "tour/cyclegan.hpp"
#include "tour/digits.hpp"
#include "tour/folder_lock.hpp"
#include "tour/material.hpp"
#include "tour/singular.hpp"
#include "tour/votes.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {
namespace {

namespace fs = std::filesystem;

// ---- pages ------------------------------------------------------------------------------------------------------------

Experiment stand_in(const std::string& id, const std::string& ours) {
    return {id, "Title of " + id, {}, [ours](const Settings&, Article& page) {
                page.paragraph("words");
                return std::vector<Finding>{{"Tour", "Fig. 10", "a claim", ours, "a control", Verdict::holds}};
            }};
}

std::vector<Outcome> run_these(const std::vector<Experiment>& experiments, const Settings& settings,
                               const fs::path& out) {
    std::vector<const Experiment*> list;
    for (const Experiment& experiment : experiments)
        list.push_back(&experiment);
    return run(list, settings, out);
}

TEST(Tour, FindingsOfSeveralRunsStandOnOnePage) {
    const test::Scratch folder("tour");
    Settings settings;
    (void)run_these({stand_in("E2", "number 7 & more")}, settings, folder.path());
    (void)run_these({stand_in("E1", "number 8")}, settings, folder.path());
    const std::string page = read_file(folder / "index.html");
    EXPECT_NE(page.find("number 7 &amp; more"), std::string::npos);
    EXPECT_NE(page.find("number 8"), std::string::npos);
    EXPECT_NE(page.find("2 findings hold, 0 hold in part"), std::string::npos);
    EXPECT_NE(page.find("not run: descrambler tour E3"), std::string::npos);
    EXPECT_LT(page.find("E1: Title of E1"), page.find("E2: Title of E2"));
    EXPECT_TRUE(fs::exists(folder / "E1.html"));
    EXPECT_TRUE(fs::exists(folder / "E2.html"));
}

TEST(Tour, LinksPagesThatAreThere) {
    const test::Scratch folder("tour_links");
    (void)run_these({stand_in("E1", "8"), stand_in("E2", "9")}, {}, folder.path());
    EXPECT_NE(read_file(folder / "index.html").find("href=\"E2.html\""), std::string::npos);
    fs::remove(folder / "E2.html");
    (void)run_these({stand_in("E1", "8")}, {}, folder.path());
    const std::string page = read_file(folder / "index.html");
    EXPECT_NE(page.find("href=\"E1.html\""), std::string::npos);
    EXPECT_EQ(page.find("href=\"E2.html\""), std::string::npos);
    EXPECT_NE(page.find("E2: Title of E2"), std::string::npos);
}

TEST(Tour, OneAtATime) {
    const test::Scratch folder("tour_lock");
    {
        const FolderLock held(folder / lock_name);
        try {
            (void)run_these({stand_in("E1", "8")}, {}, folder.path());
            ADD_FAILURE();
        } catch (const Error& error) {
            EXPECT_NE(std::string(error.what()).find("another tour is writing here"), std::string::npos);
        }
        EXPECT_FALSE(fs::exists(folder / "findings.json"));
    }
    EXPECT_FALSE(fs::exists(folder / lock_name));
    write_file(folder / lock_name, "");  // as a killed one leaves it
    (void)run_these({stand_in("E1", "8")}, {}, folder.path());
    EXPECT_TRUE(fs::exists(folder / "E1.html"));
    EXPECT_FALSE(fs::exists(folder / lock_name));
}

std::string message_of(const Experiment& experiment, const Settings& settings) {
    Article page("page", "");
    try {
        (void)experiment.run(settings, page);
    } catch (const InputError& error) {
        return error.what();
    }
    return "";
}

// What a network or a picture lacks is told with the name of its file.
TEST(Tour, MessagesNameTheirFile) {
    const test::Scratch folder("tour_files");
    for (const char* const sub : {"onnx", "images"})
        fs::create_directory(folder / sub);
    Settings settings;
    settings.quick = true;
    settings.data = folder.path();
    write_png(folder / "images/coffee.png", {64, 64, 3, std::vector<double>(64 * 64 * 3, 90)});
    EXPECT_EQ(message_of(restoration(), settings),
              (folder / "images/coffee.png").string() + ": 64 x 64 pixels, expected 280 x 360 at least");
    write_png(folder / "images/coffee.png", {400, 600, 3, std::vector<double>(400 * 600 * 3, 90)});
    using namespace test::onnx;
    const auto net = [](const std::string& nodes) {
        return model(nodes + input("x", {1, 1, 32, 32}) + output("y", {1, 1}));
    };
    const fs::path denoiser = folder / "onnx/waifu2x_resnet10_noise1_y.onnx";
    write_file(denoiser, net(node("GlobalAveragePool", {"x"}, {"p"}) + node("Flatten", {"p"}, {"y"})));
    EXPECT_EQ(message_of(restoration(), settings),
              denoiser.string() + ": expected a network from pictures to pictures");
    // a network that is not finite at its picture
    write_file(denoiser, model(node("Sub", {"x", "x"}, {"z"}) + node("Div", {"x", "z"}, {"y"}) +
                               input("x", {1, 1, 32, 32}) + output("y", {1, 1, 32, 32})));
    EXPECT_TRUE(message_of(restoration(), settings).starts_with(denoiser.string() + ": node "))
        << message_of(restoration(), settings);
    const fs::path given = folder / "given.onnx";
    settings.network = GivenNetwork{given, {0}, {255}, {folder / "images/coffee.png", folder / "images/coffee.png"}};
    write_file(given, net(node("GlobalAveragePool", {"x"}, {"p"}) + node("Flatten", {"p"}, {"y"})));
    EXPECT_EQ(message_of(adversarial(), settings),
              given.string() + ": output 1x1, expected a classifier: two scores or more in one row");
    // what a frozen network says of itself
    Experiment experiment = stand_in("E2", "9");
    experiment.replaced = "onnx/own.onnx";
    experiment.run = [](const Settings&, Article&) -> std::vector<Finding> {
        throw InputError("the network: no rule");
    };
    const fs::path own = settings.data / "onnx/own.onnx";
    for (const fs::path& file : {given, own}) {
        try {
            (void)run_these({experiment}, settings, folder.path());
            ADD_FAILURE();
        } catch (const InputError& error) {
            EXPECT_EQ(std::string(error.what()), "E2: " + file.string() + ": no rule");
        }
        settings.network.reset();
    }
}

TEST(Tour, VerdictsOfQuickRunsAreWithheld) {
    const test::Scratch folder("tour_quick");
    Settings settings;
    settings.quick = true;
    const std::vector<Outcome> outcomes = run_these({stand_in("E1", "8")}, settings, folder.path());
    EXPECT_EQ(outcomes.front().findings.front().verdict, Verdict::withheld);
    EXPECT_EQ(read_file(folder / "index.html").find(">holds<"), std::string::npos);
}

TEST(Tour, WhatIsNotThereIsSkippedByName) {
    const test::Scratch folder("tour_needs");
    Experiment experiment = stand_in("E1", "8");
    experiment.needs = {"onnx/none.onnx"};
    const std::vector<Outcome> outcomes = run_these({experiment}, {}, folder.path());
    EXPECT_NE(outcomes.front().skipped.find("onnx/none.onnx"), std::string::npos);
    EXPECT_FALSE(fs::exists(folder / "E1.html"));
}

TEST(Tour, RefusesFindingsOfSomethingElse) {
    for (const char* const content :
         {"", "[]", "{\"experiments\": 3}", "{\"experiments\": {\"E1\": {\"title\": \"x\"}}}",
          R"({"experiments": {"E1": {"title": "x", "quick": false, "findings": [{"paper": 1}]}}})"}) {
        const test::Scratch folder("tour_foreign");
        write_file(folder / "findings.json", content);
        EXPECT_THROW((void)run_these({stand_in("E1", "8")}, {}, folder.path()), InputError) << content;
        EXPECT_EQ(read_file(folder / "findings.json"), content);
    }
}

TEST(Tour, StopsBetweenExperimentsAndKeepsWhatIsDone) {
    const test::Scratch folder("tour_stop");
    Settings settings;
    int asked = 0;
    settings.progress.stop = [&] { return ++asked > 1; };
    EXPECT_THROW((void)run_these({stand_in("E1", "8"), stand_in("E2", "9")}, settings, folder.path()), Stopped);
    EXPECT_NE(read_file(folder / "findings.json").find("\"E1\""), std::string::npos);
    EXPECT_FALSE(fs::exists(folder / "E2.html"));
}

TEST(Tour, ChoosesByName) {
    EXPECT_EQ(chosen({}).size(), experiments().size());
    EXPECT_EQ(chosen({"E3", "E1"}).front()->id, "E1");
    EXPECT_THROW((void)chosen({"E9"}), InputError);
    EXPECT_THROW((void)chosen({""}), InputError);
}

TEST(Tour, EveryEntryHasAnExperimentOrAReason) {
    std::set<std::string> ids;
    for (const Experiment& experiment : experiments())
        ids.insert(experiment.id);
    EXPECT_EQ(ids.size(), 8U);
    std::set<std::pair<std::string, std::string>> seen;
    for (const Entry& entry : catalogue()) {
        EXPECT_TRUE(seen.emplace(entry.paper, entry.where).second) << entry.where;
        EXPECT_TRUE(entry.experiment.empty() ? !entry.instead.empty() : ids.contains(entry.experiment)) << entry.where;
    }
}

// ---- pictures ---------------------------------------------------------------------------------------------------------

TEST(Material, ResamplingTakesTheMeanOfWhatAPixelCovers) {
    const Picture picture{2, 4, 1, {1, 3, 5, 9, 2, 4, 7, 11}};
    EXPECT_EQ(resampled(picture, 1, 2).values, (std::vector<double>{2.5, 8}));
    EXPECT_EQ(resampled(picture, 1, 1).values, (std::vector<double>{4.75}));  // the middle: 3 5 4 7
    const Picture wide = resampled(Picture{1, 3, 1, {0, 6, 12}}, 2, 2);       // the middle pixel, enlarged
    EXPECT_EQ(wide.values, (std::vector<double>{6, 6, 6, 6}));
    const Picture thirds =
        resampled(Picture{3, 3, 1, {0, 3, 6, 0, 3, 6, 0, 3, 6}}, 2, 2);  // 1.5 wide: (0 + 3 / 2) / 1.5
    EXPECT_DOUBLE_EQ(thirds.values[0], 1);
    EXPECT_DOUBLE_EQ(thirds.values[1], 5);
}

TEST(Material, CutsWhatIsThere) {
    const Picture picture{2, 3, 1, {1, 2, 3, 4, 5, 6}};
    EXPECT_EQ(cut(picture, 0, 1, 2, 2).values, (std::vector<double>{2, 3, 5, 6}));
    EXPECT_THROW((void)cut(picture, 1, 1, 2, 2), InputError);
}

TEST(Material, CubicResizeKeepsConstantsAndTheAffineMap) {
    const Subject larger = subject_of(cubic_resize(3, 4), "larger", {6, 6, {10}, {2}, {}, std::nullopt});
    ASSERT_TRUE(larger.output);
    EXPECT_EQ(larger.output->height, 24);
    const auto on = make_cpu_backend<double>(1);
    Picture grey{6, 6, 3, std::vector<double>(6 * 6 * 3, 30)};
    const FrozenNetwork<double> frozen(*on, larger.graph, larger.x0_of(grey), {});
    for (const double value : frozen.output())
        EXPECT_NEAR(value, 10, 1e-13);  // (30 - 10) / 2
    const Subject smaller = subject_of(cubic_resize(1, .25), "smaller", {16, 16, {0}, {1}, {}, std::nullopt});
    EXPECT_EQ(smaller.output->height, 4);
}

TEST(Material, SignedPicturesAreGreyAtZero) {
    EXPECT_EQ(signed_picture(std::vector<double>{0, 2, -2, 9}, {1, 2, 2}, 2).values,
              (std::vector<double>{128, 255, 1, 255}));
    EXPECT_EQ(signed_picture(std::vector<double>{0, 0}, {1, 1, 2}, 0).values, (std::vector<double>{128, 128}));
}

// Published: 23068672 numbers behind ReLU at 256 x 256.
TEST(CycleGan, HasTheUnitsOfThePaper) {
    const Subject subject = subject_of(cyclegan(9), "CycleGAN", {256, 256, {0}, {255}, {}, 1});
    Index relus = 0;
    for (const GraphNode& node : subject.graph.nodes)
        if (const auto* const unit = std::get_if<Pointwise>(&node.op);
            unit != nullptr && unit->function == Function::relu)
            relus += volume(subject.graph.values[static_cast<std::size_t>(node.output)].shape);
    EXPECT_EQ(relus, 23068672);
    EXPECT_EQ(subject.output->height, 256);
}

// ---- digits -----------------------------------------------------------------------------------------------------------

std::string line_of(int value, int label) {
    std::string line;
    for (int i = 0; i < 64; ++i)
        line += std::to_string(value) + ",";
    return line + std::to_string(label) + "\n";
}

TEST(Digits, AreEnlarged) {
    const test::Scratch folder("digits");
    write_file(folder / "digits.csv", line_of(16, 3) + line_of(0, 9));
    const Digits digits = read_digits(folder / "digits.csv", 2);
    EXPECT_EQ(digits.label, (std::vector<Index>{3, 9}));
    for (Index i = 0; i < 784; ++i) {
        EXPECT_NEAR(digits.x(i, 0), (1 - .1307) / .3081, 1e-14);
        EXPECT_NEAR(digits.x(i, 1), -.1307 / .3081, 1e-14);
    }
}

TEST(Digits, RefusesOtherLinesByNumber) {
    const test::Scratch folder("digits_bad");
    for (const std::string& bad : {line_of(17, 3), line_of(-1, 3), line_of(1, 10), std::string("1,2\n"), std::string(),
                                   line_of(1, 3).insert(4, ","), std::string(2000, '1')}) {
        write_file(folder / "digits.csv", line_of(4, 4) + bad);
        try {
            (void)read_digits(folder / "digits.csv", 2);
            ADD_FAILURE() << bad;
        } catch (const InputError& error) {
            EXPECT_NE(std::string(error.what()).find("line 2"), std::string::npos) << error.what();
        }
    }
    EXPECT_THROW((void)read_digits(folder / "none.csv", 1), InputError);
}

// ---- numbers and votes ------------------------------------------------------------------------------------------------

TEST(Words, Numbers) {
    EXPECT_EQ(mean_and_deviation(std::vector<double>{1, 3}), "2 ± 1.4");
    EXPECT_EQ(percent(.1234), "12.3 %");
    EXPECT_EQ(deviation(std::vector<double>{5}), 0);
    EXPECT_EQ(colour_range(std::vector<double>{0, 0}), 1e-300);
    std::vector<double> map(200, 1);
    map[7] = 50;
    EXPECT_EQ(colour_range(map), 1);
    const Curve curve = band({{1, 2}, {3, 2}}, "label", "#000000", 1);
    EXPECT_EQ(curve.y, (std::vector<double>{2, 2}));
    EXPECT_DOUBLE_EQ(curve.upper[0], 2 + std::sqrt(2.));
}

// Two labels, each the sum of one half of the picture: each has the votes of its half.
TEST(VotesOfATour, ThoseOfAPlantedNetwork) {
    Network network;
    DenseLayer layer;
    layer.weight = Matrix<double>(2, 32);
    for (Index i = 0; i < 32; ++i)
        layer.weight(i < 12 ? 0 : 1, i) = 1;
    network.layers = {layer};
    const Graph graph = graph_of(network);
    const auto on = make_cpu_backend<double>(1);
    const std::vector<double> x(32, 1);
    const FrozenNetwork<double> frozen(*on, graph, x, {});
    Subject subject;
    subject.input = {1, 4, 8};
    for (Index i = 0; i < 32; ++i)
        subject.place.push_back(i);
    const VoteReading found = vote(frozen, Discussion(frozen, DiscussionRule::conserving), subject);
    EXPECT_EQ(found.label, 1);
    EXPECT_DOUBLE_EQ(found.share, 20. / 32);
    EXPECT_EQ(found.rank, 1);
    EXPECT_DOUBLE_EQ(found.entropy, normalised_entropy(std::vector<Index>{12, 20}));
    for (Index i = 0; i < 32; ++i)
        EXPECT_EQ(found.winner[static_cast<std::size_t>(i)], i < 12 ? 0 : 1);
}

}  // namespace
}  // namespace descrambler::tour
