#pragma once

#include "base/error.hpp"
#include "base/reader.hpp"
#include "base/time.hpp"
#include "firewall/nft_order.hpp"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

/// All that the server, without privileges, can have its helper do. The helper keeps what the server gives
/// up: it may run nft and programs, read the configuration, look up names and write the last good guard.
/// What a request names are values, never text for a shell, nft or a path: nothing else can be asked, and
/// what is out of bounds is refused as a whole. (Packet sockets it opens by another way,
/// io/helper/packet_sockets.hpp, since libpcap asks the kernel for them.)
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

/// Take away our table and what was written down: the configuration has another backend now. Answered with
/// whether there was a table.
struct remove_guard {
    bool operator==(const remove_guard&) const = default;
};

/// Tell whether iptables-legacy translates addresses here, which only root can read; a helper that is not
/// root's says that it does.
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

/// A program that the configuration names: [events] command, [firewall] open and close.
enum class program : std::uint8_t { event, open, close };

/// Run one of those that the helper itself has read there, word for word, and end it when the server says so,
/// or its time limit is over. Answered with how it ended.
struct run_program {
    program which = program::event;
    std::vector<std::string> command;
    std::vector<std::string> facts; ///< of its environment, as facts.hpp has them
    bool operator==(const run_program&) const = default;
};

/// From now on the configuration that was read last is the one in use. Not answered. Programs are run of that
/// one, of the one read last, which the server may yet refuse, and those that close, of earlier ones.
struct take_up {
    bool operator==(const take_up&) const = default;
};

/// Open an Internet socket, neither bound nor connected: to ask for the time, a fleet's cluster, for metrics'
/// port, for answers to knocks. Answered with an error's number (errno), or 0, and then the socket.
struct open_socket {
    enum class kind : std::uint8_t {
        stream,
        datagram,
        sender ///< of whole packets; it receives none (IPPROTO_RAW, raw(7))
    };
    std::uint8_t family = 4; ///< 4 or 6
    kind wanted = kind::stream;
    bool operator==(const open_socket&) const = default;
};

using request = std::variant<write_guard, keep_guard, restore_guard, remove_guard, find_translation,
                             read_configuration, look_up, run_program, take_up, open_socket>;

/// What is carried out at once of a kind, more being turned away, how long a request is at the most, and how
/// long whoever asks waits: who carries it out ends then too.
struct limit {
    std::size_t at_once;
    std::size_t bytes;
    seconds time; ///< 0: the program's own limit
};
/// In the order of `request`.
inline constexpr limit limits[] = {
    {4, 8 << 20, seconds(25)},   // write_guard: nft is killed after 10 s
    {4, 8 << 20, seconds(25)},   // keep_guard
    {2, 1, seconds(25)},         // restore_guard
    {2, 1, seconds(25)},         // remove_guard
    {4, 1, seconds(5)},          // find_translation: the server asks while it serves
    {4, 1, seconds(60)},         // read_configuration
    {64, 512, seconds(60)},      // look_up
    {24, 512 << 10, seconds(0)}, // run_program
    {4, 1, seconds(5)},          // take_up: done at once
    {16, 3, seconds(5)},         // open_socket: the server asks while it serves
};

inline constexpr std::size_t most_name = 253;  ///< of a host (RFC 1035, 2.3.4)
inline constexpr std::size_t most_words = 64;  ///< of a program, its name included; as many facts
inline constexpr std::size_t most_word = 4096; ///< bytes of each

std::string encode(const request& r);
/// The error says what was expected; nothing of a request that is refused is carried out.
result<request> decode(byte_view bytes);

} // namespace chronoknock::helper
