// The low-level HMAC calls are deprecated since OpenSSL 3.0 and still there; see expander for why.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "key/deriver.hpp"

#include "key/digest.hpp"

#include <algorithm>
#include <array>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <optional>
#include <stdexcept>
#include <string>

namespace chronoknock::key {

namespace {

constexpr std::size_t most_words = 64;

void store_time(std::int64_t t0, std::uint8_t* out) {
    for (int shift = 56; shift >= 0; shift -= 8)
        *out++ = static_cast<std::uint8_t>(static_cast<std::uint64_t>(t0) >> shift);
}

/// Bytes put one behind the other, in a buffer that is kept from call to call.
class message {
public:
    void clear() { bytes_.clear(); }
    void add(std::span<const std::uint8_t> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
    void add(std::string_view text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
    void add(std::uint8_t byte) { bytes_.push_back(byte); }
    void add_time(std::int64_t t0) {
        std::array<std::uint8_t, 8> bytes;
        store_time(t0, bytes.data());
        add(bytes);
    }
    std::vector<std::uint8_t>& bytes() { return bytes_; }

private:
    std::vector<std::uint8_t> bytes_;
};

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

/// HKDF-Expand (RFC 5869, section 2.3) with the key as PRK: T(i) = HMAC(PRK, T(i-1) || info || i). On
/// OpenSSL's HMAC, in a context keyed once: its KDF of that name keys one anew at each call, three times the
/// cost, and a server with many keys expands some before it answers. By the low-level calls: EVP_MAC keeps a
/// copy of the key, these only the states of the hash that come of it.
class expander {
public:
    expander(const std::string& digest, std::span<const std::uint8_t> prk)
        : size_(digest_size(digest)), digest_(EVP_MD_fetch(nullptr, digest.c_str(), nullptr), EVP_MD_free),
          context_(HMAC_CTX_new(), HMAC_CTX_free) {
        if (!digest_ || !context_ ||
            HMAC_Init_ex(context_.get(), prk.data(), static_cast<int>(prk.size()), digest_.get(), nullptr) !=
                1)
            throw std::runtime_error("OpenSSL does not give HMAC with " + digest);
    }

    void expand(std::span<const std::uint8_t> info, std::span<std::uint8_t> out) {
        std::array<std::uint8_t, EVP_MAX_MD_SIZE> block{};
        for (std::uint8_t i = 1; !out.empty(); ++i) {
            const auto previous = std::span{block}.first(i == 1 ? 0 : size_);
            if (HMAC_Init_ex(context_.get(), nullptr, 0, nullptr, nullptr) != 1 ||
                HMAC_Update(context_.get(), previous.data(), previous.size()) != 1 ||
                HMAC_Update(context_.get(), info.data(), info.size()) != 1 ||
                HMAC_Update(context_.get(), &i, 1) != 1 ||
                HMAC_Final(context_.get(), block.data(), nullptr) != 1)
                throw std::runtime_error("OpenSSL failed to expand a key");
            const auto taken = std::min(out.size(), size_);
            std::copy_n(block.begin(), taken, out.begin());
            out = out.subspan(taken);
        }
    }

private:
    std::size_t size_;
    std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> digest_; ///< the context only points to it
    std::unique_ptr<HMAC_CTX, decltype(&HMAC_CTX_free)> context_;
};

} // namespace

struct deriver::impl {
    explicit impl(const psk& k) : key(k) {
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
    std::optional<digest> hash;
    std::optional<plain_message> plain_text;
    std::optional<expander> expand;
    message text;

    /// Ports of the words that stand at `words`, two bytes each, most significant first.
    void to_ports(const std::uint8_t* words, std::span<std::uint16_t> out) const {
        const auto first = key.ports.ranges().front(); // most often the only one
        for (auto& port : out) {
            const std::uint32_t word = std::uint32_t{words[0]} << 8 | words[1];
            const auto index = word * key.ports.size() >> 16;
            port = index < first.size() ? static_cast<std::uint16_t>(first.first + index) : key.ports[index];
            words += 2;
        }
    }

    void begin_label(std::string_view service, std::string_view purpose) {
        text.clear();
        for (const std::string_view part :
             {std::string_view("chronoknock/1"), std::string_view(key.realm), service, purpose}) {
            text.add(part);
            text.add(std::uint8_t{0});
        }
    }

    std::uint16_t selector(std::int64_t t0, std::string_view service) {
        begin_label(service, "selector");
        if (!key.ignore_time) text.add_time(t0);
        std::array<std::uint8_t, 2> word;
        expand->expand(text.bytes(), word);
        std::uint16_t port;
        to_ports(word.data(), {&port, 1});
        return port;
    }

    void plain(const address& who, std::int64_t t0, std::span<std::uint16_t> out) {
        std::array<std::uint8_t, EVP_MAX_MD_SIZE> words;
        (*hash)(plain_text->of(who, t0), words.data());
        to_ports(words.data(), out);
    }

    void tail(const address& who, std::int64_t t0, std::string_view service, std::span<std::uint16_t> out) {
        begin_label(service, "sequence");
        if (!key.ignore_ip) {
            text.add(who.family());
            text.add(who.bytes());
        }
        if (!key.ignore_time) text.add_time(t0);
        std::array<std::uint8_t, 2 * most_words> words;
        expand->expand(text.bytes(), std::span{words}.first(2 * out.size()));
        to_ports(words.data(), out);
    }
};

deriver::deriver(const psk& k) : impl_(std::make_unique<impl>(k)) {}
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
