#pragma once

#include <string>
#include <vector>

namespace chronoknock::app {

/// What a command line asks for, without the program and the command.
using arguments = std::vector<std::string>;

/// Exit status.
inline constexpr int done = 0;
inline constexpr int failed = 1;     ///< the message says what
inline constexpr int bad_usage = 2;  ///< bad usage, configuration or key
inline constexpr int not_opened = 3; ///< knocked, and the door stayed shut

/// The commands: results to standard output, messages to standard error; each returns its exit status.
int run_server(const arguments& args);
int run_check(const arguments& args);
int run_knock(const arguments& args);
int run_connect(const arguments& args);
int run_doctor(const arguments& args);
int run_keygen(const arguments& args);
int run_sequence(const arguments& args);
int run_time(const arguments& args);
int run_guard(const arguments& args);
int run_helper(const arguments& args);
int run_import(const arguments& args);
int run_status(const arguments& args);
int run_watch(const arguments& args);
int run_fleet(const arguments& args);
int run_grants(const arguments& args);
int run_revoke(const arguments& args);
int run_history(const arguments& args);
int run_reload(const arguments& args);
int run_confirm(const arguments& args);
int run_invite(const arguments& args);
int run_uninvite(const arguments& args);
int run_profile(const arguments& args);
int run_report(const arguments& args);
int run_completions(const arguments& args);

} // namespace chronoknock::app
