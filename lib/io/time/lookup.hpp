#pragma once

#include "base/address.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace chronoknock::io {

/// Finds a name's addresses, and blocks.
using resolver = std::function<result<std::vector<address>>(const std::string& host)>;
/// By the system's resolver: the best first (RFC 6724), at least one.
result<std::vector<address>> addresses_of(const std::string& host);

/// Finds the addresses of names. Each lookup has a thread of its own, of a bounded number, that is left
/// behind when nobody waits for it any more: Asio's resolver has one for all, so that one dead name holds up
/// the others, and waits for it at the end of the program. A thread that cannot be had is a lookup that
/// failed.
class lookup {
public:
    explicit lookup(boost::asio::any_io_executor executor, resolver by = addresses_of);
    ~lookup() { close(); }
    lookup(const lookup&) = delete;
    lookup& operator=(const lookup&) = delete;

    /// The addresses of a name, the best first (RFC 6724); at least one. An address is its own at once.
    boost::asio::awaitable<result<std::vector<address>>> resolve(std::string host);

    /// Lets go of all that wait, without a result; what is asked later fails. Needed before the executor's
    /// context ends.
    void close();

private:
    struct link;
    std::shared_ptr<link> link_;
};

} // namespace chronoknock::io
