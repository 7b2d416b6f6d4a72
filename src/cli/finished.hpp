// Nothing finished is overwritten silently: a result holds what it was asked for.
#pragma once

#include <filesystem>
#include <string>

#include "cli/commands.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/library.hpp"

namespace descrambler::cli {

// The options of a command other than their defaults, "name = value" a line, without those that change no bit of the
// result: threads, json, quiet, force, explain, out, pictures, report, viewer, walk. Files are named by their whole paths, however they were typed.
[[nodiscard]] std::string asked(const CLI::App& command);
// The content of the files that --criterion and --stencil name, a line each. One that is not there is left to whoever
// uses it.
[[nodiscard]] std::string content_of_files(const CLI::App& command);
// Which networks these are, in a line of text.
[[nodiscard]] std::string digest(const std::vector<Network>& networks);
// The options, the networks and, where the library knows it, the content of the inputs.
[[nodiscard]] std::string request_text(const CLI::App& command, const Ensemble& ensemble, const Library& inputs);

// What a command does about its --out before any work. Throws InputError, with the first line that differs, where `out`
// exists as the result of another request (attribute `request` of the file) or as a file of another program; with
// --force nothing is checked. All ranks call.
//
// For what takes long: true where `out` exists as the result of the same request. The file stays, and a line says so
// (with --json an object too). Checkpoints in `leftovers` that are older than it are removed: their job was killed just
// after it had written its result. The file is touched, because job scripts take an untouched one for that of an
// earlier job.
[[nodiscard]] bool serves_already(const std::string& out, const std::string& request,
                                  const std::filesystem::path& leftovers, const Common& common);
// For what takes seconds: prints a line where `out` (if any) exists as the result of the same request and will be made
// again.
void check_remake(const std::string& out, const std::string& request, const Common& common);

}  // namespace descrambler::cli
