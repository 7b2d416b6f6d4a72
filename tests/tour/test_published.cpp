// Whole experiments on the networks of the tour: what tells trained networks from their controls.
#include <gtest/gtest.h>

#include <algorithm>

#include "data.hpp"
#include "tour/catalogue.hpp"
#include "tour/tour.hpp"

namespace descrambler::tour {
namespace {

const Finding& about(const std::vector<Finding>& findings, const std::string& words) {
    const auto found =
        std::ranges::find_if(findings, [&](const Finding& f) { return f.claim.find(words) != std::string::npos; });
    if (found == findings.end())
        throw Error("no finding about " + words);
    return *found;
}

std::vector<Finding> found_by(const Experiment& experiment, bool quick, const std::filesystem::path& folder) {
    Settings settings;
    settings.data = test::data("interpreters");
    settings.execution = Execution::on_cpu(2);
    settings.quick = quick;
    Article page(experiment.title, "");
    std::vector<Finding> findings = experiment.run(settings, page);
    page.write(folder, experiment.id);
    return findings;
}

// Participation of upconv7's inputs at most 1/3 of random weights' and 1/10 of bicubic's, of edsr8's outputs 1/2 of
// pixelshuffle4's; adaptivity bicubic < 1e-6 < pixelshuffle4 < edsr8 < realesr.
TEST(Published, MeasuresOfSuperResolutionTellNetworksFromControls) {
    if (!test::has_data("interpreters/onnx"))
        GTEST_SKIP() << test::no_data("interpreters/onnx");
    const test::Scratch folder("published");
    const std::vector<Finding> findings = found_by(super_resolution(), false, folder.path());
    for (const char* const claim : {"eigen-inputs are local", "eigenfaces", "eigen-outputs of EDSR are more local",
                                    "bicubic is blind", "the residual of restoration is small", "power method"}) {
        const Finding& f = about(findings, claim);
        EXPECT_EQ(f.verdict, Verdict::holds) << f.claim << ": " << f.ours << "; " << f.control;
    }
}

// Each page is made, and its findings stand for entries of the catalogue.
class QuickTest : public testing::TestWithParam<std::string> {};
TEST_P(QuickTest, FindsSomethingForItsEntries) {
    if (!test::has_data("interpreters/onnx"))
        GTEST_SKIP() << test::no_data("interpreters/onnx");
    const Experiment& experiment =
        *std::ranges::find(experiments(), GetParam(), [](const Experiment& e) { return e.id; });
    const test::Scratch folder("quick_" + experiment.id);
    const std::vector<Finding> findings = found_by(experiment, true, folder.path());
    for (const Entry& entry : catalogue()) {
        if (entry.experiment != experiment.id)
            continue;
        EXPECT_TRUE(std::ranges::any_of(findings, [&](const Finding& f) {
            return f.paper == entry.paper && f.where == entry.where;
        })) << entry.where;
    }
    for (const Finding& f : findings)
        EXPECT_TRUE(std::ranges::any_of(catalogue(), [&](const Entry& entry) {
            return f.paper == entry.paper && f.where == entry.where;
        })) << f.where;
    EXPECT_TRUE(std::filesystem::exists(folder / (experiment.id + ".html")));
}
INSTANTIATE_TEST_SUITE_P(All, QuickTest, testing::Values("E1", "E2", "E4", "E5", "E8"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace descrambler::tour
