"""A fleet whose cluster answers, and something is wrong all the same: certificates that are over, a member's clock, slow
wires, a member that was put back; and hosts that have a name twice, or do not know the time."""

import json
import os
import pathlib
import shutil
import time
import unittest

from case import PORT, WINDOW
from etcdlab import Sequences, Slow
from fleet_case import AGREE, FleetTest
from lab import wait_for

VDSO_CLOCK = pathlib.Path(os.environ.get("VDSO_CLOCK") or pathlib.Path(os.environ.get(
    "CHRONOKNOCK", "build/release/app/chronoknock")).resolve().parents[1] / "tests/e2e/libvdso_clock.so")


class Certificates(FleetTest):
    def test_a_host_whose_certificate_is_over_refuses_and_takes_a_new_one_up(self):
        self.start()
        authority, beta = self.cluster.authority, self.doors[1]
        authority.certificate("beta", self.beta.ip4, issued="-40d")
        beta.reload()
        beta.wait_log("the fleet's cluster is lost: knocks of its keys are refused", 20)
        self.assertIn("certificate", beta.log().split("cluster is lost")[-1])
        self.knock(self.beta)
        beta.wait_log("not opened: the fleet's cluster: ")
        self.assert_shut()
        self.knock(self.alpha, self.other)
        self.wait_open(self.alpha, self.gamma, client=self.other)
        self.assert_shut(self.beta, client=self.other)
        authority.certificate("beta", self.beta.ip4)
        beta.reload()
        beta.wait_log("knocks of its keys are taken again", 20)
        self.wait_open(self.beta, client=self.other)
        self.lab.next_window(WINDOW)
        self.knock(self.beta)
        self.wait_open()

    def test_a_member_whose_certificate_is_over_is_not_asked(self):
        self.start()
        one = self.cluster.members[0]
        one.kill()
        self.cluster.authority.certificate(one.name, one.host.ip4, issued="-40d")
        one.start()
        for door in self.doors:
            wait_for(lambda door=door: [e for e in self.fleet.state(door)["endpoints"]
                                        if "its certificate is not accepted" in e["problem"]],
                     lambda door=door: f"the certificate to be refused: {self.fleet.state(door)}", 20, 0.1)
            self.assertEqual(self.fleet.state(door)["state"], "degraded")
        self.knock(self.alpha)
        self.wait_open()


@unittest.skipUnless(os.uname().machine == "x86_64", "the clock is bent on x86-64 alone")
class Clock(FleetTest):
    OPEN_FOR = 4

    def bend(self, member, seconds):
        member.kill()
        member.env = {"LD_PRELOAD": str(VDSO_CLOCK), "CLOCK_IS_OFF": str(seconds)}
        member.start()

    def test_a_members_clock_matters_to_no_grant(self):
        for member, off in zip(self.cluster.members, (3 * 3600, 20 * 86400)):  # certificates are good for longer
            self.bend(member, off)
            self.cluster.wait()
        self.start(open_for=self.OPEN_FOR)
        for host in self.hosts:
            self.knock(host)
            self.wait_open()
            begin = time.monotonic()
            for each in self.hosts:
                self.client.wait_shut(each.ip4, PORT)
            self.assertLess(time.monotonic() - begin, self.OPEN_FOR + 15)
            self.lab.next_window(WINDOW)
        # One to which all certificates are over takes nobody in: the others do.
        self.bend(self.cluster.members[2], 40 * 86400)
        wait_for(lambda: self.fleet.state(self.doors[0])["state"] == "degraded", "the loss of one to be told", 20, 0.1)
        self.lab.next_window(WINDOW)
        self.knock(self.alpha)
        self.wait_open()


class SlowWires(FleetTest):
    def start_slow(self):
        self.slow = [self.lab.keep(Slow(m)) for m in self.cluster.members]
        self.start(open_for=60, endpoints=[s.endpoint for s in self.slow])

    def test_slow_is_late_and_too_slow_is_lost_and_the_loop_goes_on(self):
        self.start_slow()
        for s in self.slow:
            s.delay = 0.15
        self.knock(self.alpha)
        self.wait_open()
        for s in self.slow:
            s.delay = 2.0
        self.doors[0].wait_log("the fleet's cluster is lost", 30)
        self.assertIn("no answer in time", self.doors[0].log())
        self.assert_answers(self.doors[0])
        self.knock(self.alpha, self.other)
        self.doors[0].wait_log("not opened: the fleet's cluster")
        for s in self.slow:
            s.delay = 0.0
        for door in self.doors:
            self.fleet.wait_watching(door)
        self.lab.next_window(WINDOW)
        self.knock(self.alpha, self.other)
        self.wait_open(client=self.other)

    def test_one_that_is_slow_is_left_for_another(self):
        self.start_slow()
        self.slow[0].delay = 2.0
        wait_for(lambda: self.fleet.state(self.doors[0])["state"] == "degraded", "the slow one to be left", 20, 0.1)
        self.lab.next_window(WINDOW)
        self.knock(self.alpha)
        self.wait_open()


class Restored(FleetTest):
    def test_a_member_put_back_to_an_old_copy_revives_nothing(self):
        sequences = Sequences(self.lab, granularity=10)
        self.start(key=sequences.file, open_for=4, granularity=10)
        one, sender = self.cluster.members[0], self.lab.sender(self.client)
        self.knock(self.gamma, self.other)
        self.wait_open(client=self.other)
        one.kill()
        copy = self.lab.folder / "copy"
        shutil.copytree(one.folder, copy)
        one.start()
        self.cluster.wait()
        t0 = sequences.window()
        sender.send(sequences.packets(self.client.ip4, self.alpha.ip4, t0))
        self.wait_open()
        one.kill()
        shutil.rmtree(one.folder)
        shutil.copytree(copy, one.folder)
        one.start()
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        for _ in range(2):
            for host in self.hosts:
                sender.send(sequences.packets(self.client.ip4, host.ip4, t0))
        self.lab.next_window(10)
        self.knock(self.beta, self.other)
        self.wait_open(client=self.other, seconds=20)
        self.assert_shut()
        self.assertEqual(sum(self.granted()), 3)


class Hosts(FleetTest):
    def test_two_of_one_name_are_noticed(self):
        self.start()
        beta = self.doors[1]
        beta.stop()
        text = beta.config.read_text(encoding="utf-8")
        beta.config.write_text(text.replace("name = beta", "name = alpha"), encoding="utf-8")
        beta.restart()
        for door in self.doors[:2]:
            door.wait_log("another host has the name of this one, alpha", 40)
        self.assertNotIn("another host has the name", self.doors[2].log())
        wait_for(lambda: [h for h in json.loads(self.run_on(self.doors[2], "fleet", "list", "--json").stdout)["hosts"]
                          if h["name"] == "alpha" and h["doubled"]], "the mark", 20, 0.2)
        self.assertRegex(self.run_on(self.doors[2], "fleet", "list").stdout, "(?m)^alpha TWO HOSTS HAVE THIS NAME ")
        # Their knocks are one knock all the same.
        self.lab.next_window(WINDOW)
        self.knock(self.alpha)
        self.wait_open()
        self.assertEqual(sum(self.granted()), 1)

    def test_what_is_closed_elsewhere_is_closed_by_who_does_not_know_the_time(self):
        self.start(open_for=60)
        self.knock(self.alpha)
        self.wait_open()
        beta = self.doors[1]
        beta.stop()
        text = beta.config.read_text(encoding="utf-8")
        beta.config.write_text(text + "\n[time]\nservers = 10.77.250.250\n", encoding="utf-8")
        beta.start()
        wait_for(lambda: self.fleet.state(beta)["watching"], "beta to watch", 20, 0.1)
        self.assertNotEqual(beta.status()["problem"], "")
        self.wait_open(self.beta)
        self.knock(self.alpha, self.other)
        self.wait_open(self.alpha, self.gamma, client=self.other)
        self.run_on(self.doors[0], "revoke", "alice")
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        self.assert_shut(client=self.other)

    def test_revoked_before_it_was_heard_of(self):
        self.start(open_for=60)
        with self.wires.partition([self.beta], [m.host for m in self.cluster.members]):
            self.doors[1].wait_log("cluster is lost", 20)
            self.knock(self.alpha)
            self.wait_open(self.alpha, self.gamma)
            told = self.run_on(self.doors[1], "revoke", self.client.ip4).stdout
            self.assertIn("0 grants ended\nthe fleet's cluster is not in reach", told)
            self.wait_open(self.alpha, self.gamma)
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT, seconds=2 * AGREE)
        wait_for(lambda: not self.grant_names(), "nothing to be left in etcd")
        self.knock(self.beta, self.other)  # later ones are not meant
        self.wait_open(client=self.other)


if __name__ == "__main__":
    unittest.main()
