#include "descrambler/picture.hpp"

#include <png.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <csetjmp>
#include <cstdio>
#include <cstring>
// after <cstdio>
#include <jpeglib.h>

#include "descrambler/error.hpp"
#include "descrambler/files.hpp"

namespace descrambler {
namespace {

constexpr Index most_side = 65535, most_pixels = Index{1} << 24;
constexpr int most_scans = 100;  // of a progressive JPEG: each takes a pass over all pixels
constexpr std::string_view png_signature{"\x89PNG\r\n\x1a\n", 8}, jpeg_signature{"\xff\xd8\xff", 3};

// Both libraries tell errors by a jump. What it passes over must have no destructors, so whatever calls them stands in
// functions of its own, which hold nothing: true where they have come to their end.
struct Jump {
    std::jmp_buf place{};
    std::array<char, 200> message{};
    void say(const char* text) { std::snprintf(message.data(), message.size(), "%s", text); }
};

void check_size(const std::string& name, Index height, Index width) {
    if (height < 1 || width < 1 || height > most_side || width > most_side || height * width > most_pixels)
        throw InputError(name + ": a picture of " + std::to_string(height) + " x " + std::to_string(width) +
                         " pixels, expected 1 to " + std::to_string(most_side) + " a side and at most " +
                         std::to_string(most_pixels));
}

// ---- PNG -------------------------------------------------------------------------------------------------------------

[[noreturn]] void png_failed(png_structp png, png_const_charp message) {
    auto* jump = static_cast<Jump*>(png_get_error_ptr(png));
    jump->say(message);
    std::longjmp(jump->place, 1);
}
void png_warned(png_structp, png_const_charp) {}  // about what surrounds the pixels

struct PngFile {
    png_structp png = nullptr;
    png_infop info = nullptr;
    Jump jump;
    std::string_view bytes;  // what is not read yet
    PngFile() = default;
    PngFile(const PngFile&) = delete;
    PngFile& operator=(const PngFile&) = delete;
    ~PngFile() { png_destroy_read_struct(&png, &info, nullptr); }
};

void png_next(png_structp png, png_bytep to, std::size_t count) {
    auto* file = static_cast<PngFile*>(png_get_io_ptr(png));
    if (count > file->bytes.size())
        png_error(png, "the file ends too early");
    std::memcpy(to, file->bytes.data(), count);
    file->bytes.remove_prefix(count);
}

bool png_open(PngFile& file) {
    if (setjmp(file.jump.place) != 0)
        return false;
    file.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &file.jump, png_failed, png_warned);
    if (file.png == nullptr)
        return false;
    file.info = png_create_info_struct(file.png);
    if (file.info == nullptr)
        return false;
    png_set_read_fn(file.png, &file, png_next);
    png_set_user_limits(file.png, most_side, most_side);
    // what surrounds the pixels is passed over: the library would take memory for the length that a chunk claims
    png_set_keep_unknown_chunks(file.png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(file.png, file.info);
    // palettes and fewer than 8 bits become 8 bits, a transparent colour an alpha channel
    png_set_expand(file.png);
    (void)png_set_interlace_handling(file.png);
    png_read_update_info(file.png, file.info);
    return true;
}
bool png_decode(PngFile& file, png_bytepp rows) {
    if (setjmp(file.jump.place) != 0)
        return false;
    png_read_image(file.png, rows);
    png_read_end(file.png, nullptr);
    return true;
}

std::uint32_t big_endian(std::string_view bytes) {
    std::uint32_t number = 0;
    for (const char byte : bytes.substr(0, 4))
        number = number << 8 | static_cast<unsigned char>(byte);
    return number;
}

Picture parse_png(std::string_view bytes, const std::string& name) {
    const auto fail = [&](const Jump& jump) {
        throw InputError(name + ": expected a PNG picture: " + jump.message.data());
    };
    if (bytes.size() > 24 && bytes.substr(12, 4) == "IHDR")  // before the library says it in its own words
        check_size(name, big_endian(bytes.substr(20)), big_endian(bytes.substr(16)));
    PngFile file;
    file.bytes = bytes;
    if (!png_open(file))
        fail(file.jump);
    Picture picture;
    picture.height = png_get_image_height(file.png, file.info);
    picture.width = png_get_image_width(file.png, file.info);
    const Index channels = png_get_channels(file.png, file.info), depth = png_get_bit_depth(file.png, file.info);
    const std::size_t row_bytes = png_get_rowbytes(file.png, file.info);
    check_size(name, picture.height, picture.width);
    // zlib packs no more than 1032 bytes into one; a bit is the least that a pixel takes, here it has 8 of each channel
    if (static_cast<double>(picture.height) * static_cast<double>(picture.width) / 8 >
        1032 * static_cast<double>(bytes.size()))
        throw InputError(name + ": expected a PNG picture: the file is too short for its " +
                         std::to_string(picture.height) + " x " + std::to_string(picture.width) + " pixels");
    std::vector<png_byte> pixels(row_bytes * static_cast<std::size_t>(picture.height));
    std::vector<png_bytep> rows(static_cast<std::size_t>(picture.height));
    for (std::size_t i = 0; i < rows.size(); ++i)
        rows[i] = pixels.data() + i * row_bytes;
    if (!png_decode(file, rows.data()))
        fail(file.jump);
    const bool alpha = channels == 2 || channels == 4;
    const std::size_t step = depth == 16 ? 2 : 1;
    picture.channels = channels <= 2 ? 1 : 3;
    picture.values.reserve(static_cast<std::size_t>(picture.height * picture.width * picture.channels));
    for (const png_bytep row : rows)
        for (Index i = 0; i < picture.width * channels; ++i) {
            const png_byte* at = row + static_cast<std::size_t>(i) * step;
            const int number = depth == 16 ? at[0] << 8 | at[1] : at[0];
            if (alpha && i % channels == channels - 1) {
                if (number != (depth == 16 ? 65535 : 255))
                    throw InputError(name + ": transparent pixels, expected an opaque picture");
            } else {
                picture.values.push_back(depth == 16 ? number / 257.0 : number);
            }
        }
    return picture;
}

// ---- JPEG ------------------------------------------------------------------------------------------------------------

struct JpegFile {
    jpeg_decompress_struct info{};
    jpeg_error_mgr errors{};
    jpeg_progress_mgr progress{};
    Jump jump;
    bool open = false;
    JpegFile() = default;
    JpegFile(const JpegFile&) = delete;
    JpegFile& operator=(const JpegFile&) = delete;
    ~JpegFile() {
        if (open)
            jpeg_destroy_decompress(&info);
    }
};

[[noreturn]] void jpeg_failed(j_common_ptr info) {
    std::array<char, JMSG_LENGTH_MAX> text{};
    info->err->format_message(info, text.data());
    auto* jump = static_cast<Jump*>(info->client_data);
    jump->say(text.data());
    std::longjmp(jump->place, 1);
}
void jpeg_said(j_common_ptr info, int level) {
    if (level < 0)  // a warning: what follows would be made up
        jpeg_failed(info);
}
void jpeg_passed(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= most_scans)
        return;
    auto* jump = static_cast<Jump*>(info->client_data);
    jump->say("too many scans");
    std::longjmp(jump->place, 1);
}

bool jpeg_open(JpegFile& file, const unsigned char* bytes, unsigned long count) {
    if (setjmp(file.jump.place) != 0)
        return false;
    file.info.err = jpeg_std_error(&file.errors);
    file.errors.error_exit = jpeg_failed;
    file.errors.emit_message = jpeg_said;
    file.info.client_data = &file.jump;
    jpeg_create_decompress(&file.info);
    file.open = true;
    file.progress.progress_monitor = jpeg_passed;
    file.info.progress = &file.progress;
    jpeg_mem_src(&file.info, bytes, count);
    (void)jpeg_read_header(&file.info, TRUE);
    return true;
}
bool jpeg_decode(JpegFile& file, unsigned char* pixels) {
    if (setjmp(file.jump.place) != 0)
        return false;
    file.info.out_color_space = file.info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    file.info.dct_method = JDCT_ISLOW;
    (void)jpeg_start_decompress(&file.info);
    const std::size_t row = std::size_t{file.info.output_width} * static_cast<std::size_t>(file.info.output_components);
    while (file.info.output_scanline < file.info.output_height) {
        JSAMPROW to = pixels + file.info.output_scanline * row;
        (void)jpeg_read_scanlines(&file.info, &to, 1);
    }
    (void)jpeg_finish_decompress(&file.info);
    return true;
}

Picture parse_jpeg(std::string_view bytes, const std::string& name) {
    JpegFile file;
    const auto fail = [&] { throw InputError(name + ": expected a JPEG picture: " + file.jump.message.data()); };
    if (!jpeg_open(file, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()))
        fail();
    Picture picture{file.info.image_height, file.info.image_width, file.info.num_components == 1 ? 1 : 3, {}};
    check_size(name, picture.height, picture.width);
    if (file.info.num_components != 1 && file.info.num_components != 3)
        throw InputError(name + ": a JPEG picture of " + std::to_string(file.info.num_components) +
                         " colours, expected grey or red, green and blue");
    // a block of 64 pixels takes a bit at least
    if (picture.height * picture.width > 512 * (std::ssize(bytes) + 64))
        throw InputError(name + ": expected a JPEG picture: the file is too short for its " +
                         std::to_string(picture.height) + " x " + std::to_string(picture.width) + " pixels");
    std::vector<unsigned char> pixels(static_cast<std::size_t>(picture.height * picture.width * picture.channels));
    if (!jpeg_decode(file, pixels.data()))
        fail();
    picture.values.assign(pixels.begin(), pixels.end());
    return picture;
}

// ---- writing ---------------------------------------------------------------------------------------------------------

struct PngOut {
    png_structp png = nullptr;
    png_infop info = nullptr;
    Jump jump;
    std::string bytes;
    PngOut() = default;
    PngOut(const PngOut&) = delete;
    PngOut& operator=(const PngOut&) = delete;
    ~PngOut() { png_destroy_write_struct(&png, &info); }
};

void png_keep(png_structp png, png_bytep from, std::size_t count) {
    auto* file = static_cast<PngOut*>(png_get_io_ptr(png));
    try {  // nothing may be thrown through the library
        file->bytes.append(reinterpret_cast<const char*>(from), count);
    } catch (...) {
        png_error(png, "no memory");
    }
}
void png_keep_all(png_structp) {}

bool png_encode(PngOut& file, const Picture& picture, png_bytepp rows, png_textp texts, int count) {
    if (setjmp(file.jump.place) != 0)
        return false;
    file.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &file.jump, png_failed, png_warned);
    if (file.png == nullptr)
        return false;
    file.info = png_create_info_struct(file.png);
    if (file.info == nullptr)
        return false;
    png_set_write_fn(file.png, &file, png_keep, png_keep_all);
    png_set_IHDR(file.png, file.info, static_cast<png_uint_32>(picture.width), static_cast<png_uint_32>(picture.height),
                 8, picture.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_text(file.png, file.info, texts, count);
    png_write_info(file.png, file.info);
    png_write_image(file.png, rows);
    png_write_end(file.png, file.info);
    return true;
}

}  // namespace

Picture parse_picture(std::string_view bytes, const std::string& name) {
    if (bytes.starts_with(png_signature))
        return parse_png(bytes, name);
    if (bytes.starts_with(jpeg_signature))
        return parse_jpeg(bytes, name);
    throw InputError(name + ": expected a picture, PNG or JPEG, found neither");
}

Picture read_picture(const std::filesystem::path& path) {
    return parse_picture(read_file(path), path.string());
}

bool is_picture(const std::filesystem::path& path) {
    std::string suffix = path.extension().string();
    std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return suffix == ".png" || suffix == ".jpg" || suffix == ".jpeg";
}

Picture with_channels(const Picture& picture, Index channels) {
    require((picture.channels == 1 || picture.channels == 3) && (channels == 1 || channels == 3),
            "with_channels: pictures have 1 or 3 channels");
    if (channels == picture.channels)
        return picture;
    Picture result{picture.height, picture.width, channels, {}};
    const std::vector<double>& from = picture.values;
    result.values.reserve(static_cast<std::size_t>(picture.height * picture.width * channels));
    for (std::size_t i = 0; i < from.size(); i += static_cast<std::size_t>(picture.channels))
        if (channels == 1)
            result.values.push_back(.299 * from[i] + .587 * from[i + 1] + .114 * from[i + 2]);
        else
            result.values.insert(result.values.end(), 3, from[i]);
    return result;
}

void write_png(const std::filesystem::path& path, const Picture& picture, const Texts& texts) {
    require((picture.channels == 1 || picture.channels == 3) && picture.height > 0 && picture.width > 0 &&
                std::ssize(picture.values) == picture.height * picture.width * picture.channels,
            "write_png: values [height, width, 1 or 3]");
    std::vector<png_byte> pixels(picture.values.size());
    std::ranges::transform(picture.values, pixels.begin(), [](double value) {
        return static_cast<png_byte>(std::lround(std::clamp(value, 0.0, 255.0)));
    });
    std::vector<png_bytep> rows;
    for (Index i = 0; i < picture.height; ++i)
        rows.push_back(pixels.data() + i * picture.width * picture.channels);
    Texts kept = texts;
    std::vector<png_text> list(kept.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
        list[i] = {};
        list[i].compression = PNG_TEXT_COMPRESSION_NONE;
        list[i].key = kept[i].first.data();
        list[i].text = kept[i].second.data();
        list[i].text_length = kept[i].second.size();
    }
    PngOut file;
    if (!png_encode(file, picture, rows.data(), list.data(), static_cast<int>(list.size())))
        throw Error(path.string() + ": cannot be written as PNG: " + file.jump.message.data());
    write_file(path, file.bytes);
}

}  // namespace descrambler
