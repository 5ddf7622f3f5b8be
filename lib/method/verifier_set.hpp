#pragma once

#include "method/method.hpp"
#include "packet/dns.hpp"
#include "packet/wish_table.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace chronoknock::method {

/// The verifiers of all methods that a configuration has keys of, as one. An event costs those only who wish
/// for it.
class verifier_set {
public:
    explicit verifier_set(std::vector<watcher> all) {
        for (auto& w : all) {
            const auto& one = all_.emplace_back(std::make_unique<member>(std::move(w)));
            if (one->wish.contains_some(packet::kind::syn)) for_syns_.push_back(one.get());
            if (one->wish.contains_some(packet::kind::echo)) for_echoes_.push_back(one.get());
            for (const auto& ports : one->wish.datagrams())
                datagrams_.push_back({ports, one->verifier.get()});
        }
    }

    /// That of a method, if there is one.
    const verifier* of(std::string_view method) const {
        for (const auto& one : all_)
            if (one->verifier->method() == method) return one->verifier.get();
        return nullptr;
    }
    /// Takes the place of those that these were made to follow.
    void take_over(verifier_set& before) {
        for (const auto& old : before.all_) {
            const auto heir = std::ranges::find_if(
                all_, [&](const auto& one) { return one->verifier->method() == old->verifier->method(); });
            heir == all_.end() ? old->verifier->retire() : (*heir)->verifier->take_over(*old->verifier);
        }
    }

    bool advance(instant now, const time_estimate& t, std::size_t work) {
        bool done = true;
        for (const auto& one : all_) done &= one->verifier->advance(now, t, work);
        return done;
    }
    void observe(const packet::event& e, instant now) {
        if (e.kind == packet::kind::datagram && e.port == packet::dns_port)
            if (const auto name = packet::dns_question(e.payload)) {
                auto asking = e;
                asking.asked_name = name->view();
                return show(asking, now);
            }
        show(e, now);
    }
    /// Gives what was completed. One that throws costs the others nothing: see rethrow().
    std::vector<granting::claim> end_batch(instant now) {
        std::vector<granting::claim> claims;
        for (const auto& one : all_) {
            try {
                std::ranges::move(one->verifier->end_batch(now), std::back_inserter(claims));
            } catch (...) {
                if (!failure_) failure_ = std::current_exception();
            }
        }
        return claims;
    }
    /// Throws what end_batch() caught, the first of it. To be called when the claims were taken care of.
    void rethrow() {
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }
    std::vector<packet::datagram> take_answers() {
        std::vector<packet::datagram> sum;
        for (const auto& one : all_)
            std::ranges::move(one->verifier->take_answers(), std::back_inserter(sum));
        return sum;
    }
    bool waiting() const {
        return std::ranges::any_of(all_, [](const auto& one) { return one->verifier->waiting(); });
    }
    /// Their big tables.
    std::vector<std::span<const std::byte>> tables() const {
        std::vector<std::span<const std::byte>> all;
        for (const auto& one : all_) std::ranges::move(one->verifier->tables(), std::back_inserter(all));
        return all;
    }
    /// The sum of what they count by that name.
    std::uint64_t count(std::string_view name) const {
        std::uint64_t sum = 0;
        for (const auto& one : all_)
            for (const auto& [counted, number] : one->verifier->count())
                if (counted == name) sum += number;
        return sum;
    }

private:
    struct member {
        explicit member(watcher w) : verifier(std::move(w.verifier)), wish(w.wish) {}

        std::unique_ptr<method::verifier> verifier;
        packet::wish_table wish;
    };

    struct datagram_wish {
        packet::wish_table::sized_ports ports;
        method::verifier* verifier;
    };

    void show(const packet::event& e, instant now) {
        if (e.kind == packet::kind::datagram) return show_datagram(e, now);
        for (auto* const one : e.kind == packet::kind::syn ? for_syns_ : for_echoes_)
            if (one->wish.contains(e)) one->verifier->observe(e, now);
    }

    /// The wishes of a verifier stand side by side, and it sees a datagram once.
    void show_datagram(const packet::event& e, instant now) {
        const method::verifier* seen_by = nullptr;
        for (const auto& wish : datagrams_)
            if (wish.ports.contains(e) && wish.verifier != seen_by) {
                wish.verifier->observe(e, now);
                seen_by = wish.verifier;
            }
    }

    std::vector<std::unique_ptr<member>> all_;
    std::vector<member*> for_syns_; ///< those who wish for some
    std::vector<member*> for_echoes_;
    std::vector<datagram_wish> datagrams_; ///< of all
    std::exception_ptr failure_;
};

} // namespace chronoknock::method
