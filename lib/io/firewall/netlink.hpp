#pragma once

#include "base/address.hpp"

#include <array>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <endian.h>
#include <functional>
#include <libmnl/libmnl.h>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

/// The little that our netlink sockets have in common. Errors are the kernel's.
namespace chronoknock::io {

template <class T>
using netlink_result = boost::system::result<T, boost::system::error_code>;

inline boost::system::error_code last_error(int number = errno) {
    return {number, boost::system::system_category()};
}

struct netlink_closer {
    void operator()(mnl_socket* s) const { mnl_socket_close(s); }
};
using netlink_ptr = std::unique_ptr<mnl_socket, netlink_closer>;

/// Opens and binds a socket of a netlink family; an answer that does not come within a second is an error
/// (the kernel has it ready when send() returns).
netlink_result<netlink_ptr> open_netlink(int family, int flags = 0);

/// Begins a request to a subsystem of netfilter in a buffer; attributes may follow it. type: of
/// linux/netfilter/nfnetlink.h, the subsystem in its upper byte.
nlmsghdr& netfilter_request(void* buffer, int type, std::uint8_t family);

/// The address in 4 or 16 bytes; nothing if it is another number of them.
std::optional<address> address_of(std::span<const std::uint8_t> bytes);

/// Reads until the answer to message `last` has come: data, an acknowledgement, an error, or the end of a
/// dump. Errors of earlier messages since `first` come before it; one of `first` itself is the kernel giving
/// up the whole batch. Each message with data is given to `each`. buffer: for what is read.
netlink_result<void> netlink_receive(mnl_socket& socket, std::span<std::byte> buffer, std::uint32_t first,
                                     std::uint32_t last,
                                     const std::function<void(const nlmsghdr&)>& each = {});

/// Sends one request for a dump and gives each message of the answer.
netlink_result<void> netlink_dump(mnl_socket& socket, nlmsghdr& request,
                                  const std::function<void(const nlmsghdr&)>& each);

/// The attributes of one level, by type.
template <std::size_t Most>
class attributes {
public:
    /// Those of a message, behind a header of so many bytes.
    static attributes of(const nlmsghdr& m, std::size_t header) {
        return attributes(
            [&](auto each, void* self) { mnl_attr_parse(&m, static_cast<unsigned>(header), each, self); });
    }
    static attributes in(const nlattr* nest) {
        return attributes([&](auto each, void* self) {
            if (nest) mnl_attr_parse_nested(nest, each, self);
        });
    }
    const nlattr* operator[](std::size_t type) const { return found_[type]; }
    std::optional<std::uint8_t> u8(std::size_t type) const {
        if (!found_[type] || mnl_attr_get_payload_len(found_[type]) < 1) return {};
        return mnl_attr_get_u8(found_[type]);
    }
    /// In network order; 0 if it is not there.
    std::uint16_t u16(std::size_t type) const { return be16toh(number<std::uint16_t>(type)); }
    std::uint32_t u32(std::size_t type) const { return be32toh(number<std::uint32_t>(type)); }
    std::uint64_t u64(std::size_t type) const { return be64toh(number<std::uint64_t>(type)); }
    std::string_view text(std::size_t type) const {
        return found_[type] ? std::string_view(mnl_attr_get_str(found_[type])) : std::string_view();
    }
    std::span<const std::uint8_t> bytes(std::size_t type) const {
        if (!found_[type]) return {};
        return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(found_[type])),
                mnl_attr_get_payload_len(found_[type])};
    }

private:
    template <class Range>
    explicit attributes(const Range& parse) {
        parse(
            [](const nlattr* a, void* self) {
                if (mnl_attr_get_type(a) <= Most)
                    static_cast<attributes*>(self)->found_[mnl_attr_get_type(a)] = a;
                return MNL_CB_OK;
            },
            this);
    }
    template <class Number>
    Number number(std::size_t type) const {
        Number n{};
        const auto b = bytes(type);
        if (b.size() >= sizeof n) std::memcpy(&n, b.data(), sizeof n);
        return n;
    }

    std::array<const nlattr*, Most + 1> found_{};
};

/// Calls `each` for every attribute in a nest.
template <class Each>
void for_each_nested(const nlattr* nest, Each each) {
    if (!nest) return;
    mnl_attr_parse_nested(
        nest,
        [](const nlattr* a, void* f) {
            (*static_cast<Each*>(f))(a);
            return MNL_CB_OK;
        },
        &each);
}

} // namespace chronoknock::io
