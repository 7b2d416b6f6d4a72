// PNG and JPEG files in memory: PNG by hand, unpacked; JPEG by libjpeg.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>
// after <cstdio>
#include <jpeglib.h>

namespace descrambler::test::picture {

inline std::string big(std::uint32_t number) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8)
        bytes += static_cast<char>(number >> shift);
    return bytes;
}

inline std::string chunk(const std::string& kind, const std::string& content) {
    std::uint32_t crc = 0xffffffff;
    for (const char c : kind + content) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return big(static_cast<std::uint32_t>(content.size())) + kind + content + big(~crc);
}

inline std::string stored(const std::string& content) {  // as zlib has it, one block of at most 65535 bytes
    std::uint32_t a = 1, b = 0;
    for (const char c : content) {
        a = (a + static_cast<unsigned char>(c)) % 65521;
        b = (b + a) % 65521;
    }
    const auto low = static_cast<unsigned>(content.size());
    std::string bytes = "\x78\x01\x01";
    for (const unsigned half : {low, ~low}) {
        bytes += static_cast<char>(half);
        bytes += static_cast<char>(half >> 8);
    }
    return bytes + content + big(b << 16 | a);
}

enum Colour : char { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgb_alpha = 6 };

inline std::string header(std::uint32_t width, std::uint32_t height, char depth, char colour, char interlace = 0) {
    return std::string("\x89PNG\r\n\x1a\n", 8) +
           chunk("IHDR", big(width) + big(height) + std::string{depth, colour, 0, 0, interlace});
}
// rows: the bytes of each row, or of each row of each pass; `more`: chunks in front of the pixels.
inline std::string png(std::uint32_t width, std::uint32_t height, char depth, char colour,
                       const std::vector<std::string>& rows, char interlace = 0, const std::string& more = "") {
    std::string content;
    for (const std::string& row : rows)
        content += '\0' + row;
    return header(width, height, depth, colour, interlace) + more + chunk("IDAT", stored(content)) + chunk("IEND", "");
}

// All pixels alike.
inline std::string jpeg(unsigned width, unsigned height, const std::vector<unsigned char>& pixel, bool progressive) {
    jpeg_compress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    unsigned char* bytes = nullptr;
    unsigned long count = 0;
    jpeg_mem_dest(&info, &bytes, &count);
    info.image_width = width;
    info.image_height = height;
    info.input_components = static_cast<int>(pixel.size());
    info.in_color_space = pixel.size() == 1 ? JCS_GRAYSCALE : pixel.size() == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&info);
    if (progressive)
        jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    std::vector<unsigned char> row;
    for (unsigned i = 0; i < width; ++i)
        row.insert(row.end(), pixel.begin(), pixel.end());
    JSAMPROW at = row.data();
    while (info.next_scanline < height)
        (void)jpeg_write_scanlines(&info, &at, 1);
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    std::string result(reinterpret_cast<const char*>(bytes), count);
    std::free(bytes);
    return result;
}

}  // namespace descrambler::test::picture
