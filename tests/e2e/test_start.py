"""What fails at the start, the guard stands: whatever is wrong with state, disk or control path, a stranger is out from
the first look on, and the server goes to work when the cause goes."""

import contextlib
import pathlib
import re
import shutil
import signal
import sqlite3
import time
import unittest

from case import PORT, LabTest
from lab import start_http

_WAITS = "taking no knocks"


class Start(LabTest):
    def setUp(self):
        super().setUp()
        self.web = start_http(self.server, PORT)
        self.file = self.key()

    def make(self, **options):
        guard = self.small_guard(self.file, wait=False, start=False, **options)
        guard.state.parent.mkdir(exist_ok=True)
        return guard

    def assert_all_out(self):
        for version in (4, 6):
            self.assert_shut(self.other, self.server.ip(version))

    def waits(self, guard, says):
        """The server runs and says what it waits for, and nobody gets in; a guard that is flushed comes back."""
        began = time.monotonic()
        guard.start(wait=False)
        guard.process.wait_for_text(_WAITS, 20)
        guard.wait_log(says)
        self.assert_all_out()
        for _ in range(3):
            self.server.run(["nft", "flush", "ruleset"])
            self.wait_for(lambda: "chronoknock" in self.server.run(["nft", "list", "tables"]).stdout, "the guard")
            self.assert_all_out()
        self.assertTrue(guard.process.alive())
        self.assertLessEqual(guard.log().count(_WAITS), 1 + (time.monotonic() - began) // 60)

    def goes_to_work(self, guard):
        self.wait_for(lambda: guard._up() and guard.status()["accepting"], "the server to go to work", 20)
        self.assertEqual(guard.status()["problem"], "")
        self.assert_all_out()
        self.first_window(2)
        self.client.knock(self.server, self.file, "web")
        self.assert_opens(self.client)
        self.assert_all_out()

    def told_by_status(self, guard, says):
        status = guard.status()
        self.assertFalse(status["accepting"])
        self.assertIn(says, status["problem"])
        self.assertIn(says, self.server.run([self.lab.program, "status", "--control", guard.control]).stdout)

    def spoilt(self, spoil, says, mend=None):
        guard = self.make()
        spoil(guard.state)
        self.waits(guard, says)
        self.told_by_status(guard, says)
        (mend or pathlib.Path.unlink)(guard.state)
        self.goes_to_work(guard)

    def test_state_is_garbage(self):
        self.spoilt(lambda state: state.write_bytes(b"garbage" * 1000), "not a database")

    def test_state_is_cut_short(self):
        def cut(state):
            with contextlib.closing(sqlite3.connect(state)) as db:
                db.execute("create table burnt (key text, service text, who text, t0 integer, accepted integer)")
                db.executemany("insert into burnt values (?, '', '', 0, 0)", [("k" * 100,)] * 1000)
                db.commit()
            whole = state.read_bytes()
            state.write_bytes(whole[:len(whole) // 3])
        self.spoilt(cut, "malformed")

    def test_state_of_another_schema(self):
        def other(state):
            with contextlib.closing(sqlite3.connect(state)) as db:
                db.execute("create table burnt (something text)")
                db.commit()
        self.spoilt(other, "no such column")

    def test_state_is_a_directory(self):
        self.spoilt(pathlib.Path.mkdir, "state.db", shutil.rmtree)

    def test_state_is_locked(self):
        guard = self.make()
        with contextlib.closing(sqlite3.connect(guard.state, isolation_level=None)) as db:
            db.execute("create table mine (x)")
            db.execute("begin exclusive")
            self.waits(guard, "locked")
            self.told_by_status(guard, "locked")
        self.goes_to_work(guard)

    def disk(self, options, prepare, mend):
        """State on a disk of its own, that only the server sees."""
        disk = self.server.home / "disk"
        disk.mkdir()
        script = f'mount -t tmpfs {options} none {disk} && {prepare} && exec "$@"'
        guard = self.make(state=disk / "state.db",
                          launcher=["unshare", "-m", "sh", "-c", script, "sh", self.lab.program])
        self.waits(guard, "state.db")
        self.told_by_status(guard, "state.db")
        self.server.run(["nsenter", "-t", guard.process.pid, "-m", "sh", "-c", mend])
        self.goes_to_work(guard)

    def test_disk_is_read_only(self):
        disk = self.server.home / "disk"
        self.disk("-o ro", "true", f"mount -o remount,rw {disk}")

    def test_disk_is_full(self):
        disk = self.server.home / "disk"
        self.disk("-o size=64k", f"(cat /dev/zero >{disk}/all 2>/dev/null || true)",
                  f"rm {disk}/all; mount -o remount,size=1m {disk}")

    def test_control_path_is_a_file(self):
        guard = self.make()
        guard.control.write_text("mine")
        self.waits(guard, "control socket")
        self.assertEqual(guard.control.read_text(), "mine")
        guard.control.unlink()
        self.goes_to_work(guard)

    def test_no_capture(self):
        """Without CAP_NET_RAW there is no capture; the guard stands all the same."""
        guard = self.make(launcher=["capsh", "--drop=cap_net_raw", "--shell=" + self.lab.program, "--"])
        self.waits(guard, "CAP_NET_RAW")
        self.told_by_status(guard, "CAP_NET_RAW")

    def test_signals_while_it_waits(self):
        guard = self.make()
        guard.state.mkdir()
        self.waits(guard, "state.db")
        guard.write({"web": f"ports = tcp/{PORT}, tcp/{PORT + 1}"}, {"alice": (self.file, "web")},
                    {"knock": "tracked = 1024"})
        guard.reload()
        guard.wait_log("configuration read again")
        self.wait_for(lambda: str(PORT + 1) in self.server.run(["nft", "list", "table", "inet", "chronoknock"]).stdout,
                      "the new guard")
        self.assert_all_out()
        guard.config.write_text("[server")
        guard.reload()
        guard.wait_log("the configuration stays as it was")
        self.assert_all_out()
        self.assertEqual(guard.process.stop(signal.SIGTERM), 0)
        self.assert_all_out()

    def begun(self, guard):
        """Starts it, and returns as soon as the program itself runs: it ignores SIGPIPE then."""
        guard.start(wait=False)
        status = pathlib.Path(f"/proc/{guard.process.pid}/status")
        sigpipe = 1 << signal.SIGPIPE - 1
        self.wait_for(lambda: int(re.search(r"SigIgn:\s(\w+)", status.read_text())[1], 16) & sigpipe,
                      "the program to begin", every=0)

    def test_a_signal_before_it_has_read_its_configuration(self):
        guard = self.make()
        self.begun(guard)
        guard.reload()
        guard.process.wait_for_text("configuration read again", 20)
        self.goes_to_work(guard)
        self.assertEqual(guard.stop(), 0)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.begun(guard)
            self.assertEqual(guard.process.stop(number), 0)

    def test_nft_that_fails_for_a_while(self):
        """Run by a fake that fails at first: the guard comes when it can."""
        fake = self.server.home / "nft"
        shutil.copy("/usr/sbin/nft", self.server.home / "real")
        fake.write_text(f'#!/bin/sh\n[ -e {self.server.home}/well ] || {{ echo "no luck" >&2; exit 1; }}\n'
                        f'exec {self.server.home}/real "$@"\n')
        fake.chmod(0o755)
        guard = self.make(launcher=["unshare", "-m", "sh", "-c",
                                    f'mount --bind {fake} /usr/sbin/nft && exec "$@"', "sh", self.lab.program])
        guard.start(wait=False)
        guard.process.wait_for_text("no luck")
        (self.server.home / "well").touch()
        self.goes_to_work(guard)


if __name__ == "__main__":
    unittest.main()
