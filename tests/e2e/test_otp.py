"""One-time passwords: by UDP and through a resolver, with the words in hand, by two clients at once, and what a replay
earns now, later and with the record lost."""

import re
import socket
import time
import unittest

from case import PORT, LabTest
from dnslab import start_nsd, start_unbound
from lab import CLOCK_ERROR, wait_for

DAY = 86400
ZONE = "knock.example.org"
KNOCK_PORT = 5000


class OtpTest(LabTest):
    def make(self, *options, name="pw"):
        """Both files: the client's and the server's."""
        client, server = self.lab.folder / f"{name}.key", self.lab.folder / f"{name}.server.key"
        self.client.run([self.lab.program, "keygen", "--method", "otp", "--out", client, "--server-out", server, *options])
        return client, server

    def start(self, server_key, *more, **options):
        return self.small_guard(server_key, wait=False, keys={"pw": (server_key, "web", *more)}, **options)

    def words(self, key, count):
        return self.client.run([self.lab.program, "sequence", "--key", key, "--ip", "192.0.2.1", "--count", count]).stdout.strip()

    def say(self, host, text, target=None, port=KNOCK_PORT):
        target = target or self.server.ip4
        with host.socket(socket.AF_INET6 if ":" in target else socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(text.encode("latin-1"), (target, port))

    def earns_nothing(self, guard, key, text, fresh):
        """What a stranger sends opens nothing; a fresh password sent after it does, so it was seen before."""
        self.say(self.other, text)
        self.say(self.client, self.words(key, fresh))
        guard.wait_log(f"one-time password {fresh}")
        self.assert_shut(self.other)

    def is_refused(self, guard, text, why="a replay"):
        """Refusals of an address are told at once, and then once a minute."""
        before = guard.log().count(why)

        def told():
            self.say(self.other, text)
            return guard.log().count(why) > before
        wait_for(told, why, every=0.2)
        self.assert_shut(self.other)

    def edit(self, path, field, value):
        path.write_text(re.sub(rf"(?m)^{field} = .*$", f"{field} = {value}", path.read_text()))


class ByUdp(OtpTest):
    def test_both_families(self):
        key, server_key = self.make()
        guard = self.start(server_key, open_for=5)
        for target in (self.server.ip4, self.server.ip6):
            self.assert_shut(self.client, target)
            self.client.knock(target, key)
            self.assert_opens(self.client, target)
            self.assert_shut(self.other, target)
        for target in (self.server.ip4, self.server.ip6):
            self.client.wait_shut(target, PORT)
        log = guard.wait_log("key pw opens web", count=2)
        self.assertIn("one-time password 999", log)
        self.assertIn("one-time password 998", log)
        for count in (999, 998):
            words = self.words(key, count).split()
            for two in zip(words, words[1:]):  # one alone may be a word of the log's
                self.assertNotRegex(log, rf"(?i)\b{two[0]}\W+{two[1]}\b")

    def test_words_in_hand(self):
        key, server_key = self.make("--function", "otp-md5", "--ports", KNOCK_PORT)
        guard = self.start(server_key)
        words = self.words(key, 999)
        self.say(self.client, words, port=KNOCK_PORT + 1)
        for bad in (words + " A", words.replace(" ", "_"), words.replace(" ", ","), words[:-1], words + "\0",
                    " ".join(words.split()[:5]), "A " * 700, "\xff" * 1400, ""):
            self.say(self.other, bad)
        self.say(self.client, "  " + words.lower().replace(" ", "\t\n") + "\n")
        self.assert_opens(self.client)
        self.assertEqual(guard.count_log("opens web", 1), 1)
        self.assert_shut(self.other)

    def test_replay_at_once_after_restart_and_after_sigkill(self):
        key, server_key = self.make()
        guard = self.start(server_key)
        first = self.words(key, 999)
        self.client.knock(self.server, key)
        self.assert_opens(self.client)
        self.say(self.other, first)
        self.is_refused(guard, first)
        guard.stop()
        guard.restart()
        self.is_refused(guard, first)
        self.client.knock(self.server, key)
        guard.wait_log("opens web for 30s to " + self.client.ip4 + ", one-time password 998")
        guard.sigkill()
        guard.restart()
        self.is_refused(guard, self.words(key, 998))
        self.earns_nothing(guard, key, first, 997)

    def test_replay_after_the_state_was_lost(self):
        key, server_key = self.make()
        guard = self.start(server_key)
        self.client.knock(self.server, key)
        self.assert_opens(self.client)
        guard.stop()
        for end in ("", "-wal", "-shm"):
            guard.state.with_name(guard.state.name + end).unlink(missing_ok=True)
        guard.restart()
        self.is_refused(guard, self.words(key, 999), "no record of the last one")
        self.say(self.other, self.words(key, 998))
        # A new one is good, if it was issued after the loss was found; `issued` has whole seconds.
        self.lab.next_window(1, after=time.time() + CLOCK_ERROR)
        new, new_server = self.make(name="new")
        guard.write({"web": f"ports = tcp/{PORT}"}, {"pw": (new_server, "web")}, {"knock": "tracked = 1024"})
        guard.reload()
        guard.wait_log("configuration read again")
        self.assert_shut(self.other)
        self.other.knock(self.server, new)
        self.assert_opens(self.other)

    def test_without_a_record_only_within_a_day(self):
        key, server_key = self.make()
        self.edit(server_key, "issued", int(time.time()) - DAY - 5)
        guard = self.start(server_key)
        self.is_refused(guard, self.words(key, 999), "no record of the last one")
        guard.stop()
        self.edit(server_key, "issued", int(time.time()) - DAY + 3600)
        guard.restart()
        self.client.knock(self.server, key)
        self.assert_opens(self.client)
        guard.stop()
        # With its record it goes on, however long ago it was issued.
        self.edit(server_key, "issued", int(time.time()) - 400 * DAY)
        guard.restart()
        self.is_refused(guard, self.words(key, 999))
        self.say(self.other, self.words(key, 998))
        self.assert_opens(self.other)

    def test_skipped_ones_within_the_lookahead(self):
        key, server_key = self.make()
        guard = self.start(server_key)
        self.earns_nothing(guard, key, self.words(key, 995), 996)  # five beyond; four
        self.earns_nothing(guard, key, self.words(key, 998), 995)  # skipped: never good again
        self.earns_nothing(guard, key, self.words(key, 990), 994)

    def test_clients_at_once_take_different_ones(self):
        key, server_key = self.make("--ports", KNOCK_PORT)
        with self.server.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("", KNOCK_PORT))
            s.settimeout(10)
            knocks = [self.client.spawn([*self.client.knock_argv(self.server, key), "--rounds", "1"],
                                        log=self.client.home / f"knock{n}") for n in range(8)]
            got = {s.recv(200).decode() for _ in knocks}
        for k in knocks:
            self.assertEqual(k.stop(0), 0, k.text())
        self.assertEqual(got, {self.words(key, n) for n in range(992, 1000)})

    def test_loss(self):
        key, server_key = self.make()
        guard = self.start(server_key)
        self.lab.router_rules("meta l4proto udp numgen random mod 100 < 20 drop")
        for _ in range(20):
            self.client.knock(self.server, key)
        guard.wait_log("opens web", count=20)

    def test_goes_on_after_a_reload(self):
        key, server_key = self.make()
        guard = self.start(server_key)
        self.client.knock(self.server, key)
        guard.wait_log("one-time password 999")
        guard.reload()
        guard.wait_log("configuration read again")
        self.is_refused(guard, self.words(key, 999))
        self.say(self.client, self.words(key, 995))
        guard.wait_log("one-time password 995")

    def test_servers_file_cannot_knock_and_clients_cannot_serve(self):
        key, server_key = self.make()
        done = self.client.run(self.client.knock_argv(self.server, server_key), check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("expected the client's file", done.stderr)
        guard = self.small_guard(key, wait=False, start=False, keys={"pw": (key, "web")})
        done = self.server.run([self.lab.program, "check", "--config", guard.config], check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("pw: expected the server's file", done.stderr)

    def test_few_are_left(self):
        key, server_key = self.make("--count", "21")
        guard = self.start(server_key)

        def check():
            return self.server.run([self.lab.program, "check", "--config", guard.config])
        self.assertNotIn("are left", check().stderr)
        self.assertIn("21 passwords", check().stdout)
        self.assertIn("whoever catches a password before it arrives", check().stderr)
        self.assertIn("62.0 bits", check().stdout)
        self.assertEqual(self.client.knock(self.server, key).stderr, "")
        guard.wait_log("one-time password 20")
        said = self.client.knock(self.server, key).stderr
        self.assertIn("19 one-time passwords are left", said)
        guard.wait_log("one-time password 19, few are left")
        self.assertIn("[key.pw] only 19 one-time passwords are left", check().stderr)
        short, _ = self.make("--count", "1", name="short")
        self.assertIn("chronoknock: 0 one-time passwords are left", self.client.knock(self.server, short).stderr)
        done = self.client.knock(self.server, short, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("used up", done.stderr)


class InStep(OtpTest):
    """The client's number and the server's."""

    def test_a_knock_that_could_not_be_sent_uses_nothing_up(self):
        key, server_key = self.make()
        guard = self.start(server_key)
        self.client.knock(self.server, key)
        guard.wait_log("one-time password 999")
        self.client.run(["nft", "-f", "-"], stdin="""table inet t { chain o {
            type filter hook output priority 0; meta l4proto udp drop;
            }; }""")
        for more in [(), (), (), (), (), ("--at", "999")]:
            done = self.client.knock(self.server, key, "", *more, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("Operation not permitted", done.stderr)
        self.client.run(["nft", "delete table inet t"])
        self.client.knock(self.server, key)
        guard.wait_log("one-time password 998")

    def test_set_back_after_too_many_were_lost(self):
        key, server_key = self.make()
        guard = self.start(server_key)
        self.lab.router_rules("meta l4proto udp drop")
        for _ in range(4):
            self.client.knock(self.server, key)
        self.lab.router_rules("meta l4proto udp accept")
        self.client.knock(self.server, key)  # the fifth: too far ahead
        self.client.knock(self.server, key, "", "--at", "999")
        guard.wait_log("one-time password 999")
        self.client.knock(self.server, key)
        guard.wait_log("one-time password 998")
        self.assertEqual(guard.count_log("opens web", 2), 2)

    def test_none_is_sent_that_gives_many_away(self):
        key, _ = self.make()
        self.client.knock(self.server, key, "", "--at", "900")  # nothing is remembered yet
        for number in (0, 895):
            done = self.client.knock(self.server, key, "", "--at", number, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertEqual(done.stderr, "chronoknock: --at: expected at most 4 knocks beyond number 900, which was sent "
                                          "last: the server looks no further\n")
        self.client.knock(self.server, key, "", "--at", "896")
        self.client.knock(self.server, key, "", "--at", "999")


class ByDns(OtpTest):
    def setUp(self):
        super().setUp()
        self.names = self.lab.host("names")

    def delegate(self, address):
        """The zone is the server's."""
        kind = "AAAA" if ":" in address else "A"
        start_nsd(self.names, {"example.org": f"ns A {self.names.ip4}\nknock NS ns.knock\nns.knock {kind} {address}"})

    def through(self, address, own_server=False):
        """A knock through a resolver on the client's own host, which is so whom it opens for."""
        self.delegate(address)
        if own_server:
            start_nsd(self.server, {ZONE: f"ns A {self.server.ip4}", "example.org": f"ns A {self.server.ip4}"})
        start_unbound(self.client, "example.org", self.names.ip4)
        key, server_key = self.make("--carrier", "dns,udp", "--zone", ZONE)
        guard = self.start(server_key)
        done = self.client.knock(address, key, "", "--resolver", "127.0.0.1")
        self.assertIn(f"knocked on {address} through 127.0.0.1", done.stdout)
        self.assert_opens(self.client, address)
        self.assert_shut(self.other, address)
        # The resolver may ask again and again; a name that somebody saw there is a replay.
        name = self.words(key, 999).replace(" ", "_")
        self.assertEqual(guard.count_log("opens web", 1), 1)
        return guard, key, name

    def test_through_a_resolver_ipv4(self):
        guard, _, _ = self.through(self.server.ip4)
        self.assertNotIn("_", re.sub(r"chronoknock_\w+", "", guard.log()))

    def test_through_a_resolver_ipv6(self):
        self.through(self.server.ip6)

    def test_beside_a_dns_server_of_its_own(self):
        self.through(self.server.ip4, own_server=True)

    def test_opens_for_the_resolver(self):
        self.delegate(self.server.ip4)
        start_unbound(self.other, "example.org", self.names.ip4)
        key, server_key = self.make("--carrier", "dns", "--zone", ZONE)
        self.start(server_key)
        self.client.knock(self.server, key, "", "--resolver", self.other.ip4)
        self.assert_opens(self.other)
        self.assert_shut(self.client)

    def test_sent_to_the_server_itself(self):
        key, server_key = self.make("--carrier", "dns", "--zone", ZONE)
        guard = self.start(server_key)
        for target in (self.server.ip4, self.server.ip6):
            self.client.knock(target, key)
            self.assert_opens(self.client, target)
        self.say(self.other, self.words(key, 997))  # the key has not this carrier
        self.client.knock(self.server, key)
        guard.wait_log("one-time password 997")
        self.assertEqual(guard.count_log("opens web", 3), 3)
        self.assert_shut(self.other)

    def test_resolver_only_for_questions(self):
        key, _ = self.make()
        done = self.client.knock(self.server, key, "", "--resolver", "127.0.0.1", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--resolver: expected none", done.stderr)


if __name__ == "__main__":
    unittest.main()
