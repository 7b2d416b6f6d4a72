// `interpret` with pictures as input and as results, as a user runs it.
#include <cmath>
#include <nlohmann/json.hpp>

#include "descrambler/hdf5.hpp"
#include "descrambler/npy.hpp"
#include "descrambler/picture.hpp"
#include "io/onnx_bytes.hpp"
#include "program.hpp"

namespace descrambler {
namespace {

using namespace test;
using Json = nlohmann::json;

// y = x_red + 2 x_green - 3 x_blue + .5, pixel by pixel; height and width are free.
class InterpretPicturesTest : public CliTest {
protected:
    std::string net = folder / "net.onnx", picture = folder / "x.png", out = folder / "r.h5";
    Picture colours{2, 3, 3, {10, 20, 30, 12, 20, 30, 10, 24, 30, 10, 20, 38, 10, 20, 30, 0, 0, 0}};

    static std::string free_input(const std::vector<std::string>& dims) {  // a number, or a name where it is free
        using namespace onnx;
        std::string shape;
        for (const std::string& dim : dims)
            shape += field(1, dim[0] < 'a' ? field(1, std::stoll(dim)) : field(2, std::string_view(dim)));
        return field(11, field(1, std::string_view("x")) + field(2, field(1, field(1, float32) + field(2, shape))));
    }
    void write_net(const std::vector<std::string>& input, const std::string& before = "", const std::string& x = "x") {
        using namespace onnx;
        write_file(net, model(before + node("Conv", {x, "w", "b"}, {"y"}, field(3, std::string_view("mix"))) +
                              initialiser(tensor("w", {1, 3, 1, 1}, {1, 2, -3})) +
                              initialiser(tensor("b", {1}, {.5f})) + free_input(input) + output("y")));
    }
    void SetUp() override {
        write_net({"n", "3", "h", "w"});
        write_png(picture, colours);
    }
    Json json_of(std::vector<std::string> more) {
        more.insert(more.begin(), {"interpret", net, "--json", "--input"});
        const Outcome outcome = run(more);
        EXPECT_EQ(outcome.code, 0) << outcome.err;
        return Json::parse(outcome.out, nullptr, false);
    }
};

TEST_F(InterpretPicturesTest, PictureBindsTheExtentsAndIsScaledByChannel) {
    const Json json = json_of({picture, "--mean", "10,20,30", "--scale", "2", "--rows", "1", "--out", out});
    EXPECT_EQ(json["input_shape"], (Json{1, 3, 2, 3}));
    const Hdf5File file = Hdf5File::open(out);
    // (raw - mean) / 2, channel by channel
    EXPECT_EQ(file.root().read_vector<double>("input"),
              (std::vector<double>{0, 1, 0, 0, 0, -5, 0, 0, 2, 0, 0, -10, 0, 0, 0, 4, 0, -15}));
    EXPECT_EQ(file.root().read_vector<double>("output"), (std::vector<double>{.5, 1.5, 4.5, -11.5, .5, 20.5}));
    // F has the scale of the network; with the numbers of the file as input it is F / 2, and r = .5 - F mean / 2
    EXPECT_EQ(json["origins"]["input"]["norm_r"], json["norm_r"]);
    EXPECT_DOUBLE_EQ(json["origins"]["raw"]["norm_r"], std::sqrt(6) * std::abs(.5 - (10 + 40 - 90) / 2.0));
}

TEST_F(InterpretPicturesTest, RawOriginAddsUp) {
    const Json json = json_of({picture, "--mean", "10,20,30", "--scale", "2,4,8", "--origin", "raw", "--rows", "2",
                               "--columns", "8", "--contributions", "2", "--svd", "1", "--out", out});
    const Hdf5File file = Hdf5File::open(out);
    const Hdf5Group& root = file.root();
    const std::vector<double> x = root.read_vector<double>("input"), y = root.read_vector<double>("output"),
                              r = root.read_vector<double>("residual");
    const std::vector<double> row = root.read<double>("rows").values;
    std::vector<double> expected(18);
    expected[2] = .5;
    expected[8] = .5;
    expected[14] = -.375;
    EXPECT_EQ(row, expected);
    EXPECT_EQ(x[8], 24);  // as the file has it
    double Fx = 0;
    for (std::size_t i = 0; i < x.size(); ++i)
        Fx += row[i] * x[i];
    EXPECT_DOUBLE_EQ(Fx + r[2], y[2]);
    EXPECT_EQ(root.read<double>("columns").values, (std::vector<double>{0, 0, .5, 0, 0, 0}));
    EXPECT_NEAR(json["sigma"][0], std::sqrt(.25 + .25 + .375 * .375), 1e-12);
    EXPECT_LE(json["conservation_error"], 1e-15);
    // parts: <row, raw>, minus <row, mean>, the bias
    EXPECT_EQ(root.read_text("contribution_names"), (std::vector<std::string>{"input", "origin", "mix"}));
    const std::vector<double> parts = root.read<double>("contributions").values;
    EXPECT_EQ(parts, (std::vector<double>{5 + 12 - 11.25, -5 - 10 + 11.25, .5}));
    EXPECT_EQ(parts[0] + parts[1] + parts[2], y[2]);
    EXPECT_EQ(root.shape("contribution_fields"), (std::vector<Index>{3, 2, 4}));
    EXPECT_EQ(root.text_attribute("", "origin"), "raw");
    EXPECT_EQ(json["contributions"][0]["parts"][1]["name"], "origin");
}

TEST_F(InterpretPicturesTest, LayoutsAndChannels) {
    using namespace onnx;
    const auto input = [&] { return Hdf5File::open(out).root().read_vector<double>("input"); };
    std::string order;
    for (const std::int64_t axis : {0, 3, 1, 2})
        order += field(8, axis);
    const std::string turn = node("Transpose", {"x"}, {"t"}, attribute("perm", 7, order));
    write_net({"1", "h", "w", "3"}, turn, "t");
    EXPECT_EQ(json_of({picture, "--out", out})["input_shape"], (Json{1, 2, 3, 3}));
    EXPECT_EQ(input(), colours.values);
    // channels last go in, channels first come out, 1 x 1 x 2 x 3: both are drawn as they are
    json_of({picture, "--rows", "4", "--columns", "0", "--pictures", folder / "turned"});
    EXPECT_EQ(read_picture(folder / "turned" / "x0.png"), colours);
    const Picture row = read_picture(folder / "turned" / "row_4.png"), y = read_picture(folder / "turned" / "y.png");
    EXPECT_EQ(row.channels, 3);
    EXPECT_EQ(row.values[14], 1);  // the blue of pixel 4 has the largest weight, -3
    EXPECT_EQ(std::vector<Index>({y.height, y.width, y.channels}), (std::vector<Index>{2, 3, 1}));
    // nothing tells the layout of 3 x ? x 3; the picture does where one of both fits
    write_net({"1", "3", "w", "3"}, turn, "t");
    expect_refusal({"interpret", net, "--input", picture}, "--layout: expected nchw or nhwc");
    write_png(folder / "three.png", Picture{3, 1, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9}});
    EXPECT_EQ(json_of({folder / "three.png", "--layout", "nhwc", "--out", out, "--force"})["input_shape"],
              (Json{1, 3, 1, 3}));
    EXPECT_EQ(input(), (std::vector<double>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
    // a grey picture for three channels, a colour picture for one
    write_net({"1", "3", "h", "w"});
    write_png(folder / "grey.png", Picture{1, 2, 1, {7, 9}});
    json_of({folder / "grey.png", "--out", out, "--force"});
    EXPECT_EQ(input(), (std::vector<double>{7, 9, 7, 9, 7, 9}));
    write_file(net, model(node("Relu", {"x"}, {"y"}) + free_input({"1", "1", "2", "3"}) + output("y")));
    json_of({picture, "--out", out, "--force"});
    EXPECT_NEAR(input()[0], .299 * 10 + .587 * 20 + .114 * 30, 1e-12);
}

TEST_F(InterpretPicturesTest, WritesPicturesAndSaysWhatTheyAre) {
    const std::string pictures = folder / "pictures";
    const std::vector<std::string> asked{picture,     "--scale", "255",        "--rows", "0",
                                         "--columns", "7",       "--pictures", pictures};
    json_of(asked);
    EXPECT_EQ(read_picture(folder / "pictures" / "x0.png"), colours);
    const Picture row = read_picture(folder / "pictures" / "row_0.png");
    // (1, 2, -3) at the first pixel: 0 is 128, the largest size 127 from it
    EXPECT_EQ(std::vector<double>(row.values.begin(), row.values.begin() + 4), (std::vector<double>{170, 213, 1, 128}));
    const Json index = Json::parse(read_file(folder / "pictures" / "index.json"));
    std::vector<std::string> files;
    for (const Json& one : index["pictures"]) {
        files.push_back(one["file"]);
        const Picture read = read_picture(folder / "pictures" / files.back());
        EXPECT_EQ(read.height, one["height"]);
        EXPECT_EQ(read.channels, one["channels"]);
    }
    EXPECT_EQ(files, (std::vector<std::string>{"x0.png", "y.png", "r.png", "row_0.png", "column_7.png"}));
    EXPECT_DOUBLE_EQ(index["pictures"][3]["step"], 3 / 127.0);
    EXPECT_NE(read_file(folder / "pictures" / "row_0.png").find("value = (pixel - 128) * 0.0236"), std::string::npos);
    json_of(asked);  // the same again
    expect_refusal({"interpret", net, "--input", picture, "--pictures", pictures},
                   "index.json: is there already, of another request: expected another --pictures, or --force");
    expect_refusal({"interpret", net, "--input", picture, "--pictures", folder.path()},
                   "expected another folder than that of");
    std::filesystem::create_directory(folder / "full");
    write_file(folder / "full" / "other.txt", "");
    expect_refusal({"interpret", net, "--input", picture, "--pictures", folder / "full"}, "holds other files");
    expect_refusal({"interpret", net, "--input", picture, "--pictures", picture}, "expected a folder");
}

// A value of five channels is a sheet of tiles, 3 across and 2 down, with black lines between.
TEST_F(InterpretPicturesTest, ManyChannelsAreTiles) {
    using namespace onnx;
    write_file(
        net, model(node("Conv", {"x", "w"}, {"y"}) + initialiser(tensor("w", {5, 3, 1, 1}, std::vector<float>(15, 1))) +
                   free_input({"1", "3", "h", "w"}) + output("y")));
    json_of({picture, "--columns", "1", "--pictures", folder / "sheet"});
    const Picture sheet = read_picture(folder / "sheet" / "column_1.png");
    EXPECT_EQ(sheet.height, 5);
    EXPECT_EQ(sheet.width, 11);
    EXPECT_EQ(sheet.values[1], 255);
    EXPECT_EQ(sheet.values[3], 0);
    const Json index = Json::parse(read_file(folder / "sheet" / "index.json"));
    EXPECT_EQ(index["pictures"].back()["tiles"], (Json{{"count", 5}, {"across", 3}}));
}

TEST_F(InterpretPicturesTest, BadPicturesAndNumbersAreOneLine) {
    const auto bad = [&](std::vector<std::string> more, const std::string& about) {
        more.insert(more.begin(), {"interpret", net, "--input"});
        expect_refusal(more, about);
    };
    write_file(folder / "none.png", "P6 2 2 255");
    bad({folder / "none.png"}, "none.png: expected a picture, PNG or JPEG, found neither");
    write_file(folder / "cut.png", read_file(picture).substr(0, 50));
    bad({folder / "cut.png"}, "cut.png: expected a PNG picture: the file ends too early");
    bad({folder / "absent.jpg"}, "absent.jpg: cannot be read");
    bad({picture, "--mean", "1,2"}, "--mean 1,2: 2 numbers, expected one, or one for each of 3 channels");
    bad({picture, "--scale", "0"}, "--scale 0: expected numbers other than 0");
    bad({picture, "--scale", "nan"}, "--scale nan: expected numbers with ',' between them");
    bad({picture, "--mean", "1;2"}, "--mean 1;2: expected numbers");
    bad({picture, "--layout", "chw"}, "--layout: expected nchw or nhwc, found \"chw\"");
    bad({picture, "--origin", "pixel"}, "--origin: expected input or raw, found \"pixel\"");
    write_net({"1", "3", "4", "3"});
    bad({picture}, "x.png: a picture of 2 x 3 pixels (height x width), expected 4 x 3");
    using namespace onnx;
    write_file(net, model(node("Relu", {"x"}, {"y"}) + free_input({"1", "6"}) + output("y")));
    bad({picture}, "x.png: a picture for an input of shape 1x6, expected one of 1 or 3 channels");
}

// A row of a network that mixes channels pixel by pixel is one pixel, and a column too.
TEST_F(InterpretPicturesTest, MeasuresOfMaps) {
    const Json json = json_of({picture, "--rows", "4", "--columns", "0", "--measures"});
    ASSERT_EQ(json["measures"].size(), 3);
    const Json row = json["measures"][1], column = json["measures"][2];
    EXPECT_EQ(row["of"], "row 4");
    EXPECT_DOUBLE_EQ(row["participation"], 1. / 6);
    EXPECT_EQ(row["box"], (Json{{"top", 1}, {"left", 1}, {"height", 1}, {"width", 1}}));
    EXPECT_DOUBLE_EQ(column["nonzero"], 1. / 6);
    EXPECT_EQ(json["measures"][0]["of"], "r");
    EXPECT_EQ(json["measures"][0]["constant"], 1);  // .5 everywhere
    EXPECT_NE(run({"interpret", net, "--input", picture, "--measures"}).out.find("participation"), std::string::npos);
}

// A filter of 5 x 5 that is its middle alone, without padding: pixel (i, j) of the output is pixel (i + 2, j + 2) of the input.
TEST_F(InterpretPicturesTest, MeasuresKnowThePlaceOfAFilterInACroppedPicture) {
    using namespace onnx;
    std::vector<float> middle(25);
    middle[12] = 1;
    write_file(net, model(node("Conv", {"x", "w"}, {"y"}) + initialiser(tensor("w", {1, 1, 5, 5}, middle)) +
                          input("x", {1, 1, 9, 9}) + output("y", {1, 1, 5, 5})));
    Matrix<double> numbers(9, 9);
    for (Index i = 0; i < 81; ++i)
        numbers.values()[static_cast<std::size_t>(i)] = static_cast<double>(i);
    write_npy(folder / "x.npy", numbers);
    const Json json =
        json_of({folder / "x.npy", "--rows", "7", "--columns", "30", "--measures"});  // (1, 2) of y, (3, 3) of x
    const Json row = json["measures"][1]["place"], column = json["measures"][2]["place"];
    EXPECT_EQ(row["row"], 3);
    EXPECT_EQ(row["column"], 4);
    EXPECT_EQ(row["radius_99"], 0);
    EXPECT_EQ(column["row"], 1);
    EXPECT_EQ(column["column"], 1);
    EXPECT_EQ(column["radius_99"], 0);
    EXPECT_FALSE(json["measures"][0].contains("place"));
}

// Numbers bind free extents too, with and without the batch axis; what is not free has to fit.
TEST_F(InterpretPicturesTest, NumbersBindTheExtents) {
    using namespace onnx;
    const std::string x = folder / "x.npy";
    Matrix<double> numbers(3, 4);
    std::ranges::fill(numbers.values(), 1.0);
    write_npy(x, numbers);
    const auto write = [&](const std::vector<std::string>& dims) {
        write_file(net, model(node("Relu", {"x"}, {"y"}) + free_input(dims) + output("y")));
    };
    write({"n", "3", "w"});
    EXPECT_EQ(json_of({x})["input_shape"], (Json{1, 3, 4}));
    write({"3", "w"});
    EXPECT_EQ(json_of({x})["input_shape"], (Json{3, 4}));
    write({"n", "5", "w"});
    const Outcome other = run({"interpret", net, "--input", x});
    EXPECT_EQ(other.code, 2);
    EXPECT_NE(other.err.find("x.npy: shape 3x4, expected ?x5x?"), std::string::npos) << other.err;
    write({"n", "w", "w"});
    const Outcome same = run({"interpret", net, "--input", x});
    EXPECT_EQ(same.code, 2);
    EXPECT_NE(same.err.find("x.npy: shape 3x4, expected ?x?x?, \"w\" the same everywhere"), std::string::npos)
        << same.err;
    write({"n", "h", "w", "3"});
    const Outcome rank = run({"interpret", net, "--input", x, "--rows", "0"});
    EXPECT_EQ(rank.code, 2);
    EXPECT_NE(rank.err.find("extent 1 is free; --shape x="), std::string::npos) << rank.err;
}

}  // namespace
}  // namespace descrambler
