"""What one sees of a running server: status, watch; who may ask; what floods of questions do to it."""

import grp
import json
import os
import pathlib
import pty
import re
import select
import time
import unittest

from asking import AskingTest
from case import WINDOW

MEMBER = ["--reuid", "65534", "--regid", "65534", "--clear-groups"]  # nobody, nogroup
GROUP = grp.getgrgid(65534).gr_name


class Status(AskingTest):
    def test_at_a_glance(self):
        alice, bob = self.key(), self.key("bob")
        guard = self.small_guard(alice, keys={"alice": (alice, "web"), "bob": (bob, "web")}, open_for=60)
        self.knocks(alice)
        text = self.ask(guard, "status")
        self.assertRegex(text, r"(?m)^knocks +taken$")
        self.assertRegex(text, rf"(?m)^alice +\d s ago +{self.client.ip4} +1 +0 +web +\d+\.\d bits +[0-9a-f-]+$")
        self.assertRegex(text, r"(?m)^bob +never +- +0 +0 +web ")
        self.assertRegex(text, rf"(?m)^{self.client.ip4} +web +alice +\d+\.\d s more$")
        self.assertLessEqual(max(map(len, text.splitlines())), 160)
        raw = self.ask(guard, "status", "--json")
        self.assertNotRegex(re.sub(r"\"[^\"]*\"", "", raw), r"\d[eE][-+]?\d")  # a fingerprint may have 0e0 in it
        said = {k["name"]: k for k in json.loads(raw)["keys"]}
        self.assertAlmostEqual(said["alice"]["last_knock"], time.time(), delta=10)
        self.assertIsNone(said["bob"]["last_knock"])
        guard.stop()
        guard.start()
        self.assertAlmostEqual(guard.status()["keys"][0]["last_knock"], said["alice"]["last_knock"], delta=0.01)

    def test_without_time_it_says_why_no_knock_is_taken(self):
        guard = self.small_guard(self.key(), sections={"time": f"servers = {self.other.ip4}"}, wait=False)
        said = guard.status()
        self.assertFalse(said["accepting"])
        self.assertIn("the time is not known", said["problem"])
        self.assertRegex(self.ask(guard, "status"), r"(?m)^knocks +NOT TAKEN: the time is not known: ")
        guard.wait_log("no knock is taken: the time is not known: ", 20)


class Watch(AskingTest):
    def test_a_line_for_each_event(self):
        key = self.key()
        guard = self.small_guard(key, open_for=60)
        argv = [self.lab.program, "watch", "--control", guard.control]
        watch = self.server.spawn(argv, log=guard.folder / "watch")
        lines = self.server.spawn([*argv, "--json"], log=guard.folder / "watch-json")
        # They tell what comes after their first question: they have asked it once they sleep until the next.
        sleeps = [pathlib.Path(f"/proc/{p.pid}/wchan") for p in (watch, lines)]
        self.wait_for(lambda: all(s.read_text().endswith("nanosleep") for s in sleeps), "both to have begun")
        self.knocks(key)
        watch.wait_for_text(f"granted   alice  {self.client.ip4}  web until")
        lines.wait_for_text('"granted"')
        self.ask(guard, "revoke", "alice")
        watch.wait_for_text("by the operator")
        self.assertEqual([json.loads(line)["what"] for line in lines.text().splitlines()][:1], ["granted"])
        guard.stop()
        watch.wait_for_text("no server answers")
        guard.start()
        self.first_window(WINDOW)
        self.knocks(key)
        self.wait_for(lambda: watch.text().count("granted") == 2, "the watch to go on")

    def test_on_a_terminal_it_redraws(self):
        guard = self.small_guard(self.key(), wait=False)
        pid, terminal = pty.fork()
        if pid == 0:
            self.server._enter()
            os.execv(self.lab.program, [self.lab.program, "watch", "--control", str(guard.control)])
        seen = b""
        try:
            deadline = time.time() + 10
            while seen.count(b"\033[H\033[2J") < 3 and time.time() < deadline:
                if select.select([terminal], [], [], 1)[0]:
                    seen += os.read(terminal, 65536)
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            os.close(terminal)
        self.assertGreaterEqual(seen.count(b"\033[H\033[2J"), 3)
        self.assertIn(b"alice", seen)


class Group(AskingTest):
    def guarded(self, more=""):
        os.chmod(self.lab.folder, 0o755)
        self.server.home.chmod(0o755)
        self.alice = self.key()
        guard = self.small_guard(self.alice, open_for=60, sections={"server": more}, wait=False, start=False)
        guard.folder.chmod(0o755)
        guard.start()
        return guard

    def test_a_member_may_look_and_not_touch(self):
        guard = self.guarded(f"control_group = {GROUP}")
        self.assertEqual(guard.control.stat().st_mode & 0o777, 0o660)
        for command in ("status", "grants", "history"):
            self.ask(guard, command, user=MEMBER)
        for command in (["revoke", "alice"], ["reload"], ["confirm"]):
            self.assertIn("expected root", self.ask(guard, *command, user=MEMBER, status=1))
        self.ask(guard, "revoke", "alice")
        self.assertIn("Permission denied",
                      self.ask(guard, "status", user=["--reuid", "12345", "--regid", "12345", "--clear-groups"], status=1))

    def test_the_servers_user_is_a_member_like_others(self):
        """Started by root, the server listens as root: its user is nobody whom it takes orders from."""
        guard = self.guarded(f"user = 65534\ncontrol_group = {GROUP}")
        self.ask(guard, "status", user=MEMBER)
        for command in (["revoke", "alice"], ["reload"], ["confirm"]):
            self.assertIn("expected root, or who has started the server",
                          self.ask(guard, *command, user=MEMBER, status=1))
        self.ask(guard, "reload")

    def test_without_a_group_only_the_owner(self):
        guard = self.guarded()
        self.assertEqual(guard.control.stat().st_mode & 0o777, 0o600)
        self.assertIn("Permission denied", self.ask(guard, "status", user=MEMBER, status=1))

    def test_what_cannot_be_had_is_told(self):
        guard = self.guarded("control_group = no-such-group")
        guard.wait_log("there is no group 'no-such-group'")
        self.ask(guard, "status")
        guard.stop()
        guard.config.write_text(guard.config.read_text().replace("no-such-group", GROUP))
        guard.folder.chmod(0o700)
        guard.start()
        guard.wait_log("cannot reach it")

    def test_members_who_flood_or_hang_keep_no_owner_out_and_no_knock(self):
        guard = self.guarded(f"control_group = {GROUP}")
        self.first_window(WINDOW)
        flood = self.server.spawn(["setpriv", *MEMBER, "--", "/usr/bin/python3", "-c", _FLOOD, str(guard.control)],
                                  log=guard.folder / "flood")
        flood.wait_for_text("flooding")
        for _ in range(5):
            began = time.monotonic()
            self.ask(guard, "reload")
            self.assertLess(time.monotonic() - began, 8)
        self.first_window(WINDOW)
        self.knocks(self.alice)
        self.assertTrue(flood.alive(), flood.text())
        flood.stop()
        self.wait_for(lambda: self.server.run(["setpriv", *MEMBER, "--", self.lab.program, "status", "--control",
                                               guard.control], check=False).returncode == 0, "members to be served again")


# Some connect and say nothing, some say half a question, others ask and ask and do not read.
_FLOOD = """
import socket, struct, sys, threading
def frame(text): return struct.pack(">I", len(text)) + text
def one(said):
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(1)
        try:
            s.connect(sys.argv[1])
            s.sendall(said)
            if said: s.recv(1)
            else: s.recv(1)
        except OSError:
            pass
        s.close()
for said in (b"", b"\\0\\0", frame(b'{"operation":"status"}'), frame(b'{"operation":"history"}')):
    for _ in range(20):
        threading.Thread(target=one, args=(said,), daemon=True).start()
print("flooding", flush=True)
threading.Event().wait()
"""


if __name__ == "__main__":
    unittest.main()
