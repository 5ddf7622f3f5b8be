#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "io/system/descriptor.hpp"
#include "key/secret.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

/// What passes between the server and its helper. A channel (SOCK_SEQPACKET) carries one byte and one
/// descriptor at a time; the descriptor of a request is a stream of its own, on which the request goes as one
/// frame, its length (4 bytes) before it, and the answer comes back as another.
namespace chronoknock::io {

/// A pair of connected sockets, not for children by exec.
result<std::pair<descriptor, descriptor>> socket_pair(int type);

/// The mark of a socket that an answer brings; others are kinds of requests, or io/helper/serve.hpp's.
inline constexpr std::uint8_t socket_mark = 253;

bool send_descriptor(int channel, std::uint8_t mark, int passed);
struct passed_descriptor {
    std::uint8_t mark = 0;
    descriptor passed = descriptor();
};
/// None: the other end is gone, or sent something else.
std::optional<passed_descriptor> receive_descriptor(int channel);

bool send_frame(int stream, std::string_view bytes);
/// Waits for it so long at most. Of more than `most` bytes nothing is read.
result<key::secret_text> receive_frame(int stream, std::size_t most, nanoseconds patience);

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

} // namespace chronoknock::io
