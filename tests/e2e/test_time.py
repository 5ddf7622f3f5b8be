"""Time from real servers: honest ones, liars, NTS, and somebody on the way."""

import json
import math
import os
import struct
import subprocess
import time
import unittest

from case import LabTest
from lab import Lab, start_chronyd, wait_for
from ntslab import Authority, Middle, is_nak, start_nts
from services import faketime_env

ERA = 2**32 - 2208988800  # Unix time of the rollover of NTP's seconds, 7 February 2036
BOUND = 0.1  # of an answer that nobody held
JITTER = 0.002  # the truth here is our own clock, read a moment after the program read it


class TimeTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.client = self.lab.host("client")

    def servers(self, *fakes):
        """A chronyd for each, wrong by that (None: honest); their addresses."""
        before = len(self.lab.hosts)
        hosts = [self.lab.host(f"ntp{before + i}") for i in range(len(fakes))]
        for host, fake in zip(hosts, fakes):
            start_chronyd(host, fake=fake)
        return [h.ip4 for h in hosts]

    def ask(self, *argv, env=None):
        """`time --json`: its exit status and what it said. Of three times that of the least error: a program that waits
        for the processor takes that for the way of the one answer that it asks for."""
        best = None
        for _ in range(3):
            done = self.client.run([self.lab.program, "time", "--json", *argv], check=False, env=env)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            said = json.loads(done.stdout)
            if best is None or said.get("error", math.inf) < best[1]["error"]:
                best = done.returncode, said
            if said.get("error", 0) < BOUND:
                break
        return best

    def assert_true(self, said, wrong_by=0.0):
        """The truth is within the bound (wrong_by: what the clock at hand is off by)."""
        self.assertLessEqual(abs(said["offset"] - wrong_by), said["error"] + JITTER, said["verdict"])
        self.assertLess(said["error"], BOUND)

    def marks(self, said):
        return [s["mark"] for s in said["servers"]]


class Plain(TimeTest):
    def test_three_honest_servers_agree(self):
        status, said = self.ask(*self.servers(None, None, None))
        self.assertEqual(status, 0)
        self.assertEqual(said["agreeing"], 3)
        self.assertTrue(set(self.marks(said)) <= set("*+-"))
        self.assertEqual([s["stratum"] for s in said["servers"]], [1, 1, 1])
        self.assertFalse(any(s["authenticated"] for s in said["servers"]))
        self.assert_true(said)

    def test_a_liar_among_three_is_found(self):
        for lie in ("-100s", "+1h", "+0 x1.5"):
            with self.subTest(lie=lie):
                status, said = self.ask(*self.servers(None, lie, None))
                self.assertEqual(status, 0)
                self.assertEqual(said["servers"][1]["mark"], "x")
                self.assertEqual(said["agreeing"], 2)
                self.assert_true(said)

    def test_without_a_majority_there_is_no_time(self):
        status, said = self.ask(*self.servers(None, "-100s"))
        self.assertEqual(status, 1)
        self.assertFalse(said["synchronised"])

    def test_one_of_three_may_be_dead(self):
        alive = self.servers(None, None)
        status, said = self.ask(*alive, self.client.ip4)  # nothing listens there: refused at once
        self.assertEqual(status, 0)
        self.assertEqual(said["servers"][2]["mark"], "?")
        self.assertEqual(said["servers"][2]["problem"], "Connection refused")
        self.assert_true(said)

    def test_ipv6_and_port(self):
        host = self.lab.host("ntp")
        start_chronyd(host, port=1123)
        status, said = self.ask(f"[{host.ip6}]:1123")
        self.assertEqual(status, 0)
        self.assert_true(said)

    def test_nobody_answers(self):
        self.lab.router_rules("udp dport 123 drop")
        status, said = self.ask(*self.servers(None))
        self.assertEqual(status, 1)
        self.assertEqual(said["servers"][0]["problem"], "no answer")

    def test_a_delay_widens_the_bound_and_the_truth_stays_in_it(self):
        host = self.lab.host("ntp")
        start_chronyd(host)
        middle = Middle(self.lab, self.client, host, hold=0.3)
        self.addCleanup(middle.close)
        status, said = self.ask(host.ip4)
        self.assertEqual(status, 0)
        self.assertGreater(said["error"], 0.15)
        self.assertLess(said["error"], 2)
        self.assertLessEqual(abs(said["offset"]), said["error"])

    def test_the_table(self):
        honest, liar, other = self.servers(None, "+1h", None)
        done = self.client.run([self.lab.program, "time", honest, liar, other])
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"Server +Stratum +Reach +Offset +Delay +Bound +Auth")
        self.assertRegex(lines[2], rf"^x {liar} +1 +1 +\+3600\.\d{{3}}s ")
        self.assertRegex(lines[4], r"^synchronised: 2 of 3 servers agree")

    def test_usage(self):
        for argv in ([], ["host name"], ["nts://"], ["--nts-ca", "/nowhere", "nts://ntp.example"], ["--jsn", "x"]):
            with self.subTest(argv=argv):
                done = self.client.run([self.lab.program, "time", *argv], check=False)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stderr.count("\n"), 1)


class Lookups(LabTest):
    def test_no_thread_for_a_lookup_is_no_end_of_the_server(self):
        """A user who may have no more threads; nobody gives keys at the server's name, so that it is looked up again
        and again."""
        user = 60000 + os.getpid() % 5000  # the limit counts all of a user's
        self.lab.folder.chmod(0o755)
        key = self.key()
        guard = self.small_guard(key, wait=False, start=False, sections={"time": "servers = nts://localhost:9"}, launcher=[
            "setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--inh-caps=+net_admin,+net_raw",
            "--ambient-caps=+net_admin,+net_raw", self.lab.program])
        for path in (self.server.home, guard.folder, guard.config, key):
            os.chown(path, user, user)
        guard.start()

        def problem(text):
            self.wait_for(lambda: text in guard.status()["time"]["servers"][0]["problem"], text, 30)
        def threads(most):
            self.server.run(["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "prlimit", f"--pid={guard.process.pid}", f"--nproc={most}:"])
        problem("Connection refused")
        threads(1)
        problem("localhost: cannot be looked up: Resource temporarily unavailable")
        self.assert_shut(self.client)
        threads(1000)
        problem("Connection refused")
        self.assertEqual(guard.stop(), 0)


class Eras(TimeTest):
    def servers_before(self, moment):
        """A server whose clock will soon pass a moment, and what it said of the time before."""
        for seconds in (4, 20, 60):  # further off, if all that took longer than that
            servers = self.servers(time.strftime("@%Y-%m-%d %H:%M:%S", time.localtime(moment - seconds)))
            status, said = self.ask(*servers)
            self.assertEqual(status, 0)
            if said["time"] < moment:
                return servers, said
        raise AssertionError("too slow to tell")

    def test_servers_that_pass_the_rollover_of_2036(self):
        servers, before = self.servers_before(ERA)

        def passed():
            said = self.ask(*servers)[1]
            return said if said["time"] > ERA else None
        after = wait_for(passed, "the servers to pass the rollover", 75)
        # Had a timestamp been taken for one of the old era, it would be 136 years away.
        self.assertLess(after["time"], ERA + 150)
        self.assertLess(abs(after["offset"] - before["offset"]), after["error"] + before["error"] + JITTER)

    def test_a_client_whose_clock_is_decades_off(self):
        servers = self.servers(None)
        for clock in ("@1970-01-02 00:00:00", "@2037-01-01 00:00:00"):
            with self.subTest(clock=clock):
                # A build with AddressSanitizer wants to be loaded before libfaketime, which cannot be.
                env = {**faketime_env(clock), "ASAN_OPTIONS": "verify_asan_link_order=0"}
                status, said = self.ask(*servers, env=env)
                self.assertEqual(status, 0)
                self.assertLess(abs(said["time"] - time.time()), 60)
                self.assertLess(said["error"], BOUND)

    def test_the_last_second_of_a_leap_day(self):
        midnight = 1483228800
        servers, _ = self.servers_before(midnight)

        def passed():
            said = self.ask(*servers)[1]
            return said if said["time"] > midnight else None
        self.assertLess(wait_for(passed, "midnight", 75)["error"], BOUND)


class Nts(TimeTest):
    def setUp(self):
        super().setUp()
        self.host = self.lab.host("ntp")
        self.url = f"nts://{self.host.ip4}"
        self.authority = Authority(self.lab.folder)
        self.good = self.authority.certificate("good", f"IP:{self.host.ip4}")
        self.trust = ("--nts-ca", self.authority.file)

    def middle(self, **how):
        middle = Middle(self.lab, self.client, self.host, **how)
        self.addCleanup(middle.close)
        return middle

    def refused(self, *argv):
        """Asks in vain; the problem."""
        status, said = self.ask(*argv)
        self.assertEqual(status, 1)
        self.assertFalse(said["synchronised"])
        self.assertNotIn("time", said)
        return said["servers"][0]["problem"]

    def test_good(self):
        start_nts(self.host, self.good)
        status, said = self.ask(self.url, *self.trust)
        self.assertEqual(status, 0, said)
        self.assertTrue(said["servers"][0]["authenticated"])
        self.assert_true(said)

    def test_a_name_and_another_port_for_ntp(self):
        certificate = self.authority.certificate("local", "DNS:localhost")
        start_nts(self.client, certificate, port=1123, extra="ntsport 14460")
        status, said = self.ask("nts://localhost:14460", *self.trust)
        self.assertEqual(status, 0, said)
        self.assertRegex(said["servers"][0]["address"], ":1123$")

    def test_wrong_certificate(self):
        start_nts(self.host, Authority(self.lab.folder, "other").certificate("good", f"IP:{self.host.ip4}"))
        self.assertIn("the certificate is not accepted", self.refused(self.url, *self.trust))
        self.assertIn("the certificate is not accepted", self.refused(self.url))  # by the system's authorities

    def test_wrong_name(self):
        start_nts(self.host, self.authority.certificate("elsewhere", "IP:10.99.99.99"))
        self.assertIn("IP address mismatch", self.refused(self.url, *self.trust))
        start_nts(self.client, self.authority.certificate("named", "DNS:ntp.example"))
        self.assertIn("hostname mismatch", self.refused("nts://localhost", *self.trust).lower())

    def test_no_key_establishment_there(self):
        start_chronyd(self.host)
        self.assertIn("Connection refused", self.refused(self.url, *self.trust))

    def test_tampered_answers_count_for_nothing(self):
        start_nts(self.host, self.good)
        middle = self.middle()

        def earlier(_, reply):
            seconds, = struct.unpack("!I", reply[40:44])
            return [reply[:40] + struct.pack("!I", seconds - 100) + reply[44:]]
        changes = {
            "rewritten": earlier,
            "stripped to plain NTP": lambda _, reply: [reply[:48]],
            "cut": lambda _, reply: [reply[:-4]],
            "reflected": lambda request, _: [bytes([0x24]) + request[1:]],
        }
        for name, change in changes.items():
            with self.subTest(name):
                middle.change = change
                self.refused(self.url, *self.trust)
        with self.subTest("and the same to a plain client moves it"):
            def all_earlier(_, reply):
                fields = list(struct.unpack("!12I", reply[:48]))
                for i in (4, 8, 10):  # seconds of reference, receive and transmit time
                    fields[i] -= 100
                return [struct.pack("!12I", *fields)]
            middle.change = all_earlier
            status, said = self.ask(self.host.ip4)
            self.assertEqual(status, 0)
            self.assertAlmostEqual(said["offset"], -100, delta=0.1)

    def test_the_true_answer_counts_behind_a_forged_one(self):
        start_nts(self.host, self.good)
        self.middle(change=lambda _, reply: [reply[:24] + bytes(8) + reply[32:], reply[:-1] + b"\0", reply])
        status, said = self.ask(self.url, *self.trust)
        self.assertEqual(status, 0, said)
        self.assert_true(said)

    def test_a_forged_nak_does_not_beat_the_true_answer(self):
        start_nts(self.host, self.good)

        def nak_first(request, reply):
            kiss = bytes([0xE4, 0]) + bytes(10) + b"NTSN" + bytes(8) + request[40:48] + bytes(16)
            return [kiss + request[48:84], reply]
        self.middle(change=nak_first)
        status, said = self.ask(self.url, *self.trust)
        self.assertEqual(status, 0, said)
        self.assertEqual(said["servers"][0]["problem"], "")

    def test_held_packets_show_in_the_bound(self):
        start_nts(self.host, self.good)
        self.middle(hold=0.3)
        status, said = self.ask(self.url, *self.trust)
        self.assertEqual(status, 0, said)
        self.assertGreater(said["error"], 0.15)
        self.assertLessEqual(abs(said["offset"]), said["error"])

    def test_a_restart_with_new_keys_is_survived(self):
        server = start_nts(self.host, self.good)
        middle = self.middle()
        watch = self.client.spawn([self.lab.program, "time", "--json", "--watch", self.url, *self.trust],
                                  log=self.client.home / "watch", stdin=subprocess.DEVNULL)
        watch.wait_for_text('"authenticated":true')
        before = len(middle.replies)
        server.stop()
        start_nts(self.host, self.good, name="again")
        wait_for(lambda: any(map(is_nak, middle.replies[before:])), "the new server to refuse old cookies")

        def authentic_again():
            naks = [i for i, r in enumerate(middle.replies) if is_nak(r)]
            return any(not is_nak(r) and len(r) > 48 for r in middle.replies[naks[-1]:])
        wait_for(authentic_again, "an answer under new keys")

        def shown():
            last = json.loads(watch.text().splitlines()[-1])
            return last["synchronised"] and last["servers"][0]["problem"] == "" and last["servers"][0]["reach"] & 1
        wait_for(shown, "the client to count it")
        watch.kill()


if __name__ == "__main__":
    unittest.main()
