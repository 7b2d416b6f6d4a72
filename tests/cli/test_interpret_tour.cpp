// `interpret --viewer` and `--walk` as a user runs them: the page in a headless Chromium, pictures, subtitles and video.
#include <nlohmann/json.hpp>

#include "descrambler/picture.hpp"
#include "image_net.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;
namespace fs = std::filesystem;

class InterpretTourTest : public ImageNetTest {
protected:
    std::string viewer = folder / "viewer", walk = folder / "walk";

    // The picture of one channel as the page has it: some of its pixels as value / step, the largest one first.
    static Json pixels_of(const std::vector<double>& values, Index height, Index width) {
        std::size_t at = 0;
        for (std::size_t k = 0; k < values.size(); ++k)
            if (std::abs(values[k]) > std::abs(values[at]))
                at = k;
        const double step = static_cast<double>(static_cast<float>(std::abs(values[at]) / 127));
        Json pixels = Json::array();
        const auto add = [&](Index row, Index column) {
            pixels.push_back({row, column, std::lround(values[static_cast<std::size_t>(row * width + column)] / step)});
        };
        add(static_cast<Index>(at) / width, static_cast<Index>(at) % width);
        const Index step_down = height * width < 500 ? 1 : 3;
        for (Index row = 0; row < height; row += step_down)
            for (Index column = row % 2; column < width; column += 2 * step_down)
                add(row, column);
        return pixels;
    }
    // What the page shows for a pixel of the input: the row of the pixel of the output over it, and its own column.
    static Json expected(const std::vector<std::vector<double>>& rows, const std::vector<std::vector<double>>& columns,
                         Index side, Index line, Index place, Index channel) {
        const Index width = side + 1, plane = side * width;
        const auto& row = rows[static_cast<std::size_t>((2 * line + 1) * 2 * width + 2 * place + 1)];
        const auto& column = columns[static_cast<std::size_t>(channel * plane + line * width + place)];
        return {{"line", line},
                {"place", place},
                {"channel", channel},
                {"row", pixels_of({row.begin() + channel * plane, row.begin() + (channel + 1) * plane}, side, width)},
                {"column", pixels_of(column, 2 * side, 2 * width)}};
    }
    // Pixels that the frame around the own pixel may cover are not asked for.
    static void leave_out_the_mark(Json& one) {
        for (const auto& [name, scale] : {std::pair{"row", 1}, {"column", 2}}) {
            Json kept = Json::array();
            const Index line = one["line"].get<Index>() * scale + scale - 1,
                        place = one["place"].get<Index>() * scale + scale - 1;
            for (const Json& pixel : one[name])
                if (const Index i = std::abs(pixel[0].get<Index>() - line), j = std::abs(pixel[1].get<Index>() - place);
                    std::max(i, j) != 1)
                    kept.push_back(pixel);
            one[name] = kept;
        }
    }
};

TEST_F(InterpretTourTest, PageShowsTheNumbersOfTheFile) {
    write_net(19);
    for (const std::string kind : {"rows", "columns"})
        ASSERT_EQ(run(asked({"--all", kind, "--out", folder / (kind + ".h5")})).code, 0);
    const Outcome outcome = run(asked({"--viewer", viewer}));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("viewer.html"), std::string::npos) << outcome.out;
    const auto rows = items<double>(folder / "rows.h5"), columns = items<double>(folder / "columns.h5");
    Json list = Json::array();
    for (const auto& [line, place, channel] :
         {std::array<Index, 3>{0, 0, 0}, {7, 9, 1}, {18, 19, 1}, {18, 16, 0}, {3, 17, 0}, {11, 4, 1}})
        list.push_back(expected(rows, columns, side, line, place, channel));
    Json by_key = expected(rows, columns, side, 12, 4, 1);
    by_key["key"] = "ArrowDown";
    list.push_back(by_key);
    for (Json& one : list)
        leave_out_the_mark(one);
    const std::string wanted = write("expected.json", list.dump());
    const std::string command = std::string("python3 '") + DESCRAMBLER_VIEWER_TEST + "' '" + viewer +
                                "/viewer.html' '" + wanted + "' > '" + (folder / "browser.txt").string() + "' 2>&1";
    const int status = std::system(command.c_str());
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    if (code == 77 || code == 127)
        GTEST_SKIP() << "no Chromium, or no python3: " << slurp(folder / "browser.txt");
    EXPECT_EQ(code, 0) << slurp(folder / "browser.txt");
    std::printf("%s", slurp(folder / "browser.txt").c_str());
}

TEST_F(InterpretTourTest, PageGoesOnAndBelongsToOneRequest) {
    ASSERT_EQ(run(asked({"--viewer", viewer})).code, 0);
    const fs::path tile = fs::path(viewer) / "data" / "3_3.js";
    const std::string before = slurp(tile);
    ASSERT_FALSE(before.empty());
    fs::remove(tile);
    fs::remove(fs::path(viewer) / "viewer.html");  // as after a stop
    const auto kept = fs::last_write_time(fs::path(viewer) / "data" / "0_0.js");
    ASSERT_EQ(run(asked({"--viewer", viewer})).code, 0);
    EXPECT_EQ(slurp(tile), before);
    EXPECT_EQ(fs::last_write_time(fs::path(viewer) / "data" / "0_0.js"), kept);
    EXPECT_TRUE(fs::exists(fs::path(viewer) / "viewer.html"));
    expect_refusal(asked({"--viewer", viewer, "--freeze", "taylor"}),
                   "--viewer " + viewer + ": holds files of another request");
    EXPECT_EQ(run(asked({"--viewer", viewer, "--freeze", "taylor", "--force"})).code, 0);
    EXPECT_NE(fs::last_write_time(fs::path(viewer) / "data" / "0_0.js"), kept);
}

// Of large images every few pixels: the page stays small.
TEST_F(InterpretTourTest, PlacesAreAtMost4096) {
    write_net(70);
    ASSERT_EQ(run(asked({"--viewer", viewer, "--precision", "f32"})).code, 0);
    const std::string page = slurp(viewer + "/viewer.html");
    EXPECT_NE(page.find("\"step\":2,\"down\":35,\"across\":36,\"channels\":2"), std::string::npos);
}

TEST_F(InterpretTourTest, WalkIsPicturesAndSubtitles) {
    const Outcome outcome = run(asked({"--walk", walk}));
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("120 pictures, subtitles"), std::string::npos) << outcome.out;
    const Picture first = read_picture(walk + "/frame_0000.png"), last = read_picture(walk + "/frame_0119.png");
    EXPECT_EQ(first.height % 2, 0);  // as videos want it
    EXPECT_EQ(first.width % 2, 0);
    EXPECT_NE(first.values, last.values);
    // the walk ends in the middle, and far from it the row and the column are 0: the grey of 247
    const auto pixel = [&](Index row, Index column) {
        return last.values[static_cast<std::size_t>((row * last.width + column) * 3)];
    };
    EXPECT_EQ(pixel(4, 300 + 4), 247);
    EXPECT_EQ(pixel(4, 600 + 4), 247);
    EXPECT_NE(pixel(128, 300 + 128), 247);
    EXPECT_NE(pixel(128, 600 + 128), 247);
    const std::string srt = slurp(walk + "/walk.srt"), vtt = slurp(walk + "/walk.vtt");
    EXPECT_NE(srt.find("120\n00:00:11,900 --> 00:00:12,000\nrow of output (9, 9), up to "), std::string::npos) << srt;
    EXPECT_TRUE(vtt.starts_with("WEBVTT\n\n00:00:00.000 --> 00:00:00.100\nrow of output ("));
    if (outcome.out.find("no ffmpeg") != std::string::npos) {
        EXPECT_FALSE(fs::exists(walk + "/walk.mp4"));
        GTEST_SKIP() << "no ffmpeg: no video";
    }
    const std::string video = slurp(walk + "/walk.mp4");
    EXPECT_NE(video.find("tx3g"), std::string::npos);  // the subtitles, as a track of their own
    EXPECT_NE(video.find("ftyp"), std::string::npos);
}

TEST_F(InterpretTourTest, WalkWithoutFfmpegIsPicturesAlone) {
    const std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
    setenv("PATH", folder.path().c_str(), 1);
    const Outcome outcome = run(asked({"--walk", walk}));
    setenv("PATH", path.c_str(), 1);
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("no ffmpeg on the PATH, so no video"), std::string::npos) << outcome.out;
    EXPECT_FALSE(fs::exists(walk + "/walk.mp4"));
    EXPECT_TRUE(fs::exists(walk + "/frame_0119.png"));
}

TEST_F(InterpretTourTest, FfmpegThatFailsIsTold) {
    const std::string path = std::getenv("PATH") != nullptr ? std::getenv("PATH") : "";
    const std::string program = write("ffmpeg", "#!/bin/sh\nexit 3\n");
    fs::permissions(program, fs::perms::owner_all);
    setenv("PATH", folder.path().c_str(), 1);
    const Outcome outcome = run(asked({"--walk", walk}));
    setenv("PATH", path.c_str(), 1);
    EXPECT_EQ(outcome.code, 1);
    EXPECT_NE(outcome.err.find("walk.mp4: ffmpeg failed with 3; the pictures are there"), std::string::npos)
        << outcome.err;
    for (const auto& entry : fs::directory_iterator(walk))
        EXPECT_NE(entry.path().extension(), ".tmp");
}

TEST_F(InterpretTourTest, RefusesWhatItCannotShow) {
    expect_refusal(asked({"--viewer", ""}), "--viewer: expected a folder, found nothing");
    expect_refusal(asked({"--walk", ""}), "--walk: expected a folder, found nothing");
    expect_refusal(asked({"--viewer", viewer, "--out", out}), "--out: expected --all rows or columns beside --viewer");
    expect_refusal(asked({"--walk", walk, "--rows", "1"}), "--walk: expected no --rows beside it");
    expect_refusal(asked({"--viewer", viewer, "--walk", viewer}), "expected another folder than that of --viewer");
    expect_refusal(asked({"--viewer", folder / "in"}), "expected another folder than that of");
    write("file", "in the way");
    expect_refusal(asked({"--viewer", folder / "file"}), "something else is in the way");
    fs::create_directory(walk);
    write("walk/mine.txt", "of somebody");
    expect_refusal(asked({"--walk", walk}), "--walk " + walk + ": holds files of another request");
    using namespace onnx;
    write_file(net, model(node("Gemm", {"x", "w"}, {"y"}) + initialiser(tensor("w", {3, 2}, {1, 0, 2, 3, 0, 0})) +
                          input("x", {1, 3}) + output("y", {1, 2})));
    write_input({0, 0, 0});
    expect_refusal(asked({"--viewer", viewer}), "--viewer: expected a network from images to images");
    expect_refusal(asked({"--walk", folder / "w"}), "--walk: expected a network from images to images");
}

}  // namespace
}  // namespace descrambler
