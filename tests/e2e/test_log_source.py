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

from case import POOL, PORT, WINDOW, LabTest
from lab import syn, wait_for

GROUP = 7
ALL_NAMESPACES = pathlib.Path("/proc/sys/net/netfilter/nf_log_all_netns")


class LogTest(LabTest):
    def setUp(self):
        super().setUp()
        self.log = self.server.home / "firewall.log"

    def log_guard(self, key=None, capture="", **options):
        options.setdefault("wait", True)
        return self.small_guard(key or self.key(), sections={"capture": f"log = {self.log}\n{capture}"}, **options)

    def rules(self, statement):
        """Has the server's firewall log what may be part of a knock."""
        self.server.run(["nft", "-f", "-"], stdin=f"""
            add table inet firewall
            delete table inet firewall
            table inet firewall {{ chain input {{ type filter hook prerouting priority -300;
                tcp dport {POOL} tcp flags & (syn | ack) == syn {statement}
                udp dport {POOL} {statement}
            }}
            }}""")

    def start_ulogd(self):
        """ulogd writes what the rules hand to the log group into the file, in netfilter's LOG format."""
        folder = self.server.home / "ulogd"
        folder.mkdir()
        config = folder / "conf"
        config.write_text(f"""
[global]
logfile="{folder}/log"
loglevel=3
stack=group:NFLOG,base:BASE,interface:IFINDEX,address:IP2STR,print:PRINTPKT,file:LOGEMU
[group]
group={GROUP}
[file]
file="{self.log}"
sync=1
""", encoding="ascii")
        daemon = self.server.spawn([shutil.which("ulogd") or "/usr/sbin/ulogd", "-c", config], log=folder / "out")
        wait_for(self.log.exists, f"ulogd to open the file; it said:\n{daemon.text()}")
        self.rules(f'log group {GROUP} queue-threshold 1 prefix "knock"')
        return daemon

    def lines(self, matched, guard):
        """Waits until the server has read so many lines of connection attempts."""
        wait_for(lambda: guard.status()["log"]["lines_matched"] >= matched, f"{matched} lines to be read")

    def written(self, packets, target=None):
        """Lines of the kernel's about packets of an eavesdropper's."""
        return "".join(
            f"Nov 28 16:25:10 server kernel: [  100.000001] knock: IN=eth0 OUT= MAC=02:00 SRC={p.source} "
            f"DST={target or p.target} LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP SPT={p.source_port} "
            f"DPT={p.port} WINDOW=64240 RES=0x00 SYN URGP=0 \n" for p in packets)

    def append(self, text):
        with open(self.log, "a", encoding="latin-1") as f:
            f.write(text)


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
        self.client.knock("198.51.100.9", key, "web")
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
            self.assertIn("to 10.77.2.2", guard.log())
            self.assertNotIn("10.77.9.9 ", guard.log())


class Files(LogTest):
    """With lines that the test writes."""

    def knock_lines(self, key):
        """The lines of a knock by the client that the server could not see."""
        with_sniffer = self.lab.sniffer(self.server)
        self.client.knock(self.server, key, "web")
        return self.written(p for p in with_sniffer.syns(target=self.server.ip4) if p.port != PORT)

    def test_late_renamed_truncated_cut_in_two(self):
        key = self.key()
        guard = self.log_guard(key)
        guard.wait_log("there is no such file; waiting for it")
        granted = 0

        def opens(write):
            nonlocal granted
            self.lab.next_window(WINDOW)
            write(self.knock_lines(key))
            granted += 1
            wait_for(lambda: guard.status()["knocks"]["granted"] == granted, f"knock {granted}")
            self.assert_open(self.client)

        def cut(text):
            half = len(text) // 2
            self.append(text[:half])
            wait_for(lambda: guard.status()["log"]["lines_matched"] > matched, "the first half to be read")
            self.append(text[half:])

        opens(self.append)  # a file that comes late
        matched = guard.status()["log"]["lines_matched"]
        opens(cut)
        writer = open(self.log, "a", encoding="ascii")
        self.addCleanup(writer.close)
        self.log.rename(self.server.home / "firewall.log.1")
        self.append("")

        def to_the_old_one(text):
            writer.write(text)
            writer.flush()

        opens(to_the_old_one)
        opens(self.append)  # to the new one
        os.truncate(self.log, 0)
        opens(self.append)
        self.log.unlink()
        opens(self.append)

    def test_what_was_there_at_the_start_does_not_count(self):
        key = self.key()
        self.append("")
        guard = self.log_guard(key)
        guard.stop()
        self.lab.next_window(WINDOW)
        self.append(self.knock_lines(key))
        guard.restart()
        self.lines(0, guard)
        marker = "drop: IN=eth0 OUT= SRC=192.0.2.1 DST=192.0.2.2 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID=1 DF PROTO=TCP " \
                 "SPT=1 DPT=2 WINDOW=1 RES=0x00 SYN URGP=0 \n"
        self.append(marker)
        self.lines(1, guard)
        self.assertEqual(guard.status()["log"]["lines_matched"], 1)
        self.assert_shut(self.client)

    def test_what_was_read_does_not_count_again(self):
        """An editor rewrites the file, or somebody cuts it: old lines are no knock."""
        key = self.server.home / "fixed.key"
        key.write_text("method = static\nsequence = 17000, 18000, 19000\n", encoding="ascii")
        key.chmod(0o600)
        self.append("some\nthing\n")
        guard = self.log_guard(key, keys={"fixed": (key, "web", "allow_weak = true")}, wait=False, open_for=2)
        sniffer = self.lab.sniffer(self.server)
        self.client.run(["knock", "-d", "20", self.server.ip4, "17000:tcp", "18000:tcp", "19000:tcp"])
        knock = self.written(sniffer.syns(target=self.server.ip4))
        self.append(knock)
        guard.wait_log("opens web")
        marker = knock.splitlines()[0].replace("DPT=17000", "DPT=1").replace(self.client.ip4, self.other.ip4) + "\n"

        def earns_nothing(number, change):
            change()
            guard.wait_log("going on behind what it held", count=number)
            matched = guard.status()["log"]["lines_matched"]
            self.append("\n" + marker)  # behind what was cut through
            self.lines(matched + 1, guard)
            self.assertEqual(guard.status()["log"]["lines_matched"], matched + 1)
            self.assertEqual(guard.log().count("opens web"), 1)

        def put_in_its_place(text):
            new = self.log.with_suffix(".tmp")
            new.write_text(text)
            new.rename(self.log)
            guard.wait_log("replaced by another file")

        # Within the second in which a copy passes for a later round of the knock it would be no news.
        time.sleep(1.5)
        put_in_its_place("x\n" + self.log.read_text())
        matched = guard.status()["log"]["lines_matched"]
        self.append(marker)
        self.lines(matched + 1, guard)
        self.assertEqual(guard.status()["log"]["lines_matched"], 4)
        earns_nothing(1, lambda: os.truncate(self.log, self.log.stat().st_size - 3))
        earns_nothing(2, lambda: self.log.write_text("y\n" + self.log.read_text()))
        # They would open it still.
        self.append(knock)
        guard.wait_log("opens web", count=2)

    def test_hostile_lines_open_nothing(self):
        key = self.key()
        self.append("")
        guard = self.log_guard(key)
        lines = self.knock_lines(key)
        real = lines.splitlines()
        forged = []
        for text in real:
            packet = text[text.index("IN="):]
            source, rest = packet.split(" SRC=")[1].split(" ", 1)
            forged += [
                f"Nov 28 16:25:10 server sshd[77]: Invalid user {packet}",
                f"Nov 28 16:25:10 server sshd[77]: {packet}from 198.51.100.1 port 22",
                f"Nov 28 16:25:10 server kernel: usb 1-1: Product: {packet}",
                f"Nov 28 16:25:10 server kernel: IN=eth0 OUT= {packet}",
                f"Nov 28 16:25:10 server kernel: IN=eth0 OUT= MAC=02:00 SRC=198.51.100.1 SRC={source} {rest}",
                f"Nov 28 16:25:10 server kernel: IN=eth0 OUT= MAC=02:00 SRC=198.51.100.1 DST=10.77.1.2 LEN=56 TOS=0x00 "
                f"PREC=0x00 TTL=63 ID=1 PROTO=ICMP TYPE=3 CODE=3 [{packet.split('MAC=02:00 ')[1]}] ",
                f"{packet.replace('SYN', 'ACK SYN')}",
                f"{packet.replace('IN=eth0', 'IN=a b')}",
                f"{packet}{packet}",
                "x" * 3000 + packet,
                f"{'x' * 2100}\0{packet}",
                f"{text}\r{text}",
            ]
        self.append("\n".join(forged) + "\n")
        wait_for(lambda: guard.status()["log"]["lines_passed_over"] >= len(forged), "the lines to be passed over")
        self.assertEqual(guard.status()["log"], {"lines_matched": 0, "lines_passed_over": len(forged)})
        self.assert_shut(self.client)
        # They would have opened it.
        self.append(lines)
        self.assert_opens(self.client)
        self.assertIn(f"log: {len(real)} lines matched, {len(forged)} lines passed over",
                      self.server.run([self.lab.program, "status", "--control", guard.control]).stdout)

    def test_a_pattern_of_ones_own(self):
        key = self.key()
        self.append("")
        guard = self.log_guard(
            key, capture=r"pattern = ^(?P<src>[^ ]+) -> (?P<dst>[^ ]+) port (?P<dpt>[0-9]+)$")
        with_sniffer = self.lab.sniffer(self.server)
        self.client.knock(self.server, key, "web")
        self.append("".join(f"{p.source} -> {p.target} port {p.port}\n"
                            for p in with_sniffer.syns(target=self.server.ip4) if p.port != PORT))
        self.assert_opens(self.client)
        self.assertGreaterEqual(guard.status()["log"]["lines_matched"], 16)

    def test_reload_from_interfaces_to_a_log_and_back(self):
        key = self.key()
        self.append("")
        guard = self.small_guard(key)
        text = guard.config.read_text(encoding="utf-8")
        guard.config.write_text(f"{text}\n[capture]\nlog = {self.log}\n", encoding="utf-8")
        guard.reload()
        guard.wait_log("configuration read again")
        lines = self.knock_lines(key)
        self.append(lines)
        self.assert_opens(self.client)
        self.assertGreaterEqual(guard.status()["log"]["lines_matched"], 16)
        guard.config.write_text(text, encoding="utf-8")
        guard.reload()
        guard.wait_log("configuration read again", count=2)
        self.assertNotIn("log", guard.status())
        self.other.knock(self.server, key, "web")
        self.assert_opens(self.other)

    def test_check_says_the_source_and_what_is_unfit(self):
        def check(capture, expect):
            guard = self.log_guard(capture=capture, start=False, wait=False)
            done = self.server.run([self.lab.program, "check", "--config", guard.config], check=False)
            self.assertEqual(done.returncode, expect, done.stderr)
            return done.stdout + done.stderr

        self.assertIn(f"none: the log {self.log} is read, netfilter's LOG format", check("", 0))
        self.assertIn("[capture] pattern: expected a group (?P<dpt>...)",
                      check("pattern = (?P<src>a)(?P<dst>b)", 2))
        self.assertIn("[capture] pattern: expected a regular expression as RE2 takes it",
                      check("pattern = (?P<src>a", 2))
        self.assertIn("[capture] interface: expected none beside log", check("interface = eth0", 2))
        self.assertIn("by a pattern of its own",
                      check("interface = any\npattern = ^(?P<src>a) (?P<dst>b) (?P<dpt>c)", 0))
        self.assertIn("warning: [capture] pattern: it does not begin with ^",
                      check("pattern = (?P<src>a) (?P<dst>b) (?P<dpt>c)", 0))

    def test_a_file_that_cannot_be_read_is_told_and_tried_again(self):
        self.log.mkdir()
        key = self.key()
        guard = self.log_guard(key, wait=False)
        guard.wait_log(f"capture: {self.log}: expected a regular file: taking no knocks")
        self.assert_shut(self.client)
        self.log.rmdir()
        self.append("")
        guard.wait_log("what kept the server from taking knocks is over")
        self.first_window(WINDOW)
        self.append(self.knock_lines(key))
        self.assert_opens(self.client)


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
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
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
