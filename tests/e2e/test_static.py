"""Fixed sequences: with and without a key file, by our client and knockd's, pads, and what a replay earns."""

import os
import pty
import re
import select
import time
import unittest

from case import PORT, LabTest
from lab import CLOCK_ERROR, wait_for

SEQUENCE = "7000,udp/8000,9000"
PAD = [f"{7000 + n},{8000 + n},udp/{9000 + n}" for n in range(12)]


def read_until(terminal, text, seconds=15):
    """What a program has written to its terminal when it comes to a text."""
    shown = b""
    while text not in shown:
        if not select.select([terminal], [], [], seconds)[0]:
            raise AssertionError(f"{text!r} expected, and this came: {shown!r}")
        shown += os.read(terminal, 4096)
    return shown


class Static(LabTest):
    def static_key(self, sequences, name="fixed"):
        path = self.server.home / f"{name}.key"
        path.write_text(f"method = static\nsequence = {sequences}\n", encoding="ascii")
        path.chmod(0o600)
        return path

    def start(self, key, *more, **options):
        return self.small_guard(key, wait=False, keys={"fixed": (key, "web", *more)}, **options)

    def knock(self, host, *args, check=True):
        return host.run([self.lab.program, "knock", self.server.ip4, "--gap", "5", *args], check=check)

    def is_refused(self, guard, host, sequence, why):
        """Within a second of the knock itself a copy passes for a later round of it: it earns nothing and is no news. Of
        an address the first refusal is told at once."""
        def told():
            self.knock(host, "--ports", sequence, "--rounds", "1")
            return why in guard.log()
        wait_for(told, why)

    def test_without_a_key_file(self):
        guard = self.start(self.static_key(SEQUENCE), "allow_weak = true")
        self.assert_shut(self.client)
        self.knock(self.client, "--ports", SEQUENCE)
        self.assert_opens(self.client)
        self.assert_shut(self.other)
        guard.wait_log(f"key fixed opens web for 30s to {self.client.ip4}, sequence (")
        for port in ("7000", "8000", "9000"):
            self.assertNotIn(port, re.sub(r"\d\d:\d\d:\d\d|pid \d+", "", guard.log()))

    def test_asked_for_at_the_terminal(self):
        self.start(self.static_key(SEQUENCE), "allow_weak = true")
        done = self.client.run(["setsid", self.lab.program, "knock", self.server.ip4, "--ports", "-"], stdin=SEQUENCE + "\n")
        self.assertIn("knocked on", done.stdout)
        self.assert_opens(self.client)

    def test_client_of_knockd(self):
        self.start(self.static_key("7000,8000,udp/9000"), "allow_weak = true", "mode = strict")
        self.client.run(["knock", "-d", "5", self.server.ip4, "7000:tcp", "8000:tcp", "9000:udp"])
        self.assert_opens(self.client)

    def test_client_of_knockd_over_ipv6(self):
        self.start(self.static_key("7000,8000,udp/9000"), "allow_weak = true", "mode = strict")
        self.client.run(["knock", "-6", "-d", "5", self.server.ip6, "7000:tcp", "8000:tcp", "9000:udp"])
        self.assert_opens(self.client, self.server.ip6)
        self.assert_shut(self.client)

    def test_over_ipv6(self):
        self.start(self.static_key(SEQUENCE), "allow_weak = true")
        self.client.run([self.lab.program, "knock", self.server.ip6, "--gap", "5", "--ports", SEQUENCE])
        self.assert_opens(self.client, self.server.ip6)

    def test_typed_at_a_terminal_and_unseen(self):
        """At a terminal of its own, as a user has it."""
        self.start(self.static_key(SEQUENCE), "allow_weak = true")
        pid, terminal = pty.fork()
        if pid == 0:
            self.client._enter()
            os.execv(self.lab.program, [self.lab.program, "knock", self.server.ip4, "--gap", "5", "--ports", "-"])
        self.addCleanup(os.close, terminal)
        shown = read_until(terminal, b"ports: ")
        os.write(terminal, SEQUENCE.encode() + b"\n")
        shown += read_until(terminal, b"knocked on")
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        self.assertNotIn(b"7000", shown)
        self.assert_opens(self.client)

    def test_our_client_opens_knockd(self):
        config = self.server.home / "knockd.conf"
        config.write_text(f"""
[options]
    logfile = {self.server.home}/knockd.log
[open]
    sequence = 7000,8000:udp,9000
    seq_timeout = 5
    tcpflags = syn
    command = /usr/bin/touch {self.server.home}/opened-%IP%
""", encoding="ascii")
        knockd = self.server.spawn(["/usr/sbin/knockd", "-v", "-i", "eth0", "-c", config])
        knockd.wait_for_text("listening on")
        for host, how in ((self.client, ["--ports", SEQUENCE]), (self.other, ["--key", self.static_key(SEQUENCE)])):
            self.knock(host, *how, "--rounds", "1")
            wait_for((self.server.home / f"opened-{host.ip4}").exists, f"knockd to open to {host.name}")

    def test_refused_unless_allowed_to_be_weak(self):
        key = self.static_key(SEQUENCE)
        guard = self.small_guard(key, wait=False, start=False, keys={"fixed": (key, "web")})
        done = self.server.run([self.lab.program, "check", "--config", guard.config], check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("never changes can be replayed for ever", done.stderr)

    def test_pad(self):
        key = self.static_key("; ".join(PAD))
        guard = self.start(key, "mode = strict", "allow_weak = true")
        self.knock(self.client, "--key", key)
        self.assert_opens(self.client)
        # The same again.
        self.is_refused(guard, self.client, PAD[0], "a replay")
        # What the client sends next is the next one; some that were lost do no harm, too many do.
        self.is_refused(guard, self.other, PAD[10], "further ahead of the newest accepted knock")
        self.assert_shut(self.other)
        self.knock(self.other, "--ports", PAD[8])
        self.assert_opens(self.other)

    def test_pad_is_set_back_after_too_many_were_lost(self):
        key = self.static_key("; ".join(PAD))
        guard = self.start(key, "mode = strict", "allow_weak = true")
        self.knock(self.client, "--key", key)
        guard.wait_log("sequence 1")
        self.lab.router_rules("ip protocol { tcp, udp } drop")
        for _ in range(8):
            self.knock(self.client, "--key", key, "--rounds", "1")
        refused = self.knock(self.client, "--key", key, "--at", "17", check=False)
        self.assertIn("--at: expected at most 8 knocks beyond number 8", refused.stderr)
        self.lab.router_rules("accept")
        self.knock(self.client, "--key", key)  # the ninth
        self.knock(self.client, "--key", key, "--at", "1")
        guard.wait_log("sequence 2")
        self.knock(self.client, "--key", key)
        guard.wait_log("sequence 3")
        self.assertEqual(guard.count_log("opens web", 3), 3)

    def test_pad_stays_used_after_a_restart(self):
        key = self.static_key("; ".join(PAD))
        guard = self.start(key, "mode = strict", "allow_weak = true")
        self.knock(self.client, "--key", key)
        self.assert_opens(self.client)
        guard.sigkill()
        guard.restart()
        self.is_refused(guard, self.other, PAD[0], "a replay")
        self.assert_shut(self.other)
        self.knock(self.client, "--key", key)  # number 1: the client remembers
        guard.wait_log("sequence 2")

    def test_pad_whose_record_was_lost(self):
        """A copy of a sequence that was used, or of one that was passed over, opens nothing: a new pad must be made."""
        key = self.static_key("; ".join(PAD))
        guard = self.start(key, "mode = strict", "allow_weak = true")
        self.knock(self.client, "--key", key)
        self.assert_opens(self.client)
        guard.stop()
        for end in ("", "-wal", "-shm"):
            guard.state.with_name(guard.state.name + end).unlink(missing_ok=True)
        guard.restart()
        self.is_refused(guard, self.other, PAD[0], "no record of the last one")
        self.knock(self.other, "--ports", PAD[1])
        self.lab.next_window(1, after=time.time() + CLOCK_ERROR)  # `issued` has whole seconds
        new = self.server.home / "new.key"
        self.server.run([self.lab.program, "keygen", "--method", "static", "--out", new])
        guard.write({"web": f"ports = tcp/{PORT}"}, {"fixed": (new, "web", "mode = strict")}, {"knock": "tracked = 1024"})
        guard.reload()
        guard.wait_log("configuration read again")
        self.assert_shut(self.other)
        self.knock(self.other, "--key", new)
        self.assert_opens(self.other)


if __name__ == "__main__":
    unittest.main()
