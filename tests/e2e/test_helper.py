"""The server's helper when something goes wrong with it, or somebody else has its channel."""

import ctypes
import os
import pathlib
import socket
import threading
import unittest

import test_confinement
from dnslab import start_nsd
from lab import start_chronyd
from test_confinement import NOBODY, process_status

_PIDFD_OPEN, _PIDFD_GETFD = 434, 438
_libc = ctypes.CDLL(None, use_errno=True)


def has_ended(pid):
    try:
        return process_status(pid)["State"].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


def children_of(pid):
    return [int(one) for one in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def duplicate_of_channel(pid):
    """The server's end of the channel to its helper, as somebody has it whom the server sent it."""
    process = _libc.syscall(_PIDFD_OPEN, pid, 0)
    try:
        for number in sorted(int(one) for one in os.listdir(f"/proc/{pid}/fd")):
            if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
                continue
            one = socket.socket(fileno=_libc.syscall(_PIDFD_GETFD, process, number, 0))
            if (one.family, one.type) == (socket.AF_UNIX, socket.SOCK_SEQPACKET):
                return one
            one.close()
    finally:
        os.close(process)
    raise AssertionError("the server has no channel")


class Helper(test_confinement.Confined):
    def test_it_ends_with_the_server_whoever_has_the_channel(self):
        guard, _ = self.confined(user=NOBODY)
        helper = guard.status()["privileges"]["helper"]
        with duplicate_of_channel(guard.process.pid):
            guard.sigkill()
            self.wait_for(lambda: has_ended(helper), "the helper to end")


class Names(test_confinement.Confined):
    def test_they_are_looked_up(self):
        """By a resolver that is asked over the network."""
        ntp = self.lab.host("ntp")
        start_nsd(ntp, {"example.org": f"ns A {ntp.ip4}\nntp A {ntp.ip4}"})
        start_chronyd(ntp)
        told = self.lab.folder / "resolv.conf"
        told.write_text(f"nameserver {ntp.ip4}\n", encoding="ascii")
        guard, key = self.confined(user=NOBODY, time="servers = ntp.example.org", launcher=[
            "unshare", "-m", "sh", "-c", f'mount --bind {told} /etc/resolv.conf && exec "$@"', "sh"])
        self.wait_for(lambda: guard.status()["accepting"], "the time from a server by its name")
        self.opens(guard, key)


class Faults(test_confinement.Confined):
    def setUp(self):
        super().setUp()
        self.flag = self.lab.folder / "fault"

    def faulty(self, fault, program=None, **options):
        preloaded = os.environ.get("HELPER_FAULTS")
        if not preloaded:
            self.skipTest("HELPER_FAULTS names no library")
        launcher = ["env", f"LD_PRELOAD={preloaded}", f"HELPER_FAULT={fault}", f"HELPER_FAULT_WHILE={self.flag}"]
        guard, key = self.confined(user=NOBODY, program=program, launcher=launcher, **options)
        return guard, key, guard.status()["privileges"]["helper"]

    def asks_for_a_packet_socket(self, guard):
        """In a thread: whoever asks may wait."""
        outside = self.lab.folder / "outside"
        outside.write_text("not for the server")

        def ask():
            try:
                test_confinement.Forbidden.ask(self, guard, "try_forbidden", outside=str(outside), inside=str(guard.state))
            except OSError:  # the server has ended
                pass
        asking = threading.Thread(target=ask)
        asking.start()
        self.addCleanup(asking.join)
        return asking

    def forbidden(self):
        program = os.environ.get("CHRONOKNOCK_FORBIDDEN")
        if not program:
            self.skipTest("CHRONOKNOCK_FORBIDDEN names no program")
        return program

    def test_without_a_process_to_be_had_it_pauses(self):
        guard, key, helper = self.faulty("fork", self.forbidden())
        self.flag.touch()
        slept, used = (lambda: int(process_status(helper)["voluntary_ctxt_switches"])), cpu_seconds(helper)
        before = slept()
        asking = self.asks_for_a_packet_socket(guard)
        try:
            self.wait_for(lambda: slept() >= before + 5, "the helper to pause", 8)
            self.assertLess(cpu_seconds(helper) - used, 0.5)
        finally:
            self.flag.unlink()
        asking.join()
        self.opens(guard, key)

    def test_a_child_that_is_killed_leaves_no_server_waiting(self):
        guard, _, helper = self.faulty("socket", self.forbidden())
        self.flag.touch()
        self.asks_for_a_packet_socket(guard)
        self.wait_for(lambda: not guard.process.alive(), "the server to end")
        self.assertIn("the helper has ended", guard.log())
        self.assertTrue(has_ended(helper))
        self.assert_shut(self.other)

    def test_lookups_are_held_and_end_with_it(self):
        self.flag.touch()
        guard, _, helper = self.faulty("lookup", time="servers = ntp.example")

        def held():
            status = [(pid, process_status(pid)) for pid in children_of(helper)]
            return next((pid for pid, s in status if s["Seccomp"] == "2" and int(s["CapPrm"], 16) == 0), None)
        child = self.wait_for(held, "a lookup that is held")
        guard.sigkill()
        for one in (helper, child):
            self.wait_for(lambda one=one: has_ended(one), "both to end")

    def test_no_answer_about_translation_costs_rules_and_no_knock(self):
        self.flag.touch()
        guard, key, helper = self.faulty("translation")
        listed = self.server.run(["nft", "list", "table", "inet", "chronoknock"]).stdout
        self.assertIn("ct status dnat", listed)
        self.opens(guard, key)
        self.wait_for(lambda: not children_of(helper), "whoever was asked to end")
        self.assertTrue(self.flag.exists())


if __name__ == "__main__":
    unittest.main()
