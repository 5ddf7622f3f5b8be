#pragma once

#include "key/carrier.hpp"
#include "method/sealed/tags.hpp"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace chronoknock::sealed {

/// How a message came.
struct arrival {
    address source;
    key::carrier carrier;
    instant first; ///< when its first packet did
};

/// Messages that wait for a ration, the oldest first. One address has one place for each key, and a key has
/// so many: whoever floods with what he overheard, from his own address, takes up one place.
class message_queue {
public:
    struct entry {
        message m;
        tags::live window;
        arrival how;
        std::uint64_t hash;   ///< of m and the key
        std::uint64_t sender; ///< hash of address and key
    };

    message_queue(std::size_t most, std::size_t most_of_key) : most_(most), most_of_key_(most_of_key) {}

    /// False if there is no place for it.
    bool push(const entry& e) {
        if (all_.size() == most_ || of_key(e.window.held) == most_of_key_) return false;
        if (!senders_.insert(e.sender).second) return false;
        ++of_key_[e.window.held];
        all_.push_back(e);
        return true;
    }
    /// How many wait that are of a key.
    std::size_t of_key(std::uint32_t held) const {
        const auto found = of_key_.find(held);
        return found == of_key_.end() ? 0 : found->second;
    }
    bool empty() const { return all_.empty(); }

    /// Calls serve for each, which says whether it is done with it.
    template <class Serve>
    void serve(Serve&& serve) {
        std::erase_if(all_, [&](const entry& e) {
            if (!serve(e)) return false;
            senders_.erase(e.sender);
            if (--of_key_[e.window.held] == 0) of_key_.erase(e.window.held);
            return true;
        });
    }

private:
    std::size_t most_;
    std::size_t most_of_key_;
    std::vector<entry> all_;
    boost::unordered_flat_set<std::uint64_t> senders_;
    boost::unordered_flat_map<std::uint32_t, std::size_t> of_key_;
};

} // namespace chronoknock::sealed
