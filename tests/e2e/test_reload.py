"""SIGHUP: the server goes over to another configuration while it serves the old one, and nobody notices."""

import pathlib
import re
import signal
import time
import unittest

from case import PORT, LabTest
from lab import start_http, syn

_GRANULARITY = 10  # a machine with other work to do may take a second or two for a reload


class Reload(LabTest):
    def reloaded(self, guard, count=1):
        guard.reload()
        guard.wait_log("configuration read again", 30, count=count)

    def sequence(self, key, source, at):
        said = self.client.run([self.lab.program, "sequence", "--key", key, "--ip", source, "--at", at, "--service", "web"])
        return [int(word) for word in said.stdout.split()]

    def half_before_and_half_after(self, key, change=lambda guard: None, **options):
        guard = self.small_guard(key, wait=False, **options)
        at = self.first_window(_GRANULARITY)
        ports = self.sequence(key, self.client.ip4, at)
        sender = self.lab.sender(self.client)

        def send(some):
            before = guard.status()["matching"]["tracked"]
            sender.send([syn(self.client.ip4, self.server.ip4, port) for port in some])
            self.wait_for(lambda: guard.status()["matching"]["tracked"] >= before + len(some), "the SYNs to be seen")
        send(ports[:8])
        change(guard)
        self.reloaded(guard)
        self.assert_shut(self.client)
        send(ports[8:])
        self.assert_opens(self.client)
        self.assert_shut(self.other)

    def test_a_knock_half_sent_before_it_opens(self):
        self.half_before_and_half_after(self.key(granularity=_GRANULARITY))

    def test_a_knock_half_sent_before_other_keys_come_opens(self):
        """Its key has another place among them then."""
        key, others = self.key(granularity=_GRANULARITY), self.key("others")
        self.half_before_and_half_after(key, lambda guard: guard.write(
            {"other": "ports = tcp/8081", "web": f"ports = tcp/{PORT}"},
            {"aaron": (others, "other"), "alice": (key, "web")}, {"knock": "tracked = 1024"}))

    def test_there_is_no_second_table_of_addresses(self):
        """A tenth more at most is what the server ever has, and 32 MiB in all."""
        key = self.key()
        guard = self.guard(key, wait=False)

        def resident(field):
            status = pathlib.Path(f"/proc/{guard.process.pid}/status").read_text()
            return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) / 1024
        def given():
            """The kernel gives the tables, which are to have big pages, in the first moments: until nothing is left to be given."""
            maps = pathlib.Path(f"/proc/{guard.process.pid}/smaps").read_text()
            tables = [(int(size), int(rss)) for size, rss in
                      re.findall(r"^Size:\s+(\d+) kB$(?:(?!^VmFlags).)*?^Rss:\s+(\d+) kB$(?:(?!^Size).)*?^VmFlags:[^\n]* hg", maps, re.M | re.S)]
            return sum(size for size, _ in tables) > 8 << 10 and all(size == rss for size, rss in tables)
        self.wait_for(lambda: guard.status()["accepting"], "the server to go to work", 20)
        self.wait_for(given, "the tables to be there", 20)
        before = resident("VmHWM")
        self.assertLess(before, 32)
        for n in range(3):
            guard.write({"web": f"ports = tcp/{PORT}"}, {"alice": (self.key(f"alice{n}"), "web"), "bob": (key, "web")})
            self.reloaded(guard, n + 1)
        self.assertLess(resident("VmHWM"), 1.1 * before)

    def many_keys(self, guard, alice, service):
        """A configuration that takes a while to go over to."""
        if not hasattr(self, "crowd"):
            self.crowd = {f"k{n}": (self.key(f"k{n}", granularity=_GRANULARITY), "web") for n in range(1000)}
        guard.write({"web": f"ports = {service}\nopen_for = 60"}, {**self.crowd, "alice": (alice, "web")},
                    {"knock": "tracked = 1024"})

    def guarded(self, *ports):
        listed = self.server.run(["nft", "list", "table", "inet", "chronoknock"]).stdout
        return [str(port) in listed for port in ports] == [True] * len(ports)

    def test_of_two_at_once_the_later_counts(self):
        alice = self.key()
        for port in (8081, 8082):
            start_http(self.server, port)
        guard = self.small_guard(alice, wait=False)
        for port in (8081, 8082):
            self.many_keys(guard, alice, f"tcp/{port}")
            guard.reload()
        guard.wait_log("configuration read again: 1 services, 1001 keys", 30)
        self.wait_for(lambda: self.guarded(8082), "the later configuration", 30)
        self.assert_shut(self.client, port=8082)
        self.assert_open(self.client, port=8081)
        self.first_window(2)
        self.client.knock(self.server, alice, "web")
        self.assert_opens(self.client, port=8082)

    def test_a_broken_one_after_a_good_one_leaves_all_as_it_was(self):
        """Of both the later counts; which of them it was that was read depends on the machine."""
        alice = self.key()
        guard = self.small_guard(alice, wait=False)
        self.many_keys(guard, alice, f"tcp/{PORT}")
        guard.reload()
        guard.config.write_text("[server")
        guard.reload()
        guard.wait_log("the configuration stays as it was", 30)
        self.first_window(2)
        self.client.knock(self.server, alice, "web")
        self.assert_opens(self.client)

    def test_a_stop_amid_one(self):
        alice = self.key()
        guard = self.small_guard(alice, wait=False)
        self.many_keys(guard, alice, f"tcp/{PORT}")
        for pause in (0, 0.03, 0.1, 0.2):
            guard.reload()
            time.sleep(pause)  # whatever it is at then
            self.assertEqual(guard.process.stop(signal.SIGTERM), 0)
            self.assert_shut(self.client)
            guard.start()

    def test_a_table_of_addresses_that_there_is_no_memory_for(self):
        """The one there is goes on, and so does a knock half sent."""
        key = self.key(granularity=_GRANULARITY)
        guard = self.small_guard(key, wait=False)
        at = self.first_window(_GRANULARITY)
        ports = self.sequence(key, self.client.ip4, at)
        sender = self.lab.sender(self.client)
        sender.send([syn(self.client.ip4, self.server.ip4, port) for port in ports[:8]])
        self.wait_for(lambda: guard.status()["matching"]["tracked"] >= 8, "the SYNs to be seen")
        virtual = int(pathlib.Path(f"/proc/{guard.process.pid}/statm").read_text().split()[0]) * 4096
        self.server.run(["prlimit", "--pid", guard.process.pid, f"--as={virtual + (200 << 20)}"])
        guard.write({"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")}, {"knock": "tracked = 4000000"})
        guard.reload()
        guard.wait_log("the configuration stays as it was", 30)
        sender.send([syn(self.client.ip4, self.server.ip4, port) for port in ports[8:]])
        self.assert_opens(self.client)
        guard.write({"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")}, {"knock": "tracked = 2048"})
        self.reloaded(guard)
        self.assertEqual(guard.status()["memory"]["addresses"], 2048)


if __name__ == "__main__":
    unittest.main()
