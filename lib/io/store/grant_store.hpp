#pragma once

#include "base/error.hpp"
#include "grant/burnt.hpp"
#include "grant/history.hpp"
#include "grant/opened.hpp"
#include "grant/shared.hpp"
#include "io/store/opened_table.hpp"
#include "report/series.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace chronoknock::io {

/// What the server must not forget: which tokens are burnt, since when it is known to lack none of them, and
/// what happened. Nothing here holds up the loop but the opening and the closing. What was asked for and
/// fails is answered with an error, whatever it was that failed.
class grant_store {
public:
    using answer = std::function<void(const result<void>&)>;

    virtual ~grant_store() = default;

    /// All that is burnt.
    virtual result<std::vector<granting::burnt>> load() = 0;
    /// Burns tokens, all or none of them, so that they are burnt after a SIGKILL, and with them writes down
    /// what they open. `done` is called in a later turn of the loop, a few seconds later at the most; after
    /// an error they may be burnt nevertheless.
    virtual void redeem(std::vector<granting::burnt> tokens, std::vector<granting::opened_grant> grants,
                        answer done) = 0;
    /// The same for one token of a key of the fleet: all of its hosts burn it once.
    using shared_answer = std::function<void(const granting::shared_outcome&)>;
    virtual void redeem_shared(granting::burnt token, std::vector<granting::opened_grant> grants,
                               granting::shared_claim claim, shared_answer done) {
        (void)token, (void)grants, (void)claim;
        done({granting::shared_outcome::kind::failed, "there is no fleet"});
    }
    /// These need not be remembered any more; sooner or later they are not.
    virtual void forget(std::vector<granting::burnt> tokens) = 0;

    /// What began before this moment is refused (granting::replay_guard). Nothing as long as it must be set
    /// anew, because some of what is burnt may be lacking.
    virtual std::optional<unix_time> floor() const = 0;
    virtual result<void> set_floor(unix_time t) = 0;
    /// When it was last found that tokens are lacking which it had; the greatest time while no floor was set
    /// since. Nothing: never.
    virtual std::optional<unix_time> lacking() const = 0;

    /// What was opened and has not ended as far as is known, the oldest first.
    virtual result<std::vector<granting::opened_grant>> open_grants() = 0;
    /// What each key opened last.
    virtual result<std::vector<granting::opened_grant>> newest_opened() = 0;
    /// What a key (its name) opened, and what any of some keys did: address and service.
    virtual result<opened_by_key> opened_of(const std::string& key) = 0;
    virtual result<std::set<std::pair<prefix, std::string>>> opened_by(const std::set<std::string>& keys) = 0;
    /// Whoever opened this, it is closed: nothing of it is on its way. Noted within a second or so.
    virtual void closed(const prefix& who, const std::string& service) = 0;
    /// The backend that grants go to from now on; the answer: to which they went before, empty if not known.
    virtual result<std::string> exchange_backend(const std::string& name) = 0;
    /// Grants that have ended: noted within a second or so.
    virtual void end(std::span<const granting::opened_grant> grants) = 0;

    /// Keeps what happened, and which grants ended by it: within a second or so; what a SIGKILL comes before
    /// is lost. stays_open: what expired may be open yet, and closed() tells when it is not.
    virtual void note(granting::history_entry entry, bool stays_open = false) = 0;
    /// The latest of what happened, the newest first.
    virtual result<std::vector<granting::history_entry>> history(std::size_t most) = 0;
    /// The entries that are asked for, the newest first.
    virtual result<std::vector<granting::numbered_entry>>
    find_in_history(const granting::history_query& q) = 0;

    /// Keeps a row of the series; within a second or so as well.
    virtual void keep(const report::period&) {}

    /// Sees everything to the disk, so that the next start finds no gap. Nothing is to be asked of it
    /// then, and what was asked gets no answer.
    virtual result<void> close_cleanly() = 0;
};

} // namespace chronoknock::io
