#pragma once

#include "base/error.hpp"
#include "base/reader.hpp"
#include "firewall/nft_order.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// All that the server, without privileges, can have its helper do. The helper keeps what the server gives
/// up: it may run nft and programs, read the configuration, look up names and write the last good guard.
/// What a request names are values, never text for a shell, nft or a path: nothing else can be asked, and
/// what is out of bounds is refused as a whole.
namespace chronoknock::helper {

/// Have nft make the guard's table. Answered with what nft said against it, if anything.
struct write_guard {
    firewall::nft_order order;
    bool operator==(const write_guard&) const = default;
};

/// Write the guard of these rules down for the next boot: guard.nft beside the server's state.
struct keep_guard {
    firewall::rules rules;
    bool operator==(const keep_guard&) const = default;
};

/// Set up the guard that was written down.
struct restore_guard {
    bool operator==(const restore_guard&) const = default;
};

/// Tell whether iptables-legacy translates addresses here, which only root can read.
struct find_translation {
    bool operator==(const find_translation&) const = default;
};

/// Read the configuration that the server was started with (it names no file), what it includes and its key
/// files. Answered with their texts.
struct read_configuration {
    bool operator==(const read_configuration&) const = default;
};

/// Find the addresses of a host's name.
struct look_up {
    std::string host; ///< of letters, digits, '.', '-' and '_'
    bool operator==(const look_up&) const = default;
};

/// Run a program that the configuration names ([events] on_event), word for word, and end it when the server
/// says so. Answered with how it ended.
struct run_program {
    std::vector<std::string> command;
    std::vector<std::string> facts; ///< CHRONOKNOCK_NAME=VALUE of its environment, printable ASCII
    bool operator==(const run_program&) const = default;
};

using request = std::variant<write_guard, keep_guard, restore_guard, find_translation, read_configuration,
                             look_up, run_program>;

/// What is carried out at once of each kind, in the order of `request`; more are turned away.
inline constexpr std::size_t most_at_once[] = {2, 2, 1, 2, 2, 64, 8};

inline constexpr std::size_t most_request = 32 << 20; ///< bytes
inline constexpr std::size_t most_name = 253;         ///< of a host (RFC 1035, 2.3.4)
inline constexpr std::size_t most_words = 64;         ///< of a program, its name included; as many facts
inline constexpr std::size_t most_word = 4096;        ///< bytes of each

std::string encode(const request& r);
/// The error says what was expected; nothing of a request that is refused is carried out.
result<request> decode(byte_view bytes);

} // namespace chronoknock::helper
