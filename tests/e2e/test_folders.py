"""Folders that a confined server is held to: made at its first start, hidden from it, or in the way."""

import os
import subprocess
import unittest

import test_confinement
from case import PORT
from test_confinement import NOBODY


class Folders(test_confinement.Confined):
    def made(self, user, state):
        self.lab.folder.chmod(0o755)
        key = self.key()
        return self.small_guard(key, wait=False, start=False, sections={"server": f"user = {user}"}, state=state), key

    def served_from_the_first_start(self, user):
        """With the umask of our unit."""
        top = self.server.home / "new"
        state = top / "lib" / "record" / "state.db"
        guard, key = self.made(user, state)
        mask = os.umask(0o077)
        try:
            guard.start()
        finally:
            os.umask(mask)
        self.wait_for(lambda: guard.status()["accepting"], "the server to go to work")
        self.first_window(2)
        self.opens(guard, key)
        return [folder.stat().st_mode & 0o7777 for folder in (top, top / "lib", state.parent)]

    def test_they_are_made_for_a_user(self):
        self.assertEqual(self.served_from_the_first_start(NOBODY), [0o755, 0o755, 0o1770])

    def test_they_are_made_for_a_server_that_stays_root(self):
        self.assertEqual(self.served_from_the_first_start(0), [0o700, 0o700, 0o700])

    def test_one_above_that_lets_nobody_pass_is_told(self):
        private = self.server.home / "private"
        folder = private / "chronoknock"
        folder.mkdir(parents=True)
        private.chmod(0o700)
        guard, _ = self.made(NOBODY, folder / "state.db")
        told = (f"[server] state: {folder} cannot be reached by the user nobody, whom {private} does not let pass; "
                f"expected chmod o+x {private}, or another folder")
        self.assertIn(told, self.checked(guard, 1))
        guard.start(wait=False)
        guard.wait_log(told)
        self.wait_for(lambda: not guard.process.alive(), "the server to end")
        private.chmod(0o711)
        self.assertNotIn("[server] state", self.checked(guard))
        guard.start()

    def test_one_that_is_to_be_made_is_none_that_check_makes(self):
        guard, _ = self.made(NOBODY, self.server.home / "new" / "record" / "state.db")
        self.assertNotIn("[server] state", self.checked(guard))
        self.assertFalse((self.server.home / "new").exists())

    def test_a_control_path_in_use_takes_a_restart_and_the_log_says_so(self):
        guard, key = self.made(NOBODY, None)
        guard.control = self.server.home / "run" / "control.sock"
        guard.write({"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")},
                    {"server": f"user = {NOBODY}", "knock": "tracked = 1024"})
        guard.control.mkdir(parents=True)
        guard.start(wait=False)
        guard.wait_log(f"control socket {guard.control}: expected a socket or nothing there; with nothing in its way it takes "
                       f"a restart: the server makes none in {guard.control.parent} any more: taking no knocks")
        self.assert_shut(self.other)
        guard.control.rmdir()
        guard.process.stop()
        guard.start()
        self.first_window(2)
        self.opens(guard, key)

    def test_a_reload_that_names_a_hidden_one_is_refused_and_others_go_on(self):
        guard, key = self.confined(user=NOBODY)
        private = self.server.home / "private"
        private.mkdir(mode=0o700)
        services, keys = {"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")}
        sections = {"server": f"user = {NOBODY}", "knock": "tracked = 1024"}

        def reload():
            return self.server.run(["timeout", "20", self.lab.program, "reload", "--control", guard.control], check=False)
        for _ in range(2):
            guard.write(services, keys, {**sections, "metrics": f"file = {private}/x.prom"})
            refused = reload()
            self.assertEqual(refused.returncode, 1)
            self.assertIn("is in a folder that the running server cannot reach", refused.stderr)
            guard.write(services, keys, sections)
            self.assertEqual(reload().returncode, 0)
        self.opens(guard, key)

    def test_a_reload_while_it_waits_changes_none(self):
        """It is confined to those of its start already, though nothing is open yet."""
        guard, key = self.made(NOBODY, None)
        guard.state.mkdir()
        guard.start()
        self.wait_for(lambda: not guard.status()["accepting"], "the server to wait")
        first, blocked = (guard.state, guard.control), guard.state
        services, keys = {"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")}
        sections = {"server": f"user = {NOBODY}", "knock": "tracked = 1024"}
        other = self.server.home / "other"
        for refused, (guard.state, guard.control) in enumerate(((other / "state.db", first[1]), (first[0], other / "c.sock")), 1):
            guard.write(services, keys, sections)
            guard.reload()
            guard.wait_log("[server] state, control and control_group: expected as they were", count=refused)
        guard.state, guard.control = first
        blocked.rmdir()
        self.wait_for(lambda: guard.status()["accepting"], "the server to go to work")
        self.first_window(2)
        self.opens(guard, key)
        self.assertFalse(other.exists())

    def test_one_in_the_place_of_the_last_guard_is_moved_aside(self):
        guard, _ = self.confined(user=NOBODY)
        last = guard.folder / "guard.nft"
        self.wait_for(last.exists, "guard.nft")
        guard.stop()
        last.unlink()
        subprocess.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "mkdir", "-p", last / "x"],
                       check=True)
        guard.start()
        self.wait_for(last.is_file, "guard.nft")
        self.assertEqual(last.stat().st_uid, 0)
        self.assertNotIn("cannot be kept", guard.log())


if __name__ == "__main__":
    unittest.main()
