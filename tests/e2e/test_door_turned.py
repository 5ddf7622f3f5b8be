"""The guard turned against its users, by strangers in their name, by a crowd, or by whoever has a name first; and ways
around it by what is left of it."""

import contextlib
import re
import sys
import time
import unittest

from door import CONTROL, PORT, DoorTest, echoes, gets_in
from forms import ACK, FIN, PSH, SYN, Way
from lab import Sender, wait_for
from test_door_forward import _FLOATING, Container

_SECOND = {4: "10.77.1.9", 6: "fd77:1::9"}
_HOLDER = "import socket, time; s = socket.socket(socket.AF_UNIX); s.bind('\\0chronoknock'); s.listen(9); print('held', " \
          "flush=True); time.sleep(60)"


class Forged(DoorTest):
    """Segments in the name of a live connection must not shorten what it may be idle for: a day."""

    SERVICES = {"web": (PORT, "open_for = 1"), "long": (8081, "open_for = 20")}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.run(["ip", "addr", "add", _SECOND[4] + "/24", "dev", "eth0"])
        cls.server.run(["ip", "addr", "add", _SECOND[6] + "/64", "dev", "eth0", "nodad"])

    def keeps_its_time(self, version, s, target, *flags):
        (source, source_port), port = s.getsockname()[:2], s.getpeername()[1]
        self.assertTrue(echoes(s))
        way = Way(source, target)
        with contextlib.closing(Sender(self.other)) as sender:
            sender.send([way.ip(way.tcp(source_port, port, f, 5, 7 if f & ACK else 0)) for f in flags])
        # Another SYN after them: its refusal shows that they have been dealt with.
        self.assertFalse(gets_in(self.other, self.server.ip(version), port, self.fresh(version, self.other)))
        flows = self.server.run(["nft", "list", "set", "inet", "chronoknock", f"tcp{version}"]).stdout
        said = re.search(rf"{re.escape(source)} \. {source_port} \. {port}( timeout \w+)? expires (\w+)", flows)
        self.assertTrue(said, "the connection is no longer among those that live")
        self.assertRegex(said[2], r"^23h", said[0])

    def test_to_another_address_of_the_host(self):
        for version in (4, 6):
            for flags in (ACK, ACK | PSH, PSH, FIN | ACK, SYN | ACK, 0):
                with self.subTest(version=version, flags=flags):
                    source = self.fresh(version)
                    with self.admit(source) as s:
                        self.shut_to(source)
                        self.keeps_its_time(version, s, _SECOND[version], flags)

    def test_a_syn_that_is_refused(self):
        for version in (4, 6):
            with self.subTest(version=version):
                source = self.fresh(version)
                with self.admit(source) as s:
                    self.shut_to(source)
                    self.keeps_its_time(version, s, self.server.ip(version), SYN)

    def test_a_syn_that_a_grant_admits(self):
        for version in (4, 6):
            with self.subTest(version=version), self.admit(self.fresh(version), "long") as s:
                self.keeps_its_time(version, s, self.server.ip(version), SYN)


class ForgedReset(Forged):
    SECTIONS = {"firewall": "unauthorized = reset"}


class Local(Container):
    """An address that is only routed to the host, which redirects it to a port of its own that nobody guards."""

    NAT = False

    def test_redirected_to_the_host_itself(self):
        self.foreign("nat", "chain pre { type nat hook prerouting priority dstnat;\n"
                     + "".join(f"{ip} daddr {{ {_FLOATING[v]}, {self.server.ip(v)} }} tcp dport {PORT} redirect to :{CONTROL}\n"
                               for v, ip in ((4, "ip"), (6, "ip6"))) + "}")
        wait_for(lambda: "dnat_guard" in self.server.run(["nft", "list", "table", "inet", "chronoknock"]).stdout,
                 "the guard to see that addresses are translated")
        for version in (4, 6):
            for target in (_FLOATING[version], self.server.ip(version)):
                with self.subTest(target=target):
                    self.assertFalse(gets_in(self.other, target, PORT, self.fresh(version, self.other)))
                    source = self.fresh(version)
                    with self.admit(source, target=target) as s:
                        self.shut_to(source, PORT, target)
                        self.assertTrue(echoes(s))
                    self.assertTrue(gets_in(self.other, self.server.ip(version), CONTROL, seconds=2))


class Kept(Container):
    def test_the_last_good_guard_over_one_that_is_there(self):
        self.guard.stop()
        self.server.run(["nft", "-f", self.guard.folder / "guard.nft"])
        for version in (4, 6):
            self.assertFalse(gets_in(self.other, _FLOATING[version], PORT, self.fresh(version, self.other)))


class Crowd(DoorTest):
    START = False

    def stands(self):
        """Without the elements of its sets: nft reads those again whenever somebody has changed any."""
        return self.server.run(["nft", "-t", "list", "chain", "inet", "chronoknock", "input"], check=False).returncode == 0

    def has(self, flow):
        return self.server.run(["nft", "get", "element", "inet", "chronoknock", "tcp4", f"{{ {flow} . 1024 . {PORT} }}"],
                               check=False).returncode == 0

    def is_idle(self):
        """Whether the server had next to nothing to do for a while."""
        before = self.guard.process.cpu()
        time.sleep(1)
        return self.guard.process.cpu() - before < 0.1

    def test_a_flush_under_many_flows(self):
        """65,535 flows are what one granted address can make; here there are as many as five could make, in two sets that
        together hold more than the one set they go back to."""
        self.start_guard()
        self.guard.stop()
        for name, net, many in (("tcp4", 11, 100), ("closing4", 12, 60)):
            for i in range(many):
                elements = ", ".join(f"{net}.{i}.{j >> 8}.{j & 255} . 1024 . {PORT}" for j in range(2048))
                self.nft(f"add element inet chronoknock {name} {{ {elements} }}")
        self.guard.start()
        with self.admit(self.fresh(4)) as s:
            wait_for(self.is_idle, "the server to have read the flows", 60)
            self.nft("delete table inet chronoknock")
            wait_for(self.stands, "the guard to stand", 60)
            self.assertFalse(gets_in(self.other, self.server.ip4, PORT))
            self.assertTrue(echoes(s))
            log = self.guard.wait_log("connections are not admitted again", 120)
            self.assertTrue(echoes(s))
            for flow in ("11.0.0.0", "11.50.3.1", "11.99.7.255"):
                self.assertTrue(self.has(flow), flow)
        self.assertEqual(log.count("somebody has removed or changed the table"), 1)
        # What there is no room for is told once, and no nft was killed.
        self.assertEqual(re.findall(r"connections are not admitted again: (.*)", log), ["nft: their set is full"], log)


class Name(DoorTest):
    START = False

    def test_whoever_holds_the_lock_may_guard_nothing(self):
        holder = self.server.spawn(["setpriv", "--bounding-set=-all", "--inh-caps=-all", sys.executable, "-c", _HOLDER],
                                   log=self.server.home / "holder")
        holder.wait_for_text("held")
        guard = self.lab.chronoknock(self.server, services={"web": f"ports = tcp/{PORT}"}, keys={"alice": (self.key, "web")},
                                     start=False)
        self.server.run([self.lab.program, "guard", "--config", guard.config])
        self.assertFalse(gets_in(self.other, self.server.ip4, PORT))


if __name__ == "__main__":
    unittest.main()
