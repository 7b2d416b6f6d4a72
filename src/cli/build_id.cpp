#include "cli/build_id.hpp"

#include <elf.h>
#include <link.h>

#include <cstring>

namespace descrambler::cli {

namespace {

// The note NT_GNU_BUILD_ID of a segment of notes: sizes of name and content, type, name, content, each padded to 4.
std::string id_in(const char* note, std::size_t size) {
    const auto padded = [](std::size_t n) { return (n + 3) / 4 * 4; };
    while (size >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) head;
        std::memcpy(&head, note, sizeof head);
        const std::size_t content = sizeof head + padded(head.n_namesz), length = content + padded(head.n_descsz);
        if (length > size)
            break;
        if (head.n_type == NT_GNU_BUILD_ID) {
            std::string text;
            for (std::size_t i = 0; i < head.n_descsz; ++i) {
                constexpr char digit[] = "0123456789abcdef";
                const auto byte = static_cast<unsigned char>(note[content + i]);
                text += digit[byte / 16];
                text += digit[byte % 16];
            }
            return text;
        }
        note += length;
        size -= length;
    }
    return "";
}

}  // namespace

std::string build_id() {
    std::string id;
    dl_iterate_phdr(
        [](dl_phdr_info* object, std::size_t, void* to) {
            for (int i = 0; i < object->dlpi_phnum; ++i) {
                const ElfW(Phdr)& segment = object->dlpi_phdr[i];
                if (segment.p_type != PT_NOTE)
                    continue;
                const std::string found =
                    id_in(reinterpret_cast<const char*>(object->dlpi_addr + segment.p_vaddr), segment.p_memsz);
                if (!found.empty()) {
                    *static_cast<std::string*>(to) = found;
                    break;
                }
            }
            return 1;  // the first object is the program
        },
        &id);
    return id;
}

}  // namespace descrambler::cli
