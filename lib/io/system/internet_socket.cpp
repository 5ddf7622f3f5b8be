#include "io/system/internet_socket.hpp"

#include <sys/socket.h>
#include <utility>

namespace chronoknock::io {

namespace {

socket_opener& opener() {
    static socket_opener by = [](int family, int type, int protocol) {
        return descriptor(::socket(family, type | SOCK_CLOEXEC, protocol));
    };
    return by;
}

} // namespace

descriptor open_internet_socket(int family, int type, int protocol) {
    return opener()(family, type, protocol);
}

void open_internet_sockets_by(socket_opener by) { opener() = std::move(by); }

} // namespace chronoknock::io
