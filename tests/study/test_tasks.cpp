// Whole studies of tasks with conditions, reduced to seconds.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "data.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/files.hpp"
#include "descrambler/hdf5.hpp"
#include "study/study.hpp"

namespace descrambler {
namespace {

Bandpass small_bandpass() {
    Bandpass data;
    data.points = 65;
    data.rate_hz = 64;
    data.low_hz = 10;
    data.high_hz = 20;
    data.tones_hz = {5, 15, 25};
    return data;
}

StudyConfig reduced(const std::string& task) {
    StudyConfig config;
    if (task == "relaxometry")
        config.data.emplace<Relaxometry>().points = 16;
    else
        config.data = small_bandpass();
    config.hidden = task == "relaxometry" ? std::vector<Index>{12, 9} : std::vector<Index>{20};
    config.activation = Activation::relu;
    config.output_activation = task == "relaxometry" ? Activation::identity : Activation::tanh;
    config.initial = {Initialisation::fan_in, 0.1};
    config.loss = task == "relaxometry" ? Loss::rmse : Loss::mse;
    config.iterations = 300;
    config.control_iterations = 100;
    config.batch_size = 32;
    config.networks = 2;
    config.untrained = 2;
    config.shuffled = 1;
    config.no_decay = 0;
    config.library = 300;
    config.validation = 90;
    config.checkpoint_seconds = 0;
    return config;
}

// Every data set of two files, bit for bit.
void expect_same_arrays(const std::filesystem::path& a, const std::filesystem::path& b) {
    const Hdf5File first = Hdf5File::open(a.string()), second = Hdf5File::open(b.string());
    const std::vector<std::string> names = first.root().datasets();
    ASSERT_EQ(names, second.root().datasets());
    EXPECT_GT(names.size(), 50u);
    for (const std::string& name : names) {
        if (name == "conditions" || name.ends_with("/name") || name.ends_with("tracks") || name.ends_with("targets")) {
            EXPECT_EQ(first.root().read_text(name), second.root().read_text(name)) << name;
            continue;
        }
        const FileArray<double> x = first.root().read<double>(name), y = second.root().read<double>(name);
        ASSERT_EQ(x.shape, y.shape) << name;
        if (!x.values.empty()) {  // memcmp takes no null pointer
            EXPECT_EQ(std::memcmp(x.values.data(), y.values.data(), x.values.size() * sizeof(double)), 0) << name;
        }
    }
}

class TaskStudy : public ::testing::TestWithParam<std::string> {
protected:
    test::Scratch folder{"task_study"};
    StudyOptions options_for(const std::string& name, int threads = 2) const {
        StudyOptions options;
        options.config = reduced(GetParam());
        options.folder = folder / name;
        options.execution = Execution::on_cpu(threads);
        return options;
    }
    nlohmann::json summary_of(const std::string& name) const {
        return nlohmann::json::parse(read_file(folder.path() / name / "summary.json"));
    }
};

TEST_P(TaskStudy, AnInterruptedRunAndOneOfMembersLeadToTheSameBits) {
    run_study(options_for("whole", 1), {});
    int asked = 0;
    Progress progress;
    progress.stop = [&] { return ++asked >= 2; };
    EXPECT_THROW(run_study(options_for("cut"), progress), Stopped);
    EXPECT_FALSE(std::filesystem::exists(folder / "cut" / "study.h5"));
    StudyOptions resumed = options_for("cut");
    resumed.resume = true;
    run_study(resumed, {});
    expect_same_arrays(folder / "whole" / "study.h5", folder / "cut" / "study.h5");

    StudyOptions members = options_for("apart");
    const Index count = std::ssize(study_members(members.config));
    members.members = {0, 3};
    run_study(members, {});
    members.members.reset();
    members.reduce_only = true;
    EXPECT_THROW(run_study(members, {}), Error);
    members.reduce_only = false;
    members.members = {3, count};
    run_study(members, {});
    members.members.reset();
    members.reduce_only = true;
    run_study(members, {});
    expect_same_arrays(folder / "whole" / "study.h5", folder / "apart" / "study.h5");
}

TEST_P(TaskStudy, LeavesNetworksNumbersAndAPage) {
    run_study(options_for("study"), {});
    const bool relaxometry = GetParam() == "relaxometry";
    const Index conditions = relaxometry ? 4 : 2;
    const auto summary = summary_of("study");
    EXPECT_EQ(summary["task"], relaxometry ? "relaxometry" : "bandpass");
    EXPECT_EQ(summary["networks"], 2 * conditions);
    EXPECT_TRUE(summary["tikhonov"].is_null());
    const auto& task = summary[relaxometry ? "relaxometry" : "bandpass"];
    ASSERT_EQ(task["conditions"].size(), static_cast<std::size_t>(conditions));
    for (const auto& layer : summary["layers"]) {
        EXPECT_LE(layer["gap"]["max"], 1e-8);
        EXPECT_LE(layer["orthogonality"]["max"], 1e-12);
    }
    // hidden layers, three taps each; the output is not descrambled
    EXPECT_EQ(summary["layers"].size(), relaxometry ? 6u : 3u);
    for (const auto& [name, finding] : summary["findings"].items()) {
        EXPECT_TRUE(finding["raw"]["median"].is_number()) << name;
        EXPECT_FALSE(finding["untrained"].is_null()) << name;
        EXPECT_FALSE(finding["shuffled"].is_null()) << name;
        EXPECT_EQ(finding["reading"].get<std::string>().find("not measured"), std::string::npos) << name;
    }
    const std::vector<std::string> expected =
        relaxometry
            ? std::vector<std::string>{"error_ms_nd_nd_snr100", "biexponential_v1_nd_reg_snr30",
                                       "sign_changes_v1_nd_nd_snr30", "reg_gain_nd_reg_snr100",
                                       "half_likeness_nd_reg_snr30"}
            : std::vector<std::string>{"error_filtered",         "jacobian_rejection_clean", "passband_filtered",
                                       "weight_rejection_clean", "vector_share_filtered",    "low_link_clean"};
    for (const std::string& name : expected)
        EXPECT_TRUE(summary["findings"].contains(name)) << name;
    for (const auto& condition : task["conditions"]) {  // even so short a training tells trained from shuffled
        const auto& errors = condition["relative_error"];
        EXPECT_LT(errors["trained"]["median"], errors["shuffled"]["median"]) << condition["name"];
        EXPECT_LT(errors["trained"]["median"], condition["predict_the_mean"]) << condition["name"];
    }

    const Ensemble ensemble = read_ensemble(folder / "study" / "study.h5");
    EXPECT_EQ(std::ssize(ensemble.networks), 2 * conditions);
    EXPECT_EQ(task_recipe(ensemble, "study.h5"), reduced(GetParam()).data);

    const std::string page = read_file(folder.path() / "study" / "report.html");
    EXPECT_NE(page.find("</html>"), std::string::npos);
    EXPECT_EQ(page.find(">NaN"), std::string::npos);  // no number of a table
    const std::vector<std::string> drawn =
        relaxometry ? std::vector<std::string>{"training_loss", "answers", "singular_vectors", "biexponential_scores"}
                    : std::vector<std::string>{"training_loss", "examples", "gain", "vector_share", "layer_1_spectrum"};
    for (const std::string& figure : drawn) {
        EXPECT_NE(page.find("id=\"figure-" + figure + "\""), std::string::npos) << figure;
        EXPECT_TRUE(std::filesystem::exists(folder.path() / "study" / "figures" / (figure + ".csv")));
    }
    for (const char* anchor : {"summary", "training", "reading", "findings", "alignment", "quality", "provenance"})
        EXPECT_NE(page.find("id=\"" + std::string(anchor) + "\""), std::string::npos) << anchor;
    EXPECT_EQ(page.find("trace into a distance distribution"), std::string::npos);
}

TEST_P(TaskStudy, RunsWithoutControlsAndWithOneCondition) {
    StudyOptions options = options_for("bare");
    options.config.untrained = options.config.shuffled = 0;
    options.config.networks = 1;
    options.config.iterations = 20;
    if (auto* data = std::get_if<Relaxometry>(&options.config.data)) {
        data->tracks = {Track::nd_reg};
        data->snr = {50};
    } else {
        std::get<Bandpass>(options.config.data).targets = {BandpassTarget::clean};
    }
    run_study(options, {});
    const nlohmann::json summary = summary_of("bare");  // outlives the loop over its items
    EXPECT_FALSE(summary["findings"].empty());
    for (const auto& [name, finding] : summary["findings"].items()) {
        EXPECT_TRUE(finding["untrained"].is_null()) << name;
        EXPECT_NE(finding["verdict"], "reproduced and discriminating")
            << name;  // controls that are absent prove nothing
    }
}

// 300 iterations of 32 samples are fewer than the thresholds of any task assume.
TEST_P(TaskStudy, WithholdsTheVerdictsOfAShortTraining) {
    run_study(options_for("short"), {});
    const nlohmann::json summary = summary_of("short");
    EXPECT_EQ(summary["verdicts"]["withheld"], true);
    EXPECT_GT(summary["verdicts"]["samples_needed"], 300 * 32);
    EXPECT_FALSE(summary["findings"].empty());
    for (const auto& [name, finding] : summary["findings"].items())
        EXPECT_EQ(finding["verdict"], "withheld") << name;
    const std::string page = read_file(folder.path() / "short" / "report.html");
    EXPECT_NE(page.find("Verdicts are withheld"), std::string::npos);
    EXPECT_NE(page.find(", these saw 9600"), std::string::npos);
    EXPECT_EQ(page.find("reproduced, and the controls"), std::string::npos);
}

TEST_P(TaskStudy, TheTitleHeadsThePage) {
    StudyOptions options = options_for("titled");
    options.config.title = "Three <tones>";
    options.config.iterations = 5;
    run_study(options, {});
    EXPECT_EQ(summary_of("titled")["title"], "Three <tones>");
    EXPECT_NE(read_file(folder.path() / "titled" / "report.html").find("<h1>Three &lt;tones&gt;</h1>"),
              std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Tasks, TaskStudy, ::testing::Values("relaxometry", "bandpass"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace descrambler
