#pragma once

#include "app/options.hpp"
#include "io/control/ask.hpp"

#include <boost/json/object.hpp>
#include <variant>

/// What the commands that ask the running daemon have in common.
namespace chronoknock::app {

/// Adds --config and --control, which say where it listens, and --json.
void add_asking_options(usage& u);

/// Where the server listens; an error if the configuration that says so cannot be read.
result<std::string> control_path(const po::variables_map& options);

/// Asks. What was answered; or an exit status, after a message.
std::variant<boost::json::object, int> ask_server(const po::variables_map& options, const io::request& r,
                                                  const io::ask_limits& limits = {});

/// The same, with the server's refusal.
std::variant<io::answer, int> ask_for_answer(const po::variables_map& options, const io::request& r,
                                             const io::ask_limits& limits = {});

/// Prints one JSON object, if --json is given; true if it was.
bool print_json(const po::variables_map& options, const boost::json::object& o);

/// The last word on a text made of an answer: printed, or why it could not be made.
int print(const result<std::string>& text);

} // namespace chronoknock::app
