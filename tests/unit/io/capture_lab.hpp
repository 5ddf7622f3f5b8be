#pragma once

#include "../../support/frames.hpp"
#include "io/capture/capture.hpp"
#include "io/log/log.hpp"
#include "io/system/clock.hpp"
#include "lab.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <fstream>
#include <linux/if_packet.h>
#include <net/if.h>
#include <set>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <thread>
#include <vector>

/// What the tests of the capture have in common.
namespace capture_lab {

using namespace chronoknock;
using namespace support;

/// A namespace with loopback and a pair of interfaces, a0 and a1, in which the test runs; and b0, whose other
/// end is elsewhere.
class link_lab {
public:
    link_lab() : home_(here()) {
        lab::require(unshare(CLONE_NEWNET) == 0, "unshare");
        away_ = here();
        lab::require(unshare(CLONE_NEWNET) == 0, "unshare");
        const auto inside = here();
        lab::run("ip link set lo up && ip link add b0 type veth peer name b1 netns /proc/" +
                 std::to_string(getpid()) + "/fd/" + std::to_string(away_.get()) + " && ip link set b0 up");
        lab::require(setns(away_.get(), CLONE_NEWNET) == 0, "setns");
        lab::run("ip link set b1 up");
        lab::require(setns(inside.get(), CLONE_NEWNET) == 0, "setns");
        add_pair();
        // The addresses that the frames are for, whatever comes of the interfaces.
        lab::run("ip link set a0 up && ip link set a1 up && ip addr add 192.0.2.2/32 dev lo && "
                 "ip addr add 2001:db8::2/128 dev lo");
    }
    ~link_lab() { setns(home_.get(), CLONE_NEWNET); }

    static void add_pair() { lab::run("ip link add a0 type veth peer name a1"); }

private:
    static lab::descriptor here() {
        return lab::descriptor(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }
    lab::descriptor home_, away_;
};

/// Standard error while it lives.
class log_lines {
public:
    log_lines() : kept_(dup(2)), file_(memfd_create("log", MFD_CLOEXEC)) {
        io::log::start(io::log::level::info);
        dup2(file_.get(), 2);
    }
    ~log_lines() { dup2(kept_.get(), 2); }
    std::size_t count(const std::string& what) const {
        std::ifstream in("/proc/self/fd/" + std::to_string(file_.get()));
        std::size_t n = 0;
        for (std::string line; std::getline(in, line);) n += line.find(what) != line.npos;
        return n;
    }

private:
    lab::descriptor kept_, file_;
};

/// A veth hears a moment after the other end is up that it has a carrier, and drops what it is to send until
/// then.
inline void wait_for_carrier(int fd, const std::string& interface) {
    ifreq r{};
    interface.copy(r.ifr_name, sizeof r.ifr_name - 1);
    for (int running = 0, tries = 0; running < 2 && tries < 300; ++tries) {
        running = ioctl(fd, SIOCGIFFLAGS, &r) == 0 && (r.ifr_flags & IFF_RUNNING) != 0 ? running + 1 : 0;
        if (running < 2) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

inline void send(const std::string& interface, const bytes& frame, std::uint16_t protocol = 0x0800) {
    const lab::descriptor fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    wait_for_carrier(fd.get(), interface);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = htons(protocol);
    to.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    const auto n =
        sendto(fd.get(), frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
    lab::require(n == static_cast<ssize_t>(frame.size()), "send by " + interface);
}

inline bytes syn_to(std::uint16_t port) { return ethernet(ipv4(tcp({.port = port}))); }

inline packet::capture_wish syns_to(const std::string& ports) { return {.syns = *port_set::parse(ports)}; }

struct ports_seen final : io::capture_handler {
    void observe(const packet::event& e, instant) override { ports.insert(e.port); }
    void batch_end(instant) override {}
    std::set<int> ports;
};

struct watch final : io::capture_handler {
    explicit watch(const std::string& interface, const std::string& pool = "0-65535")
        : watch(interface, syns_to(pool)) {}
    watch(const std::string& interface, const packet::capture_wish& wish, std::vector<prefix> also_for = {})
        : capture(context, {interface}, wish, std::move(also_for), *this) {
        const auto started = capture.start();
        BOOST_REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().text));
    }
    void observe(const packet::event& e, instant now) override {
        if (throws) throw std::runtime_error("the handler's own trouble");
        syns.push_back(e);
        payload.assign(e.payload.begin(), e.payload.end());
        open_batch = true;
        BOOST_TEST((now <= io::boot_now()));
    }
    void batch_end(instant) override {
        if (throws) throw std::runtime_error("and at the end of a batch");
        ++batches;
        open_batch = false;
    }

    /// Runs the loop until it is so, at most for some seconds.
    template <class F>
    bool until(F so) {
        const auto deadline = io::boot_now() + seconds(10);
        while (!so() && io::boot_now() < deadline) {
            context.restart();
            context.run_one_for(milliseconds(10));
        }
        return so();
    }
    std::size_t count(std::uint16_t port) const {
        return static_cast<std::size_t>(std::ranges::count(syns, port, &packet::event::port));
    }
    bool sees(std::uint16_t port) {
        return until([&] { return count(port) > 0; });
    }
    const packet::event& last() const { return syns.back(); }

    boost::asio::io_context context;
    std::vector<packet::event> syns;
    std::string payload; ///< of the last one
    bool throws = false;
    int batches = 0;
    bool open_batch = false;
    io::capture capture;
};

} // namespace capture_lab
