// descrambler: finds out how a trained neural network computes.
// Exit codes: 0 done; 1 failed; 2 bad usage or bad input; 85 stopped after a checkpoint, run again to go on.
#include <cstdio>
#include <exception>
#include <map>
#include <string>

#include "cli/commands.hpp"
#include "descrambler/error.hpp"
#include "descrambler/version.hpp"

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

int main(int argc, char** argv) {
    CLI::App app(
        "Finds out how a trained neural network computes: trains ensembles, descrambles their layers, and reads "
        "the rewritten weights.");
    app.name("descrambler");
    app.set_version_flag("--version", version() + " (" + commit() + ")");
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 done, 1 failed, 2 bad usage or input, 85 stopped after a checkpoint (run again to "
        "go on; study with --resume).\n'descrambler COMMAND --help' tells the options of a command.");
    std::map<std::string, cli::Command> commands{
        {"study", cli::add_study(app)},   {"train", cli::add_train(app)},       {"layer", cli::add_layer(app)},
        {"gram", cli::add_gram(app)},     {"spectrum", cli::add_spectrum(app)}, {"predict", cli::add_predict(app)},
        {"report", cli::add_report(app)}, {"verify", cli::add_verify(app)},     {"info", cli::add_info(app)}};
    if (argc > 1 && argv[1][0] != '-' && !commands.contains(argv[1]))
        return fail(2, "unknown command '" + std::string(argv[1]) +
                           "': expected study, train, layer, gram, spectrum, predict, report, verify or info");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0)
            return app.exit(error);  // --help, --version
        return fail(2, std::string(error.what()) + " (descrambler --help tells the usage)");
    }
    try {
        commands.at(app.get_subcommands().front()->get_name())();
        cli::end_progress();
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
            return fail(1, "standard output cannot be written");
        return 0;
    } catch (const InputError& error) {
        return fail(2, error.what());
    } catch (const Stopped& error) {
        const bool study = std::string(argv[1]) == "study";
        return fail(
            85, std::string(error.what()) + (study ? "; run again with --resume to go on" : "; run again to go on"));
    } catch (const std::bad_alloc&) {
        return fail(1, "out of memory");
    } catch (const std::exception& error) {
        return fail(1, error.what());
    }
}
