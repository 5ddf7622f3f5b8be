"""Ways around the door that once led in: a tuple that the host's connection tracking calls established."""

import contextlib
import re
import signal
import threading
import time
import unittest

from door import OURS, PORT, RESET_ME, DoorTest, dial, echoes, gets_in, next_expected, reset, vanish
from forms import Way
from lab import Sender, start_sshd, wait_for

_TRACKED = "chain watch { type filter hook input priority 0; ct state new,established,related counter; }"


class Hammer:
    """A stranger who tries one source port again and again, some hundred times a second. `times`: when he was in. What
    he gets ends at once by `end`, or is kept, some of it, and he goes on from the next port."""

    def __init__(self, host, target, source, source_port, end=None):
        self.times, self.held = [], []
        self._args, self._end, self._ended = (host, target, PORT, source), end, False
        self._port = source_port
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ended:
            with contextlib.suppress(OSError):
                began = time.monotonic()  # a busy machine may look at the clock long after he was in
                s = dial(*self._args, self._port, seconds=0.004)
                self.times.append(began)
                if self._end:
                    s.settimeout(0.1)
                    self._end(s)
                elif len(self.held) < 4:
                    self.held.append(s)
                    self._port += 1
                else:
                    reset(s)

    def stop(self):
        self._ended = True
        self._thread.join()


def server_resets(s):
    with contextlib.suppress(ConnectionResetError):
        s.sendall(RESET_ME)
        s.recv(1)
    vanish(s)


class Strangers(DoorTest):
    SERVICES = {"web": (PORT, "open_for = 1")}

    def hammered(self, version, held_open):
        """A ruleset flushed under a stranger's hammering, the repair as quick as it is or held up so that he is in."""
        source, target = self.fresh(version, self.other), self.server.ip(version)
        ends = [Hammer(self.other, target, source, 5000 + i, end) for i, end in enumerate((reset, server_resets, vanish))]
        keeps = Hammer(self.other, target, source, 6000)
        hammers = [*ends, keeps]
        time.sleep(0.1)
        self.assertEqual([h.times for h in hammers], [[]] * 4, "he was in before the flush")
        if held_open:
            self.guard.process.send(signal.SIGSTOP)
        self.nft("flush ruleset")
        if held_open:
            wait_for(lambda: all(h.times for h in hammers), "the stranger to get in while nothing guards")
            self.guard.process.send(signal.SIGCONT)
        self.guarded()
        time.sleep(0.05)
        back = time.monotonic()
        time.sleep(1.5)
        for hammer in hammers:
            hammer.stop()
        late = [sum(t > back for t in h.times) for h in hammers]
        alive = [s for s in keeps.held if echoes(s, seconds=0.3)]
        for s in keeps.held:
            reset(s)
        self.assertEqual((late, len(alive)), ([0] * 4, 0),
                         f"(times each hammer was let in after the guard was back, connections of his that live) IPv{version}")

    def test_hammering_through_a_flush(self):
        for version in (4, 6):
            for held_open in (True, True, False, False):
                with self.subTest(version=version, held_open=held_open):
                    self.hammered(version, held_open)

    def test_hammering_through_a_flush_on_a_host_that_tracks(self):
        for version in (4, 6):
            with self.subTest(version=version):
                # In the raw table of another family, so that our flush leaves it there.
                self.server.spawn(["sh", "-c", f"while :; do nft 'table inet watch {{ {_TRACKED} }}'; sleep 0.02; done"],
                                  log=self.server.home / "watch")
                try:
                    self.hammered(version, True)
                finally:
                    self.server.processes[-1].kill()
                    self.server.run(["nft", "delete", "table", "inet", "watch"], check=False)

    def test_own_connection_that_was_reset(self):
        """Let in once, by a grant; the same ports again when it has ended, at once and for a while."""
        for version in (4, 6):
            for end in (reset, vanish, server_resets, lambda s: s.close()):
                with self.subTest(version=version, end=end.__name__):
                    source, target = self.fresh(version), self.server.ip(version)
                    s = self.admit(source)
                    port = s.getsockname()[1]
                    self.shut_to(source)
                    end(s)
                    for _ in range(20):
                        self.assertFalse(gets_in(self.client, target, PORT, source, port, seconds=0.03))


class FromBefore(DoorTest):
    """A stranger's connection from before the guard lives on; when it has ended its ports are as good as any others."""

    START = False

    def test_closed_by_the_servers_fin(self):
        self.sysctl("net.ipv4.tcp_fin_timeout", 1)
        self.foreign("watch", _TRACKED)
        tries = []
        for version in (4, 6):
            for end in (vanish, reset, lambda s: s.close()):
                source, port = self.fresh(version, self.other), 7000 + len(tries)
                s = dial(self.other, self.server.ip(version), PORT, source, port)
                self.assertTrue(echoes(s))
                tries.append((version, end, source, port, s))
        self.start_guard()
        for _, _, source, port, s in tries:
            self.assertTrue(echoes(s), "it should have lived on")
            self.echo[PORT].hang_up(source, port)

        def forgotten():
            return f":{PORT} " not in self.server.run(["ss", "-Htan", "state", "connected", "sport", f"= :{PORT}"]).stdout
        wait_for(forgotten, "FIN_WAIT2 to end", 10)
        for _, end, _, _, s in tries:
            end(s)
        time.sleep(0.1)
        came = len(self.echo[PORT].came)
        for _ in range(15):
            for version, end, source, port, _ in tries:
                with self.subTest(version=version, end=end.__name__):
                    self.assertFalse(gets_in(self.other, self.server.ip(version), PORT, source, port, seconds=0.03))
        self.assertEqual(len(self.echo[PORT].came), came)


class RealSshd(DoorTest):
    SERVICES = {"web": (PORT, ""), "ssh": (22, "open_for = 4\nuses = 1")}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.echo[22].close()
        start_sshd(cls.server)

    def sshd_resets(self, source, counts, seconds=20):
        """Greets sshd with garbage so that it hangs up, from the same source port over and over; counts banners."""
        target = self.server.ip(6 if ":" in source else 4)
        self.knock(source, "ssh")
        end, got = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                s = dial(self.client, target, 22, source, 4022, seconds=0.25)
                s.settimeout(10)
                got += s.recv(4) == b"SSH-"
                s.settimeout(1)
                # Left unread, this makes the server's end a RST, and ours says nothing after it.
                with contextlib.suppress(OSError):
                    s.sendall(b"SSH-2.0-x\r\n")
                    while True:
                        s.sendall(b"\xff" * 65536)
                vanish(s)
        counts[source] = got

    def test_one_use_is_one_connection(self):
        counts, threads = {}, []
        for version in (4, 6):
            source = self.fresh(version)
            threads.append(threading.Thread(target=self.sshd_resets, args=(source, counts)))
            threads[-1].start()
        for t in threads:
            t.join()
        self.assertEqual(set(counts.values()), {1}, f"banners in 20 s after one knock that is good for one: {counts}")


class ResetPolicy(DoorTest):
    SECTIONS = {"firewall": "unauthorized = reset"}
    WAIT = 1.5

    def forged(self, s, flags):
        """Segments of the connection out of its window. They acknowledge what is right to acknowledge, as a late copy
        of the client's own would: a RST in answer to one would be exact."""
        (source, port), target = s.getsockname()[:2], s.getpeername()[0]
        way, ack = Way(source, target), next_expected(s)
        return [way.ip(way.tcp(port, PORT, bits, (sequence + ack) % (1 << 32), ack, data=b"x")) for bits in flags
                for sequence in range(1 << 27, 1 << 32, 1 << 28)]

    def lives_on_after(self, flags, tracked):
        if tracked:
            self.foreign("watch", _TRACKED)
        live = []
        for version in (4, 6):
            source = self.fresh(version)
            live.append(self.admit(source))
            self.addCleanup(live[-1].close)
            self.shut_to(source)
        sender = Sender(self.other)
        self.addCleanup(sender.close)
        for s in live:
            sender.send(self.forged(s, flags))
        for _ in range(int(self.WAIT / 0.5)):
            time.sleep(0.5)
            self.assertEqual([echoes(s) for s in live], [True, True])
        for s in live:
            sender.send(self.forged(s, flags))
        time.sleep(self.WAIT)
        table = self.server.run(OURS).stdout
        for s in live:  # a silence of hours cannot be tried here; how long it may last stands in the table
            source, port = s.getsockname()[:2]
            left = re.search(rf"{source} \. {port} \. {PORT}\b[^,}}]* expires (\w+)", table)
            self.assertRegex(left[1] if left else "no element", "[hd]", "it may not be silent for an hour")
        self.assertEqual([echoes(s) for s in live], [True, True], "after a silence")

    def test_a_segment_out_of_window_ends_nothing(self):
        for name, flags in {"data": (0x10, 0x18), "all": (0x10, 0x02, 0x12, 0x11, 0x01, 0x04, 0x14, 0x00, 0x29)}.items():
            for tracked in (False, True):
                with self.subTest(flags=name, tracked=tracked):
                    self.lives_on_after(flags, tracked)


class DropPolicy(ResetPolicy):
    """The same, and what a forged FIN or RST makes the guard think lasts long enough to be seen."""

    SECTIONS = {"firewall": "unauthorized = drop"}

    def test_a_segment_out_of_window_ends_nothing(self):
        self.WAIT = 15.0
        self.lives_on_after((0x11, 0x04, 0x14, 0x29), False)


if __name__ == "__main__":
    unittest.main()
