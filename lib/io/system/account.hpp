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

/// The user of that name or number, with its groups.
result<account> find_account(const std::string& name);
/// Whether there is a user of that name.
bool is_user(const std::string& name);

/// Whether a folder is ours by its name, and not one that others use as well.
bool is_ours(const std::string& folder);

/// Makes the folder of the server's record fit for a user: it stays root's, and the user's group may make
/// files in it and take away those, no others (so the last good guard stays root's). That goes for a folder
/// that is made here, and for one that is called chronoknock, as ours are: others stay as they are. The user
/// must be able to make files in it, and to reach it: folders above it that are made here let others pass.
/// What the server has left there becomes his. The folder of the control socket stays root's: it is root who
/// listens there. Needs what do_as() needs.
result<void> hand_over(const std::string& state, const account& to);

/// As far as hand_over() changes something, without asking whether the user can make files there: needs
/// CAP_CHOWN alone.
void give_record(const std::string& state, const account& to);

/// Whether hand_over() would succeed, and the same error if not; nothing is changed.
result<void> can_hand_over(const std::string& state, const account& to);

/// Whether a server that is this user from the start, under systemd, could open its record and its control
/// socket: with what its helper gives it (give_record(), in /var/lib/chronoknock alone, since its unit writes
/// to no other folder) and its unit (/run/chronoknock). Nothing is changed. Needs what do_as() needs.
result<void> can_serve_apart(const std::string& state, const std::string& control, const account& who);

/// Whether we ourselves can: the folder of the record, which is made if need be, and what is there of it. The
/// error is what no waiting mends.
result<void> reaches_record(const std::string& state);

/// The record that was handed over is ours again: without CAP_DAC_OVERRIDE root reads only what he owns.
void take_back(const std::string& state);

/// Does something with the rights of that user, in a thread of its own. Needs CAP_SETUID and CAP_SETGID.
result<void> do_as(const account& who, const std::function<void()>& work);

/// Becomes the user, and keeps the capabilities that are permitted. Needs CAP_SETUID and CAP_SETGID.
result<void> become(const account& who);

} // namespace chronoknock::io
