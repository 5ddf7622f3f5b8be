"""A fleet whose cluster is lost, in part or as a whole: by wires that are cut and members that hang or die."""

import unittest

from case import PORT, WINDOW
from fleet_case import AGREE, FleetTest
from lab import wait_for


class Loss(FleetTest):
    def test_who_is_cut_off_refuses_and_comes_back_by_itself(self):
        self.start(open_for=60)
        beta = self.doors[1]
        with self.wires.partition([self.beta], [m.host for m in self.cluster.members]):
            beta.wait_log("the fleet's cluster is lost: knocks of its keys are refused", 20)
            self.assertEqual(self.fleet.state(beta)["state"], "lost")
            self.knock(self.beta)
            beta.wait_log("not opened: the fleet's cluster: it is lost")
            self.assert_shut(self.beta)
            self.knock(self.alpha, self.other)
            self.wait_open(self.alpha, self.gamma, client=self.other)
            self.assert_shut(self.beta, client=self.other)
        self.wait_open(self.beta, client=self.other)
        beta.wait_log("knocks of its keys are taken again")
        self.lab.next_window(WINDOW)
        self.knock(self.beta)
        self.wait_open()
        self.assertEqual(beta.log().count("cluster is lost: knocks"), 1)

    def test_a_minority_takes_nothing_and_live_grants_end_in_time(self):
        self.start(open_for=8)
        self.knock(self.alpha)
        self.wait_open()
        stopped = self.cluster.members[:2]
        for m in stopped:
            m.pause()
        self.doors[0].wait_log("cluster is lost", 20)
        self.knock(self.alpha, self.other)
        self.assert_shut(client=self.other)
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        for m in stopped:
            m.go_on()
        self.doors[0].wait_log("knocks of its keys are taken again", 20)
        self.lab.next_window(WINDOW)
        self.knock(self.alpha, self.other)
        self.wait_open(client=self.other)

    def test_the_leader_may_be_killed_or_hang(self):
        self.start()
        leader = self.cluster.leader()
        leader.kill()
        self.knock(self.alpha)  # its rounds outlast no election, and the store's patience does
        wait_for(self.cluster.leader, "another leader", 20, 0.1)
        self.lab.next_window(WINDOW)
        self.knock(self.beta, self.other)
        self.wait_open(client=self.other)
        leader.start()
        self.cluster.wait()
        hangs = self.cluster.leader()
        hangs.pause()
        wait_for(lambda: self.cluster.leader(without=hangs), "a third", 20, 0.2)
        self.lab.next_window(WINDOW)
        self.run_on(self.doors[0], "revoke", self.other.ip4)
        for host in self.hosts:
            self.other.wait_shut(host.ip4, PORT, seconds=2 * AGREE)
        self.knock(self.gamma, self.other)
        self.wait_open(client=self.other)
        hangs.go_on()

    def test_revoked_while_cut_off_reaches_the_others_later(self):
        self.start(open_for=60)
        self.knock(self.alpha)
        self.wait_open()
        with self.wires.partition([self.beta], [m.host for m in self.cluster.members]):
            self.doors[1].wait_log("cluster is lost", 20)
            self.run_on(self.doors[1], "revoke", "alice")
            self.client.wait_shut(self.beta.ip4, PORT)
            self.doors[1].wait_log("its other hosts end 1 grant once it is back")
            self.wait_open(self.alpha, self.gamma)
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT, seconds=2 * AGREE)

    def test_the_loop_goes_on_meanwhile(self):
        self.start()
        for m in self.cluster.members:
            m.pause()
        self.doors[0].wait_log("cluster is lost", 20)
        self.assert_answers(self.doors[0])
        for m in self.cluster.members:
            m.go_on()


class Local(FleetTest):
    more = "on_loss = local"

    def test_lost_it_counts_on_the_host_and_for_the_others_afterwards(self):
        self.start(open_for=60)
        with self.wires.partition([self.beta], [m.host for m in self.cluster.members]):
            self.doors[1].wait_log("cluster is lost: knocks of its keys count on this host alone", 20)
            self.knock(self.beta)
            self.wait_open(self.beta)
            self.assert_shut(self.alpha, self.gamma)
        self.wait_open(seconds=2 * AGREE)
        self.assertEqual(sum(self.granted()), 1)


if __name__ == "__main__":
    unittest.main()
