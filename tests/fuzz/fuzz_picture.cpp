// Pictures, PNG and JPEG; those of PNG once more with the right checksum behind every chunk, which mutations miss.
#include "descrambler/picture.hpp"
#include "target.hpp"

namespace {

using namespace descrambler;

void read(std::string_view bytes) {
    fuzz::accept_or_refuse([&] {
        const Picture picture = parse_picture(bytes, "a.png");
        fuzz::expect((picture.channels == 1 || picture.channels == 3) && picture.height > 0 && picture.width > 0);
        fuzz::expect(std::ssize(picture.values) == picture.height * picture.width * picture.channels);
        for (const double value : picture.values)
            fuzz::expect(value >= 0 && value <= 255);
    });
}

std::uint32_t checksum(std::string_view bytes) {
    std::uint32_t crc = 0xffffffff;
    for (const char c : bytes) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

// Chunks: length, kind, content, checksum of kind and content.
std::string put_right(std::string bytes) {
    const auto byte = [&](std::size_t at) { return std::uint32_t{static_cast<unsigned char>(bytes[at])}; };
    for (std::size_t at = 8; at + 12 <= bytes.size();) {
        const std::size_t length = byte(at) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3);
        if (length > bytes.size() - at - 12)
            break;
        const std::uint32_t crc = checksum(std::string_view(bytes).substr(at + 4, length + 4));
        for (std::size_t i = 0; i < 4; ++i)
            bytes[at + 8 + length + i] = static_cast<char>(crc >> (24 - 8 * i));
        at += length + 12;
    }
    return bytes;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    read(bytes);
    if (bytes.starts_with("\x89PNG"))
        read(put_right(bytes));
    return 0;
}
