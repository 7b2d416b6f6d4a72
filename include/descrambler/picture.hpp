// Pictures: PNG and JPEG files in, PNG files out.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "descrambler/array.hpp"

namespace descrambler {

struct Picture {
    Index height = 0, width = 0, channels = 1;  // 1: grey; 3: red, green, blue
    std::vector<double> values;                 // [height, width, channels] row-major from the top left, 0 to 255
    bool operator==(const Picture&) const = default;
};

// The numbers as the file has them, gamma and colour profiles aside. PNG: 1 to 16 bits a channel (those of 16 bits over
// 257, so that white is 255 in any depth), grey, colour or palette, interlaced or not; an alpha channel only where it is
// opaque throughout. JPEG: grey and colour, baseline or progressive, as libjpeg decodes it; its orientation tag is not
// followed. Throws InputError that names file and reason for what is neither, is damaged or cut short (warnings of the
// libraries about the pixels included), has transparent pixels or CMYK colours, more than 65535 pixels a side or 2^24
// in all.
[[nodiscard]] Picture read_picture(const std::filesystem::path& path);
[[nodiscard]] Picture parse_picture(std::string_view bytes, const std::string& name);
// Whether a file of this name is taken for a picture: .png, .jpg, .jpeg in any case.
[[nodiscard]] bool is_picture(const std::filesystem::path& path);

// [height, width, channels] of another number of channels: luminance of colours by ITU-R BT.601, .299 R + .587 G +
// .114 B; grey three times.
[[nodiscard]] Picture with_channels(const Picture& picture, Index channels);

// 8 bits a channel, rounded to the nearest and clipped to 0 .. 255, with texts (keyword of 1 to 79 letters, text) as tEXt.
// Whole or not at all; throws Error where the file cannot be written.
using Texts = std::vector<std::pair<std::string, std::string>>;
void write_png(const std::filesystem::path& path, const Picture& picture, const Texts& texts = {});

}  // namespace descrambler
