#pragma once

#include "base/error.hpp"
#include "base/time.hpp"
#include "config/fleet.hpp"
#include "io/time/lookup.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chronoknock::io {

struct http_answer {
    unsigned status = 0;
    std::string body{};
};

/// The errors of an answer, or a line, of more bytes than it may have.
inline constexpr std::string_view too_long_answer = "its answer is too long";
inline constexpr std::string_view too_long_line = "it sends a line that is too long";

/// A question by HTTP (POST, JSON).
struct http_question {
    std::string path;
    std::string body;
    std::string authorization;          ///< a header's value; empty: none
    std::size_t most_answer = 64 << 10; ///< bytes
};

class https_connection;

/// One server, spoken to by HTTPS (HTTP/1.1) on connections that are kept. Names are looked up beside.
class https_peer : public std::enable_shared_from_this<https_peer> {
public:
    using tls = std::shared_ptr<boost::asio::ssl::context>;
    https_peer(boost::asio::any_io_executor executor, config::fleet_endpoint where,
               std::shared_ptr<lookup> names);

    /// For connections to come; those that there are end.
    void use(tls context);
    /// Asks, and waits so long at the most.
    boost::asio::awaitable<result<http_answer>> ask(http_question q, nanoseconds limit);

    using on_line = std::function<void(std::string_view)>;
    /// Asks for a stream, and tells each of its lines until it ends, which is an error. limit: to connect,
    /// and then until the first line. Ends at once by hang_up().
    boost::asio::awaitable<error> follow(http_question q, nanoseconds limit, on_line told);
    void hang_up();

private:
    using connection = std::shared_ptr<https_connection>;

    boost::asio::awaitable<result<connection>> connect(nanoseconds limit);
    boost::asio::awaitable<bool> take_turn(nanoseconds limit);
    void end_turn();
    void look_up();
    static boost::asio::awaitable<void> look_up(std::shared_ptr<https_peer> self);

    boost::asio::any_io_executor executor_;
    config::fleet_endpoint where_;
    std::shared_ptr<lookup> names_;
    tls tls_;
    std::vector<address> addresses_;
    std::string unknown_; ///< why its name gives no address
    bool looking_up_ = false;
    std::vector<connection> idle_;
    std::weak_ptr<https_connection> followed_;
    std::size_t busy_ = 0;
    std::deque<std::shared_ptr<boost::asio::steady_timer>> waiting_;
};

} // namespace chronoknock::io
