#pragma once

#include "base/error.hpp"
#include "base/service.hpp"

#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The files of other port knockers, made into files of ours: `chronoknock import`.
namespace chronoknock::config::importing {

/// What is made of a file.
struct imported {
    struct key_file {
        std::string name; ///< relative to the configuration: "keys/NAME.key"
        std::string text; ///< a secret
    };
    std::string configuration; ///< chronoknock.ini(5)
    std::vector<key_file> keys;
    /// What is not as it was, a line each: "FILE:LINE: of what: what about it". No secret.
    std::vector<std::string> notes;
};

/// Reads another file that the first one names.
using file_reader = std::function<result<std::string>(const std::string& path)>;

/// Whether some port is in both.
inline bool overlap(const endpoint_range& a, const endpoint_range& b) {
    return a.protocol == b.protocol && a.ports.first <= b.ports.last && b.ports.first <= a.ports.last;
}

/// How long new connections get in where the file said nothing, or for ever.
inline constexpr nanoseconds usual_open_for = std::chrono::seconds(30);
/// What a service may be open for (chronoknock.ini(5)).
inline constexpr nanoseconds longest_open_for = std::chrono::hours(720);
/// Keys that are taken from one file.
inline constexpr std::size_t most_keys = 1024;

/// Collects services and keys. Ports of one service are no other's (chronoknock.ini(5)): each port or range
/// is a service of its own, which several keys may open.
class draft {
public:
    /// file: its name, for notes.
    explicit draft(std::string file) : file_(std::move(file)) {}

    void note(int line, std::string_view about, std::string_view text) { note_in(file_, line, about, text); }
    void note_in(std::string_view file, int line, std::string_view about, std::string_view text);

    struct key {
        std::string_view name;     ///< wished for; made to fit, and different from others'
        std::string_view identity; ///< its secret; another key with the same one gets the services instead
        std::string text;          ///< of its file
        std::string_view more;     ///< lines of its section
    };
    /// A key that opens these ports for so long; false, and a note, if it cannot. max_open_for: what it may
    /// ask for; 0: open_for.
    bool add(int line, std::string_view about, const key& k, std::span<const endpoint_range> ports,
             nanoseconds open_for, nanoseconds max_open_for = nanoseconds(0));

    /// sections: text of others. The error: there is no key.
    result<imported> finish(std::string_view sections);

private:
    struct made_key {
        std::string name;
        std::string identity;
        std::string more;
        std::vector<std::size_t> services;
    };
    std::string fresh_name(std::string_view wished);

    std::string file_;
    std::vector<service> services_;
    std::vector<made_key> made_;
    std::set<std::string> names_;
    imported out_;
};

} // namespace chronoknock::config::importing
