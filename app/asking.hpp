#pragma once

#include "app/options.hpp"
#include "io/control/ask.hpp"

#include <boost/json/object.hpp>
#include <string>

/// What the commands that ask the running daemon have in common.
namespace chronoknock::app {

/// Adds --config and --control, which say where it listens, and --json.
void add_asking_options(usage& u);

/// Where the server listens: --control, or what the configuration says (find_server). Throws stop.
std::string control_path(const po::variables_map& options);

/// Asks. What was answered; throws stop where that is an error, or nothing.
boost::json::object ask_server(const po::variables_map& options, const io::request& r,
                               const io::ask_limits& limits = {});

/// Prints one JSON object, if --json is given; true if it was.
bool print_json(const po::variables_map& options, const boost::json::object& o);

/// The last word on a text made of an answer: printed, or why it could not be made.
int print(const result<std::string>& text);

} // namespace chronoknock::app
