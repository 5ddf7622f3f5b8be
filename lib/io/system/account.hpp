#pragma once

#include "base/error.hpp"

#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace chronoknock::io {

/// A user to become.
struct account {
    std::string name;
    uid_t user = 0;
    gid_t group = 0;
    std::vector<gid_t> groups; ///< all of them
};

/// The user of that name or number with its groups, and `more` besides (by name or number; empty: none).
result<account> find_account(const std::string& name, const std::string& more);
/// Whether there is a user of that name.
bool is_user(const std::string& name);

/// Makes the folder of the server's record fit for a user: it stays root's, and the user's group may make
/// files in it and take away those, no others (so the last good guard stays root's). So is the control
/// socket's. That goes for folders that are made here, and for those that are called chronoknock, as ours
/// are: others stay as they are, and the user must be able to write to that of the record. What it has left
/// there becomes his.
result<void> hand_over(const std::string& state, const std::string& control, const account& to);

/// The record that was handed over is ours again: without CAP_DAC_OVERRIDE root reads only what he owns.
void take_back(const std::string& state);

/// Does something with the rights of that user, in a thread of its own. Needs CAP_SETUID and CAP_SETGID.
result<void> do_as(const account& who, const std::function<void()>& work);

/// Becomes the user, and keeps the capabilities that are permitted. Needs CAP_SETUID and CAP_SETGID.
result<void> become(const account& who);

} // namespace chronoknock::io
