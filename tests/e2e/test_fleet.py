"""One knock, many hosts: servers that share a real etcd of three members with TLS."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

from case import POOL, PORT, WINDOW
from etcdlab import CLIENT, Cluster, Fleet, Sequences, Wires
from lab import CLOCK_ERROR, Lab, start_http, wait_for

AGREE = 5.0  # seconds after a healing


class FleetTest(unittest.TestCase):
    client_certificates = True
    more = ""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        members = [self.lab.host(f"e{i}") for i in range(3)]
        self.alpha, self.beta, self.gamma = self.hosts = [self.lab.host(n) for n in ("alpha", "beta", "gamma")]
        self.client, self.other = self.lab.host("client"), self.lab.host("other")
        self.cluster = Cluster(self.lab, members, client_certificates=self.client_certificates)
        self.wires = Wires(self.lab)
        self.fleet = None

    def tearDown(self):
        told = self._outcome.result
        if self.fleet and any(self in (test, getattr(test, "test_case", None)) for test, _ in told.failures + told.errors):
            for door in self.fleet.doors.values():
                print(f"--- {door.host.name}\n{door.log()}", file=sys.stderr)
            for m in self.cluster.members:
                print(f"--- {m.name}\n{m.process.text()[-2000:]}", file=sys.stderr)

    def shortDescription(self):
        return None

    def start(self, key=None, open_for=30, **options):
        self.key = key or self.lab.key("alice", granularity=WINDOW, ports=POOL)
        options.setdefault("more", self.more)
        self.fleet = Fleet(self.lab, self.cluster, self.hosts, self.key, port=PORT, open_for=open_for, **options)
        self.doors = [self.fleet.doors[h] for h in self.hosts]
        self.lab.next_window(WINDOW, after=time.time() + CLOCK_ERROR)

    def knock(self, host, client=None, *options, service="web"):
        (client or self.client).knock(host, self.key, service, *options)

    def wait_open(self, *hosts, client=None, seconds=AGREE):
        for host in hosts or self.hosts:
            (client or self.client).wait_open(host.ip4, PORT, seconds=seconds)

    def assert_shut(self, *hosts, client=None):
        for host in hosts or self.hosts:
            self.assertEqual((client or self.client).door(host.ip4, PORT), "silent", host.name)

    def granted(self):
        return [d.status()["knocks"]["granted"] for d in self.doors]

    def run_on(self, door, *argv, check=True):
        return door.host.run([self.lab.program, *argv, "--control", door.control], check=check)

    def grant_names(self):
        return [name for name in self.cluster.keys() if "/grant/" in name]


class Opens(FleetTest):
    def test_a_knock_on_one_opens_all_and_is_over_in_its_time(self):
        self.start(open_for=4)
        self.assert_shut()
        self.knock(self.alpha)
        self.wait_open()
        self.assert_shut(client=self.other)
        self.assertEqual(self.granted(), [1, 0, 0])
        for door in self.doors:
            self.assertEqual(door.status()["grants"]["list"][0]["keys"], ["alice"])
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        self.doors[1].wait_log("key alice opens web for")
        self.assertIn("by a knock on alpha", self.doors[1].log())
        # What strangers who can read etcd see.
        text = repr(self.cluster.keys())
        self.assertNotIn(self.client.ip4, text)
        self.assertNotIn("alice", text)

    def test_copies_on_all_hosts_at_once_are_one_knock(self):
        sequences = Sequences(self.lab)
        self.start(key=sequences.file, open_for=3)
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

    def test_the_order_of_a_key_is_the_fleets(self):
        sequences = Sequences(self.lab)
        self.start(key=sequences.file)
        sender = self.lab.sender(self.client)
        t0 = self.lab.next_window(WINDOW)
        sender.send(sequences.packets(self.client.ip4, self.alpha.ip4, t0))
        self.wait_open()
        sender.send(sequences.packets(self.other.ip4, self.beta.ip4, t0 - 2 * WINDOW))
        self.lab.until(t0 + WINDOW)
        self.assert_shut(client=self.other)
        sender.send(sequences.packets(self.other.ip4, self.beta.ip4, t0))
        self.wait_open(client=self.other)

    def test_revoke_and_close_reach_all(self):
        key = self.lab.folder / "s.key"
        self.lab.hosts[0].run([self.lab.program, "keygen", "--method", "sealed", "--out", key])
        self.start(key=key)
        self.knock(self.alpha)
        self.wait_open()
        self.run_on(self.doors[1], "revoke", "alice")
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT, seconds=AGREE)
        self.assertEqual(self.grant_names(), [])
        self.knock(self.beta)
        self.wait_open()
        self.knock(self.gamma, None, "--close")
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT, seconds=AGREE)
        self.knock(self.gamma)
        self.wait_open()
        self.run_on(self.doors[0], "revoke", self.client.ip4)
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT, seconds=AGREE)

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
            self.assertEqual(self.fleet.state(door)["state"], "connected")
            self.assertRegex(self.run_on(door, "status").stdout, r"(?m)^fleet +connected, 3 of 3 endpoints answer; 1 grants live$")
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
        self.client.wait_shut(self.beta.ip4, PORT, seconds=AGREE)

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
        wait_for(lambda: self.cluster.leader(), "another leader", 20, 0.1)
        self.lab.next_window(WINDOW)
        self.knock(self.beta, self.other)
        self.wait_open(client=self.other)
        leader.start()
        self.cluster.wait()
        hangs = self.cluster.leader()
        hangs.pause()
        time.sleep(1.5)
        wait_for(lambda: [m for m in self.cluster.members if m is not hangs and self.cluster.leader() is m], "a third", 20, 0.2)
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
        for _ in range(20):
            begin = time.monotonic()
            self.run_on(self.doors[0], "status")
            self.assertLess(time.monotonic() - begin, 1.5)
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


class Forged(FleetTest):
    """By somebody who may write to etcd, and has not the seal."""

    def told(self, door, seconds=5):
        return door.wait_log("is not sealed by it, and opens nothing", seconds)

    def test_entries_that_are_forged_or_moved_open_nothing(self):
        self.start(open_for=60)
        self.knock(self.alpha)
        self.wait_open()
        name, = self.grant_names()
        value = self.cluster.keys()[name]
        # Rubbish, another's entry under the name of something else, and a grant with a bit changed.
        self.cluster.put(name[:-1] + ("0" if name[-1] != "0" else "1"), value)
        self.cluster.put("/chronoknock/grant/" + "0" * 32, b"let me in")
        self.cluster.put(name, value[:-1] + bytes([value[-1] ^ 1]))
        for door in self.doors:
            self.told(door)
            self.assertEqual({g["address"] for g in door.status()["grants"]["list"]}, {self.client.ip4})
            wait_for(lambda door=door: self.fleet.state(door)["ignored_entries"] == 3, "three to be counted")
        self.wait_open()  # what was there before goes on
        for _ in range(5):
            self.cluster.put("/chronoknock/grant/" + "0" * 32, b"let me in")
        wait_for(lambda: self.fleet.state(self.doors[0])["ignored_entries"] == 8, "eight to be counted")
        self.assertEqual(self.doors[0].log().count("is not sealed by it"), 3)

    def test_what_was_revoked_is_not_revived_by_its_old_entry(self):
        self.start(open_for=60)
        self.knock(self.alpha)
        self.wait_open()
        name, = self.grant_names()
        value = self.cluster.keys()[name]
        self.run_on(self.doors[0], "revoke", "alice")
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT, seconds=AGREE)
        self.cluster.put(name, value)
        self.knock(self.beta, self.other)
        self.wait_open(client=self.other)  # the entry was heard of before
        self.assert_shut()
        self.doors[2].sigkill()
        self.doors[2].restart()
        self.wait_open(self.gamma, client=self.other)
        self.assert_shut()

    def test_what_is_burnt_stays_so_though_etcd_forgets(self):
        sequences = Sequences(self.lab)
        self.start(key=sequences.file, open_for=3)
        sender = self.lab.sender(self.client)
        t0 = self.lab.next_window(WINDOW)
        sender.send(sequences.packets(self.client.ip4, self.alpha.ip4, t0))
        self.wait_open()
        self.cluster.ctl("del", "/chronoknock/", "--prefix")
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
        for host in self.hosts:
            sender.send(sequences.packets(self.client.ip4, host.ip4, t0))
        self.knock(self.alpha, self.other)
        self.wait_open(client=self.other)
        self.assert_shut()
        self.assertEqual(sum(self.granted()), 2)


class PutBack(FleetTest):
    def test_a_cluster_from_an_old_backup_revives_nothing(self):
        sequences = Sequences(self.lab)
        self.start(key=sequences.file, open_for=4)
        sender = self.lab.sender(self.client)
        backup = self.lab.folder / "backup"
        self.knock(self.gamma, self.other)
        self.wait_open(client=self.other)
        self.cluster.ctl("snapshot", "save", backup, member=self.cluster.members[0])
        t0 = self.lab.next_window(WINDOW)
        sender.send(sequences.packets(self.client.ip4, self.alpha.ip4, t0))
        self.wait_open()
        for m in self.cluster.members:
            m.kill()
        for m in self.cluster.members:
            shutil.rmtree(m.folder)
            m.host.run(["etcdctl", "snapshot", "restore", backup, "--name", m.name, "--data-dir", m.folder,
                        "--initial-cluster", self.cluster.peers(), "--initial-advertise-peer-urls",
                        f"https://{m.host.ip4}:2380", "--initial-cluster-token", "again"], env={"ETCDCTL_API": "3"})
            m.start()
        self.cluster.wait()
        for host in self.hosts:
            self.client.wait_shut(host.ip4, PORT)
            sender.send(sequences.packets(self.client.ip4, host.ip4, t0))
        for door in self.doors:
            door.wait_log("the fleet's cluster is another one, or was put back", 20)
        self.knock(self.beta, self.other)
        self.wait_open(client=self.other, seconds=20)
        self.assert_shut()


class Passwords(FleetTest):
    client_certificates = False

    def test_a_user_and_a_password(self):
        password = self.lab.folder / "password"
        password.write_text("guess-me-not\n", encoding="ascii")
        password.chmod(0o600)
        for words in (["user", "add", "root:guess-me-not"], ["user", "grant-role", "root", "root"],
                      ["user", "add", "fleet:guess-me-not"], ["role", "add", "fleet"],
                      ["role", "grant-permission", "fleet", "readwrite", "/chronoknock/", "/chronoknock0"],
                      ["user", "grant-role", "fleet", "fleet"], ["auth", "enable"]):
            self.cluster.ctl(*words)
        self.start(user="fleet")
        self.knock(self.alpha)
        self.wait_open()
        self.cluster.ctl("user", "passwd", "fleet", "--interactive=false", user="root:guess-me-not", check=False)


class Certificates(FleetTest):
    def test_a_cluster_that_others_vouch_for_is_none(self):
        self.start()
        beta = self.doors[1]
        beta.stop()
        text = beta.config.read_text(encoding="utf-8")
        foreign = self.lab.folder / "foreign"
        foreign.mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", foreign / "k", "-out", foreign / "ca.pem", "-subj", "/CN=other"], check=True,
                       capture_output=True)
        beta.config.write_text(text.replace(f"ca = {self.cluster.authority.ca}", f"ca = {foreign}/ca.pem"), encoding="utf-8")
        beta.start()
        beta.wait_log("its certificate is not accepted", 20)
        # Mended, it takes no restart.
        beta.config.write_text(text, encoding="utf-8")
        beta.reload()
        self.fleet.wait_watching(beta)
        self.knock(self.alpha)
        self.wait_open()

    def test_what_does_not_fit_is_refused(self):
        self.start(start=False)
        door = self.doors[0]
        text = door.config.read_text(encoding="utf-8")

        def complaint(old, new):
            self.assertIn(old, text)
            door.config.write_text(text.replace(old, new), encoding="utf-8")
            done = door.host.run([self.lab.program, "check", "--config", door.config], check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1), done)
            return done.stderr
        self.assertIn("[fleet] ca: ", complaint(f"ca = {self.cluster.authority.ca}", "ca = none.pem"))
        self.assertIn("[fleet] ca: ", complaint(f"ca = {self.cluster.authority.ca}", f"ca = {door.config}"))
        self.assertIn("[fleet] key: ", complaint("key = " + str(self.cluster.authority.folder / "alpha.key"),
                                                 "key = " + str(self.cluster.authority.folder / "beta.key")))
        self.assertIn("[fleet] seal: ", complaint(f"seal = {self.fleet.seal}", "seal = none"))
        self.fleet.seal.chmod(0o644)
        self.assertIn("[fleet] seal: ", complaint("on_loss", "on_loss") if "on_loss" in text else
                      complaint("name = alpha", "name = alpha"))
        self.fleet.seal.chmod(0o600)
        self.fleet.seal.write_text("abc\n", encoding="ascii")
        self.assertIn("[fleet] seal: expected 64 or more", complaint("name = alpha", "name = alpha"))


if __name__ == "__main__":
    unittest.main()
