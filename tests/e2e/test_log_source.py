"""The log as a source: knocks that the server reads from a firewall's log, without a capture of its own.

The kernel's own lines come from netfilter's LOG target (nft `log`), which works in a namespace only while
net.netfilter.nf_log_all_netns is set, and from ulogd, which writes the same format from a log group.
"""

import contextlib
import os
import pathlib
import shutil
import threading
import time
import unittest

from case import PORT, WINDOW
from lab import syn, wait_for
from log_case import GROUP, LogTest

ALL_NAMESPACES = pathlib.Path("/proc/sys/net/netfilter/nf_log_all_netns")


class Ulogd(LogTest):
    """With a daemon that writes."""

    def test_opens_without_a_capture_and_takes_no_replay(self):
        daemon = self.start_ulogd()
        key = self.key()
        guard = self.log_guard(key)
        packet_sockets = self.server.run(["ss", "-0", "-H", "-p"]).stdout
        self.assertNotIn("chronoknock", packet_sockets)
        self.assert_shut(self.client)
        syns = self.capture_knock(key)
        self.assert_shut(self.other)
        status = guard.status()
        self.assertGreaterEqual(status["log"]["lines_matched"], 16)
        self.assertEqual(status["packets"]["seen"], 0)
        self.assertEqual(status["packets"]["syns"], status["log"]["lines_matched"])

        # A replay in the client's name: of the same window, after the grant's end.
        self.server.run(["nft", "flush", "set", "inet", "chronoknock", guard.grant_set("web", 4)])
        self.lab.sender(self.other).send([syn(p.source, p.target, p.port) for p in syns])
        self.lines(status["log"]["lines_matched"] + len(syns), guard)
        self.all_seen(key)
        self.assert_shut(self.client)
        self.assertTrue(daemon.alive())

    def test_both_families(self):
        self.start_ulogd()
        key = self.key()
        self.log_guard(key)
        for version in (4, 6):
            self.client.knock(self.server.ip(version), key, "web")
            self.assert_opens(self.client, self.server.ip(version))
            self.assert_shut(self.other, self.server.ip(version))

    def test_static_with_datagrams_and_strict_mode(self):
        self.start_ulogd()
        key = self.server.home / "fixed.key"
        key.write_text("method = static\nsequence = 17000, udp/18000, 19000\n", encoding="ascii")
        key.chmod(0o600)
        self.log_guard(key, keys={"fixed": (key, "web", "allow_weak = true", "mode = strict")}, wait=False)
        self.assert_shut(self.client)
        self.client.run(["knock", "-d", "20", self.server.ip4, "17000:tcp", "18000:udp", "19000:tcp"])
        self.assert_opens(self.client)
        self.assert_shut(self.other)

    def test_what_is_for_others_is_passed_over(self):
        self.start_ulogd()
        key = self.key()
        guard = self.log_guard(key)
        # The server logs what it would forward, too.
        self.server.sysctl("net.ipv4.ip_forward", 1)
        self.lab.router.run(["ip", "route", "add", "198.51.100.0/24", "via", self.server.ip4])
        self.client.knock("198.51.100.9", key, "web", check=False)  # there is nobody
        wait_for(lambda: guard.status()["packets"]["elsewhere"] >= 16, "the knock to be passed over")
        self.assert_shut(self.client)
        self.assertEqual(guard.status()["knocks"]["granted"], 0)

    def test_rotated_while_it_is_used(self):
        daemon = self.start_ulogd()
        key = self.key()
        guard = self.log_guard(key)
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        # By renaming: until the signal ulogd writes to the old file.
        self.log.rename(self.server.home / "firewall.log.1")
        self.other.knock(self.server, key, "web")
        self.assert_opens(self.other)
        daemon.send(1)
        wait_for(self.log.exists, "ulogd to open the file again")
        granted = guard.status()["knocks"]["granted"]
        for host in (self.client, self.other):
            host.knock(self.server.ip6, key, "web")
            self.assert_opens(host, self.server.ip6)
        guard.wait_log("replaced by another file")
        # By copying and cutting to nothing.
        shutil.copy(self.log, self.server.home / "firewall.log.2")
        os.truncate(self.log, 0)
        guard.wait_log("truncated")
        self.lab.next_window(WINDOW)
        self.client.knock(self.server, key, "web")
        wait_for(lambda: guard.status()["knocks"]["granted"] == granted + 3, "the knock after the truncation")


class Kernel(LogTest):
    """With the kernel's own LOG target, whose lines a small syslog daemon puts into the file."""

    @contextlib.contextmanager
    def syslog(self):
        """Writes what the kernel logs from now on into the file, as rsyslog does with kern.log."""
        if not ALL_NAMESPACES.exists():
            self.skipTest("the kernel has no nf_log_all_netns")
        with open("/dev/kmsg", "rb", buffering=0, opener=lambda p, f: os.open(p, f | os.O_NONBLOCK)) as kernel:
            os.lseek(kernel.fileno(), 0, os.SEEK_END)
            before = ALL_NAMESPACES.read_text(encoding="ascii")
            ALL_NAMESPACES.write_text("1", encoding="ascii")
            over = threading.Event()

            def copy():
                while not over.wait(0.005):
                    with contextlib.suppress(BlockingIOError, BrokenPipeError):
                        while record := os.read(kernel.fileno(), 8192):
                            facts, _, text = record.partition(b";")
                            stamp = int(facts.split(b",")[2])
                            line = text.split(b"\n")[0].decode("latin-1")
                            self.append(time.strftime("%b %e %H:%M:%S server kernel: ") +
                                        f"[{stamp // 1000000:5}.{stamp % 1000000:06}] {line}\n")

            thread = threading.Thread(target=copy)
            thread.start()
            try:
                yield
            finally:
                over.set()
                thread.join()
                ALL_NAMESPACES.write_text(before, encoding="ascii")

    def opens_both_ways(self, statement):
        key = self.key()
        with self.syslog():
            self.append("")
            self.log_guard(key)
            self.rules(statement)
            for version in (4, 6):
                self.client.knock(self.server.ip(version), key, "web")
                self.assert_opens(self.client, self.server.ip(version))
                self.assert_shut(self.other, self.server.ip(version))

    def test_nft_log(self):
        self.opens_both_ways('log prefix "knock: "')

    def test_nft_log_with_all_it_can_say(self):
        self.opens_both_ways('log prefix "[FW KNOCK] " flags all')

    def test_iptables_log(self):
        key = self.key()
        with self.syslog():
            self.append("")
            self.log_guard(key)
            for command in ("iptables", "ip6tables"):
                self.server.run([command, "-t", "raw", "-A", "PREROUTING", "-p", "tcp", "--syn", "-j", "LOG",
                                 "--log-prefix", "DROP ", "--log-tcp-sequence", "--log-tcp-options"])
            for version in (4, 6):
                self.client.knock(self.server.ip(version), key, "web")
                self.assert_opens(self.client, self.server.ip(version))

    def test_an_interface_with_a_hostile_name(self):
        """Whoever may name an interface of the host (in a container, say) names it like a field."""
        key = self.key()
        with self.syslog():
            self.append("")
            guard = self.log_guard(key)
            self.rules('log prefix "knock: "')
            self.server.run(["ip", "link", "set", "eth0", "down"])
            self.server.run(["ip", "link", "set", "eth0", "name", "SRC=10.77.9.9"])
            self.server.run(["ip", "link", "set", "SRC=10.77.9.9", "up"])
            self.server.run(["ip", "route", "replace", "default", "via", f"10.77.{self.server.number}.1"])
            self.client.knock(self.server, key, "web")
            self.assert_opens(self.client)
            guard.wait_log("to 10.77.2.2")
            self.assertNotIn("10.77.9.9 ", guard.log())


class LogGroup(LogTest):
    """interface = nflog:GROUP: what rules hand to a log group of netfilter, by libpcap."""

    def test_opens_for_what_the_rules_hand_over(self):
        key = self.key()
        self.rules(f"log group {GROUP}")
        guard = self.small_guard(key, sections={"capture": f"interface = nflog:{GROUP}"})
        for version in (4, 6):
            self.client.knock(self.server.ip(version), key, "web")
            self.assert_opens(self.client, self.server.ip(version))
            self.assert_shut(self.other, self.server.ip(version))
        self.assertGreaterEqual(guard.status()["packets"]["syns"], 32)
        # What no rule hands over is not seen.
        self.rules(f"ip saddr != {self.other.ip4} log group {GROUP}")
        self.other.knock(self.server, key, "web")
        self.client.knock(self.server.ip6, key, "web")
        self.assert_shut(self.other)

    def test_a_flood_in_the_group(self):
        """Many packets in one message of the kernel's, more than a turn reads, and knocks among them."""
        key = self.key()
        self.rules(f"log group {GROUP}")
        guard = self.small_guard(key, sections={"capture": f"interface = nflog:{GROUP}"})
        flood = [syn(self.other.ip4, self.server.ip4, 10000 + n % 50000) for n in range(5000)]
        self.lab.sender(self.other).send(flood)

        def knocked():  # what the flood leaves no room for in the kernel is lost
            self.client.knock(self.server, key, "web")
            return self.client.door(self.server.ip4, PORT) == "open"
        wait_for(knocked, "a knock to open the door", 30)
        packets = guard.status()["packets"]
        self.assertEqual(packets["malformed"], 0)
        self.assertGreaterEqual(packets["syns"] + packets["dropped_by_kernel"], 1000)

    def test_datagrams(self):
        key = self.server.home / "fixed.key"
        key.write_text("method = static\nsequence = 17000, udp/18000, 19000\n", encoding="ascii")
        key.chmod(0o600)
        self.rules(f"log group {GROUP}")
        self.small_guard(key, wait=False, keys={"fixed": (key, "web", "allow_weak = true")},
                         sections={"capture": f"interface = lo, nflog:{GROUP}"})
        self.client.run(["knock", "-d", "20", self.server.ip4, "17000:tcp", "18000:udp", "19000:tcp"])
        self.assert_opens(self.client)

    def test_unfit_groups(self):
        for group in ("nflog:", "nflog:x", "nflog:65536", "nflog:-1", "nflog:1:2"):
            guard = self.small_guard(self.key(), start=False, wait=False,
                                     sections={"capture": f"interface = {group}"})
            done = self.server.run([self.lab.program, "check", "--config", guard.config], check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("[capture] interface: expected any, names of interfaces or nflog:GROUP", done.stderr)


if __name__ == "__main__":
    unittest.main()
