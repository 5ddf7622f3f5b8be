#include "app/sources.hpp"

#include "client/reach.hpp"
#include "client/stun.hpp"
#include "io/client/stun_query.hpp"
#include "io/system/descriptor.hpp"

#include <future>
#include <stop_token>
#include <sys/eventfd.h>
#include <thread>

namespace chronoknock::app {

namespace {

bool is_to_be_asked(const order& o, const way& w) {
    return !w.pair && !o.profile.stun.empty() && !o.profile.source && !o.request.beneficiary &&
           (!o.key || o.key->heeds_address()) && client::is_translated(w.source, w.to.ip);
}

std::vector<std::string> stun_hosts(const order& o) {
    std::vector<std::string> hosts;
    for (const auto& s : o.profile.stun) hosts.push_back(s.where.host);
    return hosts;
}

/// Asks the servers; refused if only one address has answered of two that there must be.
result<client::stun_agreement> ask(const std::vector<config::stun_server>& servers, const address& source,
                                   bool names_address, const std::stop_token& stop) {
    const auto said = io::ask_stun(servers, source, {.stop = stop});
    if (!said) return said;
    if (const auto enough = client::enough_witnesses(said->witnesses, names_address); !enough)
        return error{"the names of the STUN servers lead to one address; " + enough.error().text};
    return said;
}

} // namespace

struct source_question::state {
    io::descriptor answered{::eventfd(0, EFD_CLOEXEC)};
    std::vector<std::optional<result<client::stun_agreement>>> answers;
    bool asks = false;
    bool warns = false;  ///< the user wants to be told each step
    std::jthread thread; // the last member: it is stopped and joined before the others end
};

source_question::source_question(const order& o, const std::vector<way>& ways)
    : state_(std::make_unique<state>()) {
    std::vector<std::optional<address>> sources;
    for (const auto& w : ways) {
        sources.push_back(is_to_be_asked(o, w) ? std::optional(w.source) : std::nullopt);
        state_->asks |= sources.back().has_value();
    }
    state_->answers.resize(ways.size());
    if (!state_->asks) return;
    const auto hosts = stun_hosts(o);
    const bool names_address = o.key && method::method_of(*o.key).carries.beneficiary;
    if (const auto enough = client::enough_witnesses(client::witnesses(hosts), names_address); !enough) {
        for (std::size_t i = 0; i < sources.size(); ++i)
            if (sources[i]) state_->answers[i] = enough.error();
        ::eventfd_write(state_->answered.get(), 1);
        return;
    }
    state_->warns = o.verbose;
    state_->thread = std::jthread(
        [s = state_.get(), servers = o.profile.stun, sources, names_address](std::stop_token stop) {
            std::vector<std::future<result<client::stun_agreement>>> asked(sources.size());
            for (std::size_t i = 0; i < sources.size(); ++i)
                if (sources[i])
                    asked[i] = std::async(std::launch::async, [&, source = *sources[i], stop] {
                        return ask(servers, source, names_address, stop);
                    });
            for (std::size_t i = 0; i < sources.size(); ++i)
                if (sources[i]) s->answers[i] = asked[i].get();
            ::eventfd_write(s->answered.get(), 1);
        });
}

source_question::~source_question() = default;

bool source_question::asks() const { return state_->asks; }

int source_question::answered() const { return state_->answered.get(); }

const std::vector<std::optional<result<client::stun_agreement>>>& source_question::answers() {
    if (state_->thread.joinable()) state_->thread.join();
    return state_->answers;
}

void source_question::settle(std::vector<way>& ways) {
    const auto& all = answers();
    for (std::size_t i = 0; i < ways.size(); ++i) {
        if (!all[i]) continue;
        if (!*all[i])
            throw stop{
                say(failed, all[i]->error().text + "; --source IP says which address the server sees")};
        const auto& said = **all[i];
        if (state_->warns && said.witnesses == 1)
            tell("knocking for " + said.mapped.to_string() +
                 ", by the word of one STUN server alone: a second --stun HOST would have to agree");
        ways[i].source = said.mapped;
        ways[i].told = true;
    }
}

} // namespace chronoknock::app
