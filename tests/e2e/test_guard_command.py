"""`chronoknock guard`: a guard without a daemon, from the last good one if the configuration is broken."""

import stat
import unittest

from case import PORT, LabTest
from lab import start_http

_FAMILIES = (4, 6)


class GuardCommand(LabTest):
    def setUp(self):
        super().setUp()
        self.file = self.key()
        self.web = start_http(self.server, PORT)

    def make(self, **options):
        return self.small_guard(self.file, wait=False, start=False, **options)

    def run_guard(self, guard, *options, status=0):
        """What it says: one line or none."""
        done = self.server.run([self.lab.program, "guard", "--config", guard.config, *options], check=False)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        self.assertLessEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def flush(self):
        self.server.run(["nft", "flush", "ruleset"])
        for version in _FAMILIES:
            self.assert_opens(self.other, self.server.ip(version))

    def assert_all_out(self):
        for version in _FAMILIES:
            self.assert_shut(self.other, self.server.ip(version))

    def test_from_a_valid_configuration(self):
        guard = self.make()
        self.assertEqual(self.run_guard(guard), "")
        self.assert_all_out()
        kept = guard.folder / "guard.nft"
        self.assertEqual(stat.S_IMODE(kept.stat().st_mode), 0o600)
        self.flush()
        self.server.run(["nft", "-f", kept])
        self.assert_all_out()
        self.server.run(["nft", "-f", kept])  # again, over the one that is there
        self.assert_all_out()

    def test_a_broken_configuration_at_boot(self):
        guard = self.make()
        guard.start()
        guard.stop()
        self.assertTrue((guard.folder / "guard.nft").exists())
        good = guard.config.read_text()
        for broken in (good.replace("open_for", "opn_for"), "[server\n" + good, good.replace("[service.web]", "["),
                       good.replace(f"file = {self.file}", "file = /nowhere")):
            self.flush()
            guard.config.write_text(broken)
            self.assertIn("the last good guard is set up", self.run_guard(guard))
            self.assert_all_out()
        self.flush()
        guard.config.unlink()
        self.run_guard(guard, status=1)
        self.assertIn("last good guard", self.run_guard(guard, "--last", guard.folder / "guard.nft"))
        self.assert_all_out()

    def test_without_any_guard_it_fails(self):
        guard = self.make()
        guard.config.write_text("broken")
        said = self.run_guard(guard, "--last", guard.folder / "none.nft", status=1)
        self.assertIn("NO GUARD IS UP", said)

    def test_what_is_there_is_not_cut(self):
        guard = self.small_guard(self.file, open_for=60)
        lines = {}
        for version in _FAMILIES:
            target = self.server.ip(version)
            self.client.knock(self.server.ip(version), self.file, "web")
            self.assert_opens(self.client, target)
            lines[version] = self.client.connect(target, PORT)
        guard.stop()
        good = guard.config.read_text()

        def goes_on():
            for version, line in lines.items():
                line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                answer = b""
                while b"behind the door" not in answer:
                    answer += line.recv(65536)
                self.assertIn(b"200 OK", answer)
                self.assert_open(self.client, self.server.ip(version))
            self.assert_all_out()

        self.run_guard(guard)
        goes_on()
        guard.config.write_text(good + "\nnoise")
        self.assertIn("stays as it is", self.run_guard(guard))
        goes_on()
        self.server.run(["nft", "-f", guard.folder / "guard.nft"])  # as the host's unit does
        goes_on()

    def test_beside_a_running_server_it_does_nothing(self):
        guard = self.make()
        guard.start()
        before = self.server.run(["nft", "-s", "-a", "list", "ruleset"]).stdout
        said = self.run_guard(guard)
        self.assertIn(f"process {guard.process.pid}", said)
        self.assertEqual(self.server.run(["nft", "-s", "-a", "list", "ruleset"]).stdout, before)
        self.assertNotIn("somebody", guard.log())


if __name__ == "__main__":
    unittest.main()
