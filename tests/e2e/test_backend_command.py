"""Grants that programs of the operator's carry out."""

import contextlib
import re
import sqlite3
import threading
import time
import unittest

from case import PORT
from test_backends import RULES, Case


class Command(Case):
    def setUp(self):
        super().setUp()
        self.server.run(["nft", "-f", "-"], stdin=RULES.replace("flags timeout; ", ""))
        self.out = self.lab.folder / "out"
        self.out.mkdir()

    def program(self, text):
        path = self.lab.folder / "program"
        path.write_text(f"#!/bin/sh\nset -e\nout={self.out}\n{text}", encoding="utf-8")
        path.chmod(0o755)
        return path

    def lines(self, name="runs"):
        path = self.out / name
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def commands(self, text=None, more="", arguments=""):
        program = self.program(text or """
echo "$CHRONOKNOCK_ACTION $CHRONOKNOCK_ADDRESS $CHRONOKNOCK_PROTOCOL/$CHRONOKNOCK_PORTS $CHRONOKNOCK_SERVICE \
$CHRONOKNOCK_KEY $CHRONOKNOCK_SECONDS" >>$out/runs
case $CHRONOKNOCK_ACTION in open) verb=add ;; close) verb=delete ;; esac
nft $verb element inet filter web$CHRONOKNOCK_FAMILY "{ $CHRONOKNOCK_ADDRESS }"
""")
        return f"backend = command\nopen = {program} {arguments}\nclose = {program}\n{more}"

    def test_opens_and_closes(self):
        guard = self.backend(self.commands(), open_for=5)
        self.assert_opens_to_the_one_who_knocks()
        self.client.wait_shut(self.server.ip6, PORT)
        self.client.wait_shut(self.server.ip4, PORT)
        self.wait_for(lambda: len(self.lines()) == 4, "four runs")
        for ip in (self.client.ip4, self.client.ip6):
            self.assertEqual([line for line in self.lines() if f" {ip} " in line],
                             [f"open {ip} tcp/{PORT} web alice 5", f"close {ip} tcp/{PORT} web alice "])
        self.wait_for(lambda: guard.status()["grants"]["live"] == 0, "all to be closed")

    def grants(self, guard):
        return [(g["address"], g["left"]) for g in guard.status()["grants"]["list"]]

    def failing(self, how="exit 3"):
        """Programs that open and close, and a file while which is there closing fails."""
        broken = self.out / "broken"
        return broken, self.commands(f"""
echo "$CHRONOKNOCK_ACTION $CHRONOKNOCK_ADDRESS" >>$out/runs
case $CHRONOKNOCK_ACTION in open) verb=add ;; close) verb=delete; [ -e {broken} ] && {how} ;; esac
nft $verb element inet filter web$CHRONOKNOCK_FAMILY "{{ $CHRONOKNOCK_ADDRESS }}"
""")

    def recorded(self, guard, grants):
        """Waits until the record, which is written each second, has so many that are open."""
        def written():
            with contextlib.closing(sqlite3.connect(f"file:{guard.state}?mode=ro", uri=True)) as db:
                return db.execute("select count(*) from opened where until is not null").fetchone()[0] == grants
        self.wait_for(written, f"{grants} open grants on the record")

    def test_killed_while_it_cannot_close_it_closes_at_the_next_start(self):
        broken, firewall = self.failing()
        guard = self.backend(firewall, open_for=2)
        broken.touch()
        self.knock()
        self.assert_opens(self.client)
        self.wait_for(lambda: self.lines().count(f"close {self.client.ip4}") >= 3, "two more attempts")
        self.assertIn((self.client.ip4, 0), self.grants(guard))
        self.recorded(guard, 1)
        guard.sigkill()
        guard.start()
        self.assert_open(self.client)
        self.wait_for(lambda: (self.client.ip4, 0) in self.grants(guard), "the grant to be known")
        broken.unlink()
        self.client.wait_shut(self.server.ip4, PORT, seconds=5)
        self.wait_for(lambda: not self.grants(guard), "nothing to be open")
        self.recorded(guard, 0)
        runs = len(self.lines())
        guard.sigkill()
        guard.start()
        self.assertEqual(self.grants(guard), [])
        self.assertEqual(len(self.lines()), runs)

    def test_revoke_finds_what_cannot_be_closed(self):
        broken, firewall = self.failing("kill -9 $$")
        guard = self.backend(firewall, open_for=2)
        broken.touch()
        self.knock()
        guard.wait_log("ended by signal 9: closing again every second")
        revoke = [self.lab.program, "revoke", self.client.ip4, "--control", guard.control]
        self.assertIn("ended by signal 9", self.server.run(revoke, check=False).stderr)
        broken.unlink()
        self.client.wait_shut(self.server.ip4, PORT, seconds=5)

    def test_what_may_be_open_is_closed_until_it_fails_ten_times(self):
        guard = self.backend(self.commands("[ $CHRONOKNOCK_ACTION = open ] && exit 4\nexit 5"), open_for=2)
        self.knock()
        guard.wait_log(f"for web, {self.client.ip4}: exit status 5, 10 times: it is taken for closed. If tcp/{PORT} "
                       "is open, close it by hand", seconds=25)
        self.wait_for(lambda: not self.grants(guard), "the grant to be forgotten")

    def test_a_stop_closes_again_what_could_not_be_closed(self):
        broken, firewall = self.failing()
        guard = self.backend(firewall)
        self.knock()
        self.assert_opens(self.client)
        broken.touch()
        stopped = threading.Thread(target=guard.stop)
        stopped.start()
        guard.wait_log(f"1 grants could not be closed (exit status 3): web to {self.client.ip4}: closing again every "
                       "second")
        broken.unlink()
        stopped.join()
        self.assert_shut(self.client)
        runs = len(self.lines())
        guard.start()
        self.assertEqual(self.grants(guard), [])
        self.assertEqual(len(self.lines()), runs)
        done = self.server.run([self.lab.program, "history", "--control", guard.control])
        self.assertIn("the server stopped", done.stdout)

    def test_a_reload_that_takes_the_service_away_closes_until_it_is_closed(self):
        broken, firewall = self.failing()
        guard = self.backend(firewall)
        self.knock()
        self.assert_opens(self.client)
        broken.touch()
        text = guard.config.read_text()
        guard.config.write_text(text.replace("[service.web]", "[service.other]").replace("= web", "= other"))
        guard.reload()
        guard.wait_log("exit status 3: closing again every second")
        broken.unlink()
        self.client.wait_shut(self.server.ip4, PORT, seconds=5)

    def test_a_door_is_closed_by_the_program_that_was_there_when_it_opened(self):
        guard = self.backend(self.commands(), open_for=8)
        self.knock()
        self.assert_opens(self.client)
        text = guard.config.read_text()
        for again, name in enumerate(("second", "third", "third", "fourth"), 1):
            program = self.lab.folder / name
            program.write_text("#!/bin/sh\n")
            program.chmod(0o755)
            guard.config.write_text(text.replace(f"{self.lab.folder}/program", str(program))
                                    .replace("open_for = 8", f"open_for = {8 + again}"))
            guard.reload()
            guard.wait_log("configuration read again", count=again)
        self.client.wait_shut(self.server.ip4, PORT, seconds=15)
        self.wait_for(lambda: not self.grants(guard), "nothing to be open")

    def test_after_a_crash_another_backend_says_what_to_close(self):
        guard = self.backend(self.commands())
        self.knock()
        self.assert_opens(self.client)
        guard.sigkill()
        text = guard.config.read_text()
        guard.config.write_text(re.sub("backend = command\n.*\n.*\n", "backend = dry-run\n", text))
        guard.start()
        guard.wait_log("1 grants went to the backend command, before it was dry-run, and may be open there: close them "
                       f"by hand: web to {self.client.ip4}")

    def test_closed_after_a_crash_at_the_next_start(self):
        guard = self.backend(self.commands(), open_for=5)
        self.knock()
        self.assert_opens(self.client)
        opened = time.time()
        guard.sigkill()
        self.lab.until(opened + 6)
        self.assert_open(self.client)  # nobody closes it
        guard.start()
        self.client.wait_shut(self.server.ip4, PORT, seconds=5)
        self.assertEqual(self.lines()[-1], f"close {self.client.ip4} tcp/{PORT} web alice ")

    def test_closed_in_time_after_a_crash(self):
        guard = self.backend(self.commands(), open_for=8)
        self.knock()
        self.assert_opens(self.client)
        guard.sigkill()
        guard.start()
        self.assert_open(self.client)
        self.assertEqual(guard.status()["grants"]["list"][0]["keys"], ["alice"])
        self.client.wait_shut(self.server.ip4, PORT, seconds=10)

    def test_a_clean_stop_and_a_revocation_close(self):
        guard = self.backend(self.commands())
        self.knock()
        self.assert_opens(self.client)
        self.server.run([self.lab.program, "revoke", "alice", "--control", guard.control])
        self.client.wait_shut(self.server.ip4, PORT, seconds=2)
        self.knock(6)
        self.assert_opens(self.client, self.server.ip6)
        self.assertEqual(guard.stop(), 0)
        self.assert_shut(self.client, self.server.ip6)

    def test_one_that_fails_or_hangs(self):
        guard = self.backend(self.commands("""
if [ $CHRONOKNOCK_ACTION = open ]; then echo no >&2; [ $CHRONOKNOCK_FAMILY = 4 ] && exit 3; sleep 60; fi
""", more="time_limit = 5"), open_for=3)
        self.knock()
        guard.wait_log(f"{self.out.parent}/program for web, {self.client.ip4}: exit status 3: no")
        self.assert_shut(self.client)
        self.knock(6)
        guard.wait_log("killed, since it took longer than 5s: no", 20)
        self.assertEqual(guard.status()["knocks"]["granted"], 0)

    def test_no_shell_and_no_more_than_it_needs(self):
        self.backend(self.commands("""
printf '%s\\n' "$@" >$out/words
env | cut -d= -f1 | sort >$out/names
ls /proc/self/fd | wc -l >$out/files
grep CapEff /proc/self/status >$out/rights
mv $out/words $out/all
""", arguments="'; touch x' $HOME `id` \"two words\""))
        self.knock()
        self.wait_for(lambda: self.lines("all"), "the words")
        self.assertEqual(self.lines("all"), ["; touch x", "$HOME", "`id`", "two words"])
        self.assertEqual([n for n in self.lines("names") if not n.startswith("CHRONOKNOCK_")], ["PATH", "PWD"])
        self.assertLessEqual(int(self.lines("files")[0]), 4)
        self.assertEqual(int(self.lines("rights")[0].split()[1], 16), 1 << 12 | 1 << 13)  # NET_ADMIN, NET_RAW

    def test_check(self):
        guard = self.backend(self.commands(), start=False, wait=False)
        self.assertIn(f"whatever {self.out.parent}/program opens", self.check(guard).stdout)
        (self.out.parent / "program").chmod(0o777)
        self.assertIn("[firewall] open: ", "\n".join(self.doubts(guard)))


if __name__ == "__main__":
    unittest.main()
