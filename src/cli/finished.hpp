// Nothing finished is overwritten silently: a result holds what it was asked for.
#pragma once

#include <filesystem>
#include <string>

#include "cli/commands.hpp"
#include "descrambler/ensemble.hpp"
#include "descrambler/library.hpp"

namespace descrambler::cli {

// The options of a command other than their defaults, "name = value" a line, without those that change no bit of the
// result: threads, json, quiet, force, out.
[[nodiscard]] std::string asked(const CLI::App& command);
// Which networks these are, in a line of text.
[[nodiscard]] std::string digest(const std::vector<Network>& networks);
// The options, the networks and, where the library knows it, the content of the inputs.
[[nodiscard]] std::string request_text(const CLI::App& command, const Ensemble& ensemble, const Library& inputs);

// Whether `out` is there already as the result of this request (attribute request of the file; nothing is looked at with
// --force). Throws InputError where it holds anything else: another request, with the first line that differs, or what no
// command has written. All ranks call.
[[nodiscard]] bool finished_before(const std::string& out, const std::string& request, const Common& common);

// Says that `out` is there and stays. The file is touched: job scripts take an untouched one for that of an earlier job.
void tell_finished(const std::string& out, const Common& common);
// Says that it is made anew, to the same bits.
void tell_made_anew(const std::string& out, const Common& common);

}  // namespace descrambler::cli
