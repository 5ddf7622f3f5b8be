"""Grants that go to a firewall of the operator's: his nftables sets, his ipsets; and a dry run."""

import json
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
