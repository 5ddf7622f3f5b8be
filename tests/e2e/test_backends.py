"""Grants that go to a firewall of the operator's: his nftables sets, his ipsets, his programs; and a dry run."""

import contextlib
import json
import re
import sqlite3
import threading
import time
import unittest

from case import PORT, LabTest
from lab import start_http

RULES = f"""flush ruleset
table inet filter {{
    set web4 {{ type ipv4_addr; flags timeout; }}
    set web6 {{ type ipv6_addr; flags timeout; }}
    chain input {{
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} accept
        ip saddr @web4 tcp dport {PORT} accept
        ip6 saddr @web6 tcp dport {PORT} accept
    }}
}}
"""
SERVICE = "set4 = web4\nset6 = web6\n"


class Case(LabTest):
    def setUp(self):
        super().setUp()
        self.alice = self.key()
        self.web = start_http(self.server, PORT)

    def backend(self, firewall, more="", **options):
        return self.small_guard(self.alice, sections={"firewall": firewall}, more=more, **options)

    def check(self, guard, *options):
        return self.server.run([self.lab.program, "check", "--config", guard.config, *options])

    def doubts(self, guard):
        done = self.check(guard)
        return [line for line in done.stderr.splitlines() if "[service.web]" in line or "[firewall]" in line]

    def knock(self, version=4, host=None):
        (host or self.client).knock(self.server.ip(version), self.alice, "web")

    def assert_opens_to_the_one_who_knocks(self):
        for version in (4, 6):
            self.assert_shut(self.client, self.server.ip(version))
            self.knock(version)
            self.assert_opens(self.client, self.server.ip(version))
            self.assert_shut(self.other, self.server.ip(version))


class NftSet(Case):
    FIREWALL = "backend = nft-set\ntable = inet filter\n"

    def setUp(self):
        super().setUp()
        self.rules = self.lab.folder / "nftables.conf"
        self.rules.write_text(RULES, encoding="ascii")
        self.load()

    def load(self):
        self.server.run(["nft", "-f", self.rules])

    def test_opens_for_its_time_and_has_no_table(self):
        guard = self.backend(self.FIREWALL, SERVICE, open_for=6)
        self.assert_opens_to_the_one_who_knocks()
        live = {g["address"]: g for g in guard.status()["grants"]["list"]}
        self.assertIn(self.client.ip6, live)
        self.assertEqual(live[self.client.ip6]["keys"], ["alice"])
        with self.client.connect(self.server.ip6, PORT) as held:
            self.client.wait_shut(self.server.ip6, PORT)
            held.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b"200", held.recv(100))
        self.assertEqual(self.server.run(["nft", "list", "tables"]).stdout, "table inet filter\n")

    def test_outlives_the_server_and_its_restart(self):
        guard = self.backend(self.FIREWALL, SERVICE, open_for=30)
        self.knock()
        self.assert_opens(self.client)
        guard.sigkill()
        self.assert_open(self.client)
        guard.start()
        self.assertEqual([g["keys"] for g in guard.status()["grants"]["list"]], [["alice"]])
        done = self.server.run([self.lab.program, "revoke", "alice", "--control", guard.control])
        self.assertIn("1", done.stdout + done.stderr)
        self.client.wait_shut(self.server.ip4, PORT, seconds=2)

    def test_after_a_reload_of_the_rules(self):
        self.backend(self.FIREWALL, SERVICE)
        self.knock()
        self.assert_opens(self.client)
        self.load()
        self.assert_opens(self.client)
        self.assert_shut(self.other)

    def test_waits_for_the_sets(self):
        self.server.run(["nft", "flush", "ruleset"])
        guard = self.backend(self.FIREWALL, SERVICE, wait=False, start=False)
        guard.start(wait=False)
        guard.wait_log("[service.web] set4: the set web4 of table inet filter is not there")
        self.load()
        self.wait_for(guard._up, "the server to answer")
        self.first_window(2)
        self.knock()
        self.assert_opens(self.client)

    def test_a_reload_that_names_no_fit_set_changes_nothing(self):
        guard = self.backend(self.FIREWALL, SERVICE)
        self.server.run(["nft", "add set inet filter plain { type ipv4_addr; }"])
        text = guard.config.read_text()
        guard.config.write_text(text.replace("set4 = web4", "set4 = plain"))
        guard.reload()
        guard.wait_log("the configuration stays as it was: [service.web] set4: the set plain of table inet filter: "
                       "expected a set with type ipv4_addr and flags timeout, without interval")
        self.knock()
        self.assert_opens(self.client)

    def test_the_guard_of_an_earlier_configuration_goes(self):
        guard = self.small_guard(self.alice, wait=False)
        last = guard.folder / "guard.nft"
        guard.stop()
        self.assertTrue(last.exists())
        self.assertIn("chronoknock", self.server.run(["nft", "list", "tables"]).stdout)
        guard = self.backend(self.FIREWALL, SERVICE)
        guard.wait_log("the guard of an earlier configuration, with another backend, is removed")
        self.assertFalse(last.exists())
        self.assertNotIn("chronoknock", self.server.run(["nft", "list", "tables"]).stdout)
        done = self.server.run([self.lab.program, "guard", "--config", guard.config, "--last", last])
        self.assertIn("sets up no guard of its own", done.stderr)
        self.knock()
        self.assert_opens(self.client)

    def test_no_trial(self):
        guard = self.backend(self.FIREWALL, SERVICE, start=False, wait=False)
        done = self.server.run([self.lab.program, "server", "--config", guard.config, "--trial", "10m"], check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--trial: the backend nft-set sets up no guard that could go away", done.stderr)

    def test_on_stop_remove_takes_out_what_is_ours(self):
        guard = self.backend(self.FIREWALL + "on_stop = remove", SERVICE)
        self.server.run(["nft", "add element inet filter web4 { 192.0.2.7 timeout 1h }"])
        self.knock()
        self.assert_opens(self.client)
        guard.stop()
        self.assert_shut(self.client)
        self.assertIn("192.0.2.7", self.server.run(["nft", "list", "ruleset"]).stdout)

    def test_check(self):
        guard = self.backend(self.FIREWALL, SERVICE, start=False, wait=False)
        done = self.check(guard)
        self.assertIn("your rules that refer to the set web4 of table inet filter and the set web6", done.stdout)
        self.assertEqual(self.doubts(guard), [])
        service = json.loads(self.check(guard, "--json").stdout)["services"][0]
        self.assertEqual((service["set4"], service["set6"]), ("web4", "web6"))

        def doubts_with(rules):
            self.server.run(["nft", "-f", "-"], stdin=rules)
            return "\n".join(self.doubts(guard))
        self.assertIn("no rule refers to the set web4 of table inet filter: what is put there opens nothing",
                      doubts_with(RULES.replace("ip saddr @web4", "ip saddr 192.0.2.1")))
        self.assertIn("table inet filter drops nothing", doubts_with(RULES.replace("policy drop", "policy accept")))
        self.assertEqual("", doubts_with(RULES.replace("policy drop", "policy accept").replace(
            "accept\n    }", f"accept\n        tcp dport {PORT} reject\n    }}")))
        self.assertIn("no chain of table inet filter sees what comes in", doubts_with(
            "flush ruleset\ntable inet filter { set web4 { type ipv4_addr; flags timeout; }; "
            "set web6 { type ipv6_addr; flags timeout; }; }"))
        self.assertIn("there is no table inet filter: nothing shuts the ports", doubts_with("flush ruleset"))


class Ipset(Case):
    FIREWALL = "backend = ipset\n"

    def legacy_or_nft(self, variant):
        self.variant = variant
        self.server.run(["ipset", "create", "web4", "hash:ip", "timeout", "0"])
        self.server.run(["ipset", "create", "web6", "hash:ip", "family", "inet6", "timeout", "0"])
        for tables, name in ((f"iptables-{variant}", "web4"), (f"ip6tables-{variant}", "web6")):
            self.server.run([f"{tables}-restore"], stdin=f"""*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{"-A INPUT -p icmpv6 -j ACCEPT" if name == "web6" else ""}
-A INPUT -p tcp -m tcp --dport {PORT} -m set --match-set {name} src -j ACCEPT
COMMIT
""")

    def works(self):
        guard = self.backend(self.FIREWALL, SERVICE, open_for=5)
        self.assert_opens_to_the_one_who_knocks()
        self.client.wait_shut(self.server.ip6, PORT)
        self.assertNotIn("chronoknock", self.server.run(["nft", "list", "tables"]).stdout)
        self.assertEqual(self.doubts(guard), [])

    def test_with_iptables_nft(self):
        self.legacy_or_nft("nft")
        self.works()

    def test_with_iptables_legacy(self):
        self.legacy_or_nft("legacy")
        self.works()

    def test_a_set_that_is_emptied(self):
        self.legacy_or_nft("nft")
        guard = self.backend(self.FIREWALL, SERVICE)
        self.knock()
        self.assert_opens(self.client)
        self.server.run(["ipset", "flush", "web4"])
        self.assert_opens(self.client)
        guard.wait_log("the set web4 was emptied: put back 1 open grants")

    def test_check(self):
        guard = self.backend(self.FIREWALL, SERVICE, start=False, wait=False)
        self.assertIn("the set web4 is not there: nothing can be opened", "\n".join(self.doubts(guard)))
        self.legacy_or_nft("nft")
        self.assertEqual(self.doubts(guard), [])
        self.server.run(["iptables-nft", "-F", "INPUT"])
        self.assertIn("no rule refers to the set web4", "\n".join(self.doubts(guard)))


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


class DryRun(Case):
    def test_says_and_does_nothing(self):
        guard = self.backend("backend = dry-run\nalways_allow = 192.0.2.1", open_for=3)
        self.assertEqual(self.server.run(["nft", "list", "ruleset"]).stdout, "")
        self.assert_open(self.client)
        self.knock()
        guard.wait_log(f"dry run: would open web (tcp/{PORT}) to {self.client.ip4} for 3s, by the key alice")
        self.assertEqual(guard.status()["grants"]["live"], 1)
        guard.wait_log(f"dry run: would close web (tcp/{PORT}) to {self.client.ip4}")
        self.assertEqual(guard.stop(), 0)
        self.assertEqual(self.server.run(["nft", "list", "ruleset"]).stdout, "")
        done = self.check(guard)
        self.assertIn("nothing: a dry run", done.stdout)
        self.assertIn("[firewall] backend = dry-run opens and shuts nothing", done.stderr)


if __name__ == "__main__":
    unittest.main()
