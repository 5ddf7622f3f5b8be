#include "key/deriver.hpp"

#include "key/digest.hpp"
#include "key/expander.hpp"

#include <algorithm>
#include <array>
#include <openssl/evp.h>
#include <optional>
#include <stdexcept>
#include <string>

namespace chronoknock::key {

namespace {

constexpr std::size_t most_words = 64;

/// ip || t0 || secret, laid out once. An address, of 4 or 16 bytes, is put right before the rest.
class plain_message {
public:
    explicit plain_message(const psk& k)
        : with_ip_(!k.ignore_ip), with_time_(!k.ignore_time), bytes_(with_time_ ? rest + 8 : rest) {
        bytes_.insert(bytes_.end(), k.secret.begin(), k.secret.end());
    }

    std::span<const std::uint8_t> of(const address& who, std::int64_t t0) {
        if (with_time_) store_time(t0, bytes_.data() + rest);
        const auto ip = with_ip_ ? who.bytes() : std::span<const std::uint8_t>();
        std::ranges::copy(ip, bytes_.begin() + rest - static_cast<std::ptrdiff_t>(ip.size()));
        return std::span(bytes_).subspan(rest - ip.size());
    }

private:
    static constexpr std::size_t rest = 20; // what begins with 4 bytes is then aligned

    bool with_ip_;
    bool with_time_;
    secret_bytes bytes_;
};

} // namespace

struct deriver::impl {
    impl(const psk& k, const purpose& p) : key(k), purpose(p) {
        if (k.secret.empty()) throw std::logic_error("a key without its secret makes no sequence");
        key.secret = secret_bytes();
        if (key.hmac) {
            expand.emplace(key.digest, k.secret);
        } else {
            hash.emplace(key.digest);
            plain_text.emplace(k);
        }
    }

    psk key; ///< without the secret
    key::purpose purpose;
    std::optional<digest> hash;
    std::optional<plain_message> plain_text;
    std::optional<expander> expand;
    label text;

    std::uint16_t selector(std::int64_t t0, std::string_view service) {
        text.begin(key.realm, service, purpose.selector);
        if (!key.ignore_time) text.add_time(t0);
        std::array<std::uint8_t, 2> word;
        expand->expand(text.bytes(), word);
        std::uint16_t port;
        to_ports(key.ports, word.data(), {&port, 1});
        return port;
    }

    void plain(const address& who, std::int64_t t0, std::span<std::uint16_t> out) {
        std::array<std::uint8_t, EVP_MAX_MD_SIZE> words;
        (*hash)(plain_text->of(who, t0), words.data());
        to_ports(key.ports, words.data(), out);
    }

    void tail(const address& who, std::int64_t t0, std::string_view service, std::span<std::uint16_t> out) {
        text.begin(key.realm, service, purpose.rest);
        if (!key.ignore_ip) {
            text.add(who.family());
            text.add(who.bytes());
        }
        if (!key.ignore_time) text.add_time(t0);
        std::array<std::uint8_t, 2 * most_words> words;
        expand->expand(text.bytes(), std::span{words}.first(2 * out.size()));
        to_ports(key.ports, words.data(), out);
    }
};

void to_ports(const port_set& pool, const std::uint8_t* words, std::span<std::uint16_t> out) {
    const auto first = pool.ranges().front(); // most often the only one
    for (auto& port : out) {
        const std::uint32_t word = std::uint32_t{words[0]} << 8 | words[1];
        const auto index = word * pool.size() >> 16;
        port = index < first.size() ? static_cast<std::uint16_t>(first.first + index) : pool[index];
        words += 2;
    }
}

deriver::deriver(const psk& k, const purpose& p) : impl_(std::make_unique<impl>(k, p)) {}
deriver::deriver(deriver&&) noexcept = default;
deriver& deriver::operator=(deriver&&) noexcept = default;
deriver::~deriver() = default;

void deriver::sequence(const address& who, std::int64_t t0, std::string_view service,
                       std::span<std::uint16_t> out) {
    if (!impl_->key.hmac) return impl_->plain(who, t0, out);
    out[0] = selector(t0, service);
    tail(who, t0, service, out.subspan(1));
}

void deriver::tail(const address& who, std::int64_t t0, std::string_view service,
                   std::span<std::uint16_t> out) {
    impl_->tail(who, t0, service, out);
}

std::uint16_t deriver::selector(std::int64_t t0, std::string_view service) {
    return impl_->selector(t0, service);
}

} // namespace chronoknock::key
