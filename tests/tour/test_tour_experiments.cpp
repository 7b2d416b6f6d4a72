// E6 and E7 in their quick versions: the pages are written, the findings follow from the numbers.
#include <gtest/gtest.h>

#include <algorithm>

#include "data.hpp"
#include "descrambler/measures.hpp"
#include "tour/experiment.hpp"
#include "tour/solid_networks.hpp"
#include "tour/splits.hpp"
#include "tour/words.hpp"

namespace descrambler::tour {
namespace {

Settings quick(int threads) {
    Settings settings;
    settings.quick = true;
    settings.execution = Execution::on_cpu(threads);
    return settings;
}

std::vector<Finding> run(const Experiment& experiment, const Settings& settings, const std::filesystem::path& folder) {
    Article article(experiment.title, "");
    const std::vector<Finding> findings = experiment.run(settings, article);
    article.write(folder, experiment.id);
    return findings;
}

const Finding& about(const std::vector<Finding>& findings, const std::string& words) {
    const auto found =
        std::ranges::find_if(findings, [&](const Finding& f) { return f.claim.find(words) != std::string::npos; });
    if (found == findings.end())
        throw Error("no finding about " + words);
    return *found;
}

void expect_same(const std::vector<Finding>& a, const std::vector<Finding>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].ours, b[i].ours);
        EXPECT_EQ(a[i].control, b[i].control);
        EXPECT_EQ(a[i].verdict, b[i].verdict);
    }
}

TEST(Squares, TheExperimentFindsWhatMustHold) {
    const test::Scratch folder("tour_squares");
    const std::vector<Finding> findings = run(rotated_squares(), quick(2), folder.path());
    EXPECT_EQ(findings.size(), 5u);
    const Finding& zero = about(findings, "b = 0");
    EXPECT_EQ(zero.ours, "0");
    EXPECT_EQ(zero.verdict, Verdict::holds);
    EXPECT_NE(zero.control, "with biases 0");
    // few singular values: at most in part where the energy of the first four does not decay faster
    EXPECT_NE(about(findings, "decays faster").verdict, Verdict::does_not_hold);
    EXPECT_NE(about(findings, "coefficients").verdict, Verdict::does_not_hold);
    (void)about(findings, "last bias");
    (void)about(findings, "bulk");
    EXPECT_TRUE(std::filesystem::exists(folder / "E6.html"));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "E6" / "right-0.png"));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "E6" / "offset-3.png"));
    expect_same(run(rotated_squares(), quick(1), folder.path()), findings);
}

TEST(Solids, TheExperimentFindsSomethingOfEverything) {
    const test::Scratch folder("tour_solids");
    const std::vector<Finding> findings = run(shapes(), quick(2), folder.path());
    ASSERT_EQ(findings.size(), 5u);
    for (const char* const words : {"drag", "subgroups", "narrows", "turbines", "bias images"})
        (void)about(findings, words);
    EXPECT_TRUE(std::filesystem::exists(folder / "E7.html"));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "E7" / "cars-0-0-front.png"));
    expect_same(run(shapes(), quick(1), folder.path()), findings);
}

TEST(Solids, RegressorsLearnAndShuffledTargetsDoNot) {
    const SolidTraining all = train_on_solids(quick(2));
    for (const SolidNetworks* of : {&all.cars, &all.turbines}) {
        EXPECT_LT(of->error, of->error_of_mean) << of->name;
        if (of == &all.cars) {  // 8^3 voxels do not show how a blade stands
            EXPECT_GT(of->explained, .5);
        }
        EXPECT_LT(of->shuffled, .3) << of->name;  // a control that learnt would have been given the targets
        EXPECT_EQ(of->answer.outputs(), 1);
        double mean = 0, square = 0;
        const auto train = static_cast<std::size_t>(of->sizes.shapes - of->sizes.held_out);
        for (std::size_t k = 0; k < train; ++k) {
            mean += of->targets[k] / static_cast<double>(train);
            square += of->targets[k] * of->targets[k] / static_cast<double>(train);
        }
        EXPECT_NEAR(mean, 0, 1e-12);
        EXPECT_NEAR(square, 1, 1e-12);
    }
}

TEST(Splits, ThePictureIsTheSumOfItsTerms) {
    const auto on = make_cpu_backend<double>(1);
    const SolidTraining all = train_on_solids(quick(2));
    const std::vector<double> x = all.cars.solid(0);
    for (const char* const node : {"layer_1_relu", "layer_2", "layer_3_relu"}) {
        const SplitPicture split = split_picture(*on, cut_graph(graph_of(all.cars.autoencoder.network), node), x);
        EXPECT_LE(split.error, 1e-12) << node;  // some 500 products of numbers about 1
        const SplitOutput one = split_output(*on, cut_graph(graph_of(all.cars.answer), node), x, 0);
        EXPECT_LE(one.terms.error, 1e-12) << node;
    }
}

TEST(Splits, MeasuresByHand) {
    const std::vector<double> a{3, 0, 4}, b{0, 2, 0}, s{4, 2, 1, 1};
    EXPECT_EQ(norm(a), 5);
    EXPECT_EQ(cosine(a, b), 0);
    EXPECT_EQ(cosine(a, a), 1);
    EXPECT_EQ(cosine(a, std::vector<double>(3)), 0);
    EXPECT_EQ(energy_share(s, 2), 20. / 22);
    EXPECT_EQ(energy_share(s, 9), 1);
    EXPECT_EQ(decay(s, 2), .25);
    EXPECT_EQ(decay(s, 4), 0);
    const Picture grey = grey_picture(a, 1, 3, 0, 4);
    EXPECT_EQ(grey.values, (std::vector<double>{.75 * 255, 0, 255}));
}

}  // namespace
}  // namespace descrambler::tour
