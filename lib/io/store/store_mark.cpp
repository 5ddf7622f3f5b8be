#include "io/store/store_mark.hpp"

#include "base/reader.hpp"
#include "base/writer.hpp"

#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace chronoknock::io {

namespace {

// count(8) || length(4) || what it holds || CRC-32 of these(4); the rest of the block is of earlier renewals.
constexpr std::size_t block = store_mark::most + 16;

std::uint32_t checksum(const void* bytes, std::size_t n) {
    boost::crc_32_type crc;
    crc.process_bytes(bytes, n);
    return crc.checksum();
}

std::string encode(std::int64_t count, std::string_view holds) {
    writer w;
    w.u64(static_cast<std::uint64_t>(count));
    w.u32(static_cast<std::uint32_t>(holds.size()));
    w.bytes(holds);
    w.u32(checksum(w.text().data(), w.text().size()));
    return w.text();
}

} // namespace

result<store_mark> store_mark::open(const std::string& path) {
    store_mark m(path, ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600));
    if (m.fd_ < 0) return m.why();
    if (const auto done = m.read(); !done) return done.error();
    return m;
}

store_mark::store_mark(store_mark&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), now_(other.now_),
      held_(std::move(other.held_)) {}

store_mark& store_mark::operator=(store_mark&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(fd_, other.fd_);
    std::swap(now_, other.now_);
    std::swap(held_, other.held_);
    return *this;
}

store_mark::~store_mark() {
    if (fd_ >= 0) ::close(fd_);
}

result<void> store_mark::read() {
    std::uint8_t bytes[block];
    const auto got = ::pread(fd_, bytes, sizeof bytes, 0);
    if (got < 0) return why();
    if (got == 0) {
        auto fresh = encode(0, "");
        fresh.resize(block);
        return write(fresh);
    }
    reader r({bytes, static_cast<std::size_t>(got)});
    const auto count = static_cast<std::int64_t>(r.u64());
    const auto length = r.u32();
    const auto holds = r.bytes(length);
    const auto sum = r.u32();
    const bool sound = r && sum == checksum(bytes, 12 + length);
    now_.count = sound ? count : -1;
    if (!sound || count == 0) return {};
    held_.assign(holds.begin(), holds.end());
    return look();
}

result<void> store_mark::write(std::string_view bytes) {
    if (::pwrite(fd_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return why();
    return {};
}

result<void> store_mark::renew(std::int64_t count, std::string_view holds) {
    if (const auto written = write(encode(count, holds)); !written) return written;
    now_.count = count;
    return look();
}

result<void> store_mark::sync() {
    if (::fsync(fd_) != 0) return why();
    return {};
}

result<void> store_mark::look() {
    // Not fstat: libfaketime, which the tests run the server with, makes its times up.
    struct statx s{};
    if (::statx(fd_, "", AT_EMPTY_PATH, STATX_CTIME, &s) != 0) return why();
    now_.changed = s.stx_ctime.tv_sec * 1'000'000'000 + s.stx_ctime.tv_nsec;
    return {};
}

error store_mark::why() const { return {path_ + ": " + std::strerror(errno)}; }

} // namespace chronoknock::io
