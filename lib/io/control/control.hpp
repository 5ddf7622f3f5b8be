#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "io/control/protocol.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

/// Takes the answer of an operation, in the loop's thread, at once or later; one that is never called lets
/// the client go without.
using reply = std::function<void(const answer&)>;
/// Who may have an operation done.
enum class access {
    everybody, ///< who can connect: the owner, root, and the group that the socket is for
    owner      ///< root and whoever has started the server, by SO_PEERCRED (unix(7))
};
/// What a request's operation does with its arguments. One that throws has failed.
struct operation {
    using call = std::function<void(const boost::json::object& arguments, reply)>;
    template <class Call>
    operation(Call c, access who = access::everybody) : run(std::move(c)), allowed(who) {}
    call run;
    access allowed;
};
using operations = std::map<std::string, operation, std::less<>>;

/// The daemon's end of the control socket (protocol.hpp): whoever may connect (its owner, and a group's
/// members if there is a group) is answered one request and let go, a few at a time. A request must come
/// whole within `patience`; an answer is written for as long as some of it is read within each, and 32 KiB
/// on average. Members have places of their own, so that they keep no owner out, and of the loop's time they
/// get a fifth at most.
class control {
public:
    /// Makes the socket. Nobody is answered yet: whoever connects is refused until listen(). An error if it
    /// cannot, or if another daemon answers there.
    /// group: of whoever else may connect, by name or number; empty: nobody. starter: who is an owner besides
    /// root. (The user that the server becomes is a member like others.)
    static result<control> bind(boost::asio::io_context& context, const std::string& path, operations table,
                                milliseconds patience = seconds(2), const std::string& group = "",
                                uid_t starter = ::geteuid());
    result<void> listen();
    control(control&&) noexcept;
    control& operator=(control&&) noexcept;
    /// Takes the socket away.
    ~control();

private:
    class impl;
    explicit control(std::shared_ptr<impl> i);
    std::shared_ptr<impl> impl_;
};

} // namespace chronoknock::io
