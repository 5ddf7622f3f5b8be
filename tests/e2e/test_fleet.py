"""One knock, many hosts: what opens where, how often, and who is told."""

import json
import re
import unittest

from case import POOL, PORT, WINDOW
from etcdlab import Sequences
from fleet_case import FleetTest
from lab import wait_for


class Opens(FleetTest):
    def test_a_knock_on_one_opens_all_and_is_over_in_its_time(self):
        self.start(open_for=12)
        self.assert_shut()
        self.knock(self.alpha)
        self.wait_open()
        for door in self.doors:
            self.assertEqual(door.status()["grants"]["list"][0]["keys"], ["alice"])
        self.assert_shut(client=self.other)
        self.assertEqual(self.granted(), [1, 0, 0])
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        self.doors[1].wait_log("key alice opens web for")
        self.assertIn("by a knock on alpha", self.doors[1].log())
        # What strangers who can read etcd see.
        text = repr(self.cluster.keys())
        self.assertNotIn(self.client.ip4, text)
        self.assertNotIn("alice", text)

    def test_copies_on_all_hosts_at_once_are_one_knock(self):
        sequences = Sequences(self.lab, granularity=10)  # in time still when the grant is over
        self.start(key=sequences.file, open_for=10, granularity=10)
        sender = self.lab.sender(self.client)
        t0 = sequences.window()
        copies = [sequences.packets(self.client.ip4, h.ip4, t0) for h in self.hosts]
        for packets in zip(*copies):
            sender.send(packets)
        self.wait_open()
        self.assertEqual(sum(self.granted()), 1)
        self.assertEqual(len([n for n in self.cluster.keys() if "/burnt/" in n]), 1)
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        for packets in copies:
            sender.send(packets)
        self.knock(self.alpha, self.other)  # all of it was seen
        self.wait_open(client=self.other)
        self.assert_shut()
        self.assertEqual(sum(self.granted()), 2)

    def test_revoke_and_close_reach_all(self):
        key = self.lab.folder / "s.key"
        self.lab.hosts[0].run([self.lab.program, "keygen", "--method", "sealed", "--out", key])
        self.start(key=key)
        self.knock(self.alpha)
        self.wait_open()
        self.run_on(self.doors[1], "revoke", "alice")
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        self.assertEqual(self.grant_names(), [])
        self.knock(self.beta)
        self.wait_open()
        self.knock(self.gamma, None, "--close")
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        self.knock(self.gamma)
        self.wait_open()
        self.run_on(self.doors[0], "revoke", self.client.ip4)
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)

    def test_what_is_not_the_fleets_stays_with_its_host(self):
        own = self.lab.key("bob", granularity=WINDOW, ports=POOL)
        mine = self.lab.key("alice", granularity=WINDOW, ports=POOL)
        self.start(key=mine, keys={"alice": (mine, "web", "fleet = true"), "bob": (own, "web")})
        self.client.knock(self.alpha, own, "web")
        self.wait_open(self.alpha)
        for m in self.cluster.members:
            m.kill()
        self.doors[1].wait_log("the fleet's cluster is lost", 20)
        self.other.knock(self.beta, own, "web")
        self.wait_open(self.beta, client=self.other)
        self.assert_shut(self.beta, self.gamma)


class Sees(FleetTest):
    def test_commands_tell_of_the_fleet(self):
        self.start()
        self.knock(self.alpha)
        self.wait_open()
        for door in self.doors:
            wait_for(lambda door=door: self.fleet.state(door)["state"] == "connected" and re.search(
                r"(?m)^fleet +connected, 3 of 3 endpoints answer; 1 grants live$", self.run_on(door, "status").stdout),
                lambda door=door: f"all to be well: {self.run_on(door, 'status').stdout}")
        wait_for(lambda: all(h["grants"] == 1 for h in json.loads(
            self.run_on(self.doors[2], "fleet", "list", "--json").stdout)["hosts"]), "the presence of all", 15, 0.2)
        told = self.run_on(self.doors[2], "fleet", "list").stdout
        for line in (r"cluster +connected", r"alpha +\d+ s ago +1 ", r"beta +\d+ s ago", r"gamma \(this one\) +\d+ s ago"):
            self.assertRegex(told, rf"(?m)^{line}")
        self.doors[2].stop()
        self.assertIn("gamma", self.run_on(self.doors[0], "fleet", "list").stdout)
        checked = self.alpha.run([self.lab.program, "check", "--online", "--config", self.doors[0].config], check=False)
        self.assertRegex(checked.stdout, r"(?m)^fleet +alpha, of the fleet in the cluster https://")
        self.assertEqual(len(re.findall(r"(?m)^fleet +https://\S+ answers$", checked.stdout)), 3, checked.stdout)

    def test_metrics(self):
        self.start(sections={"metrics": "listen = 127.0.0.1:9753"})
        self.knock(self.alpha)
        self.wait_open()

        def scraped(host):
            return host.run(["curl", "-s", "http://127.0.0.1:9753/metrics"]).stdout
        self.assertIn("chronoknock_fleet_connected 1\n", scraped(self.beta))
        self.assertIn("chronoknock_fleet_shared_grants_total 1\n", scraped(self.beta))
        self.assertIn("chronoknock_fleet_burnt_total 1\n", scraped(self.alpha))
        self.cluster.members[0].kill()
        wait_for(lambda: "chronoknock_fleet_endpoints_answering 2\n" in scraped(self.beta), "the loss of one to be told", 20, 0.2)
        self.cluster.members[1].kill()
        wait_for(lambda: "chronoknock_fleet_connected 0\n" in scraped(self.beta), "the loss of all to be told", 20, 0.2)


class CatchesUp(FleetTest):
    def test_who_was_away_opens_what_lives_and_closes_what_does_not(self):
        self.start(open_for=60)
        self.knock(self.alpha)
        self.wait_open()
        beta = self.doors[1]
        beta.stop()
        self.run_on(self.doors[0], "revoke", self.client.ip4)
        self.knock(self.gamma, self.other)
        self.wait_open(self.alpha, self.gamma, client=self.other)
        self.wait_open(self.beta)  # by the kernel, as when any server is away
        beta.restart()
        self.wait_open(self.beta, client=self.other)
        self.client.wait_shut(self.beta.ip4, PORT)

    def test_what_a_reboot_closed_is_open_again(self):
        self.start(open_for=60)
        self.knock(self.alpha)
        self.wait_open()
        beta = self.doors[1]
        beta.sigkill()
        self.beta.run(["nft", "delete", "table", "inet", "chronoknock"])
        beta.restart()
        self.wait_open(self.beta)
        self.assertEqual(beta.status()["knocks"]["granted"], 0)

    def test_a_new_host_opens_what_lives(self):
        self.start(open_for=60)
        self.doors[2].stop()
        self.knock(self.alpha)
        self.wait_open(self.alpha, self.beta)
        for file in self.doors[2].folder.glob("state.db*"):
            file.unlink()
        self.doors[2].restart()
        self.wait_open(self.gamma)


if __name__ == "__main__":
    unittest.main()
