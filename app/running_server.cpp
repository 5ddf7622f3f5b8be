#include "app/running_server.hpp"

#include "app/options.hpp"
#include "io/control/ask.hpp"

#include <boost/json.hpp>
#include <exception>
#include <string_view>

namespace chronoknock::app {

namespace {

/// A server that was started from an older program.
bool does_not_know(const error& e) { return e.text.starts_with("unknown operation"); }

} // namespace

bool take_up(const std::string& control, bool may_lose_keys) {
    if (!io::somebody_listens(control)) {
        tell("no server is running (" + control + "): the change counts from its next start");
        return true;
    }
    const auto reloaded = io::ask(control, {"reload", {{"may_lose_keys", may_lose_keys}}}, io::reload_limits);
    if (reloaded) {
        tell("the running server has taken up the change");
        return true;
    }
    if (does_not_know(reloaded.error())) {
        tell("the running server cannot be asked to reload: `systemctl reload chronoknock`, or SIGHUP, has "
             "it take "
             "up the change");
        return true;
    }
    tell("the running server has not taken up the change: " + reloaded.error().text);
    return false;
}

std::vector<std::string> keys_served(const std::string& control) {
    std::vector<std::string> names;
    const auto status = io::ask(control, {"status"});
    const auto* const keys = status ? status->if_contains("keys") : nullptr;
    if (!keys || !keys->is_array()) return names;
    for (const auto& k : keys->get_array()) {
        const auto* const name = k.is_object() ? k.get_object().if_contains("name") : nullptr;
        if (name && name->is_string()) names.emplace_back(std::string_view(name->get_string()));
    }
    return names;
}

bool found_nothing(const io::refusal& why) {
    // A server that was started from an older program says it in words alone.
    return why.code == io::nothing_to_end || why.text.starts_with("no key '") ||
           why.text.starts_with("no grant to ");
}

void tell_of_forgotten(const boost::json::object& revoked) {
    if (const auto* const forgotten = revoked.if_contains("addresses_forgotten");
        forgotten && forgotten->as_bool())
        tell("the key has opened for more addresses than are remembered: TCP connections that no other key's "
             "record explains are cut as well; UDP peers of forgotten addresses are not: `chronoknock revoke "
             "ADDRESS --cut` cuts them");
}

ending end_grants(const std::string& control, const std::vector<std::string>& keys, bool cut) {
    if (!io::somebody_listens(control)) {
        tell("no server is running: what is open stays open until its time is over, and connections go on");
        return cut ? ending::not_all : ending::all;
    }
    auto made = ending::nothing;
    for (const auto& key : keys) {
        const auto revoked = io::ask(control, {"revoke", {{"key", key}, {"cut", cut}}}, io::cut_limits);
        if (revoked) {
            if (made == ending::nothing) made = ending::all;
            try {
                if (cut) tell_of_forgotten(*revoked);
            } catch (const std::exception&) {
                tell("the server's answer is not what this program knows");
                made = ending::not_all;
            }
        } else if (does_not_know(revoked.error())) {
            tell("the running server cannot be asked to end the grants: they end when their time is over");
            return cut ? ending::not_all : ending::all;
        } else if (!found_nothing(revoked.error())) {
            tell("the grants of " + key + " are not ended: " + revoked.error().text);
            made = ending::not_all;
        }
    }
    if (made == ending::all)
        tell(cut ? "grants ended, and the connections cut that may have come by them"
                 : "grants ended; connections that exist go on");
    return made;
}

} // namespace chronoknock::app
