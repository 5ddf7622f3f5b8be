"""`check --online`: what else can keep knocks from being taken, or lets others in."""

import os
import re
import unittest

from case import LabTest
from lab import start_chronyd


class CheckOnline(LabTest):
    def make(self, servers, more="", firewall="always_allow = 10.0.0.1"):
        self.key_file = self.key()
        return self.small_guard(self.key_file, wait=False, start=False,
                                sections={"time": f"servers = {servers}\n{more}", "firewall": firewall})

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
                                 (guard.folder, 0o777, "lets others change the folder"),
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


if __name__ == "__main__":
    unittest.main()
