#pragma once

#include "method/method.hpp"
#include "method/time_sequence/credential.hpp"
#include "method/time_sequence/matcher.hpp"

namespace chronoknock::time_sequence {

/// The matcher, with claims made of what it finds.
class verifier final : public method::verifier {
public:
    explicit verifier(const method::verifier_settings& s)
        : server_(s.server),
          matcher_(s.server, s.keys, s.seed, s.known,
                   s.before ? &static_cast<const verifier*>(s.before)->matcher_ : nullptr) {}

    std::string_view method() const override { return credential::name; }
    void take_over(method::verifier& before) override {
        matcher_.take_over(static_cast<verifier&>(before).matcher_);
    }
    bool advance(instant now, const time_estimate& t, std::size_t work) override {
        return matcher_.advance(now, t, work);
    }
    void observe(const packet::event& e, instant now) override { matcher_.observe(e, now); }
    std::vector<granting::claim> end_batch(instant now) override;
    bool waiting() const override { return matcher_.waiting(); }
    std::vector<std::span<const std::byte>> tables() const override { return matcher_.tables(); }
    std::shared_ptr<method::tracker> addresses() const override { return matcher_.addresses(); }
    std::vector<std::pair<std::string_view, std::uint64_t>> count() const override {
        return matcher_.count_by_name();
    }

private:
    const config::server& server_;
    matcher matcher_;
};

} // namespace chronoknock::time_sequence
