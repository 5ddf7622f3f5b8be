#pragma once

#include "timesync/clock.hpp"
#include "timesync/sample.hpp"
#include "timesync/settings.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

/// One server: when it is asked, and what its answers add up to.
namespace chronoknock::timesync {

/// The last eight samples (RFC 5905, section 10).
class clock_filter {
public:
    static constexpr std::size_t size = 8;

    /// Takes a sample in. Samples of an honest server have the truth in common; if an older one has nothing
    /// in common with the new one, the server or our clock has moved, and the older ones are forgotten: true
    /// then.
    bool add(const sample& s, const frequency_estimate& f);
    /// Adds to the dispersion of what is there: the boot clock may have moved by so much.
    void widen(nanoseconds by);
    void clear() { samples_.clear(); }

    /// The sample of the smallest distance at a moment, age included.
    const sample* best(instant now, const frequency_estimate& f) const;
    /// What all samples allow, carried on to a moment: one had a quick way there, another a quick way back,
    /// and of an honest server the truth lies in both.
    std::optional<candidate> at(instant now, const frequency_estimate& f) const;
    /// Root mean square of the differences to the best sample (RFC 5905, section 10).
    nanoseconds jitter(instant now, const frequency_estimate& f) const;

private:
    std::vector<sample> samples_; ///< oldest first
};

enum class peer_state {
    locating, ///< its address or keys are to be looked for at the deadline
    finding,  ///< the shell is looking
    burst,    ///< asking quickly for a first fix
    steady,   ///< asking at the interval
    silent,   ///< no answer: asking ever more rarely
    stopped,  ///< it told us to go away (DENY, RSTR), and proved that it is itself: for a day
    spare     ///< has no address that is not asked already: looks again later
};
std::string_view to_string(peer_state s);

/// One association: a machine that tells when it wants to act, and what. In locating and finding there is no
/// query out; in the other states there may be one, until its answer, or its deadline.
class peer {
public:
    enum class want { nothing, send, locate };

    peer(const server_settings& server, const settings& s);

    /// What to do at a moment; after send, query() says with what.
    want poll(instant now, const random_source& random);
    instant deadline() const { return deadline_; }

    void locate(std::vector<endpoint> endpoints, instant now);
    /// We could not do it: nothing went out, or there is no address.
    void failed(std::string_view why, instant now);
    /// The network said so in answer to a query: nobody listens, no such host.
    void refused(std::string_view why, instant now);
    /// All addresses found are asked by others.
    void stand_by(instant now);
    /// After a sample: whether it was found to contradict what most say. A pool has other addresses.
    void mark_false(bool is_false, instant now);
    /// frequency: of our clock; pivot: a guess at the time.
    answer receive(const ntp_header& header, const exchange& x, const frequency_estimate& f, unix_time pivot);
    /// Others can bring this about, by packets or a flapping link: asks at once, but in no more than one
    /// burst a minute, and between bursts not more often than each 16 s; looks for addresses with such gaps
    /// too.
    void wake(instant now);
    /// Asks in a burst at once, unless it was stopped.
    void hurry(instant now);
    /// After a sample: good, if the clock is well served by it, lengthens the interval in the end; else it
    /// shortens.
    void adapt(bool good);
    /// Asks at the least interval from now on: something has to be found out.
    void hasten(instant now);

    peer_state state() const { return state_; }
    const std::optional<ntp_timestamp>& query() const { return query_; }
    const endpoint* where() const { return endpoints_.empty() ? nullptr : &endpoints_[current_]; }
    /// It is being asked in a burst, or answered the last query but one that may be out.
    bool answers() const {
        return state_ == peer_state::burst ||
               (state_ == peer_state::steady && (reach_ & (query_ ? 2 : 1)) != 0);
    }
    std::uint8_t reach() const { return reach_; }
    nanoseconds interval() const { return interval_; }
    bool nts() const { return nts_; }
    bool pool() const { return pool_; }
    bool authenticated() const { return authenticated_; }
    /// Its first burst is over, or nothing can come of it.
    bool settled() const { return settled_; }
    /// It answered once, or is not likely to.
    bool spoke() const { return taken_ > 0 || settled_; }
    std::uint64_t samples() const { return taken_; }
    std::uint64_t refused() const { return refused_; }
    const std::string& problem() const { return problem_; }
    clock_filter& filter() { return filter_; }
    const clock_filter& filter() const { return filter_; }

    /// What there is to say since the last call; empty if nothing.
    std::optional<std::string> take_news();

private:
    /// The only place that changes the state: goes over to `next`, to act at the deadline.
    void enter(peer_state next, instant deadline);
    bool looked_for() const { return state_ == peer_state::locating || state_ == peer_state::finding; }
    /// The server asked for fewer queries than are configured.
    bool slowed() const { return least_ > configured_; }
    void take(const sample& s, const exchange& x, const frequency_estimate& f);
    void unanswered(std::string why, instant now);
    void obey(kiss k, bool authenticated, instant now);
    void slow_down(nanoseconds longest, const std::string& why, instant now);
    bool enabled() const { return state_ != peer_state::stopped && state_ != peer_state::spare; }
    void next_endpoint();
    void forget();
    instant later(instant from, nanoseconds wait) const;
    void say(std::string text) { news_ = std::move(text); }
    void complain(std::string problem);

    bool nts_;
    bool pool_;
    nanoseconds remote_interval_;
    nanoseconds local_interval_;
    nanoseconds configured_; ///< interval: that of the two which its address asks for
    nanoseconds least_;      ///< interval: what the configuration or RATE asks for
    nanoseconds most_;       ///< interval
    nanoseconds burst_gap_;
    nanoseconds interval_;
    peer_state state_ = peer_state::locating;
    instant deadline_{};
    std::vector<endpoint> endpoints_;
    std::size_t current_ = 0;
    std::optional<ntp_timestamp> query_;
    std::optional<kiss> kissed_; ///< came to the query, unproven
    bool settled_ = false;       ///< set by enter()
    bool authenticated_ = false;
    int burst_left_ = 0;
    int missed_ = 0;     ///< queries without an answer, in a row
    int fails_ = 0;      ///< failures of our own, in a row
    int silent_for_ = 0; ///< queries
    int good_ = 0;       ///< samples in a row
    int false_ = 0;      ///< samples in a row
    int since_kiss_ = 0; ///< samples
    bool kiss_proven_ = false;
    int spread_ = 0;          ///< of 1024
    std::size_t untried_ = 0; ///< endpoints since the last answer
    std::uint8_t reach_ = 0;
    std::uint64_t taken_ = 0;
    std::uint64_t refused_ = 0;
    std::string problem_;
    std::optional<std::string> news_;
    std::optional<instant> sent_;         ///< the last query
    std::optional<instant> looked_;       ///< for an address, the last time
    std::optional<instant> contradicted_; ///< the last time that it was said
    instant burst_at_{};
    bool complained_ = false; ///< the problem was said
    clock_filter filter_;
};

} // namespace chronoknock::timesync
