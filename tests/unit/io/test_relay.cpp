#include "io/client/relay.hpp"
#include "lab.hpp"

#include <array>
#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <thread>

using namespace chronoknock;

namespace {

struct ends {
    io::descriptor near;
    io::descriptor far;
};

ends pair_of_sockets() {
    std::array<int, 2> fds{};
    lab::require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0, "socketpair");
    return {io::descriptor(fds[0]), io::descriptor(fds[1])};
}

ends new_pipe(int flags = 0) {
    std::array<int, 2> fds{};
    lab::require(pipe2(fds.data(), O_CLOEXEC | flags) == 0, "pipe2");
    return {io::descriptor(fds[0]), io::descriptor(fds[1])};
}

std::string read_all(int fd) {
    std::string all;
    std::array<char, 65536> some;
    for (ssize_t n; (n = read(fd, some.data(), some.size())) > 0;)
        all.append(some.data(), static_cast<std::size_t>(n));
    return all;
}

void write_all(int fd, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const auto n = write(fd, text.data() + at, text.size() - at);
        lab::require(n > 0, "write");
        at += static_cast<std::size_t>(n);
    }
}

std::string bytes(std::size_t size, char first) {
    std::string all(size, first);
    for (std::size_t i = 0; i < size; ++i)
        all[i] = static_cast<char>(static_cast<unsigned char>(first) + i * 7 + i / 251);
    return all;
}

/// Both ways at once, with this much each way; input: standard input of the relay and its other end, output:
/// standard output and its other end.
void check_both_ways(ends input, ends output, std::size_t size) {
    auto connection = pair_of_sockets();
    const auto there = bytes(size, 'a');
    const auto back = bytes(size, 'b');
    std::string got_there;
    std::string got_back;
    std::thread writer([&] {
        write_all(input.far.get(), there);
        shutdown(input.far.get(), SHUT_WR);
        if (input.far.get() != output.far.get()) input.far = io::descriptor();
    });
    std::thread peer([&] {
        write_all(connection.far.get(), back);
        got_there = read_all(connection.far.get()); // to the end of the input
        shutdown(connection.far.get(), SHUT_WR);
    });
    std::thread reader([&] { got_back = read_all(output.far.get()); });
    io::relay(input.near.get(), output.near.get(), connection.near);
    for (auto* t : {&writer, &peer, &reader}) t->join();
    BOOST_TEST((got_there == there));
    BOOST_TEST((got_back == back));
}

} // namespace

BOOST_AUTO_TEST_SUITE(relay)

BOOST_AUTO_TEST_CASE(pipes) {
    for (const int flags : {0, int{O_NONBLOCK}}) {
        auto in = new_pipe();
        auto out = new_pipe();
        std::swap(out.near, out.far); // the relay writes
        fcntl(in.near.get(), F_SETFL, flags);
        fcntl(out.near.get(), F_SETFL, flags);
        check_both_ways(std::move(in), std::move(out), 10'000'000);
    }
}

BOOST_AUTO_TEST_CASE(sockets) {
    auto in = pair_of_sockets();
    auto out = pair_of_sockets();
    check_both_ways(std::move(in), std::move(out), 10'000'000);
}

BOOST_AUTO_TEST_CASE(a_peer_that_ends_first_leaves_the_input_going) {
    auto in = new_pipe();
    auto out = new_pipe();
    auto connection = pair_of_sockets();
    write_all(connection.far.get(), "bye");
    shutdown(connection.far.get(), SHUT_WR);
    std::string got;
    std::thread peer([&] {
        BOOST_TEST(read_all(out.near.get()) == "bye"); // to its end
        write_all(in.far.get(), "still here");
        in.far = io::descriptor();
        got = read_all(connection.far.get());
    });
    io::relay(in.near.get(), out.far.get(), connection.near);
    peer.join();
    BOOST_TEST(got == "still here");
}

BOOST_AUTO_TEST_CASE(nobody_reads_any_more) {
    // Its end does not come: the thread that is left behind waits for that as long as there is a program.
    static const auto* const in = new ends(new_pipe());
    auto out = new_pipe();
    auto connection = pair_of_sockets();
    out.near = io::descriptor();
    std::signal(SIGPIPE, SIG_IGN);
    write_all(connection.far.get(), "into the void");
    io::relay(in->near.get(), out.far.get(), connection.near); // comes back
}

BOOST_AUTO_TEST_SUITE_END()
