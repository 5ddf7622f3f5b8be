#pragma once

#include "method/method.hpp"
#include "packet/dns.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <string_view>
#include <utility>

namespace chronoknock::method {

/// The verifiers of all methods that a configuration has keys of, as one.
class verifier_set {
public:
    explicit verifier_set(std::vector<std::unique_ptr<verifier>> all) : all_(std::move(all)) {}

    /// That of a method, if there is one.
    const verifier* of(std::string_view method) const {
        const auto found = std::ranges::find(all_, method, [](const auto& v) { return v->method(); });
        return found == all_.end() ? nullptr : found->get();
    }
    /// Takes the place of those that these were made to follow.
    void take_over(verifier_set& before) {
        for (const auto& v : all_)
            for (const auto& old : before.all_)
                if (old->method() == v->method()) v->take_over(*old);
    }

    bool advance(instant now, const time_estimate& t, std::size_t work) {
        bool done = true;
        for (const auto& v : all_) done &= v->advance(now, t, work);
        return done;
    }
    void observe(const packet::event& e, instant now) {
        if (e.kind == packet::kind::datagram && e.port == packet::dns_port)
            if (const auto name = packet::dns_question(e.payload)) {
                auto asking = e;
                asking.asked_name = name->view();
                return observe_each(asking, now);
            }
        observe_each(e, now);
    }
    /// Gives what was completed. One that throws costs the others nothing: see rethrow().
    std::vector<granting::claim> end_batch(instant now) {
        std::vector<granting::claim> claims;
        for (const auto& v : all_) {
            try {
                std::ranges::move(v->end_batch(now), std::back_inserter(claims));
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
        for (const auto& v : all_) std::ranges::move(v->take_answers(), std::back_inserter(sum));
        return sum;
    }
    bool waiting() const {
        return std::ranges::any_of(all_, [](const auto& v) { return v->waiting(); });
    }
    /// Their big tables.
    std::vector<std::span<const std::byte>> tables() const {
        std::vector<std::span<const std::byte>> all;
        for (const auto& v : all_) std::ranges::move(v->tables(), std::back_inserter(all));
        return all;
    }
    /// The sum of what they count by that name.
    std::uint64_t count(std::string_view name) const {
        std::uint64_t sum = 0;
        for (const auto& v : all_)
            for (const auto& [counted, number] : v->count())
                if (counted == name) sum += number;
        return sum;
    }

private:
    void observe_each(const packet::event& e, instant now) {
        for (const auto& v : all_) v->observe(e, now);
    }

    std::vector<std::unique_ptr<verifier>> all_;
    std::exception_ptr failure_;
};

} // namespace chronoknock::method
