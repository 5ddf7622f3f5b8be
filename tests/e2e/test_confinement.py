"""What the server gives up, and its helper."""

import json
import os
import pathlib
import pwd
import signal
import socket
import struct
import unittest

from case import PORT, LabTest

_NET_ADMIN = 1 << 12
NOBODY = 65534


def process_status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


class Confined(LabTest):
    def confined(self, user=None, program=None, launcher=(), fields=None, **options):
        """A server that becomes a user; the folder of its record is called chronoknock, so it is handed over."""
        self.lab.folder.chmod(0o755)
        key = self.key(**(fields or {}))
        guard = self.small_guard(key, wait=False, start=False, launcher=[*launcher, program or self.lab.program],
                                 sections={"server": f"user = {user}" if user is not None else "", **options})
        guard.start()
        self.first_window(2)
        return guard, key

    def checked(self, guard, status=0):
        """What `check` says on standard error, with --online, too."""
        plain, online = (self.server.run([self.lab.program, "check", *more, "--config", guard.config], check=False)
                         for more in ((), ("--online",)))
        self.assertEqual((plain.returncode, online.returncode), (status, status), (plain.stderr, online.stderr))
        self.assertIn(plain.stderr.splitlines()[-1] if status else "", online.stderr)
        return online.stderr

    def opens(self, guard, key):
        self.client.knock(self.server, key, "web")
        self.assert_opens(self.client)
        self.assert_shut(self.other)

    def guard_returns(self):
        self.server.run(["nft", "flush", "ruleset"])
        self.wait_for(lambda: "chronoknock" in self.server.run(["nft", "list", "tables"]).stdout, "the guard")


class Rights(Confined):
    def test_as_a_user_of_its_own(self):
        guard, key = self.confined(user=NOBODY)
        said = process_status(guard.process.pid)
        self.assertEqual(said["Uid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(said["Gid"].split(), [str(NOBODY)] * 4)
        self.assertEqual(said["Groups"].split(), [str(NOBODY)])
        for which, wanted in (("CapPrm", _NET_ADMIN), ("CapEff", _NET_ADMIN), ("CapInh", 0), ("CapAmb", 0), ("CapBnd", 0)):
            self.assertEqual(int(said[which], 16), wanted, which)
        self.assertEqual((said["NoNewPrivs"], said["Seccomp"]), ("1", "2"))
        for thread in pathlib.Path(f"/proc/{guard.process.pid}/task").iterdir():
            its = process_status(f"{guard.process.pid}/task/{thread.name}")
            self.assertEqual({k: its[k] for k in ("Uid", "Groups", "CapPrm", "NoNewPrivs", "Seccomp")},
                             {k: said[k] for k in ("Uid", "Groups", "CapPrm", "NoNewPrivs", "Seccomp")}, its["Name"])
        rights = guard.status()["privileges"]
        self.assertEqual(rights["capabilities"], ["net_admin"])
        self.assertEqual(rights["packet_sockets_by"], "helper")
        self.assertGreaterEqual(rights["landlock"], 1)
        self.assertTrue(rights["seccomp"])
        self.opens(guard, key)
        self.guard_returns()
        self.assert_shut(self.other)

    def test_answers_go_out(self):
        """By raw sockets that the helper has opened."""
        guard, key = self.confined(user=NOBODY, fields={"method": "challenge"})
        for target in (self.server.ip4, self.server.ip6):
            self.assert_shut(self.client, target)
            self.client.knock(target, key, "web", "--wait", PORT)
            self.assert_opens(self.client, target)
        self.assertNotIn("cannot send", guard.log())

    def test_keys_stay_roots_and_a_reload_reads_them(self):
        guard, key = self.confined(user=NOBODY)
        self.assertEqual(os.stat(key).st_uid, 0)
        second = self.key("bob")
        guard.write({"web": f"ports = tcp/{PORT}"}, {"bob": (second, "web")},
                    {"server": f"user = {NOBODY}", "knock": "tracked = 1024"})
        guard.reload()
        guard.wait_log("configuration read again")
        self.first_window(2)
        self.other.knock(self.server, second, "web")
        self.assert_opens(self.other)

    def test_the_last_guard_is_roots(self):
        guard, _ = self.confined(user=NOBODY)
        last = guard.folder / "guard.nft"
        self.wait_for(last.exists, "guard.nft")
        self.assertEqual(os.stat(last).st_uid, 0)
        for what in ("rm -f", "mv -f /dev/null", "truncate -s 0"):
            self.server.run(["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "sh", "-c",
                             f"{what} {last}"], check=False)
            self.assertGreater(last.stat().st_size, 100, what)

    def test_a_folder_that_the_user_cannot_write_is_told(self):
        self.lab.folder.chmod(0o755)
        folder = self.server.home / "record"
        folder.mkdir()
        guard = self.small_guard(self.key(), wait=False, start=False, sections={"server": f"user = {NOBODY}"},
                                 state=folder / "state.db")
        told = f"[server] state: {folder} cannot be written by the user nobody; expected chown root:nobody and chmod 1770"
        self.assertIn(told, self.checked(guard, 1))
        guard.start(wait=False)
        guard.wait_log(told)
        self.wait_for(lambda: not guard.process.alive(), "the server to end")

    def test_a_folder_that_is_a_link_is_judged_by_what_it_leads_to(self):
        real = self.server.home / "elsewhere"
        real.mkdir()
        os.chown(real, 0, NOBODY)
        real.chmod(0o1770)
        (self.server.home / "link").symlink_to(real)
        guard = self.small_guard(self.key(), wait=False, start=False, sections={"server": f"user = {NOBODY}"},
                                 state=self.server.home / "link" / "state.db")
        self.lab.folder.chmod(0o755)
        guard.start()
        self.assertEqual(os.stat(real / "state.db").st_uid, NOBODY)

    def test_a_control_socket_among_files_of_others(self):
        """In /run, say: the server cannot take the socket away at the end, nor what others have there."""
        shared = self.server.home / "shared"
        shared.mkdir()
        self.lab.folder.chmod(0o755)
        key = self.key()
        guard = self.small_guard(key, wait=False, start=False)
        guard.control = shared / "control.sock"
        guard.write({"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")},
                    {"server": "user = 0", "knock": "tracked = 1024"})
        guard.start()
        self.assertEqual(guard.status()["privileges"]["user"], "root")
        guard.stop()
        self.assertTrue((shared / "control.sock").exists())
        guard.start()  # made anew
        self.assertEqual(guard.status()["privileges"]["user"], "root")

    def test_status_says_it_in_one_line(self):
        guard, _ = self.confined(user=NOBODY)
        text = self.server.run([self.lab.program, "status", "--control", guard.control]).stdout
        self.assertRegex(text, r"(?m)^rights   user nobody, net_admin, Landlock \d+, seccomp; helper \d+$")


    def test_a_record_changes_hands(self):
        """Of a server that stayed root, as earlier versions did, of one with a user, and back."""
        guard, key = self.confined(user=0)
        self.opens(guard, key)
        services, keys = {"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")}
        for user in (NOBODY, 0):
            guard.stop()
            guard.write(services, keys, {"server": f"user = {user}", "knock": "tracked = 1024"})
            guard.start()
            self.assertEqual(process_status(guard.process.pid)["Uid"].split(), [str(user)] * 4)
            self.assertEqual({f.name: f.stat().st_uid for f in guard.folder.glob("state.db*")},
                             {f.name: user for f in guard.folder.glob("state.db*")})
            told = self.server.run([self.lab.program, "history", "--control", guard.control]).stdout
            self.assertIn("granted", told)
            checked = self.server.run([self.lab.program, "check", "--config", guard.config, "--online"])
            self.assertNotIn("the record", checked.stderr)

    def test_without_a_user_the_server_stays_root_and_says_so(self):
        if any(who.pw_name == "chronoknock" for who in pwd.getpwall()):
            self.skipTest("there is a user chronoknock here")
        guard, key = self.confined()
        self.assertEqual(guard.status()["privileges"]["user"], "root")
        self.assertEqual(guard.log().count("the server runs as root"), 1)
        self.opens(guard, key)


    def test_staying_root_it_opens_no_socket_by_a_path_later(self):
        guard, key = self.confined(user=0)
        services, keys = {"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")}
        guard.write(services, keys, {"server": "user = 0", "knock": "tracked = 1024",
                                     "metrics": f"listen = unix:{guard.folder}/metrics.sock"})
        guard.reload()
        guard.wait_log("[metrics] listen: the running server stays root")
        guard.stop()
        guard.start()  # and from the start on it does
        self.wait_for((guard.folder / "metrics.sock").exists, "metrics' socket")


class OldKernel(Confined):
    def without(self, part):
        preloaded = os.environ.get("OLD_KERNEL")
        if not preloaded:
            self.skipTest("OLD_KERNEL names no library")
        guard, key = self.confined(user=NOBODY, launcher=["env", f"LD_PRELOAD={preloaded}", f"KERNEL_LACKS={part}"])
        self.opens(guard, key)
        self.guard_returns()
        return guard

    def test_no_landlock_costs_a_line(self):
        guard = self.without("landlock")
        self.assertEqual(guard.status()["privileges"]["landlock"], 0)
        self.assertEqual(guard.log().count("files are not restricted: this kernel has no Landlock"), 1)
        text = self.server.run([self.lab.program, "status", "--control", guard.control]).stdout
        self.assertIn(", NO Landlock, seccomp; ", text)

    def test_no_seccomp_costs_a_line(self):
        guard = self.without("seccomp")
        rights = guard.status()["privileges"]
        self.assertEqual((rights["packet_sockets_by"], rights["seccomp"]), ("itself", False))
        self.assertEqual(guard.log().count("system calls are not restricted"), 1)

    def test_no_listener_costs_a_capability(self):
        guard = self.without("listener")
        rights = guard.status()["privileges"]
        self.assertEqual((rights["packet_sockets_by"], rights["seccomp"]), ("itself", True))
        self.assertEqual(rights["capabilities"], ["net_admin", "net_raw"])
        self.assertEqual(guard.log().count("the server opens packet sockets itself, and keeps CAP_NET_RAW"), 1)


class Helper(Confined):
    def test_it_ends_with_the_server_and_the_server_with_it(self):
        guard, _ = self.confined()
        helper = guard.status()["privileges"]["helper"]
        self.assertEqual(process_status(helper)["Name"], "knock-helper")
        os.kill(helper, signal.SIGTERM)  # to all of a unit at once: the server ends first
        os.kill(helper, signal.SIGKILL)
        self.wait_for(lambda: not guard.process.alive(), "the server to end")
        self.assertIn("the helper has ended", guard.log())
        self.assert_shut(self.other)
        guard.restart()
        helper = guard.status()["privileges"]["helper"]
        guard.sigkill()
        self.wait_for(lambda: not pathlib.Path(f"/proc/{helper}").exists()
                      or process_status(helper)["State"].startswith("Z"), "the helper to end")

    def test_it_has_what_it_needs_and_no_more(self):
        guard, _ = self.confined()
        said = process_status(guard.status()["privileges"]["helper"])
        self.assertEqual(int(said["CapEff"], 16), (1 << 12) | (1 << 13))
        self.assertEqual(said["NoNewPrivs"], "1")


class Forbidden(Confined):
    def ask(self, guard, operation, **arguments):
        text = json.dumps({"operation": operation, "arguments": arguments}).encode()
        with self.server.inside(), socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(guard.control))
            s.sendall(struct.pack(">I", len(text)) + text)
            answer = b""
            while more := s.recv(65536):
                answer += more
        return json.loads(answer[4:])

    def tried(self, user, lacks=None):
        program = os.environ.get("CHRONOKNOCK_FORBIDDEN")
        if not program:
            self.skipTest("CHRONOKNOCK_FORBIDDEN names no program")
        if lacks and not os.environ.get("OLD_KERNEL"):
            self.skipTest("OLD_KERNEL names no library")
        launcher = ["env", f"LD_PRELOAD={os.environ['OLD_KERNEL']}", f"KERNEL_LACKS={lacks}"] if lacks else []
        guard, key = self.confined(user=user, program=program, launcher=launcher)
        outside = self.lab.folder / "outside"
        outside.write_text("not for the server")
        outside.chmod(0o666)
        answers = self.ask(guard, "try_forbidden", outside=str(outside), inside=str(guard.state))
        answers = answers.get("result", answers)
        allowed = {name: answers.pop(name) for name in ("packet socket", "raw socket to send", "Internet socket", "open inside")}
        self.by_path = answers.pop("socket by path")
        self.assertGreater(len(answers), 15)
        if not lacks:
            self.assertEqual(allowed, {name: "DONE" for name in allowed})
            self.opens(guard, key)  # and it goes on
        return {name for name, answer in answers.items() if answer not in ("EPERM", "EACCES")}  # others: the kernel was asked

    def test_the_helper_does_what_is_listed_and_no_more(self):
        program = os.environ.get("CHRONOKNOCK_FORBIDDEN")
        if not program:
            self.skipTest("CHRONOKNOCK_FORBIDDEN names no program")
        named = self.lab.folder / "told"
        named.write_text(f"#!/bin/sh\nenv >>{named}.ran\necho told\n")
        named.chmod(0o755)
        guard, key = self.confined(user=NOBODY, program=program, events=f"command = {named}")
        answers = self.ask(guard, "try_helper", named=str(named))
        answers = answers.get("result", answers)
        unnamed = "it is not the program that the configuration names"
        unknown = "helper: expected a request as requests.hpp has them"
        self.assertEqual(answers, {
            "program that nobody named": unnamed, "program for another purpose": unnamed, "more words": unnamed,
            "variable of the loader": unknown, "variable for a shell": unknown,
            "table of others": unknown, "last guard with more in it": unknown,
            "text for nft": answers["text for nft"],
            "name that is an option": unknown,
            "name that is long": "helper: it has ended, or has too much to do",
            "kind that is not announced": answers["kind that is not announced"],
            "kind that there is not": "helper: it has ended, or has too much to do",
            "socket of another family": unknown, "socket that receives whole packets": unknown,
            "rubbish": unknown, "named program": "told", "translation": "DONE"})
        self.assertIn("a name in the table is not one of ours", answers["text for nft"])
        self.assertIn("helper: expected", answers["kind that is not announced"])
        self.assertFalse(pathlib.Path(f"{named}.abused").exists())
        self.assertNotIn("include", (guard.folder / "guard.nft").read_text(encoding="ascii"))
        ran = pathlib.Path(f"{named}.ran").read_text(encoding="ascii")
        self.assertEqual(ran.count("CHRONOKNOCK_KEY=alice"), 1)
        self.opens(guard, key)
        self.guard_returns()

    def test_as_a_user(self):
        self.assertEqual(self.tried(NOBODY), set())
        self.assertEqual(self.by_path, "DONE")

    def test_as_root(self):
        """No user is there to become: Landlock and seccomp hold it, and daemons that trust root's name hear nothing."""
        self.assertEqual(self.tried(0), set())
        self.assertEqual(self.by_path, "EPERM")

    def test_a_program_that_the_configuration_names_no_more_is_not_run(self):
        program = os.environ.get("CHRONOKNOCK_FORBIDDEN")
        if not program:
            self.skipTest("CHRONOKNOCK_FORBIDDEN names no program")
        named, other, third = (self.lab.folder / name for name in ("told", "another", "third"))
        for script in (named, other, third):
            script.write_text("#!/bin/sh\necho told\n")
            script.chmod(0o755)
        guard, key = self.confined(user=NOBODY, program=program, events=f"command = {named}")

        def answer():
            answers = self.ask(guard, "try_helper", named=str(named))
            return answers.get("result", answers)["named program"]
        self.assertEqual(answer(), "told")
        for again, command in enumerate((other, third, other), 1):  # the server may refuse some, and goes on with what it has
            guard.write({"web": f"ports = tcp/{PORT}"}, {"alice": (key, f"web\nknock_delay = {again}s")},
                        {"server": f"user = {NOBODY}", "knock": "tracked = 1024", "events": f"command = {command}"})
            guard.reload()
            self.wait_for(lambda n=again: guard.log().count("configuration read again") == n, "a reload")
        self.assertEqual(answer(), "it is not the program that the configuration names")

    def test_a_program_of_the_configuration_in_use_is_run_however_many_others_were_refused(self):
        program = os.environ.get("CHRONOKNOCK_FORBIDDEN")
        if not program:
            self.skipTest("CHRONOKNOCK_FORBIDDEN names no program")
        scripts = [self.lab.folder / f"told{n}" for n in range(5)]
        for script in scripts:
            script.write_text(f"#!/bin/sh\necho told; touch {script}.ran\n")
            script.chmod(0o755)
        guard, key = self.confined(user=NOBODY, program=program, events=f"command = {scripts[0]}")
        for refused, script in enumerate(scripts[1:], 1):
            guard.write({"web": f"ports = tcp/{PORT}"}, {"alice": (key, "web")},
                        {"server": "user = 0", "knock": "tracked = 1024", "events": f"command = {script}"})
            guard.reload()
            guard.wait_log("the configuration stays as it was", count=refused)

        def answer(script):
            answers = self.ask(guard, "try_helper", named=str(script))
            return answers.get("result", answers)["named program"]
        self.assertEqual(answer(scripts[0]), "told")
        for script in scripts[1:-1]:
            self.assertEqual(answer(script), "it is not the program that the configuration names")
        pathlib.Path(f"{scripts[0]}.ran").unlink()
        self.opens(guard, key)
        self.wait_for(pathlib.Path(f"{scripts[0]}.ran").exists, "the event of the grant")

    # Where it is not in force the same is done: what refuses above is Landlock, and seccomp.

    def test_without_landlock_files_are_reached(self):
        done = self.tried(0, lacks="landlock")
        self.assertEqual(done, {"open shadow", "open outside", "write outside", "make outside", "write program"})

    def test_without_seccomp_calls_are_made(self):
        done = self.tried(0, lacks="seccomp")
        self.assertLessEqual({"fork", "vfork", "clone", "other family"}, done)


if __name__ == "__main__":
    unittest.main()
