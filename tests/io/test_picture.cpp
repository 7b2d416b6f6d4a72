#include "descrambler/picture.hpp"

#include "data.hpp"
#include "descrambler/files.hpp"
#include "io/fuzz.hpp"
#include "io/picture_bytes.hpp"

namespace descrambler {
namespace {

using namespace test;
using namespace test::picture;

std::string error(const std::string& bytes) {
    return input_error([&] { (void)parse_picture(bytes, "a.png"); });
}

TEST(Picture, PngOfEveryKindHasTheNumbersOfTheFile) {
    const auto expect = [](const std::string& bytes, Index height, Index width, Index channels,
                           const std::vector<double>& values) {
        EXPECT_EQ(parse_picture(bytes, "a.png"), (Picture{height, width, channels, values}));
    };
    expect(png(2, 2, 8, grey, {"\x01\x80", "\xff\x02"}), 2, 2, 1, {1, 128, 255, 2});
    expect(png(2, 1, 8, rgb, {"\x01\x02\x03\x04\x05\xff"}), 1, 2, 3, {1, 2, 3, 4, 5, 255});
    // 16 bits, over 257: 0x0101 is 1, 0xffff is 255
    expect(png(3, 1, 16, grey, {std::string("\x01\x01\xff\xff\x00\x01", 6)}), 1, 3, 1, {1, 255, 1 / 257.0});
    // four pixels of one and of four bits: 0 and 1 are black and white
    expect(png(4, 1, 1, grey, {"\xa0"}), 1, 4, 1, {255, 0, 255, 0});
    expect(png(2, 1, 4, grey, {"\x1f"}), 1, 2, 1, {17, 255});
    const std::string colours = chunk("PLTE", std::string("\x01\x02\x03\x0a\x0b\x0c", 6));
    expect(png(2, 1, 8, palette, {std::string("\1\0", 2)}, 0, colours), 1, 2, 3, {10, 11, 12, 1, 2, 3});
    // Adam7: pass 1 has (0, 0), pass 6 (0, 1), pass 7 the second row
    expect(png(2, 2, 8, grey, {"\x0a", "\x14", "\x1e\x28"}, 1), 2, 2, 1, {10, 20, 30, 40});
    expect(png(1, 2, 8, grey_alpha, {"\x07\xff", "\x08\xff"}), 2, 1, 1, {7, 8});
    expect(png(1, 1, 8, rgb_alpha, {"\x07\x08\x09\xff"}), 1, 1, 3, {7, 8, 9});
    // a gamma changes no number
    expect(png(1, 1, 8, grey, {"\x64"}, 0, chunk("gAMA", big(100000))), 1, 1, 1, {100});
}

// A constant picture has one coefficient a block: what comes back differs by its rounding, and by that of the colours.
TEST(Picture, JpegOfEveryKind) {
    for (const bool progressive : {false, true})
        for (const std::vector<unsigned char>& pixel :
             {std::vector<unsigned char>{100}, std::vector<unsigned char>{200, 30, 90}}) {
            const Picture read = parse_picture(jpeg(19, 11, pixel, progressive), "a.jpg");
            EXPECT_EQ(read.height, 11);
            EXPECT_EQ(read.width, 19);
            ASSERT_EQ(read.channels, std::ssize(pixel));
            for (std::size_t i = 0; i < read.values.size(); ++i)
                ASSERT_NEAR(read.values[i], pixel[i % pixel.size()], 4) << i;
        }
    EXPECT_EQ(error(jpeg(8, 8, {1, 2, 3, 4}, false)),
              "a.png: a JPEG picture of 4 colours, expected grey or red, green and blue");
}

TEST(Picture, WhatIsWrittenComesBackWithItsTexts) {
    const Scratch folder("picture");
    Picture colours{3, 5, 3, {}};
    for (int i = 0; i < 45; ++i)
        colours.values.push_back(5 * i);
    write_png(folder / "a.png", colours, {{"Scale", "value = pixel"}});
    EXPECT_EQ(read_picture(folder / "a.png"), colours);
    EXPECT_NE(read_file(folder / "a.png").find(chunk("tEXt", std::string("Scale\0value = pixel", 19))),
              std::string::npos);
    const Picture beyond{1, 4, 1, {-3, 12.4, 12.6, 300}};
    write_png(folder / "b.png", beyond);
    EXPECT_EQ(read_picture(folder / "b.png").values, (std::vector<double>{0, 12, 13, 255}));
    EXPECT_THROW(write_png(folder / "absent" / "a.png", beyond), Error);
    int files = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path()))
        ++files;
    EXPECT_EQ(files, 2);
}

TEST(Picture, ChannelsByLuminanceAndByRepetition) {
    const Picture colour{1, 2, 3, {255, 0, 0, 10, 20, 30}};
    const Picture grey_one = with_channels(colour, 1);
    EXPECT_EQ(grey_one.channels, 1);
    EXPECT_NEAR(grey_one.values[0], .299 * 255, 1e-12);
    EXPECT_NEAR(grey_one.values[1], 2.99 + 11.74 + 3.42, 1e-12);
    EXPECT_EQ(with_channels({1, 2, 1, {4, 5}}, 3).values, (std::vector<double>{4, 4, 4, 5, 5, 5}));
    EXPECT_EQ(with_channels(colour, 3), colour);
    EXPECT_TRUE(is_picture("a/b.JPG") && is_picture("b.jpeg") && is_picture("c.Png"));
    EXPECT_FALSE(is_picture("png") || is_picture("a.npy") || is_picture("a.png/b"));
}

TEST(Picture, RefusesWhatIsNone) {
    const std::string good = png(2, 1, 8, grey, {"\x01\x02"});
    EXPECT_EQ(error(good), "");
    EXPECT_EQ(error(""), "a.png: expected a picture, PNG or JPEG, found neither");
    EXPECT_EQ(error("GIF89a"), "a.png: expected a picture, PNG or JPEG, found neither");
    EXPECT_EQ(error(good.substr(0, good.size() - 20)), "a.png: expected a PNG picture: the file ends too early");
    EXPECT_NE(error(png(2, 2, 8, grey, {"\x01\x02"})).find("a.png: expected a PNG picture: "), std::string::npos);
    EXPECT_EQ(error(png(1, 1, 8, grey_alpha, {"\x07\xfe"})), "a.png: transparent pixels, expected an opaque picture");
    const std::string clear = chunk("tRNS", std::string("\0\x01", 2));  // the grey 1 is transparent
    EXPECT_NE(error(png(2, 1, 8, grey, {"\x01\x02"}, 0, clear)).find("transparent"), std::string::npos);
    const std::string cut = jpeg(64, 64, {100}, false);
    EXPECT_NE(error(cut.substr(0, cut.size() - 2)).find("a.png: expected a JPEG picture: "), std::string::npos);
    EXPECT_NE(input_error([] { (void)read_picture("absent.png"); }).find("absent.png: cannot be read"),
              std::string::npos);
}

TEST(Picture, RefusesSizesBeforeAnyMemoryIsTaken) {
    const auto sized = [](std::uint32_t width, std::uint32_t height) {
        return error(header(width, height, 8, grey) + chunk("IDAT", stored("")) + chunk("IEND", ""));
    };
    EXPECT_NE(sized(0x7fffffff, 0x7fffffff).find("a picture of 2147483647 x 2147483647 pixels, expected 1 to 65535"),
              std::string::npos);
    EXPECT_NE(sized(0xffffffff, 1).find("expected 1 to 65535"), std::string::npos);
    EXPECT_NE(sized(0, 1).find("a picture of 1 x 0 pixels"), std::string::npos);
    EXPECT_NE(sized(65536, 1).find("expected 1 to 65535"), std::string::npos);
    EXPECT_NE(sized(8192, 4096).find("at most 16777216"), std::string::npos);
    EXPECT_NE(sized(4096, 4096).find("the file is too short for its 4096 x 4096 pixels"), std::string::npos);
    rusage before{}, after{};
    getrusage(RUSAGE_SELF, &before);
    EXPECT_EQ(error(header(1, 1, 8, grey) + big(0x6a000003) + "tEXt" + std::string(100, 'a')),
              "a.png: expected a PNG picture: the file ends too early");
    getrusage(RUSAGE_SELF, &after);
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 1 << 16);  // KiB
    std::string wide = jpeg(8, 8, {1}, false);
    const std::size_t frame = wide.find("\xff\xc0");
    for (const std::size_t i : {5, 7})
        wide[frame + i] = '\x0f';
    EXPECT_NE(error(wide).find("the file is too short for its 3848 x 3848 pixels"), std::string::npos) << error(wide);
}

TEST(Picture, SurvivesMutations) {
    const Scratch folder("picture");
    const std::string colours = chunk("PLTE", "abcdefghi");
    int refused = 0;
    for (const std::string& valid :
         {png(9, 3, 8, rgb, std::vector<std::string>(3, std::string(27, 'x'))),
          png(5, 2, 2, palette, {"\x11\x40", "\x44\x80"}, 0, colours),
          png(2, 2, 16, grey_alpha, {std::string(4, '\xff'), std::string(4, '\xff'), std::string(8, '\xff')}, 1),
          jpeg(17, 9, {200, 30, 90}, false), jpeg(17, 9, {50}, true)})
        refused += fuzz(folder / "a.png", valid, 2000, 17, [&] { (void)read_picture(folder / "a.png"); });
    EXPECT_GT(refused, 5000);
    if (has_data("interpreters/images/flower.jpg")) {
        const Picture flower = read_picture(data("interpreters/images/flower.jpg"));
        EXPECT_EQ(flower.height, 427);
        EXPECT_EQ(flower.width, 640);
        EXPECT_EQ(flower.channels, 3);
    }
}

}  // namespace
}  // namespace descrambler
