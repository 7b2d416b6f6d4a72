// Configurations in TOML; what follows a zero byte is one --set each.
#include <vector>

#include "study/config.hpp"
#include "target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace descrambler;
    std::vector<std::string> parts(1);
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == 0)
            parts.emplace_back();
        else
            parts.back() += static_cast<char>(data[i]);
    }
    const std::vector<std::string> overrides(parts.begin() + 1, parts.end());
    fuzz::accept_or_refuse([&] {
        const StudyConfig config = parse_config(parts.front(), "config.toml", overrides);
        const std::string text = to_toml(config);
        fuzz::expect(parse_config(text, "config.toml") == config);  // what is written reads back
    });
    return 0;
}
