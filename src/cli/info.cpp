#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

Command add_info(CLI::App& app) {
    const auto common = std::make_shared<Common>();
    CLI::App* command = app.add_subcommand("info", "version, build, backends and devices");
    common->add_to(*command);
    return [common] {
        const auto backend = make_backend<double>(common->execution());
        std::vector<std::string> backends{"cpu"};
        if (built_with_cuda())
            backends.push_back("cuda");
        if (common->json) {
            std::printf("%s\n", nlohmann::ordered_json{{"version", version()},
                                                       {"commit", commit()},
                                                       {"build", build_options()},
                                                       {"backends", backends},
                                                       {"device", backend->name()},
                                                       {"threads", backend->threads()}}
                                    .dump(2)
                                    .c_str());
            return;
        }
        std::string words;
        for (const std::string& name : backends)
            words += (words.empty() ? "" : ", ") + name;
        std::printf("descrambler %s (%s)\nbuild     %s\nbackends  %s\ndevice    %s, %d threads\n", version().c_str(),
                    commit().c_str(), build_options().c_str(), words.c_str(), backend->name(), backend->threads());
    };
}

}  // namespace descrambler::cli
