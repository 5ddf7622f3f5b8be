"""One server for each network namespace."""

import sys
import unittest

from case import PORT, LabTest

_SQUAT = """
import os, socket, sys, time
os.setuid(65534)
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind("\\0chronoknock")
if sys.argv[1] != "deaf":
    s.listen(0)
if sys.argv[1] == "full":
    mine = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
    for m in mine:
        m.setblocking(False)
        try:
            m.connect("\\0chronoknock")
        except BlockingIOError:
            pass
print("sitting", flush=True)
time.sleep(1000)
"""


class OneDaemon(LabTest):
    def second(self, host, key, name="second", **options):
        """Another configuration, with everything of its own."""
        guard = self.small_guard(key, wait=False, start=False, **options)
        folder = host.home / name
        folder.mkdir()
        guard.folder, guard.config = folder, folder / "chronoknock.ini"
        guard.state, guard.control = folder / "state.db", folder / "control.sock"
        guard.write({"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")},
                    {"knock": "tracked = 1024"})
        return guard

    def test_a_second_is_refused(self):
        key = self.key()
        first = self.small_guard(key, wait=False)
        second = self.second(self.server, self.key("bob"))
        before = self.server.run(["nft", "-s", "-a", "list", "ruleset"]).stdout
        for _ in range(3):
            second.start(wait=False)
            self.assertEqual(second.process._popen.wait(10), 1)
            self.assertIn(f"another chronoknock server guards this network namespace already, process "
                          f"{first.process.pid}", second.log())
            self.assertEqual(self.server.run(["nft", "-s", "-a", "list", "ruleset"]).stdout, before)
            for version in (4, 6):
                self.assert_shut(self.other, self.server.ip(version))
        self.assertTrue(first.process.alive())
        first.sigkill()  # the lock goes with it
        second.start()
        self.assertTrue(second.process.alive())

    def test_another_namespace_is_another_matter(self):
        self.small_guard(self.key(), wait=False)
        elsewhere = self.lab.chronoknock(self.other, services={"web": f"ports = tcp/{PORT}"},
                                         keys={"bob": (self.key("bob"), "web")},
                                         sections={"knock": "tracked = 1024"})
        self.assertTrue(elsewhere.process.alive())

    def test_a_stranger_on_the_name_keeps_nobody_out(self):
        key = self.key()
        for how in ("listening", "deaf", "full"):
            squatter = self.server.spawn([sys.executable, "-c", _SQUAT, how], log=self.server.home / f"{how}.log")
            squatter.wait_for_text("sitting")
            guard = self.small_guard(key, wait=False)
            guard.wait_log("going on without it")
            self.assert_shut(self.other)
            self.assertEqual(guard.stop(), 0)
            squatter.kill()


if __name__ == "__main__":
    unittest.main()
