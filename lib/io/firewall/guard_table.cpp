#include "io/firewall/guard_table.hpp"

#include "io/firewall/connections.hpp"
#include "io/log/log.hpp"

namespace chronoknock::io {

using firewall::flow;
using firewall::rules;

error text_of(const char* what, const boost::system::error_code& e) {
    if (e == boost::system::errc::operation_not_permitted)
        return {std::string("firewall: ") + what + ": not permitted: CAP_NET_ADMIN is needed"};
    return {std::string("firewall: ") + what + ": " + e.message()};
}

bool guard_table::legacy_translates() const {
    const auto known = io::legacy_translates();
    return known ? *known : legacy_ ? legacy_() : may_translate;
}

bool guard_table::translates() { return kernel_->translates() || legacy_translates(); }

bool guard_table::give_way() {
    if (!kernel_->is_owned()) return false;
    log::warning("firewall: another process owns the table " + kernel_->table() + ": using " +
                 firewall::spare_table);
    kernel_->use_table(firewall::spare_table);
    return true;
}

result<bool> guard_table::run(const rules& r, std::span<const flow> admitted, const std::set<flow>& cut) {
    const auto there = kernel_->state();
    if (!there) return text_of("reading the table", there.error());
    const bool had_sets = !there->sets.empty();
    using firewall::nft_order;
    const auto kept =
        kernel_->run({nft_order::action::keep, r, *there, {admitted.begin(), admitted.end()}, cut});
    if (!kept) return kept.error(); // that says nothing of the table
    if (!*kept) return had_sets;
    const auto refusal = **kept;

    // A set that is full takes not even what it holds already.
    if (had_sets) {
        const auto bare = kernel_->run({nft_order::action::keep, r, *there});
        if (bare && !*bare) return true;
    }
    // Perhaps the table is not as any version of ours would leave it. Its grants are known by now.
    const auto fresh =
        kernel_->run({nft_order::action::anew, r, {}, {admitted.begin(), admitted.end()}, cut});
    if (!fresh) return fresh.error();
    if (*fresh) return error{**fresh};
    log::warning("firewall: the table that was there could not be kept (" + refusal + "): made anew");
    return false;
}

result<guard_table::written> guard_table::write(const rules& r, std::span<const flow> admitted,
                                                const std::set<flow>& cut) {
    const auto handle_before = made_ ? made_->handle : 0;
    written w;
    for (int tries = 0; tries < 3; ++tries) {
        const auto before = kernel_->generation();
        const auto kept = run(r, admitted, cut);
        if (!kept && tries == 0) return kept.error();
        // From here on the new rules are what holds, whatever the kernel says later.
        if (!kept) break;
        w.kept = w.kept && *kept;
        forget();
        if (before) written_at_ = *before + 1;
        auto print = kernel_->fingerprint();
        const auto after = kernel_->generation();
        if (!print || !before || !after) continue;
        made_ = std::move(*print);
        // Surely of what we made. (Others change their own tables all the time: no more than a few tries.)
        if (*after == *written_at_) break;
    }
    w.verified = made_.has_value();
    w.kept = w.kept && (handle_before == 0 || (made_ && handle_before == made_->handle));
    return w;
}

firewall::guardian::sight guard_table::look() {
    using enum firewall::guardian::sight;
    auto print = kernel_->fingerprint();
    if (!print) return print.error() == boost::system::errc::no_such_file_or_directory ? changed : unreadable;
    if (made_) return *print == *made_ ? whole : changed;
    // Written, and not read back then: if nobody has changed anything since, this is what was written.
    const auto now = kernel_->generation();
    if (!now) return unreadable;
    if (written_at_ != *now) return outdated;
    made_ = std::move(*print);
    return whole;
}

} // namespace chronoknock::io
