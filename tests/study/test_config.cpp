#include "study/config.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "data.hpp"
#include "descrambler/files.hpp"

namespace descrambler {
namespace {

const DeerDatabase& deer(const StudyConfig& config) {
    return std::get<DeerTask>(config.data).database;
}

std::string refusal(const std::string& text, const std::vector<std::string>& set = {}) {
    try {
        (void)parse_config(text, "study.toml", set);
    } catch (const InputError& error) {
        return error.what();
    }
    return "accepted";
}

TEST(Config, EmptyTextIsTheDefault) {
    const StudyConfig standard;
    EXPECT_TRUE(parse_config("", "study.toml") == standard);
}

TEST(Config, EffectiveTextReadsBackEqual) {
    StudyConfig config = parse_config(
        "seed = 9\n[data]\npreset = \"deernet2\"\nnoise_max = 0.1\n[network]\nhidden = [64, 32]\n"
        "activation = \"relu\"\n[training]\ndecay = 3e-6\n[analysis]\nstencil = \"dct\"\n",
        "study.toml");
    config.title = "a \"quoted\" \\ title";
    EXPECT_TRUE(parse_config(to_toml(config), "again") == config) << to_toml(config);
}

TEST(Config, PresetFillsDataBeforeTheOtherKeys) {
    const StudyConfig config = parse_config("[data]\nnoise_max = 0.2\npreset = \"deernet2\"\n", "study.toml");
    EXPECT_EQ(deer(config).peaks_max, 4);
    EXPECT_EQ(deer(config).noise_max, 0.2);
}

TEST(Config, AnOverriddenPresetKeepsTheOtherKeysOfTheFile) {
    const StudyConfig config =
        parse_config("[data]\nnoise_max = 0.2\n", "study.toml", {"data.preset=deernet2", "data.depth_max=0.5"});
    EXPECT_EQ(deer(config).peaks_max, 4);
    EXPECT_EQ(deer(config).noise_max, 0.2);
    EXPECT_EQ(deer(config).depth_max, 0.5);
}

TEST(Config, OverridesApplyInOrderAndNamesNeedNoQuotes) {
    const StudyConfig config =
        parse_config("[training]\niterations = 5\n", "study.toml",
                     {"training.iterations=6", "training.iterations = 7", "network.activation=relu"});
    EXPECT_EQ(config.iterations, 7);
    EXPECT_EQ(config.activation, Activation::relu);
}

TEST(Config, TasksReadBackEqualAndShapeTheNetworks) {
    const StudyConfig relaxometry = parse_config(
        "[data]\ntask = \"relaxometry\"\n[relaxometry]\ntracks = [\"nd_reg\"]\nsnr = [100, 0.3]\npoints = "
        "20\n[network]\n"
        "hidden = [8, 9]\ninitialisation = \"fan_in\"\nfirst_weight_scale = 0.1\n[training]\nloss = \"rmse\"\n",
        "study.toml");
    EXPECT_TRUE(parse_config(to_toml(relaxometry), "again") == relaxometry) << to_toml(relaxometry);
    EXPECT_EQ(to_toml(relaxometry).find("preset"), std::string::npos);
    EXPECT_EQ(condition_count(relaxometry.data), 2);
    EXPECT_EQ(condition_name(relaxometry.data, 1), "nd_reg_snr0.3");
    EXPECT_EQ(network_layers(relaxometry).front().inputs, 40);
    EXPECT_EQ(network_layers(relaxometry).back().outputs, 2);
    const StudyConfig bandpass = parse_config("[bandpass]\npoints = 100\nnoise = 0\n", "study.toml",
                                              {"data.task=bandpass", "bandpass.noise=0.5"});
    EXPECT_TRUE(parse_config(to_toml(bandpass), "again") == bandpass) << to_toml(bandpass);
    EXPECT_EQ(std::get<Bandpass>(bandpass.data).noise, 0.5);
    EXPECT_EQ(network_layers(bandpass).back().outputs, 100);
    EXPECT_EQ(condition_count(StudyConfig{}.data), 1);
    EXPECT_EQ(to_toml(StudyConfig{}).find("[relaxometry]"), std::string::npos);
    EXPECT_NE(refusal("", {"relaxometry.points=20"}).find("--set relaxometry.points=20: relaxometry.points: belongs"),
              std::string::npos);
}

TEST(Config, UnknownKeyIsNamedWithTheNearest) {
    const std::string message = refusal("[training]\niteration = 5\n");
    EXPECT_NE(message.find("study.toml: training.iteration: unknown key"), std::string::npos) << message;
    EXPECT_NE(message.find("training.iterations"), std::string::npos) << message;
    EXPECT_NE(refusal("iterations = 5\n").find("training.iterations"), std::string::npos);
    EXPECT_NE(refusal("[trainin]\niterations = 5\n").find("training.iterations"), std::string::npos);
    EXPECT_NE(refusal("", {"ensemble.network=3"}).find("ensemble.networks"), std::string::npos);
}

TEST(Config, EveryBadValueIsRefusedInOneLineThatNamesTheKey) {
    const std::pair<const char*, const char*> cases[] = {
        {"[training]\niterations = -1\n", "training.iterations"},
        {"[training]\niterations = 1.5\n", "training.iterations"},
        {"[training]\niterations = \"many\"\n", "training.iterations"},
        {"[training]\nrate = nan\n", "training.rate"},
        {"[training]\nprecision = \"f16\"\n", "training.precision"},
        {"[network]\nhidden = []\n", "network.hidden"},
        {"[network]\nhidden = [80, -3]\n", "network.hidden"},
        {"[network]\nhidden = 80\n", "network.hidden"},
        {"[network]\nactivation = \"swish\"\n", "network.activation"},
        {"[data]\npreset = \"pnass\"\n", "data.preset"},
        {"[data]\npreset = 3\n", "data.preset"},
        {"[data]\ndepth_min = 0.9\ndepth_max = 0.1\n", "data.depth"},
        {"[analysis]\nstencil = \"fourier1\"\n", "analysis.stencil"},
        {"[analysis]\nvalidation = 10\n", "analysis.tikhonov"},
        {"[data]\ntask = \"mri\"\n", "data.task"},
        {"[relaxometry]\npoints = 32\n", "relaxometry.points: belongs to data.task"},
        {"[data]\ntask = \"relaxometry\"\npreset = \"pnas\"\n", "data.preset: belongs to data.task"},
        {"[data]\ntask = \"bandpass\"\n[analysis]\ntikhonov = 3\n", "analysis.tikhonov: belongs to data.task"},
        {"[data]\ntask = \"relaxometry\"\n[relaxometry]\ntracks = [\"nd\"]\n", "relaxometry.tracks"},
        {"[data]\ntask = \"relaxometry\"\n[relaxometry]\ntracks = \"nd_nd\"\n", "relaxometry.tracks"},
        {"[data]\ntask = \"relaxometry\"\n[relaxometry]\nsnr = []\n", "relaxometry.snr"},
        {"[data]\ntask = \"relaxometry\"\n[relaxometry]\nsnr = [nan]\n", "relaxometry.snr"},
        {"[data]\ntask = \"relaxometry\"\n[relaxometry]\nsnr = [-1]\n", "relaxometry.snr"},
        {"[data]\ntask = \"bandpass\"\n[bandpass]\nlow_hz = 300\n", "bandpass.low_hz"},
        {"[data]\ntask = \"bandpass\"\n[bandpass]\ntargets = [\"clean\", \"clean\"]\n", "bandpass.targets"},
        {"[training]\nloss = \"mae\"\n", "training.loss"},
        {"[network]\ninitialisation = \"zero\"\n", "network.initialisation"},
        {"[network]\nfirst_weight_scale = -1\n", "network.first_weight_scale"},
        {"[analysis]\nbootstrap = 1\n", "analysis.bootstrap"},
        {"[analysis]\nbootstrap = 201\n", "analysis.bootstrap"},
        {"training = 3\n", "training"},
        {"seed = -4\n", "seed"},
        {"title = \"two\\nlines\"\n", "title"},
    };
    for (const auto& [text, key] : cases) {
        const std::string message = refusal(text);
        EXPECT_NE(message.find(key), std::string::npos) << text << message;
        EXPECT_NE(message.find("study.toml"), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
}

TEST(Config, ForeignTextDoesNotBreakTheLineOfARefusal) {
    for (const std::string& message :
         {refusal("", {"the decay\nfitted"}), refusal("", {"seed=1\n2"}), refusal("\"a\\nb\" = 1\n"),
          refusal("[data]\npreset = \"a\\nb\"\n"), refusal("[data]\ntask = \"\\u001b[2J\"\n")}) {
        EXPECT_NE(message, "accepted");
        EXPECT_TRUE(std::ranges::none_of(message, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
            << message;
    }
}

TEST(Config, MalformedTomlIsRefusedWithItsLine) {
    EXPECT_NE(refusal("[ = 0\n").find("study.toml: line 1"), std::string::npos);  // an assertion of the parser
    const std::string message = refusal("seed = 1\n[training\niterations = 5\n");
    EXPECT_NE(message.find("study.toml: line 2"), std::string::npos) << message;
    EXPECT_NE(refusal("", {"nonsense"}).find("KEY=VALUE"), std::string::npos);
}

// The parser has no defined behaviour at some of them.
TEST(Config, CharactersOutsideAsciiStandInStringsAndComments) {
    for (const char* const text : {"seed = 1\n[network]\nhidden = [8, \u0221\n", "seed = 1\ntitle = \"\"\nh = [\u00b5",
                                   "title = '''a''''\n\n\u0221", "title = \"a\\\"\" # b\nseed = 1\n\u3000seed = 1"}) {
        const std::string message = refusal(text);
        EXPECT_NE(message.find("study.toml: line 3: a character outside ASCII"), std::string::npos) << message;
    }
    EXPECT_EQ(refusal("\xef\xbb\xbf# \u00b5s\ntitle = \"\u00b5 \\\" \u0221\" # \u0221\n"), "accepted");
    EXPECT_EQ(refusal("title = \"\"\"\n\u0221 \"\" '' # \u0221\"\"\"\"\n"), "accepted");
    EXPECT_EQ(refusal("title = '\\' # \u0221\n"), "accepted");
}

TEST(Config, StringsOutsideAsciiReadAsTheyAre) {
    const auto title = [](const std::string& text) { return parse_config(text, "study.toml", {}).title; };
    EXPECT_EQ(title("title = \"\u00b5 \\\" \\t\u03d1\U0001f600\"\n"), "\u00b5 \" \t\u03d1\U0001f600");
    EXPECT_EQ(title("title = 'C:\\dir \"\u03d1\"'\n"), "C:\\dir \"\u03d1\"");
    EXPECT_EQ(title("title = '''\n\u03d1\\n''''\n"), "\u03d1\\n'");
    // what a damaged file makes of strings: the parser must not see them otherwise than in ASCII
    for (const std::string text :
         {"il =-(\"r\u03d1iT'''1''t\0\0s\"l\"\n", "a = -[\"\u03d1\"", "a = -=\"\u03d1\"\n", "title = \"\\\u03d1\"\n",
          "title = \"\xff\"\n", "title = '\xed\xa0\x80'\n", "# \xc3\n"}) {
        const std::string message = refusal(text);
        EXPECT_NE(message.find("study.toml: line 1"), std::string::npos) << message;
        EXPECT_EQ(message.find('\n'), std::string::npos);
    }
}

TEST(Config, ShippedExamplesRead) {
    for (const char* name :
         {"demo.toml", "deernet100.toml", "deer3.toml", "deer_deep.toml", "relaxometry.toml", "bandpass.toml"})
        EXPECT_NO_THROW((void)read_config(std::filesystem::path(DESCRAMBLER_SOURCE) / "examples" / name)) << name;
    EXPECT_THROW((void)read_config("no-such-file.toml"), InputError);
}

// ---- the tables of docs/formats.md ---------------------------------------------------------------------------------

std::string table_of(const Fields& fields) {
    std::string table = "| key | default | limits | unit | meaning |\n|---|---|---|---|---|\n";
    for (const Field& field : fields)
        table += "| `" + field.name + "` | `" + to_toml(field.get()) + "` | " + field.limits + " | " + field.unit +
                 " | " + field.meaning + " |\n";
    return table;
}

// Written anew with DESCRAMBLER_WRITE_TABLES=1 in the environment.
TEST(Config, TheTablesOfTheFormatAreThoseOfTheFields) {
    StudyConfig config;
    std::string wanted = table_of(fields(config));
    for (TaskRecipe& recipe : standard_recipes())
        if (task_name(recipe) != task_name(config.data))
            wanted +=
                "\nWith `data.task = \"" + std::string(task_name(recipe)) + "\"`:\n\n" + table_of(data_fields(recipe));
    const std::filesystem::path path = std::filesystem::path(DESCRAMBLER_SOURCE) / "docs" / "formats.md";
    const std::string begin = "<!-- fields -->\n", end = "<!-- end of fields -->\n", text = read_file(path);
    const std::size_t first = text.find(begin), last = text.find(end);
    ASSERT_TRUE(first != std::string::npos && last != std::string::npos && first < last);
    const std::size_t start = first + begin.size();
    if (std::getenv("DESCRAMBLER_WRITE_TABLES") != nullptr)
        write_file(path, text.substr(0, start) + wanted + text.substr(last));
    else
        EXPECT_EQ(text.substr(start, last - start), wanted);
}

}  // namespace
}  // namespace descrambler
