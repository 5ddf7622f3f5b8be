"""A fleet and those who can write to its cluster, put it back, or stand in for it."""

import contextlib
import shutil
import sqlite3
import subprocess
import unittest

from case import PORT, WINDOW
from etcdlab import Sequences
from fleet_case import FleetTest
from lab import wait_for


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
            self.client.wait_shut(host.ip4, PORT)
        self.cluster.put(name, value)
        self.knock(self.beta, self.other)
        self.wait_open(client=self.other)  # the entry was heard of before
        self.assert_shut()
        state = f"file:{self.doors[2].state}?mode=ro"

        def written():
            with contextlib.closing(sqlite3.connect(state, uri=True)) as db:
                return db.execute("select count(*) from opened where until is null").fetchone()[0] == 1
        wait_for(written, "the end of the grant to be on the record")
        self.doors[2].sigkill()
        self.doors[2].restart()
        self.wait_open(self.gamma, client=self.other)
        self.assert_shut()

    def test_what_is_burnt_stays_so_though_etcd_forgets(self):
        sequences = Sequences(self.lab, granularity=10)
        self.start(key=sequences.file, open_for=60, granularity=10)
        sender = self.lab.sender(self.client)
        t0 = sequences.window()
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
        sequences = Sequences(self.lab, granularity=10)
        self.start(key=sequences.file, open_for=4, granularity=10)
        sender = self.lab.sender(self.client)
        backup = self.lab.folder / "backup"
        self.knock(self.gamma, self.other)
        self.wait_open(client=self.other)
        self.cluster.ctl("snapshot", "save", backup, member=self.cluster.members[0])
        t0 = sequences.window()
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
        root = "root:guess-me-not"
        outside = self.cluster.ctl("put", "/other/secret", "x", user="fleet:guess-me-not", check=False)
        self.assertIn("permission denied", outside.stderr)
        # Whatever is changed about the users, tokens of before are good no more.
        self.cluster.ctl("role", "add", "other", user=root)
        self.knock(self.beta, self.other)
        self.wait_open(client=self.other)
        # Nor does a member that was restarted know those that it gave: no sign that it is lost.
        door, one = self.doors[0], self.cluster.members[2]
        one.kill()
        wait_for(lambda: self.fleet.state(door)["state"] == "degraded", "the loss of a member to be told", 20, 0.1)
        one.start()
        wait_for(lambda: self.fleet.state(door)["state"] == "connected", "the member to be back", 20, 0.1)
        # A user that may no more is told of, and it takes no restart when he may again.
        self.cluster.ctl("user", "revoke-role", "fleet", "fleet", user=root)
        self.doors[0].wait_log("the fleet's cluster is lost: knocks of its keys are refused", 20)
        self.assertIn("permission denied", self.doors[0].log())
        self.lab.next_window(WINDOW)
        self.knock(self.alpha)
        self.assertEqual(sum(self.granted()), 2)
        self.cluster.ctl("user", "grant-role", "fleet", "fleet", user=root)
        for door in self.doors:
            self.fleet.wait_watching(door)
            door.wait_log("knocks of its keys are taken again")
        self.lab.next_window(WINDOW)
        self.knock(self.gamma)
        wait_for(lambda: sum(self.granted()) == 3, "the third knock to be taken")

    def test_a_wrong_password_is_told_of_and_keeps_no_other_host_out(self):
        password = self.lab.folder / "password"
        password.write_text("guess-me-not\n", encoding="ascii")
        password.chmod(0o600)
        for words in (["user", "add", "root:other"], ["user", "grant-role", "root", "root"],
                      ["user", "add", "fleet:other"], ["auth", "enable"]):
            self.cluster.ctl(*words)
        self.start(user="fleet", start=False)
        self.doors[0].start()
        self.doors[0].wait_log("as user fleet: etcdserver: authentication failed", 20)
        self.assertNotIn("guess-me-not", self.doors[0].log())


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
