#pragma once

#include "io/client/knocker.hpp"

#include <functional>
#include <span>

namespace chronoknock::io {

/// What a client sends on an answer; an error if it is none for its knock (method::row::respond).
using responder = std::function<result<client::plan>(std::span<const std::uint8_t> answer)>;

/// Knocks where the server answers: sends rounds of the shots, which are datagrams, until an answer to them
/// comes from the target, then the response as send_knock does. All by one socket, so that the answer finds
/// its way through a router that translates addresses, and so that ICMP's "port unreachable", which a host
/// sends for each datagram, does no harm. What others send, and what is no answer, is passed over. pace.least
/// and pace.most: rounds of the request, unless they differ. Where no answer came, the report says so. tries:
/// as send_knock's.
result<knock_report> send_dialogue(knock_order order, const responder& respond,
                                   std::vector<descriptor> tries = {});

} // namespace chronoknock::io
