#pragma once

#include "method/arrivals.hpp"
#include "method/method.hpp"
#include "method/static/key.hpp"
#include "method/tracker.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace chronoknock::fixed {

/// An error if the keys (indices into s.keys) have more different ports than a verifier can tell apart.
result<void> check_ports(const config::server& s, std::span<const std::uint32_t> keys);

/// Finds the fixed sequences of all keys among the SYNs and datagrams of each address.
class verifier final : public method::verifier {
public:
    explicit verifier(const method::verifier_settings& s);

    std::string_view method() const override { return credential::name; }
    void take_over(method::verifier& before) override;
    bool advance(instant, const time_estimate&, std::size_t) override { return true; }
    void observe(const packet::event& e, instant now) override;
    std::vector<granting::claim> end_batch(instant now) override;
    std::vector<std::span<const std::byte>> tables() const override {
        const auto [syns, index] = tracker_->tables();
        return {syns, index};
    }
    std::vector<std::pair<std::string_view, std::uint64_t>> count() const override;

private:
    /// A sequence as its knocks' ports, each a number of its own for protocol and port: what the tracker
    /// remembers as a port.
    struct candidate {
        std::uint32_t key;   ///< index into server.keys
        std::uint32_t index; ///< of the sequence among the key's
        bool strict;
        std::vector<std::uint16_t> ports;
    };

    bool number_ports(const method::verifier_settings& s);
    bool give_numbers(std::span<const std::uint32_t> keys);
    void take_expected();
    void take(const method::tracker::arrival& a, instant now);
    void look(method::tracker::slot s, instant now);
    granting::claim claim_of(const candidate& c, const address& who, instant first) const;

    const config::server& server_;
    std::vector<std::uint16_t> number_of_; ///< of protocol and port; 0: in no sequence, and never was
    std::uint16_t numbers_ = 0;            ///< how many have been given
    bool inherits_ = false;                ///< the tracker is that of the one before
    std::vector<candidate> candidates_;
    std::vector<std::vector<std::uint32_t>> with_; ///< candidates that have a port, by its number
    port_set every_number_;                        ///< that is in a sequence
    std::shared_ptr<method::tracker> tracker_;
    method::arrivals expected_;
    std::vector<method::tracker::slot> dirty_;
    std::vector<granting::claim> found_;
    std::vector<std::uint64_t> tried_in_; ///< by candidate: the look that it was tried in last
    std::uint64_t looks_ = 0;
    std::uint16_t datagrams_ = 0; ///< so that no two look like one that is sent again
    std::uint64_t tracked_ = 0;
};

} // namespace chronoknock::fixed
