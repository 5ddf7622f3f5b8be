"""A program that is told of events, and the real fail2ban-regex on the lines of the log."""

import pathlib
import re
import shutil
import subprocess
import time
import unittest

from case import PORT, LabTest
from lab import start_chronyd

ETC = pathlib.Path(__file__).parents[2] / "etc/fail2ban"
FILTER = ETC / "filter.d/chronoknock.conf"
WINDOW = 6


class Case(LabTest):
    def setUp(self):
        super().setUp()
        self.alice = self.key(granularity=WINDOW)

    def program(self, text):
        """A program in the lab; `out` is where it may write."""
        self.out = self.lab.folder / "out"
        self.out.mkdir(exist_ok=True)
        path = self.lab.folder / "on-event"
        path.write_text(f"#!/bin/sh\nout={self.out}\n{text}", encoding="utf-8")
        path.chmod(0o755)
        return path

    def events(self, command, more=""):
        return {"events": f"command = {command}\n{more}"}

    def guarded(self, sections, **options):
        guard = self.small_guard(self.alice, sections=sections, open_for=4, wait=False, **options)
        self.first_window(WINDOW)
        return guard

    def written(self, name, seconds=20):
        """The lines of a file that a program wrote in one piece."""
        path = self.out / name
        self.wait_for(path.exists, f"{name}; the log:\n{self.guards[0].log()}", seconds)
        return path.read_text(encoding="utf-8").splitlines()

    def replay(self, guard):
        """A knock that opens, and a copy of it later than its own rounds."""
        heard = self.capture_knock(self.alice)
        self.client.wait_shut(self.server.ip4, PORT)
        self.lab.sender(self.other).send(heard)
        guard.wait_log("a replay")


# What it wrote is there at once and whole.
TELL = 'env | grep ^CHRONOKNOCK_ | sort >$out/.$$ && mv $out/.$$ "$out/$CHRONOKNOCK_EVENT"\n'


class Events(Case):
    def test_a_grant_and_a_refusal(self):
        guard = self.guarded(self.events(self.program(TELL)))
        before = int(time.time())
        self.replay(guard)
        told = dict(line.split("=", 1) for line in self.written("grant"))
        until = int(told.pop("CHRONOKNOCK_UNTIL"))
        self.assertTrue(before + 3 <= until <= time.time() + 3, (before, until))
        self.assertEqual(told, {"CHRONOKNOCK_EVENT": "grant", "CHRONOKNOCK_KEY": "alice", "CHRONOKNOCK_SERVICE": "web",
                                "CHRONOKNOCK_ADDRESS": self.client.ip4, "CHRONOKNOCK_REASON": "",
                                "CHRONOKNOCK_LEFT_OUT": "0"})
        self.assertEqual(self.written("refusal"), [
            f"CHRONOKNOCK_ADDRESS={self.client.ip4}", "CHRONOKNOCK_EVENT=refusal", "CHRONOKNOCK_KEY=alice",
            "CHRONOKNOCK_LEFT_OUT=0", "CHRONOKNOCK_REASON=a replay", "CHRONOKNOCK_SERVICE=web", "CHRONOKNOCK_UNTIL="])

    def test_time_is_lost_and_comes_back(self):
        ntp = self.lab.host("ntp")
        start_chronyd(ntp)
        program = self.program(TELL)
        known, unknown = ({"time": f"servers = {a}\ninterval = 16", "knock": "tracked = 1024", **self.events(program)}
                          for a in (ntp.ip4, "10.77.9.9"))
        guard = self.small_guard(self.alice, sections=known, wait=False)
        self.wait_for(lambda: guard.status()["accepting"], "the time")
        services, keys = {"web": f"ports = tcp/{PORT}"}, {"alice": (self.alice, "web")}
        guard.write(services, keys, unknown)
        guard.reload()
        lost = self.written("time-lost")
        self.assertRegex("\n".join(lost), r"CHRONOKNOCK_REASON=\S+")
        self.assertFalse((self.out / "time-returned").exists())
        guard.write(services, keys, known)
        guard.reload()
        self.assertIn("CHRONOKNOCK_EVENT=time-returned", self.written("time-returned"))

    def test_what_it_has(self):
        program = self.program("""{ pwd; echo "$1|$2"; cat; grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|SigIgn|SigBlk)' \
/proc/self/status; env | grep -v ^CHRONOKNOCK_ | cut -d= -f1 | sort; ls -l /proc/self/fd; } >$out/.has
mv $out/.has $out/has\n""")
        self.guarded(self.events(f"{program} 'two words' \"a;b$(id)\"", "on = grant"))
        self.client.knock(self.server, self.alice, "web")
        self.assert_opens(self.client)
        has = self.written("has")
        self.assertEqual(has[:2], ["/", "two words|a;b$(id)"])
        status = dict(line.split(":\t") for line in has if ":\t" in line)
        self.assertEqual(status.pop("NoNewPrivs"), "1")
        # 32 and 33 are the C library's own, and it has them ignored.
        self.assertEqual({int(v, 16) & ~(3 << 31) for v in status.values()}, {0}, status)
        self.assertEqual([line for line in has if line in ("HOME", "PATH", "LANG", "USER")], ["PATH"])
        for word in ("socket:", "eventpoll", "packet", "timerfd", "eventfd", "state.db"):
            self.assertNotIn(word, "\n".join(has))

    def test_one_that_hangs_is_killed_with_what_it_started_and_holds_nothing_up(self):
        program = self.program("sleep 1001 & echo $! >$out/.child && mv $out/.child $out/child; sleep 1002\n")
        guard = self.guarded(self.events(program, "time_limit = 5s\non = grant"))
        self.client.knock(self.server, self.alice, "web")
        self.assert_opens(self.client)
        child = pathlib.Path("/proc", self.written("child")[0])
        self.assertTrue(child.exists())
        self.other.knock(self.server, self.alice, "web")  # meanwhile
        self.assert_opens(self.other)
        guard.wait_log(f"[events] command {program}: killed, since it took longer than 5s", 20)
        self.wait_for(lambda: not child.exists() or "(zombie)" in (child / "status").read_text(),
                      "what it started to be gone")

    def test_it_ends_with_the_server(self):
        program = self.program("echo $$ >$out/.pid && mv $out/.pid $out/pid; exec sleep 1003\n")
        guard = self.guarded(self.events(program, "time_limit = 1h\non = grant"))
        self.client.knock(self.server, self.alice, "web")
        process = pathlib.Path("/proc", self.written("pid")[0])
        self.assertTrue(process.exists())
        guard.stop()
        self.assertFalse(process.exists())

    def test_failures_are_one_line(self):
        for script, line in (("echo first line; echo second; exit 3\n", "exit status 3: first line"),
                             ("kill -SEGV $$\n", "ended by signal 11"),
                             ("exec cat /dev/zero\n", "exit status 1"),  # more than is taken
                             (None, "cannot be run: No such file or directory")):
            with self.subTest(line):
                program = self.program(script or "")
                if script is None:
                    program.unlink()
                guard = self.guarded(self.events(program, "on = grant"))
                for host in (self.client, self.other):
                    host.knock(self.server, self.alice, "web")
                    self.assert_opens(host)
                guard.wait_log(f"warning: [events] command {program}: {line}")
                self.assertEqual(guard.count_log("[events]", 1), 1)
                guard.stop()
                guard.process.log.unlink()
                for file in guard.folder.glob("state.db*"):
                    file.unlink()

    def test_more_than_the_limit_is_counted(self):
        guard = self.guarded(self.events(self.program("echo $CHRONOKNOCK_EVENT >>$out/all\n"), "limit = 1"))
        self.client.knock(self.server, self.alice, "web")
        self.wait_for(lambda: self.written("all") == ["grant"], "the grant")
        self.other.knock(self.server, self.alice, "web")
        self.assert_opens(self.other)
        self.lab.next_window(WINDOW)
        self.replay(guard)  # opens for the client again: not told; the refusal is
        self.wait_for(lambda: self.written("all") == ["grant", "refusal"], "the refusal")
        guard.wait_log("[events] command not run for 2 grants", 75)
        self.assertEqual(self.written("all"), ["grant", "refusal"])

    def test_check_says_what_it_means(self):
        program = self.program(TELL)
        guard = self.small_guard(self.alice, sections=self.events(f"{program} --to me", "limit = 5"), start=False,
                                 wait=False)

        def check():
            return self.server.run([self.lab.program, "check", "--config", guard.config])
        said = check()
        self.assertIn(f"events        {program} --to me: on grants, refused knocks, loss and return of the time", said.stdout)
        self.assertIn("at most 5 times a minute for each of them, killed after 10s", said.stdout)
        self.assertNotIn("[events]", said.stderr)
        program.chmod(0o777)
        self.assertIn(f"warning: [events] command: {program} can be written by others", check().stderr)
        program.chmod(0o600)
        self.assertIn(f"warning: [events] command: {program} cannot be run", check().stderr)
        program.unlink()
        self.assertIn(f"warning: [events] command: {program}: No such file or directory", check().stderr)


class Fail2ban(Case):
    def found(self, lines, mode=None):
        """The addresses that fail2ban-regex finds in lines of syslog."""
        log = self.lab.folder / "syslog"
        log.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        done = subprocess.run(["fail2ban-regex", "-o", "<ip>", log, f"{FILTER}{mode or ''}"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode in (0, 1), True, done.stderr)
        return done.stdout.split()

    @staticmethod
    def syslog(line, program="chronoknock[123]", host="server"):
        return f"Nov 28 20:43:49 {host} {program}: {line}"

    def test_lines_of_the_server(self):
        guard = self.guarded({"knock": "tracked = 1024"})
        self.replay(guard)
        lines = [self.syslog(line) for line in guard.log().splitlines()]
        self.assertGreater(len(lines), 3)
        self.assertEqual(self.found(lines), [self.client.ip4])
        self.assertEqual(self.found(lines, "[mode=any]"), [self.client.ip4])

    def test_fail2ban_takes_the_jail(self):
        """Switched on; no daemon is started."""
        folder = self.lab.folder / "fail2ban"
        shutil.copytree("/etc/fail2ban", folder, ignore=shutil.ignore_patterns("defaults-debian.conf"))
        shutil.copy(FILTER, folder / "filter.d")
        jail = (ETC / "jail.d/chronoknock.conf").read_text(encoding="utf-8")
        self.assertIn("enabled = false", jail)
        (folder / "jail.d/chronoknock.conf").write_text(jail.replace("enabled = false", "enabled = true"))
        done = subprocess.run(["fail2ban-client", "-c", folder, "-t"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        dumped = subprocess.run(["fail2ban-client", "-c", folder, "-d"], capture_output=True, text=True, timeout=60).stdout
        self.assertIn("['start', 'chronoknock']", dumped)
        self.assertEqual(re.findall(r"\['set', 'chronoknock', 'addaction', '([^']*)'\]", dumped), ["sendmail-whois"])

    def test_every_form(self):
        replay = "key al.i_c-e@x, window 2026-11-24 12:00:00: a replay"
        lines = [self.syslog(line, program, host) for line, program, host in (
            (f"refused a knock from 192.0.2.1, {replay}", "chronoknock[1]", "a"),
            (f"warning: refused a knock from 2001:db8::7, {replay}", "chronoknock", "b.example"),
            (f"refused 12 more from 192.0.2.2, the latest {replay}", "chronoknock[1]", "a"),
            ("refused a knock from 192.0.2.3, key a, one-time password 5, few are left: a replay", "chronoknock[1]", "a"),
            ("refused a knock from 192.0.2.4, key a, message of 2026-11-24 12:00:00 by udp: a replay", "chronoknock[1]", "a"),
            ("refused a knock from 192.0.2.5, key a, sequence 3: a replay", "chronoknock[1]", "a"))]
        every = ["192.0.2.1", "2001:db8::7", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]
        self.assertEqual(self.found(lines), every)
        others = [self.syslog(f"refused a knock from 192.0.2.9, key a, window 2026-11-24 12:00:00: {why}")
                  for why in ("within the knock_delay of its key",
                              "outside its window: the clocks disagree, or it was held back")]
        self.assertEqual(self.found(others), [])
        self.assertEqual(self.found(others, "[mode=any]"), ["192.0.2.9"] * 2)

    def test_nobody_can_have_another_named(self):
        """What strangers get into lines of any program, and what holders of keys get into ours."""
        forged = "refused a knock from 203.0.113.9, key a, window 2026-11-24 12:00:00: a replay"
        lines = [self.syslog(f"Invalid user chronoknock[1]: {forged} from 198.51.100.1", "sshd[7]"),
                 self.syslog(f"chronoknock[1]: {forged}", "sshd[7]"),
                 self.syslog(forged, "sshd[7]"),
                 self.syslog(f"[ 1.2] chronoknock[1]: {forged}", "kernel"),
                 self.syslog(f"x chronoknock: {forged}", "cron[1]"),
                 self.syslog("refused a knock from 203.0.113.9 203.0.113.8, key a, sequence 1: a replay"),
                 self.syslog("refused a knock from name.example, key a, sequence 1: a replay"),
                 self.syslog("refused 3 more from many other addresses, the latest key a, sequence 1: a replay"),
                 self.syslog(f"something else: {forged}"),
                 f"{forged}"]
        for mode in (None, "[mode=any]"):
            self.assertEqual(self.found(lines, mode), [])
        asked = self.syslog("refused a knock from 192.0.2.1, key a, message of 2026-11-24 12:00:00 by udp: it asks for "
                            "203.0.113.9, and for_others is not set")
        self.assertEqual(self.found([asked], "[mode=any]"), ["192.0.2.1"])


if __name__ == "__main__":
    unittest.main()
