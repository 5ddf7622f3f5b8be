#pragma once

#include "base/address.hpp"
#include "base/error.hpp"
#include "base/reader.hpp"
#include "key/secret.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

/// What the helper answers (requests.hpp). Each answer is an error, or what was asked for.
namespace chronoknock::helper {

inline constexpr std::size_t most_answer = 1 << 20; ///< bytes, but of read_configuration
inline constexpr std::size_t most_texts = 256 << 20;
inline constexpr std::size_t most_addresses = 16; ///< of one name

/// To write_guard: what was said against it, if anything.
using refusal_of_nft = std::optional<std::string>;

/// To read_configuration: what was read, or why it could not be, in the order in which it was.
struct configuration_texts {
    struct file {
        enum class source { main, included, key, authorities, secret };
        source from = source::main;
        std::string name; ///< its path; of an included one the pattern that it was found by
        std::string path; ///< of an included one; empty: none was found, or the folder cannot be read
        key::secret_text text;
        std::string problem; ///< not empty: it could not be read
        bool operator==(const file&) const = default;
    };
    std::vector<file> files;
    bool operator==(const configuration_texts&) const = default;
};

/// To run_program: how it ended.
struct program_end {
    enum class manner { exited, signalled, not_run };
    manner how = manner::not_run;
    std::uint32_t number = 0; ///< its status, or the signal's number
    std::string text = {};    ///< the first line that it wrote, or why it was not run
    bool operator==(const program_end&) const = default;
};

key::secret_text encode_error(const std::string& text);
key::secret_text encode(const refusal_of_nft& a);
key::secret_text encode_done(bool flag = true);
key::secret_text encode(const std::vector<address>& a);
key::secret_text encode(const configuration_texts& a);
key::secret_text encode(const program_end& a);
/// To open_socket: an error's number, or 0.
key::secret_text encode_number(std::uint32_t number);

result<refusal_of_nft> decode_refusal(byte_view bytes);
result<bool> decode_flag(byte_view bytes);
result<std::vector<address>> decode_addresses(byte_view bytes);
result<configuration_texts> decode_texts(byte_view bytes);
result<program_end> decode_end(byte_view bytes);
result<std::uint32_t> decode_number(byte_view bytes);

} // namespace chronoknock::helper
