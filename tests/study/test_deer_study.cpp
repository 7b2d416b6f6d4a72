// What a page may say of DEER networks that were trained too little for their verdicts, and of deep ones.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data.hpp"
#include "descrambler/files.hpp"
#include "study/deer/deer_study.hpp"
#include "study/study.hpp"

namespace descrambler {
namespace {

StudyOptions options_for(const std::filesystem::path& folder, Index points, std::vector<Index> hidden) {
    StudyOptions options;
    DeerTask& deer = std::get<DeerTask>(options.config.data);
    deer.database.times = deer.database.distances = points;
    deer.tikhonov = 0;
    options.config.hidden = std::move(hidden);
    options.config.iterations = 3;
    options.config.batch_size = 8;
    options.config.networks = options.config.untrained = options.config.shuffled = 1;
    options.config.no_decay = 0;
    options.config.library = 400;
    options.config.validation = 20;
    options.config.chart_iterations = 0;
    options.config.bootstrap = 0;
    options.folder = folder;
    options.execution.threads = 2;
    return options;
}

nlohmann::json summary_of(const std::filesystem::path& folder) {
    return nlohmann::json::parse(read_file(folder / "summary.json"));
}

TEST(DeerStudy, WithholdsTheVerdictsOfAShortTraining) {
    const test::Scratch folder("deer-short");
    run_study(options_for(folder.path(), 256, {64}), {});
    const nlohmann::json summary = summary_of(folder.path());
    EXPECT_EQ(summary["verdicts"]["withheld"], true);
    EXPECT_FALSE(summary["findings"].empty());
    for (const auto& [name, finding] : summary["findings"].items())
        EXPECT_EQ(finding["verdict"], "withheld") << name;
    const std::string page = read_file(folder.path() / "report.html");
    EXPECT_NE(page.find("Verdicts are withheld"), std::string::npos);
    EXPECT_EQ(page.find("The verdicts below"), std::string::npos);
}

TEST(DeerStudy, DeepPagesSpeakOfNoVerdicts) {
    const test::Scratch folder("deer-deep");
    run_study(options_for(folder.path(), 64, {20, 20}), {});
    EXPECT_TRUE(summary_of(folder.path())["findings"].empty());
    EXPECT_EQ(summary_of(folder.path())["verdicts"]["withheld"], false);  // there are none
    const std::string page = read_file(folder.path() / "report.html");
    for (const char* words : {"The verdicts below", "No findings are stored", "the verdicts are made",
                              "Further controls", "Verdicts are withheld"})
        EXPECT_EQ(page.find(words), std::string::npos) << words;
    EXPECT_NE(page.find("This study gives no verdicts: the findings are defined"), std::string::npos);  // summary
    EXPECT_NE(page.find("This study gives no verdicts", page.find("3 Deeper layers")), std::string::npos);
    EXPECT_NE(page.find("3 Deeper layers"), std::string::npos);
}

TEST(DeerStudy, ALongEnoughTrainingGetsVerdicts) {  // the rule by itself: training takes minutes
    StudyData study(StudyConfig{});
    study.task = task_study(std::get<DeerTask>(study.config.data));
    EXPECT_FALSE(study.verdicts_withheld());  // 20000 x 256, as examples/demo.toml
    study.config.control_iterations = 5800;   // controls that learnt little prove little
    EXPECT_TRUE(study.verdicts_withheld());
    study.config.shuffled = study.config.no_decay = 0;
    EXPECT_FALSE(study.verdicts_withheld());
    study.config.iterations = 19000;
    EXPECT_TRUE(study.verdicts_withheld());
    study.config = read_config(std::filesystem::path(DESCRAMBLER_SOURCE) / "examples/relaxometry.toml");
    study.task = task_study(std::get<Relaxometry>(study.config.data));
    EXPECT_FALSE(study.verdicts_withheld());
    study.config.iterations = 2900;
    EXPECT_TRUE(study.verdicts_withheld());
    study.config = read_config(std::filesystem::path(DESCRAMBLER_SOURCE) / "examples/bandpass.toml");
    study.task = task_study(std::get<Bandpass>(study.config.data));
    EXPECT_FALSE(study.verdicts_withheld());
    study.config.iterations = 1500;
    EXPECT_TRUE(study.verdicts_withheld());
}

}  // namespace
}  // namespace descrambler
