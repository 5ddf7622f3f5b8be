"""What was let in stays in: connections outlast their grant, whatever the host's connection tracking thinks."""

import contextlib
import time
import unittest

from door import PORT, DoorTest, dial, echoes, gets_in
from lab import wait_for

PORTS = "{ 8080, 8081 }"
_TRACKED = "chain watch { type filter hook input priority 0; ct state new,established counter; }"
_NOTRACK = f"""
    chain in {{ type filter hook prerouting priority raw; tcp dport {PORTS} notrack; }}
    chain out {{ type filter hook output priority raw; tcp sport {PORTS} notrack; }}"""
_CT = "net.netfilter.nf_conntrack_"
_LAX = {_CT + "tcp_be_liberal": 1, "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.eth0.rp_filter": 0,
        "net.ipv4.tcp_syncookies": 2, "net.ipv4.conf.all.route_localnet": 1,
        "net.ipv4.conf.all.accept_source_route": 1, "net.ipv4.conf.eth0.accept_source_route": 1}


class Outlasts(DoorTest):
    SERVICES = {"web": (PORT, "open_for = 1"), "once": (8081, "open_for = 2\nuses = 1")}

    def lives_on(self, service="web", then=lambda: None, idle=0.0):
        """A connection of each family is let in, the grants end, something happens: they carry bytes all the same,
        whoever speaks first, and nobody else is let in."""
        live, port = {}, self.SERVICES[service][0]
        for version in (4, 6):
            source = self.fresh(version)
            live[source] = self.admit(source, service)
            self.addCleanup(live[source].close)
            self.assertTrue(echoes(live[source]))
        for source in live:
            self.shut_to(source, port)
        then()
        time.sleep(idle)
        for source, s in live.items():
            with s:
                self.echo[port].say(source, s.getsockname()[1], b"speaking first")
                s.settimeout(1.5)
                self.assertEqual(s.recv(100), b"speaking first", source)
                self.assertTrue(echoes(s), f"{source} was cut off")
                self.assertFalse(gets_in(self.client, self.server.ip(6 if ":" in source else 4), port, source))

    def flush_tracking(self):
        self.server.run(["conntrack", "-F"])

    def test_the_grant(self):
        self.lives_on()

    def test_the_grant_of_one_use(self):
        self.lives_on("once")

    def test_a_flush_of_connection_tracking(self):
        for loose in (1, 0):
            with self.subTest(loose=loose):
                self.sysctl(_CT + "tcp_loose", loose)
                self.foreign("watch", _TRACKED)
                self.lives_on(then=self.flush_tracking)

    def test_connection_tracking_that_forgets(self):
        self.foreign("watch", _TRACKED)
        self.sysctl(_CT + "tcp_timeout_established", 1)
        self.sysctl(_CT + "tcp_timeout_unacknowledged", 1)
        self.sysctl(_CT + "tcp_loose", 0)
        self.lives_on(idle=2.5)

    def test_connections_that_are_not_tracked(self):
        self.foreign("raw", _NOTRACK)
        for service in ("web", "once"):
            with self.subTest(service=service):
                self.lives_on(service)

    def test_a_later_notrack(self):
        self.lives_on(then=lambda: self.foreign("raw", _NOTRACK))

    def test_tracking_that_begins_later(self):
        for loose in (1, 0):
            with self.subTest(loose=loose):
                self.sysctl(_CT + "tcp_loose", loose)
                self.lives_on(then=lambda: self.foreign("watch", _TRACKED))

    def test_lax_sysctls(self):
        for name, value in _LAX.items():
            self.sysctl(name, value)
        self.lives_on()
        self.foreign("watch", _TRACKED)
        self.lives_on("once", then=self.flush_tracking)

    def test_a_ruleset_flushed(self):
        """Who was let in is known again; idle or not."""
        def flush():
            time.sleep(1)
            self.nft("flush ruleset")
            self.guarded()
        self.lives_on(then=flush)
        self.lives_on("once", then=flush)

    def test_a_reload_and_a_restart(self):
        def again():
            self.guard.reload()
            self.guard.wait_log("configuration read again")
            self.guard.stop()
            self.guard.start()
            self.guarded()
        self.lives_on(then=again)

    def test_other_peoples_marks(self):
        """Set before and after us, on connections and packets: ours need none, and theirs stay."""
        self.foreign("marks", f"""
            chain early {{ type filter hook prerouting priority -160;
                tcp dport {PORTS} ct mark set 0x77 meta mark set 0x55; }}
            chain late {{ type filter hook input priority 300;
                tcp dport {PORTS} ct mark 0x77 meta mark 0x55 counter comment "kept"
                tcp dport {PORTS} ct mark != 0x77 counter comment "lost connection mark"
                tcp dport {PORTS} meta mark != 0x55 counter comment "lost packet mark"; }}""")
        self.lives_on("once")
        said = self.server.run(["nft", "list", "chain", "inet", "marks", "late"]).stdout
        self.assertEqual(said.count("counter packets 0 bytes 0"), 2, said)

    def test_no_mark_of_ours_on_the_host(self):
        self.foreign("seen", f"""chain late {{ type filter hook input priority 300;
                tcp dport {PORTS} ct mark != 0 counter comment "marked"
                tcp dport {PORTS} meta mark != 0 counter comment "marked"; }}""")
        self.lives_on("once")
        said = self.server.run(["nft", "list", "chain", "inet", "seen", "late"]).stdout
        self.assertEqual(said.count("counter packets 0 bytes 0"), 2, said)


class Retransmitted(DoorTest):
    """A SYN whose answer was lost comes again: it is no second use, and not refused."""

    SERVICES = {"once": (8080, "open_for = 4\nuses = 1"), "twice": (8081, "open_for = 8\nuses = 2"),
                "short": (8082, "open_for = 1\nuses = 1"), "brief": (8083, "open_for = 1")}

    def losing_answers(self, source, service, until):
        """Dials while the router loses the SYN-ACKs, until a condition holds; gives the connection that came of it."""
        version, port = 6 if ":" in source else 4, self.SERVICES[service][0]
        saddr = f"ip{'6' if version == 6 else ''} daddr {source}"
        self.lab.router_rules(f"{saddr} tcp sport {port} tcp flags & (syn | ack) == syn | ack counter drop")
        self.addCleanup(self.lab.router_rules, "")

        def lost():
            rules = self.lab.router.run(["nft", "list", "table", "inet", "lab"]).stdout
            return "counter packets 0 " not in rules

        def dialled():
            s = self.client.socket(*({4: (2, 1), 6: (10, 1)}[version]))
            s.bind((source, 0))
            s.setblocking(False)
            s.connect_ex((self.server.ip(version), port))
            with contextlib.suppress(AssertionError):
                wait_for(lost, "a SYN-ACK to be lost", 0.5)
                return s
            s.close()
            return None
        s = self.let_in(dialled, source, service)
        until()
        self.lab.router_rules("")
        s.setblocking(True)
        self.assertTrue(echoes(s, seconds=20), f"{source} was refused")
        return s

    def setUp(self):
        # The server never repeats its SYN-ACK by itself: it is the client's SYN that must pass again.
        self.sysctl("net.ipv4.tcp_syncookies", 2)

    def test_no_second_use(self):
        for version in (4, 6):
            with self.subTest(version=version):
                one, two = self.fresh(version), self.fresh(version)
                target = self.server.ip(version)
                with self.losing_answers(one, "once", lambda: None):
                    self.assertFalse(gets_in(self.client, target, 8080, one), "a second use of one")
                with self.losing_answers(two, "twice", lambda: None):
                    with dial(self.client, target, 8081, two):  # the second use is still there
                        self.assertFalse(gets_in(self.client, target, 8081, two), "a third use of two")

    def test_the_grant_ended_meanwhile(self):
        for service in ("short", "brief"):
            for version in (4, 6):
                with self.subTest(service=service, version=version):
                    source = self.fresh(version)
                    with self.losing_answers(source, service, lambda: time.sleep(1.5)) as s:
                        self.assertFalse(gets_in(self.client, self.server.ip(version), self.SERVICES[service][0], source))
                        self.assertTrue(echoes(s))


if __name__ == "__main__":
    unittest.main()
