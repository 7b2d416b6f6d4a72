#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.hpp"
#include "descrambler/version.hpp"

namespace descrambler::cli {

Command add_info(CLI::App& app, const Process& process) {
    const auto common = std::make_shared<Common>();
    CLI::App* command = app.add_subcommand("info", "version, build, backends and devices");
    common->process = process;
    common->add_to(*command);
    return [common] {
        Communicator& ranks = *common->process.ranks;
        const auto backend = together(
            ranks, [&] { return make_backend<double>(common->device, common->threads); });  // or nobody goes on
        std::vector<std::string> backends{"cpu"};
        if (built_with_cuda())
            backends.push_back("cuda");
        const NodeShare& node = common->process.node;
        const std::string place = node.host + ", local rank " + std::to_string(node.rank) + " of " +
                                  std::to_string(node.size) + ", " + std::to_string(backend->threads()) +
                                  " threads, device " + backend->name();
        const std::vector<std::string> places = all_gather(ranks, place);
        if (!common->leads())
            return;
        if (common->json) {
            std::printf("%s\n", nlohmann::ordered_json{{"version", version()},
                                                       {"commit", commit()},
                                                       {"build", build_options()},
                                                       {"backends", backends},
                                                       {"device", backend->name()},
                                                       {"processor", processor_name()},
                                                       {"threads", backend->threads()},
                                                       {"ranks", places}}
                                    .dump(2)
                                    .c_str());
            return;
        }
        std::string words;
        for (const std::string& name : backends)
            words += (words.empty() ? "" : ", ") + name;
        std::printf("descrambler %s (%s)\nbuild     %s\nbackends  %s\ndevice    %s, %d threads (%s)\n",
                    version().c_str(), commit().c_str(), build_options().c_str(), words.c_str(), backend->name(),
                    backend->threads(), processor_name().c_str());
        for (std::size_t i = 0; i < places.size() && places.size() > 1; ++i)
            std::printf("rank %-4zu %s\n", i, places[i].c_str());
    };
}

}  // namespace descrambler::cli
