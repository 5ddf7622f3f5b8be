"""`check --online`: what else can keep knocks from being taken, or lets others in."""

import os
import re
import unittest

from case import LabTest
from cli import SECRET, Case
from lab import start_chronyd


class CheckOnline(LabTest):
    def make(self, servers, more="", firewall="always_allow = 10.0.0.1"):
        guard = self.small_guard(self.key(granularity=30), wait=False, start=False,
                                 sections={"time": f"servers = {servers}\n{more}", "firewall": firewall})
        guard.folder.chmod(0o700)
        return guard

    def check(self, guard, status=0):
        done = self.server.run([self.lab.program, "check", "--online", "--config", guard.config], check=False)
        self.assertEqual(done.returncode, status, (done.stdout, done.stderr))
        return done.stdout, done.stderr

    def test_servers_that_answer(self):
        start_chronyd(self.other)
        guard = self.make(self.other.ip4)
        out, warnings = self.check(guard)
        self.assertRegex(out, rf"(?m)^time server +{re.escape(self.other.ip4)}: [+-]0\.\d+ s, give or take 0\.\d+ s$")
        self.assertIn("--trial 10m", out)
        self.assertEqual(warnings, "")

    def test_servers_that_do_not(self):
        guard = self.make(self.other.ip4)
        out, warnings = self.check(guard, 1)
        self.assertRegex(out, r"(?m)^time server .*: no answer")
        self.assertIn("would take no knock now", warnings)
        self.assertIn("no knock", self.check(guard, 1)[1])
        lax = self.make(self.other.ip4, "require = false")
        self.check(lax, 0)

    def test_owners_and_modes(self):
        guard = self.make("", firewall="on_stop = keep")
        folder = self.server.home / "state"
        folder.mkdir(mode=0o700)
        guard.config.write_text(guard.config.read_text().replace(str(guard.state), str(folder / "state.db")))
        clean = self.check(guard)[1]
        self.assertIn("always_allow: nobody is let in", clean)
        for path, mode, said in ((guard.config, 0o664, "lets others change the configuration"),
                                 (guard.config.parent, 0o777, "lets others change the folder"),
                                 (folder, 0o755, "lets others into the record's folder"),
                                 (folder, 0o770, "lets others change the record's folder")):
            before = path.stat().st_mode & 0o7777
            self.assertNotIn(said, clean)
            path.chmod(mode)
            self.assertIn(f"warning: {path}: mode {mode:04o} {said}", self.check(guard)[1])
            path.chmod(before)
        os.chown(folder, 65534, 0)
        self.assertIn(f"{folder}: the record's folder belongs to user 65534", self.check(guard)[1])
        folder.chmod(0o700)
        guard.config.write_text(guard.config.read_text().replace("[server]", "[server]\ncontrol_group = no-such"))
        self.assertIn("there is no group 'no-such'", self.check(guard)[1])


class Files(Case):
    """Whoever can write to a file that the configuration is made of, or put another in its place, is its author."""

    def setUp(self):
        super().setUp()
        for folder in ("etc/conf.d", "etc/keys", "opt/bin"):
            (self.folder / folder).mkdir(parents=True)
        self.put("etc/keys/a.key", SECRET)
        self.put("etc/conf.d/a.ini", "[key.a]\nfile = ../keys/a.key\nservices = ssh\n")
        self.put("etc/conf.d/services.ini", "[service.ssh]\nports = tcp/22\n")
        self.put("etc/ca.pem", "")
        self.put("opt/bin/run", "#!/bin/sh\n", 0o755)
        self.config = self.put("etc/c.ini", f"[server]\nstate = {self.folder}/state/s.db\ninclude = conf.d/*.ini\n"
                               f"[events]\ncommand = {self.folder}/opt/bin/run\n[firewall]\nalways_allow = 10.0.0.1\n")
        self.clean = self.warnings()  # of the clock, perhaps

    def warnings(self, *more):
        done = self.run_program("check", *more, "--config", self.config)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def test_included_files_and_every_folder_on_the_way(self):
        self.assertEqual(self.warnings("--online"), self.clean)
        for name, mode in (("etc/conf.d/a.ini", 0o646), ("etc/conf.d/services.ini", 0o662), ("etc/conf.d", 0o777),
                           ("etc", 0o707), ("etc/keys", 0o772), (".", 0o777)):
            with self.subTest(name):
                path = self.folder / name
                before = path.stat().st_mode & 0o7777
                path.chmod(mode)
                said = self.warnings("--online")
                path.chmod(before)
                self.assertIn(f"warning: {path}: mode {mode:04o} lets others change ", said)

    def test_a_link_leads_through_two_ways(self):
        real = self.folder / "real"
        real.mkdir()
        (self.folder / "etc/conf.d/a.ini").rename(real / "a.ini")
        (self.folder / "etc/conf.d/a.ini").symlink_to(real / "a.ini")
        real.chmod(0o777)
        self.assertIn(f"warning: {real}: mode 0777 lets others change ", self.warnings("--online"))

    def test_the_program_of_events(self):
        self.assertNotIn("[events]", self.clean)
        for name in ("opt/bin", "opt"):
            path = self.folder / name
            path.chmod(0o777)
            self.assertIn(f"warning: [events] command: {path}: mode 0777 lets others change a folder of the program",
                          self.warnings())
            path.chmod(0o1777)  # nobody's file there is another's to replace
            self.assertEqual(self.warnings(), self.clean)
            path.chmod(0o755)


if __name__ == "__main__":
    unittest.main()
