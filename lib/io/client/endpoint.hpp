#pragma once

#include "base/address.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace chronoknock::io {

/// The same address for Asio.
inline boost::asio::ip::address to_asio(const address& a) {
    const auto b = a.bytes();
    if (a.is_v4()) return boost::asio::ip::address_v4{{b[0], b[1], b[2], b[3]}};
    boost::asio::ip::address_v6::bytes_type six;
    std::ranges::copy(b, six.begin());
    return boost::asio::ip::address_v6{six};
}

} // namespace chronoknock::io
