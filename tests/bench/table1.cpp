// The paper's Table 1: what it takes to make sequences of plain digests. Beside the deriver stand the
// low-level call on the same bytes, which is the floor, and OpenSSL used naively. Prints a line of JSON for
// each case: seconds for COUNT sequences (1,000,000), the best of three turns.
#define OPENSSL_SUPPRESS_DEPRECATED // the low-level calls are the floor
#include "key/deriver.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <openssl/evp.h>
#include <openssl/md5.h>
#include <openssl/sha.h>
#include <string>

namespace {

using namespace chronoknock;

constexpr std::int64_t t0 = 1'700'000'000;

/// Keeps the compiler from leaving out what gives a result that nobody looks at.
volatile std::uint64_t sink;

struct lane {
    const char* name;
    unsigned char* (*once)(const unsigned char*, std::size_t, unsigned char*);
};

template <class Context, auto init, auto update, auto final>
unsigned char* low_level(const unsigned char* data, std::size_t size, unsigned char* out) {
    Context context;
    init(&context);
    update(&context, data, size);
    final(out, &context);
    return out;
}

constexpr std::array<lane, 3> lanes = {{
    {"md5", low_level<MD5_CTX, MD5_Init, MD5_Update, MD5_Final>},
    {"sha256", low_level<SHA256_CTX, SHA256_Init, SHA256_Update, SHA256_Final>},
    {"sha512", low_level<SHA512_CTX, SHA512_Init, SHA512_Update, SHA512_Final>},
}};

/// The addresses that sequences are for, in turn.
const std::vector<address> addresses = [] {
    std::vector<address> all;
    for (int i = 0; i < 256; ++i)
        all.push_back(address::v4(std::array<std::uint8_t, 4>{10, 0, 0, static_cast<std::uint8_t>(i)}));
    return all;
}();

/// CPU time, so that what else runs on the machine counts less.
double cpu_seconds() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

template <class Each>
double seconds_for(std::uint32_t count, Each each) {
    std::uint64_t sum = 0;
    const double begin = cpu_seconds();
    for (std::uint32_t i = 0; i < count; ++i) sum += each(i);
    const double took = cpu_seconds() - begin;
    sink = sum;
    return took;
}

key::psk make_key(const char* digest, std::size_t bits) {
    key::psk k;
    k.digest = digest;
    k.hmac = false;
    k.secret.resize(bits / 8, 0x5a);
    k.length = static_cast<std::uint32_t>(EVP_MD_get_size(EVP_get_digestbyname(digest)) / 2);
    return k;
}

double by_deriver(const key::psk& k, std::uint32_t count) {
    key::deriver deriver(k);
    std::array<std::uint16_t, 32> ports;
    const auto out = std::span(ports).first(k.length);
    return seconds_for(count, [&](std::uint32_t i) {
        deriver.sequence(addresses[i % 256], t0, "", out);
        return out.back();
    });
}

/// ip || t0 || secret, with the address left open.
std::vector<std::uint8_t> message(const key::psk& k) {
    std::vector<std::uint8_t> m;
    m.reserve(12 + k.secret.size());
    m.resize(4);
    for (int shift = 56; shift >= 0; shift -= 8) m.push_back(static_cast<std::uint8_t>(t0 >> shift));
    for (const auto byte : k.secret) m.push_back(byte);
    return m;
}

double by_low_level(const lane& l, const key::psk& k, std::uint32_t count) {
    auto m = message(k);
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    return seconds_for(count, [&](std::uint32_t i) {
        std::ranges::copy(addresses[i % 256].bytes(), m.begin());
        return l.once(m.data(), m.size(), out.data())[0];
    });
}

double naively(const key::psk& k, std::uint32_t count) {
    auto m = message(k);
    std::array<unsigned char, EVP_MAX_MD_SIZE> out;
    return seconds_for(count, [&](std::uint32_t i) {
        std::ranges::copy(addresses[i % 256].bytes(), m.begin());
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        EVP_DigestInit_ex(context, EVP_get_digestbyname(k.digest.c_str()), nullptr);
        EVP_DigestUpdate(context, m.data(), m.size());
        EVP_DigestFinal_ex(context, out.data(), nullptr);
        EVP_MD_CTX_free(context);
        return out[0];
    });
}

} // namespace

int main(int argc, char** argv) {
    const auto count = static_cast<std::uint32_t>(argc > 1 ? std::stoul(argv[1]) : 1'000'000);
    for (const auto& l : lanes)
        for (const std::size_t bits : {512u, 2048u}) {
            const auto k = make_key(l.name, bits);
            std::array<double, 3> best = {1e9, 1e9, 1e9};
            for (int turn = 0; turn < 3; ++turn) {
                best[0] = std::min(best[0], by_deriver(k, count));
                best[1] = std::min(best[1], by_low_level(l, k, count));
                best[2] = std::min(best[2], naively(k, count));
            }
            std::printf("{\"digest\": \"%s\", \"bits\": %zu, \"count\": %u, "
                        "\"deriver\": %.4f, \"floor\": %.4f, \"naive\": %.4f}\n",
                        l.name, bits, count, best[0], best[1], best[2]);
            std::fflush(stdout);
        }
}
