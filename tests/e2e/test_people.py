"""Commands that change a configuration, and those that ask a server, as files and processes see them."""

import ctypes
import fcntl
import json
import os
import pathlib
import struct
import subprocess
import threading
import time
import unittest

from cli import PROGRAM, SECRET, Case
from netns import wait_for
from people import FakeServer, Server

ASKING = (["status"], ["grants"], ["history"], ["revoke", "alice"], ["watch"], ["reload"], ["confirm"])


class FolderEvents:
    """Names that come into folders or leave them, in order (inotify(7))."""

    CREATE, FROM, TO = 0x100, 0x40, 0x80

    def __init__(self, *folders):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK)
        self.folders = {libc.inotify_add_watch(self.fd, bytes(f), self.CREATE | self.FROM | self.TO): f for f in folders}

    def read(self):
        """(came, path) of each."""
        try:
            data = os.read(self.fd, 1 << 16)
        except BlockingIOError:
            data = b""
        os.close(self.fd)
        events, at = [], 0
        while at < len(data):
            watch, mask, _, size = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + size].rstrip(b"\0").decode()
            events.append((not mask & self.FROM, self.folders[watch] / name))
            at += 16 + size
        return events


class OneAtATime(Server):
    """Two that read, change and write one configuration would undo each other's work."""

    def test_who_holds_the_configuration_is_waited_for_and_named(self):
        self.invite("alice")
        self.assertFalse((self.etc / ".lock").exists())
        held = os.open(self.etc / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(held, fcntl.LOCK_EX)
        before = {p: p.read_text() for p in self.etc.rglob("*") if p.is_file()}
        for args in (["invite", "bob", "--service", "ssh", "--host", "h"], ["uninvite", "alice"]):
            began = time.monotonic()
            said = self.change(*args, status=1)
            self.assertGreater(time.monotonic() - began, 2)
            self.assertEqual((said.stdout, said.stderr), (
                "", f"chronoknock: {self.etc}: another program changes the files here, process {os.getpid()}; "
                "it has not ended within 5s\n"))
        self.assertEqual({p: p.read_text() for p in self.etc.rglob("*") if p.is_file()}, before)
        threading.Timer(1, os.close, [held]).start()
        self.change("uninvite", "alice")

    @unittest.skipUnless(os.geteuid() == 0, "needs another user")
    def test_who_can_only_read_the_folder_holds_up_nobody(self):
        self.folder.chmod(0o755)
        self.etc.chmod(0o755)
        (self.etc / ".lock").touch(0o600)  # left by a kill
        other = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--", "sh", "-c",
                                  f"flock --exclusive --nonblock {self.etc} sh -c 'echo held; read wait'; "
                                  f"flock --exclusive --nonblock {self.etc}/.lock true || echo refused"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.assertEqual(other.stdout.readline(), "held\n")
        self.invite("alice")
        (self.etc / ".lock").touch(0o600)
        self.assertEqual(other.communicate("\n", timeout=60)[0], "refused\n")

    def test_renewals_at_once(self):
        """Each reads the newest key, and the file of the oldest one's section, and writes them."""
        self.config.write_text(self.config.read_text() + "until = 2099-01-01\n")
        started = [subprocess.Popen([PROGRAM, "invite", "admin", "--renew", "--host", "h", "--config", self.config],
                                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(6)]
        for one in started:
            said = one.communicate(timeout=60)[1]
            self.assertEqual(one.returncode, 0, said)
        self.assertEqual(sorted(p.name for p in (self.etc / "keys").iterdir()), [f"admin.{n}.key" for n in range(2, 8)])
        self.change("check")

    def test_profiles_added_at_once(self):
        lines = [self.invite(f"p{n}").stdout for n in range(8)]
        started = [subprocess.Popen([PROGRAM, "profile", "add", f"p{n}", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                    stdout=subprocess.DEVNULL, text=True, env=self.env) for n in range(8)]
        for one, text in zip(started, lines):
            one.stdin.write(text)
            one.stdin.flush()
        for one in started:
            one.stdin.close()
            one.stdin = None
            self.assertEqual(one.wait(60), 0, one.stderr.read())
            one.stderr.close()
        listed = json.loads(self.done("profile", "list", "--json"))
        self.assertEqual(sorted(p["name"] for p in listed), [f"p{n}" for n in range(8)])

    def test_profile_waits_for_nobody_who_types(self):
        """The prompt is answered before the lock is taken."""
        line = self.invite("alice").stdout
        typing = subprocess.Popen([PROGRAM, "profile", "add", "one", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  text=True, env=self.env)
        waits = pathlib.Path(f"/proc/{typing.pid}/wchan")
        wait_for(lambda: waits.read_text().endswith("pipe_read"), "the first to wait for its line")
        other = subprocess.run([PROGRAM, "profile", "add", "two", "-"], input=line, capture_output=True, text=True, env=self.env)
        self.assertEqual(other.returncode, 0, other.stderr)
        typing.communicate(line, timeout=60)
        self.assertEqual(typing.returncode, 0)


class AtEveryInstant(Server):
    """Whoever reads the configuration between two steps, or after a kill, finds one that loads."""

    def steps(self, *args):
        folders = FolderEvents(*(self.etc / f for f in ("", "people.d", "keys")))
        self.change(*args)
        events = folders.read()
        self.assertTrue(events)
        hidden = [p for _, p in events if p.name.startswith(".")]
        seen = [(came, str(p.relative_to(self.etc))) for came, p in events if p not in hidden]
        return seen

    def test_the_section_goes_before_its_key_and_comes_after_it(self):
        self.set_up("people.d/*")  # a folder whose name comes after keys/
        for f in ("people.d", "keys"):
            (self.etc / f).mkdir()
        self.assertEqual(self.steps("invite", "alice", "--service", "ssh", "--host", "h"),
                         [(True, "keys/alice.key"), (True, "people.d/alice.ini")])
        self.assertEqual(self.steps("invite", "alice", "--renew", "--until", "1d"),
                         [(True, "keys/alice.2.key"), (True, "people.d/alice.2.ini"), (True, "people.d/alice.ini")])
        gone = self.steps("uninvite", "alice")
        self.assertEqual(gone[:2], [(False, "people.d/alice.ini"), (False, "people.d/alice.2.ini")])
        self.assertEqual(sorted(gone[2:]), [(False, "keys/alice.2.key"), (False, "keys/alice.key")])

    def test_what_a_kill_leaves_is_included_by_no_pattern(self):
        self.set_up("people.d/*")
        (self.etc / "people.d").mkdir()
        self.invite("alice")
        for name in (".alice.ini.removed", ".bob.ini.Xy12Zz"):
            (self.etc / "people.d" / name).write_text("[key.half")
        self.change("check")


class AfterAKill(Server):
    def test_a_key_without_a_section(self):
        key = self.etc / "keys/alice.key"
        key.parent.mkdir()
        key.write_text(SECRET)
        refused = self.change("invite", "alice", "--service", "ssh", "--host", "h", status=2).stderr
        self.assertEqual(refused, f"chronoknock: {key}: exists already, and is never overwritten; no section names it, as after "
                         "an `invite` that was broken off: then it may be removed\n")
        self.config.write_text(self.config.read_text() + "[key.other]\nfile = keys/alice.key\nservices = ssh\n")
        refused = self.change("invite", "alice", "--service", "ssh", "--host", "h", status=2).stderr
        self.assertEqual(refused, f"chronoknock: {key}: exists already, and is never overwritten\n")

    def test_the_first_key_of_all(self):
        """The configuration loads for nobody yet."""
        text = self.config.read_text()
        self.config.write_text(text[:text.index("[key.admin]")])
        (self.etc / "keys").mkdir()
        (self.etc / "keys/alice.key").write_text(SECRET)
        refused = self.change("invite", "alice", "--service", "ssh", "--host", "h", status=2).stderr
        self.assertIn("no section names it", refused)

    def test_secrets_that_were_put_aside(self):
        self.invite("alice")
        left = [self.etc / "keys/.bob.key.removed", self.etc / "conf.d/.bob.ini.removed"]
        for path in left:
            path.write_text(SECRET)
        mine = self.put("server/keys/.notes", "x")
        self.invite("carol")
        self.assertEqual([p for p in (*left, mine) if p.exists()], [mine])

    def test_profiles_that_were_put_aside(self):
        line = self.invite("alice").stdout
        keys = self.folder / ".config/chronoknock/keys"
        keys.mkdir(parents=True)
        for verb in (["add", "home", "-"], ["remove", "home"]):
            (keys / ".old.key.removed").write_text(SECRET)
            done = self.run_program("profile", *verb, input=line)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertFalse((keys / ".old.key.removed").exists())

    def test_a_renewal_limits_every_key_before_it(self):
        """One may have been killed between its own section and the `until` of the key before."""
        self.invite("alice")
        alice = self.etc / "conf.d/alice.ini"
        before = alice.read_text()
        self.change("invite", "alice", "--renew", "--until", "@4000000000")
        alice.write_text(before)
        said = self.change("invite", "alice", "--renew", "--until", "@4000000000").stderr
        ends = "until = 2096-10-02 07:06:40\n"
        for name in ("alice", "alice.2"):
            self.assertIn(ends, (self.etc / f"conf.d/{name}.ini").read_text())
            self.assertIn(f"key {name} is good until 2096-10-02 07:06:40", said)
        self.assertNotIn("until", (self.etc / "conf.d/alice.3.ini").read_text())
        # A sooner end stays, a later one does not.
        said = self.change("invite", "alice", "--renew", "--until", "@3900000000").stderr
        for name in ("alice", "alice.2", "alice.3"):
            self.assertIn("until = 2093-08-01 21:20:00", (self.etc / f"conf.d/{name}.ini").read_text())
        sooner = alice.read_text()
        self.change("invite", "alice", "--renew", "--until", "@4000000000")
        self.assertEqual(alice.read_text(), sooner)


class Asked(FakeServer):
    def test_a_reload_that_takes_its_time_is_waited_for(self):
        def answer(operation, _):
            if operation == "reload":
                time.sleep(6)
                return {"result": {"changes": []}}
            return {"result": {"grants": 0, "coming": 0, "connections": 0}}
        self.invite("alice")
        self.serve(answer)
        said = self.change("uninvite", "alice").stderr
        self.assertIn("the running server has taken up the change", said)

    @unittest.skipUnless(os.geteuid() == 0, "needs a mount namespace")
    def test_the_default_configuration_names_the_socket(self):
        """Each command of the server's operator asks where /etc/chronoknock/chronoknock.ini says."""
        def run(*args, user=()):
            """With an /etc of its own, in which our configuration is the default one."""
            script = ("mount -t tmpfs none /mnt && cp -a /etc /mnt/etc && rm -rf /mnt/etc/chronoknock && "
                      f"cp -a {self.etc} /mnt/etc/chronoknock && mv /mnt/etc/chronoknock/c.ini "
                      "/mnt/etc/chronoknock/chronoknock.ini && mount --bind /mnt/etc /etc && exec \"$@\"")
            return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *user, PROGRAM, *map(str, args)],
                                  capture_output=True, text=True, timeout=60)
        for args in ASKING:
            with self.subTest(args):
                done = run(*args)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(done.stderr, f"chronoknock: no server answers at {self.control}: No such file or directory\n")
        page = run("report", "--out", "-")
        self.assertIn(f"{self.folder}/state.db", page.stderr)
        done = run("invite", "alice", "--service", "ssh", "--host", "h")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("/etc/chronoknock/keys/alice.key", done.stderr)
        # Whoever may use the socket need not be able to read the configuration.
        self.config.chmod(0o600)
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
        self.assertIn("no server answers at /run/chronoknock/control.sock", run("status", user=nobody).stderr)
        self.assertIn("no server answers at /elsewhere", run("status", "--control", "/elsewhere").stderr)


class Json(Server):
    def test_check(self):
        self.put("server/weak.key", "method = static\nsequence = 7000, 8000, 9000\n")
        self.config.write_text(self.config.read_text() + "[service.web]\nports = tcp/80, udp/443\nopen_for = 1500ms\n"
                               "[key.old]\nfile = weak.key\nservices = web\nallow_weak = true\nmode = strict\n")
        result = self.change("check", "--json")
        self.assertEqual(result.stderr, "")
        said = json.loads(result.stdout)
        self.assertEqual([s["name"] for s in said["services"]], ["ssh", "web"])
        self.assertEqual(said["services"][1], {"name": "web", "ports": ["tcp/80", "udp/443"], "open_for": 1.5,
                                               "max_open_for": 1.5, "uses": 0, "until": "time", "set4": "", "set6": "",
                                               "shut_by": "the guard in table inet chronoknock, which the server sets up",
                                               "keys": ["old"]})
        admin, old = said["keys"]
        self.assertEqual((admin["name"], admin["method"], admin["services"]), ("admin", "time-sequence", ["ssh"]))
        self.assertGreater(admin["security_bits"], 100)
        self.assertEqual(old["fingerprint"], "")
        self.assertTrue(any(w.startswith("[key.old] allow_weak: ") for w in said["warnings"]))
        self.assertNotIn("online", said)
        for secret in ("00010203", "7000"):
            self.assertNotIn(secret, result.stdout)
        online = json.loads(self.change("check", "--json", "--online").stdout)
        self.assertTrue(online["online"]["takes_knocks"])
        self.assertTrue(any("always_allow: nobody is let in" in w for w in online["warnings"]))
        self.config.write_text("[nonsense]\n")
        broken = self.run_program("check", "--json", "--config", self.config)
        self.assertEqual((broken.returncode, broken.stdout), (2, ""))

    def test_invite_and_uninvite(self):
        result = self.invite("alice", "--json")
        said = json.loads(result.stdout)
        self.assertEqual({k: v for k, v in said.items() if k not in ("invitation", "fingerprint")},
                         {"key": "alice", "host": "server.example", "services": ["ssh"],
                          "key_file": f"{self.etc}/keys/alice.key", "section_file": f"{self.etc}/conf.d/alice.ini"})
        self.assertNotIn(said["invitation"][20:60], result.stderr)
        added = subprocess.run([PROGRAM, "profile", "add", "home", "-"], input=said["invitation"], capture_output=True,
                               text=True, env=self.env)
        self.assertIn(said["fingerprint"], added.stdout)
        renewed = json.loads(self.change("invite", "alice", "--renew", "--until", "@4000000000", "--json").stdout)
        self.assertEqual((renewed["key"], renewed["renews"], renewed["until"]), ("alice.2", "alice", 4000000000))
        self.assertIn("--qr: expected none beside --json", self.change(
            "invite", "bob", "--service", "ssh", "--host", "h", "--json", "--qr", status=2).stderr)
        gone = json.loads(self.change("uninvite", "alice", "--json").stdout)
        self.assertEqual(gone["changed"], [])
        self.assertEqual(len(gone["removed"]), 4)

    def test_import(self):
        conf = self.put("knockd.conf", "[a]\nsequence = 7000,8000,9000\n"
                        "command = iptables -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT\n")
        said = json.loads(self.done("import", conf, "--out", self.folder / "out", "--json"))
        self.assertEqual(said["made"], [f"{self.folder}/out/keys/a.key", f"{self.folder}/out/chronoknock.ini"])
        self.assertEqual(sum("allow_weak" in n for n in said["notes"]), 1)
        for port in ("7000", "8000", "9000"):
            self.assertNotIn(port, json.dumps(said))


class Told(Case):
    def test_an_argument_is_seen_by_all(self):
        self.assertIn("(ps)", self.done("profile", "--help"))
        page = (pathlib.Path(__file__).parents[2] / "etc/man/chronoknock-client.ini.5.scd").read_text(encoding="utf-8")
        self.assertIn("*ps*(1)", page)


if __name__ == "__main__":
    unittest.main()
