#include "app/running_server.hpp"

#include "app/options.hpp"
#include "io/control/ask.hpp"

#include <boost/json.hpp>

namespace chronoknock::app {

namespace {

/// A server that was started from an older program.
bool does_not_know(const error& e) { return e.text.starts_with("unknown operation"); }

} // namespace

bool take_up(const std::string& control) {
    if (!io::somebody_listens(control)) {
        tell("no server is running (" + control + "): the change counts from its next start");
        return true;
    }
    const auto reloaded = io::ask(control, {"reload"}, io::reload_limits);
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

bool end_grants(const std::string& control, const std::vector<std::string>& keys, bool cut) {
    if (!io::somebody_listens(control)) {
        tell("no server is running: what is open stays open until its time is over, and connections go on");
        return !cut;
    }
    for (const auto& key : keys) {
        const auto revoked = io::ask(control, {"revoke", {{"key", key}, {"cut", cut}}});
        // Of one that has opened nothing there is nothing to end.
        if (revoked || revoked.error().code == io::nothing_to_end) continue;
        if (does_not_know(revoked.error()))
            tell("the running server cannot be asked to end the grants: they end when their time is over");
        else
            tell("the grants of " + key + " are not ended: " + revoked.error().text);
        return does_not_know(revoked.error()) && !cut;
    }
    tell(cut ? "grants ended, and the connections cut that may have come by them"
             : "grants ended; connections that exist go on");
    return true;
}

} // namespace chronoknock::app
