#pragma once

#include "io/system/descriptor.hpp"

#include <boost/system/error_code.hpp>
#include <cerrno>
#include <functional>

namespace chronoknock::io {

/// An Internet socket that this process needs, neither bound nor connected, not for children by exec. None:
/// errno says why. All of them are opened here: a server may open none itself, and asks its helper
/// (open_internet_sockets_by()).
descriptor open_internet_socket(int family, int type, int protocol = 0);

/// Who opens them from now on; as socket(2), with errno. Before there is a second thread.
using socket_opener = std::function<descriptor(int family, int type, int protocol)>;
void open_internet_sockets_by(socket_opener opener);

/// The same for a socket or an acceptor of Asio, in place of its open().
template <class Socket, class Protocol>
void open_internet_socket(Socket& s, const Protocol& p, boost::system::error_code& failed) {
    auto opened = open_internet_socket(p.family(), p.type(), p.protocol());
    if (!opened)
        failed = {errno, boost::system::system_category()};
    else if (s.assign(p, opened.get(), failed); !failed)
        (void)opened.release();
}

} // namespace chronoknock::io
