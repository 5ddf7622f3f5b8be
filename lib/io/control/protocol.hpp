#pragma once

#include "base/error.hpp"

#include <array>
#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

/// What passes over the control socket: one request, and one answer to it. Each is a frame: the number of
/// bytes that follow in four bytes, most significant first, then as many bytes of JSON.
///
///     {"operation": "status", "arguments": {}}         arguments may be left out
///     {"result": {...}}  or  {"error": "one line", "status": 2, "code": "..."}
///
/// status: the command's, if it is not 1; code: what programs tell the error by, if there is such.
namespace chronoknock::io {

inline constexpr std::size_t most_request = 64 << 10; ///< bytes of JSON
inline constexpr std::size_t most_answer = 64 << 20;

struct request {
    std::string operation;
    boost::json::object arguments{};

    bool operator==(const request&) const = default;
};

/// The code of a `revoke` that found neither the key nor anything of it, or of the address, to end.
inline constexpr const char* nothing_to_end = "nothing-to-end";

/// Why there is no result.
struct refusal : error {
    refusal() = default;
    refusal(error e, int exit_status = 1, std::string its_code = "")
        : error(std::move(e)), status(exit_status), code(std::move(its_code)) {}
    int status = 1;     ///< that a command ends with: 2 for bad usage, configuration or key
    std::string code{}; ///< empty: the error is for people only
};

using answer = boost::system::result<boost::json::object, refusal>;

using frame_header = std::array<std::uint8_t, 4>;

/// A text of at most 4 GiB behind its header.
std::string to_frame(std::string_view text);

/// How many bytes follow a header; an error if they are none or more than `most`.
result<std::size_t> frame_size(const frame_header& header, std::size_t most);

std::string to_text(const request& r);

/// Reads a request that anybody may have written. The error is one line, and quotes only what can be printed.
result<request> parse_request(std::string_view text);

/// The text of an answer; one longer than most_answer becomes an error.
std::string to_text(const answer& a);

/// Reads an answer. An error is the server's own, as it wrote it, or says that the text is no answer.
answer parse_answer(std::string_view text);

} // namespace chronoknock::io
