#include "io/firewall/guard_table.hpp"

#include "io/firewall/connections.hpp"
#include "io/firewall/nft_run.hpp"
#include "io/log/log.hpp"

namespace chronoknock::io {

namespace rules_of = chronoknock::firewall;
using rules_of::flow;
using rules_of::rules;

error text_of(const char* what, const boost::system::error_code& e) {
    if (e == boost::system::errc::operation_not_permitted)
        return {std::string("firewall: ") + what + ": not permitted: CAP_NET_ADMIN is needed"};
    return {std::string("firewall: ") + what + ": " + e.message()};
}

bool guard_table::translates() { return kernel_.translates() || legacy_translates(); }

bool guard_table::give_way() {
    if (!kernel_.is_owned()) return false;
    log::warning("firewall: another process owns the table " + kernel_.table() + ": using " +
                 rules_of::spare_table);
    kernel_.use_table(rules_of::spare_table);
    return true;
}

result<bool> guard_table::run(const rules& r, std::span<const flow> admitted) {
    const auto there = kernel_.state();
    if (!there) return text_of("reading the table", there.error());
    const bool had_sets = !there->sets.empty();
    std::string refusal;
    if (const auto script = rules_of::setup_script(r, *there, admitted); !script) {
        refusal = script.error().text;
    } else {
        const auto answer = ask_nft(*script);
        if (!answer) return answer.error(); // that says nothing of the table
        if (!*answer) return had_sets;
        refusal = **answer;
    }

    // A set that is full takes not even what it holds already.
    if (const auto bare = rules_of::setup_script(r, *there, {}); had_sets && bare && run_nft(*bare))
        return true;
    // Perhaps the table is not as any version of ours would leave it. Its grants are known by now.
    const auto fresh = rules_of::setup_script(r, {}, admitted);
    if (!fresh) return fresh.error();
    if (const auto made = run_nft(rules_of::removal_script(r.table) + *fresh); !made) return made.error();
    log::warning("firewall: the table that was there could not be kept (" + refusal + "): made anew");
    return false;
}

result<bool> guard_table::write(const rules& r, std::span<const flow> admitted) {
    const auto handle_before = made_ ? made_->handle : 0;
    bool kept = true;
    for (int tries = 0; tries < 3; ++tries) {
        const auto before = kernel_.generation();
        const auto kept_now = run(r, admitted);
        if (!kept_now) return kept_now.error();
        kept = kept && *kept_now;
        made_.reset();
        auto print = kernel_.fingerprint();
        const auto after = kernel_.generation();
        if (!print || !before || !after) continue; // gone again
        made_ = std::move(*print);
        // Surely of what we made. (Others change their own tables all the time: no more than a few tries.)
        if (*after == *before + 1) break;
    }
    if (!made_) return error{"firewall: the table is removed by somebody as soon as it is made"};
    return kept && (handle_before == 0 || handle_before == made_->handle);
}

bool guard_table::is_whole() {
    const auto print = kernel_.fingerprint();
    return print && made_ && *print == *made_;
}

} // namespace chronoknock::io
