// descrambler: finds out how a trained neural network computes.
// Exit codes: 0 done; 1 failed; 2 bad usage or bad input; 85 stopped after a checkpoint, run again to go on.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "cli/build_id.hpp"
#include "cli/commands.hpp"
#include "descrambler/backend.hpp"
#include "descrambler/error.hpp"
#include "descrambler/version.hpp"
#include "mpi/launcher.hpp"

namespace {

using namespace descrambler;

int fail(int code, std::string message) {
    cli::end_progress();
    for (char& c : message)  // one line, whatever a library had to say
        if (c == '\n' || c == '\r')
            c = ' ';
    std::fprintf(stderr, "descrambler: %s\n", message.c_str());
    return code;
}

}  // namespace

namespace {

using Commands = std::map<std::string, cli::Command>;

// Exit code of the command that argv names.
int run(int argc, char** argv, const cli::Process& process) {
    Communicator& ranks = *process.ranks;
    const auto fail_all = [&](int code, const std::string& message) {  // all ranks know: one speaks
        return process.leads() ? fail(code, message) : code;
    };
    const auto fail_alone = [&](int code, const std::string& message) -> int {
        if (ranks.size() == 1 || ranks.agreed())
            return fail_all(code, message);
        fail(code, "rank " + std::to_string(ranks.rank()) + ": " + message);
        ranks.abort(code);
        return code;
    };
    CLI::App app(
        "Finds out how a trained neural network computes: trains ensembles, descrambles their layers, and reads "
        "the rewritten weights.");
    app.name("descrambler");
    app.set_version_flag("--version", version() + " (" + commit() + ")");
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 done, 1 failed, 2 bad usage or input, 85 stopped after a checkpoint (run again to "
        "go on; study with --resume).\n'descrambler COMMAND --help' tells the options of a command. study, train, "
        "layer, gram and interpret --all run on any number of ranks under mpirun or srun.");
    Commands commands{{"study", cli::add_study(app, process)},       {"train", cli::add_train(app, process)},
                      {"layer", cli::add_layer(app, process)},       {"gram", cli::add_gram(app, process)},
                      {"spectrum", cli::add_spectrum(app, process)}, {"interpret", cli::add_interpret(app, process)},
                      {"tour", cli::add_tour(app, process)},         {"scatter", cli::add_scatter(app, process)},
                      {"export", cli::add_export(app, process)},     {"predict", cli::add_predict(app, process)},
                      {"report", cli::add_report(app, process)},     {"verify", cli::add_verify(app, process)},
                      {"info", cli::add_info(app, process)}};
    std::vector<char*> words(argv, argv + argc);
    std::string help = "--help";
    if (argc > 1 && argv[1] == std::string("help")) {  // help COMMAND is COMMAND --help
        words.erase(words.begin() + 1);
        words.resize(std::min<std::size_t>(words.size(), 2));
        words.push_back(help.data());
    }
    argc = static_cast<int>(words.size());
    argv = words.data();
    if (argc > 1 && argv[1][0] != '-' && !commands.contains(argv[1]))
        return fail_all(2, "unknown command '" + std::string(argv[1]) +
                               "': expected study, train, layer, gram, spectrum, interpret, tour, scatter, export, "
                               "predict, report, verify or info");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0)
            return process.leads() ? app.exit(error) : 0;  // --help, --version
        return fail_all(2, std::string(error.what()) + " (descrambler --help tells the usage)");
    }
    const std::string name = app.get_subcommands().front()->get_name();
    if (ranks.size() > 1 && (name == "spectrum" || name == "tour" || name == "scatter" || name == "export" ||
                             name == "predict" || name == "report" || name == "verify"))
        return fail_all(2, name + ": expected one process, started as " + std::to_string(ranks.size()) + " ranks");
    try {
        commands.at(name)();
        cli::end_progress();
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
            return fail_alone(1, "standard output cannot be written");
        return 0;
    } catch (const InputError& error) {
        return fail_alone(2, error.what());
    } catch (const Stopped& error) {
        return fail_alone(85, std::string(error.what()) +
                                  (name == "study" ? "; run again with --resume to go on" : "; run again to go on"));
    } catch (const std::bad_alloc&) {
        return fail_alone(1, "out of memory");
    } catch (const std::exception& error) {
        return fail_alone(1, error.what());
    }
}

// Ranks of different builds would agree on nothing; those on different processors not on the last bits.
void check_builds(Communicator& ranks) {
    const auto differing = [&](const std::string& mine) -> std::string {
        const std::vector<std::string> all = all_gather(ranks, mine);
        for (std::size_t i = 1; i < all.size(); ++i)
            if (all[i] != all.front())
                return "rank " + std::to_string(i) + " has '" + all[i] + "', rank 0 '" + all.front() + "'";
        return "";
    };
    const std::string build = differing(version() + ", " + commit() + ", build " + cli::build_id());
    if (!build.empty())
        agree(ranks,
              std::make_exception_ptr(InputError("ranks of different builds: " + build + ": expected one build")));
    const std::string processor = differing(processor_name());
    if (!processor.empty() && ranks.rank() == 0)
        std::fprintf(stderr,
                     "descrambler: warning: ranks on different processors: %s; last digits may depend on them\n",
                     processor.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    set_up_blas();  // before anything has threads
    cli::Process process;
    try {
        process.ranks = make_communicator();
        process.node = node_share(*process.ranks);
        check_builds(*process.ranks);
    } catch (const InputError& error) {  // all say the same, whether they have found each other or not
        return process.leads() && place_started() <= 0 ? fail(2, error.what()) : 2;
    } catch (const std::exception& error) {
        return fail(1, error.what());
    }
    return run(argc, argv, process);
}
