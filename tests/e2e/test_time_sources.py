"""Which servers are asked, what counts, and what the server says of those that do not: pools, names with one address,
servers that are no use, and no servers at all."""

import contextlib
import socket
import struct
import threading
import time
import unittest

from bent_clock import BentClock
from case import LabTest
from lab import start_chronyd

NTP_EPOCH = 2208988800


class Sources(LabTest):
    def setUp(self):
        super().setUp()
        self.alice = self.key()
        self.honest, self.liar = self.lab.host("honest"), self.lab.host("liar")

    def start(self, time_section, hosts=None):
        """The server; `hosts`: names and their addresses, that it alone knows. It may be changed while it runs."""
        launcher = None
        self.hosts = self.lab.folder / "hosts"
        if hosts is not None:
            self.name(hosts)
            launcher = ["unshare", "--mount", "sh", "-c", f'mount --bind {self.hosts} /etc/hosts && exec "$@"', "sh",
                        self.lab.program]
        return self.small_guard(self.alice, wait=False, launcher=launcher, sections={"time": time_section})

    def name(self, hosts):
        self.hosts.write_text("127.0.0.1 localhost\n" + "".join(
            f"{address} {name}\n" for name, addresses in hosts.items() for address in addresses), encoding="ascii")

    def servers(self, guard):
        return guard.status()["time"]["servers"]

    def agreeing(self, guard):
        """The addresses of those that count."""
        return {s["address"].removesuffix(":123") for s in self.servers(guard) if s["mark"] in "*+-"}


class Pools(Sources):
    def setUp(self):
        super().setUp()
        # One chronyd under many addresses: to us they are so many machines.
        self.honest.add_addresses(net4="10.78.0.0/24")
        self.addresses = [f"10.78.0.{n}" for n in range(1, 7)]

    def test_up_to_four_are_asked(self):
        start_chronyd(self.honest)
        for count, asked in ((6, 4), (2, 2)):
            with self.subTest(addresses=count):
                guard = self.start("servers = pool:pool.lab\ninterval = 1", {"pool.lab": self.addresses[:count]})
                self.wait_for(lambda: len(self.agreeing(guard)) == asked, f"{asked} to agree")
                self.assertLessEqual(self.agreeing(guard), set(self.addresses[:count]))
                self.assertEqual(len(self.servers(guard)), 4)
                for spare in (s for s in self.servers(guard) if s["mark"] == "?"):
                    self.assertEqual(spare["problem"], "no address that is not asked already")
                self.assertIn(f"{asked} of {asked} servers agree", guard.status()["time"]["verdict"])
                guard.stop()

    def test_a_dead_one_and_a_liar_are_replaced(self):
        start_chronyd(self.honest)
        start_chronyd(self.liar, fake="-100s")
        dead = self.other.ip4  # a machine where nothing answers
        guard = self.start("servers = pool:pool.lab\ninterval = 1",
                           {"pool.lab": [dead, self.liar.ip4, *self.addresses[:4]]})
        guard.wait_log("Connection refused")
        guard.wait_log("does not agree with the others: another address is looked for", 60)
        self.wait_for(lambda: self.agreeing(guard) == set(self.addresses[:4]), "all four honest ones to be asked", 60)
        self.assertTrue(guard.status()["accepting"])

    def test_a_name_that_points_elsewhere_later(self):
        start_chronyd(self.honest)
        guard = self.start("servers = pool:pool.lab\ninterval = 1", {"pool.lab": [self.other.ip4]})
        guard.wait_log("Connection refused")
        self.name({"pool.lab": self.addresses[:3]})
        self.wait_for(lambda: self.agreeing(guard), "a new address to answer", 30)

    def test_pools_and_others_share_no_machine(self):
        start_chronyd(self.honest)
        guard = self.start(f"servers = {self.addresses[0]}, pool:one.lab, pool:two.lab\ninterval = 1",
                           {"one.lab": self.addresses[:3], "two.lab": self.addresses[:3]})
        self.wait_for(lambda: len(self.agreeing(guard)) == 3, "three to agree")
        asked = [s["address"] for s in self.servers(guard) if s["address"]]
        self.assertEqual(len(asked), len(set(asked)))
        self.assertIn("3 of 3 servers agree", guard.status()["time"]["verdict"])


class OneMachine(Sources):
    def test_names_with_one_address_count_once(self):
        start_chronyd(self.honest)
        start_chronyd(self.other)
        start_chronyd(self.liar, fake="-100s")
        names = {"one.lab": [self.honest.ip4], "two.lab": [self.other.ip4],
                 **{f"liar{n}.lab": [self.liar.ip4] for n in range(3)}}
        guard = self.start(f"servers = {', '.join(names)}\ninterval = 1", names)
        self.wait_for(lambda: guard.log().count(": answers") >= len(names), "all to answer")
        said = guard.status()["time"]
        self.assertEqual([s["problem"] for s in said["servers"][3:]], ["the same machine as liar0.lab: counts once"] * 2)
        # Three votes against two would have been the liar's time.
        self.assertIn("2 of 3 servers agree", said["verdict"])
        self.assertLess(abs(said["offset"]), 1)
        self.assertEqual([s["mark"] == "x" for s in said["servers"][:3]], [False, False, True])
        self.assertTrue(guard.status()["accepting"])


class Responder:
    """Answers each NTP query by the true time behind the header: the 16 bytes before the timestamps."""

    def __init__(self, host, header):
        self._socket = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("0.0.0.0", 123))
        self._socket.settimeout(0.2)
        self._header, self._over = header, False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over:
            with contextlib.suppress(TimeoutError):
                query, client = self._socket.recvfrom(2048)
                now = int((time.time() + NTP_EPOCH) * 2**32)
                origin = int.from_bytes(query[40:48], "big")
                self._socket.sendto(self._header + struct.pack("!QQQQ", now, origin, now, now), client)

    def close(self):
        self._over = True
        self._thread.join()
        self._socket.close()


def header(leap=0, stratum=1, dispersion=0.0, reference=b"TEST"):
    return struct.pack("!BBbbII4s", leap << 6 | 4 << 3 | 4, stratum, 6, -20, 0, int(dispersion * 65536), reference)


class Reasons(Sources):
    def responder(self, *args, **fields):
        made = Responder(self.honest, header(*args, **fields))
        self.addCleanup(made.close)

    def assert_said(self, section, client_arguments, reason, table=True):
        """By the server in `status` and by `time` in its table."""
        guard = self.start(section)
        self.wait_for(lambda: reason in self.servers(guard)[0]["problem"], f"status to say: {reason}")
        self.assertFalse(guard.status()["accepting"])
        if table:
            done = self.client.run([self.lab.program, "time", *client_arguments], check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(reason, done.stdout)
        return guard

    def test_a_server_that_has_no_time_yet(self):
        self.responder(leap=3, stratum=0, reference=b"INIT")
        guard = self.assert_said(f"servers = {self.honest.ip4}", [self.honest.ip4],
                                 "the server is not synchronised yet (INIT)")
        guard.wait_log("not synchronised yet (INIT)")

    def test_a_bound_beyond_max_error(self):
        self.responder(dispersion=0.5)
        guard = self.assert_said(f"servers = {self.honest.ip4}\nmax_error = 100ms", [], "is beyond max_error", table=False)
        self.assertRegex(self.servers(guard)[0]["problem"], r"^its bound of 0\.5\d* s is beyond max_error$")

    def test_a_bound_beyond_what_time_takes(self):
        self.responder(dispersion=7)
        self.assert_said(f"servers = {self.honest.ip4}", [self.honest.ip4], "is beyond max_error")

    def test_a_silent_key_establishment_server(self):
        listener = self.honest.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(("0.0.0.0", 4460))
        listener.listen(100)
        guard = self.start(f"servers = nts://{self.honest.ip4}")
        waiting = "no answer from its key establishment server yet"
        self.wait_for(lambda: self.servers(guard)[0]["problem"] == waiting, waiting)
        done = self.client.run([self.lab.program, "time", f"nts://{self.honest.ip4}"], check=False)
        self.assertRegex(done.stdout, f"{waiting}|no answer in time")
        guard.wait_log("no answer in time")


class SystemClock(Sources):
    """No servers: what the kernel says of its clock, here by bent_clock.cpp."""

    def start_and_check(self, vouched):
        """The server where the kernel vouches for its clock to so many seconds; what `check` warns of."""
        clock = BentClock(self.lab.folder / "clock")
        clock.kernel_vouches(vouched)
        guard = self.small_guard(self.alice, wait=False, start=False, sections={"time": "servers ="})
        guard.start(env=clock.env)
        return guard, self.server.run([self.lab.program, "check", "--config", guard.config], env=clock.env).stderr

    def verdict(self, guard):
        """As `status` shows it to people, and the log had it at the start."""
        verdict = guard.status()["time"]["verdict"]
        self.assertIn(verdict, self.server.run([self.lab.program, "status", "--control", guard.control]).stdout)
        guard.wait_log("time: going by the system clock: no time servers are configured; ")
        return verdict

    def test_the_kernel_vouches(self):
        guard, doubts = self.start_and_check(0.02)
        self.assertRegex(self.verdict(guard), "the kernel vouches for it to 20ms$")
        self.assertNotIn("servers: none", doubts)
        self.assertEqual(guard.status()["time"]["error"], 0.02)
        self.assertEqual(guard.status()["time"]["state"], "system clock")
        self.assertTrue(guard.status()["accepting"])

    def test_the_kernel_vouches_for_too_little(self):
        # A daemon that lost its servers hours ago: the owner is not locked out.
        guard, doubts = self.start_and_check(6)
        why = "the kernel vouches for the system clock to 6.000000 s only; it is trusted to 0.500000 s"
        self.assertTrue(self.verdict(guard).endswith(why))
        self.assertIn(why, doubts)
        self.assertTrue(guard.status()["accepting"])

    def test_the_kernel_says_that_nothing_synchronises_it(self):
        guard, doubts = self.start_and_check(None)
        why = "the kernel says that nothing synchronises the system clock; it is trusted to 0.500000 s"
        self.assertTrue(self.verdict(guard).endswith(why))
        self.assertIn(f"warning: [time] servers: none, and {why}", doubts)
        self.assertEqual(guard.status()["time"]["error"], 0.5)
        self.assertTrue(guard.status()["accepting"])
        self.assertRegex(guard.log(), f"warning: time: .*{why}")


if __name__ == "__main__":
    unittest.main()
