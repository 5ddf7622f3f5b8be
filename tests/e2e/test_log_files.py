"""The log as a source: files that come, go, are cut and rewritten, and lines that are none."""

import os
import time
import unittest

from case import PORT, WINDOW
from lab import wait_for
from log_case import LogTest


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
            self.assertEqual(guard.count_log("opens web", 1), 1)

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
        key = self.key(granularity=10)
        self.append("")
        guard = self.log_guard(key, wait=False)
        self.first_window(10)
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
        self.assertRegex(self.server.run([self.lab.program, "status", "--control", guard.control]).stdout,
                         rf"(?m)^log +{len(real)} lines matched, {len(forged)} lines passed over$")

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
        guard = self.small_guard(key)
        text = guard.config.read_text(encoding="utf-8")

        def read_log(path):
            self.log = path
            self.append("")
            guard.config.write_text(f"{text}\n[capture]\nlog = {path}\n", encoding="utf-8")
            guard.reload()
        read_log(self.server.home / "elsewhere.log")
        guard.wait_log("is in a folder that the running server cannot reach; a restart changes that")
        read_log(guard.folder / "firewall.log")  # one that it has been given at its start
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


if __name__ == "__main__":
    unittest.main()
