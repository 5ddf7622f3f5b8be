"""Packets of every shape that a stranger on the server's own wire can send: none makes a connection at a guarded port,
whatever the host's settings. The same form is sent to an unguarded port beside it: those that get an answer there are
known to work."""

import collections
import itertools
import select
import struct
import unittest

from door import CONTROL, PORT, DoorTest
from forms import (ACK, CWR, ECE, FIN, FRAGMENT, PSH, RST, SYN, TCP, UDP, URG, Way, Wire, fragment, options_header,
                   routing)
from lab import wait_for

ALWAYS, NEVER, MAYBE = "gets in at an unguarded port", "never gets in", "as the kernel likes"
Form = collections.namedtuple("Form", "name protocol expected packets")  # packets(way, source port, port)
FLAGS = {"NULL": 0, "FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK, "URG": URG, "SYN|FIN": SYN | FIN,
         "SYN|RST": SYN | RST, "SYN|ACK": SYN | ACK, "FIN|ACK": FIN | ACK, "RST|ACK": RST | ACK, "PSH|ACK": PSH | ACK,
         "XMAS": FIN | PSH | URG, "every flag": 0xFF, "SYN|ECE|CWR": SYN | ECE | CWR, "SYN|PSH|URG": SYN | PSH | URG,
         "SYN|ECE": SYN | ECE, "SYN with the AE bit": SYN | 0x100, "SYN with reserved bits": SYN | 0xE00,
         "SYN|FIN|ECE|CWR": SYN | FIN | ECE | CWR, "SYN|FIN|PSH|URG": SYN | FIN | PSH | URG,
         "SYN|ACK|ECE": SYN | ACK | ECE, "SYN|PSH": SYN | PSH, "SYN|URG": SYN | URG}
_ANSWERED = {"SYN", "SYN|ECE|CWR", "SYN|PSH|URG", "SYN|ECE", "SYN|PSH", "SYN|URG", "SYN with the AE bit",
             "SYN with reserved bits"}
_NOPS = b"\1" * 8


def tcp_forms():
    """What both families have."""
    for name, flags in FLAGS.items():
        yield Form(name, "tcp", ALWAYS if name in _ANSWERED else NEVER,
                   lambda w, s, d, f=flags: [w.ip(w.tcp(s, d, f, ack=1 if f & ACK else 0))])
    segments = {
        "SYN with data": (ALWAYS, dict(data=b"hello")), "SYN with 1,000 bytes": (ALWAYS, dict(data=bytes(1000))),
        "SYN, TFO request": (ALWAYS, dict(options=b"\x22\x02")),
        "SYN, TFO cookie and data": (ALWAYS, dict(options=b"\x22\x0a" + bytes(8), data=b"GET /")),
        "SYN, experimental TFO": (ALWAYS, dict(options=b"\xfe\x04\xf9\x89")),
        "SYN, MPTCP capable": (ALWAYS, dict(options=b"\x1e\x04\x01\x01")),
        "SYN, MPTCP join": (MAYBE, dict(options=b"\x1e\x0c\x10\x01" + bytes(8))),
        "SYN, MD5 option": (MAYBE, dict(options=b"\x13\x12" + bytes(16))),
        "SYN, usual options": (ALWAYS, dict(options=b"\2\4\5\xb4\4\2\x08\x0a\0\0\0\1\0\0\0\0\1\3\3\7")),
        "SYN, unknown option": (ALWAYS, dict(options=b"\xc8\x04ab")), "SYN, option of no length": (MAYBE, dict(options=b"\2\0")),
        "SYN, window 0": (ALWAYS, dict(window=0)), "SYN, urgent": (ALWAYS, dict(flags=SYN | URG, urgent=9, data=b"123456789")),
        "SYN, sequence 0": (ALWAYS, dict(seq=0)), "SYN, acknowledges": (ALWAYS, dict(ack=77)),
        "SYN, wrong checksum": (NEVER, dict(wrong_sum=True))}
    for name, (expected, fields) in segments.items():
        yield Form(name, "tcp", expected, lambda w, s, d, k=fields: [w.ip(w.tcp(s, d, **k))])
    for offset in range(16):
        room = max(0, offset - 5)
        yield Form(f"SYN, offset {offset}, and so many options", "tcp", ALWAYS if offset > 4 else NEVER,
                   lambda w, s, d, o=offset, r=room: [w.ip(w.tcp(s, d, options=b"\1" * 4 * r, offset=o))])
        if offset > 5:
            yield Form(f"SYN, offset {offset} beyond its end", "tcp", NEVER,
                       lambda w, s, d, o=offset: [w.ip(w.tcp(s, d, offset=o))])
    yield Form("hundred ACKs", "tcp", NEVER, lambda w, s, d: [w.ip(w.tcp(s, d, ACK, ack=i)) for i in range(100)])
    yield Form("SYN, ACK of any number", "tcp", MAYBE, lambda w, s, d: [w.ip(w.tcp(s, d, seq=1)),
                                                                       w.ip(w.tcp(s, d, ACK, seq=2, ack=1))])
    yield Form("SYN cut short", "tcp", NEVER, lambda w, s, d: [w.ip(w.tcp(s, d)[:12])])
    yield Form("ports and no more", "tcp", NEVER, lambda w, s, d: [w.ip(w.tcp(s, d)[:4])])


def _cuts(expected_tiny):
    """Fragments, in both families; a TCP header with options is 28 bytes."""
    pieces = {"two fragments": (ALWAYS, ((0, 24), (24, None)), None),
              "two fragments, reversed": (ALWAYS, ((0, 24), (24, None)), (1, 0)),
              "tiny first fragment": (expected_tiny, ((0, 8), (8, None)), None),
              "tiny first fragment, last": (expected_tiny, ((0, 8), (8, None)), (1, 0)),
              "16 bytes first": (expected_tiny, ((0, 16), (16, None)), None),
              "four fragments of 8": (expected_tiny, ((0, 8), (8, 16), (16, 24), (24, None)), (2, 0, 3, 1)),
              "first fragment twice": (MAYBE, ((0, 24), (0, 24), (24, None)), None),
              "overlapping": (MAYBE, ((0, 24), (8, None)), None), "overlapping, reversed": (MAYBE, ((0, 24), (8, None)), (1, 0)),
              "first fragment only": (NEVER, ((0, 24),), None), "from offset 8 on only": (NEVER, ((8, None),), None)}
    for name, (expected, parts, order) in pieces.items():
        yield Form(f"SYN, {name}", "tcp", expected,
                   lambda w, s, d, p=parts, o=order: w.cut(w.tcp(s, d, options=_NOPS), *p, order=o))
        yield Form(f"UDP, {name}", "udp", ALWAYS if expected == expected_tiny != MAYBE else MAYBE if expected == expected_tiny
                   else expected,
                   lambda w, s, d, p=parts, o=order: w.cut(w.udp(s, d, b"x" * 30), *p, order=o, protocol=UDP))

    def rewritten(w, s, d):
        """The first fragment goes to another port; a second one writes the header anew."""
        inner, outer = w.tcp(s, d, options=_NOPS), w.tcp(s, 9, options=_NOPS)
        first, last = w.cut(outer, (0, 8), (8, None))
        return [first, w.cut(inner, (0, 8))[0], last]
    yield Form("SYN, ports written over", "tcp", MAYBE, rewritten)


def udp_forms():
    for name, (expected, fields) in {"UDP": (ALWAYS, {}), "UDP, empty": (ALWAYS, dict(data=b"")),
                                     "UDP, 1,400 bytes": (ALWAYS, dict(data=bytes(1400))),
                                     "UDP, length too short": (MAYBE, dict(length=10)), "UDP, length too long": (NEVER, dict(length=99)),
                                     "UDP, length 0": (MAYBE, dict(length=0)), "UDP, length 4": (NEVER, dict(length=4)),
                                     "UDP, no checksum": (MAYBE, dict(no_sum=True))}.items():
        yield Form(name, "udp", expected, lambda w, s, d, k=fields: [w.ip(w.udp(s, d, **k), UDP)])
    yield Form("UDP-Lite", "udp", MAYBE, lambda w, s, d: [w.ip(w.udp(s, d), 136)])


def forms4():
    yield from _cuts(ALWAYS)
    for name, (expected, fields) in {
            "record route": (ALWAYS, dict(options=b"\x07\x0b\x04" + bytes(8))),
            "IP timestamp": (ALWAYS, dict(options=b"\x44\x0c\x05\x00" + bytes(8))), "IP NOPs": (ALWAYS, dict(options=_NOPS)),
            "router alert": (ALWAYS, dict(options=b"\x94\x04\0\0")), "40 bytes of options": (ALWAYS, dict(options=b"\1" * 40)),
            "loose source route": (MAYBE, dict(options=b"\x83\x07\x08\x0a\x4d\x01\x02\x00")),
            "strict source route": (MAYBE, dict(options=b"\x89\x07\x08\x0a\x4d\x01\x02\x00")), "TTL 1": (ALWAYS, dict(ttl=1)),
            "TOS 0xff": (ALWAYS, dict(tos=0xFF)), "the reserved bit": (ALWAYS, dict(bits=4)), "DF": (ALWAYS, dict(bits=2)),
            "wrong IP checksum": (NEVER, dict(wrong_sum=True)), "an IP length too long": (NEVER, dict(length=200)),
            "an IP length too short": (NEVER, dict(length=30)), "IP options cut short": (MAYBE, dict(options=b"\x07\xff\x04"))}.items():
        yield Form(f"SYN, {name}", "tcp", expected, lambda w, s, d, k=fields: [w.ip4(w.tcp(s, d), **k)])
    yield Form("SYN with bytes behind it", "tcp", ALWAYS, lambda w, s, d: [w.ip4(w.tcp(s, d)) + bytes(20)])
    for name, number, head in (("IPIP", 4, b""), ("GRE", 47, b"\0\0\x08\0"), ("AH", 51, b"\x06\4\0\0" + bytes(20)), ("IPComp", 108, b"\6\0\0\1")):
        yield Form(f"SYN in {name}", "tcp", MAYBE, lambda w, s, d, n=number, h=head:
                   [w.ip4(h + (w.tcp(s, d) if n in (51, 108) else w.ip4(w.tcp(s, d))), n)])
    for kind, code in ((3, 1), (3, 3), (3, 4), (4, 0), (5, 1), (11, 0), (12, 0)):
        yield Form(f"ICMP {kind}/{code} about an answer", "tcp", NEVER, lambda w, s, d, k=kind, c=code: [icmp(w, s, d, k, c)])


def icmp(w, s, d, kind, code):
    back = Way(w.target, w.source)
    quoted = back.ip4(back.tcp(d, s, SYN | ACK, ack=1))
    body = struct.pack("!BBHI", kind, code, 0, 1400) + quoted
    total = ~sum(struct.unpack(f"!{len(body) // 2}H", body)) & 0xFFFF  # close enough to be looked at by a tracker
    return w.ip4(body[:2] + struct.pack("!H", total) + body[4:], 1)


def forms6():
    yield from _cuts(MAYBE)
    hop, dest, route = (0, options_header()), (60, options_header()), (43, routing(4, 0))
    unknown = (60, options_header(8, b"\x1e\x01\0"))
    heads = {"hop-by-hop": (ALWAYS, [hop]), "destination options": (ALWAYS, [dest]), "two destination options": (ALWAYS, [dest, dest]),
             "an unknown option to skip": (ALWAYS, [unknown]), "routing, nothing left": (MAYBE, [route]),
             "routing type 0, nothing left": (MAYBE, [(43, routing(0, 0, "fd77:1::2"))]), "routing type 0": (MAYBE, [(43, routing(0, 1, "fd77:1::2"))]),
             "routing type 2": (MAYBE, [(43, routing(2, 1, "fd77:1::2"))]), "hop-by-hop not first": (MAYBE, [dest, hop]),
             "all of them": (MAYBE, [hop, dest, route, dest]), "256 bytes of destination options": (MAYBE, [(60, options_header(256))]),
             "1,280 bytes of destination options": (MAYBE, [(60, options_header(1280))]),
             "an atomic fragment": (ALWAYS, [(FRAGMENT, fragment())]), "atomic within atomic": (MAYBE, [(FRAGMENT, fragment()), (FRAGMENT, fragment())]),
             "atomic, then destination options": (MAYBE, [(FRAGMENT, fragment()), dest]), "hop-by-hop, atomic": (ALWAYS, [hop, (FRAGMENT, fragment())]),
             "AH": (MAYBE, [(51, bytes([4, 0, 0]) + bytes(20))]), "mobility": (MAYBE, [(135, b"\0" * 7)]), "shim6": (MAYBE, [(140, b"\0" * 7)]),
             "HIP": (MAYBE, [(139, b"\0" * 7)]), "experiment 253": (MAYBE, [(253, b"\0" * 7)]), "eight of each": (MAYBE, [dest] * 8)}
    for name, (expected, chain) in heads.items():
        yield Form(f"SYN, {name}", "tcp", expected, lambda w, s, d, c=chain: [w.chain(w.tcp(s, d), *c)])
        yield Form(f"UDP, {name}", "udp", expected, lambda w, s, d, c=chain: [w.chain(w.udp(s, d), *c, last=UDP)])
    for size in (8, 16, 64, 256):
        for protocol, build in (("tcp", lambda w, s, d: w.tcp(s, d)), ("udp", lambda w, s, d: w.udp(s, d))):
            def late(w, s, d, n=size, b=build, p=protocol, order=None):
                """Destination options in the first fragment, the rest of the chain in the second."""
                whole = bytes([TCP if p == "tcp" else UDP]) + options_header(n) + b(w, s, d)
                return w.cut(whole, (0, n), (n, None), protocol=60, order=order)
            yield Form(f"{protocol}, header chain ends beyond the first fragment, {size}", protocol, MAYBE, late)
            yield Form(f"{protocol}, the same reversed, {size}", protocol, MAYBE,
                       lambda w, s, d, f=late: f(w, s, d, order=(1, 0)))

    def nested(w, s, d, inner=((0, 24), (24, None)), outer=24):
        """Fragments of fragments: each inner fragment is cut again."""
        whole, out = w.tcp(s, d, options=_NOPS), []
        for packet in w.cut(whole, *inner):
            out += w.cut(packet[40:], (0, outer), (outer, None), protocol=FRAGMENT)
        return out
    yield Form("SYN, fragments of fragments", "tcp", MAYBE, nested)
    yield Form("SYN, tiny fragments of fragments", "tcp", MAYBE, lambda w, s, d: nested(w, s, d, outer=8))
    yield Form("SYN, an atomic fragment cut", "tcp", MAYBE, lambda w, s, d: nested(w, s, d, inner=((0, None),)))
    yield Form("SYN, an atomic fragment cut small", "tcp", MAYBE, lambda w, s, d: nested(w, s, d, inner=((0, None),), outer=8))
    yield Form("SYN, fragments in atomic ones", "tcp", MAYBE, lambda w, s, d: [w.ip6(bytes([FRAGMENT]) + fragment() + p[40:], FRAGMENT)
                                                                             for p in w.cut(w.tcp(s, d, options=_NOPS), (0, 24), (24, None))])
    yield Form("SYN, length 0", "tcp", MAYBE, lambda w, s, d: [w.ip6(w.tcp(s, d), length=0)])
    yield Form("SYN, hop limit 1", "tcp", ALWAYS, lambda w, s, d: [w.ip6(w.tcp(s, d), hops=1)])
    yield Form("SYN, flow label", "tcp", ALWAYS, lambda w, s, d: [w.ip6(w.tcp(s, d), label=0xFFABCDE)])
    for name, number in (("IPv6 in IPv6", 41), ("GRE", 47)):
        yield Form(f"SYN in {name}", "tcp", MAYBE, lambda w, s, d, n=number:
                   [w.ip6((b"\0\0\x86\xdd" if n == 47 else b"") + w.ip6(w.tcp(s, d)), n)])


FORMS = {4: [*tcp_forms(), *udp_forms(), *forms4()], 6: [*tcp_forms(), *udp_forms(), *forms6()]}


class Forms(DoorTest):
    SERVICES = {"web": (PORT, "open_for = 1")}
    POLICY = "drop"

    @classmethod
    def start_guard(cls, sections=None):
        cls.guard = cls.lab.chronoknock(cls.server, services={"web": f"ports = tcp/{PORT}, udp/{PORT}"},
                                        sections={"firewall": f"unauthorized = {cls.POLICY}"}, keys={"alice": (cls.key, "web")})

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wire = Wire(cls.lab.router, "server", cls.server)
        cls.addClassCleanup(cls.wire.close)

    def gone_through(self):
        """Waits until the server has seen all that was sent: a SYN after it is answered at the unguarded port."""
        way = Way(self.fresh(4, self.other), self.server.ip4)
        self.wire.send(way.ip(way.tcp(999, CONTROL)))
        self.wire.send(way.ip(way.udp(999, CONTROL), UDP))
        seen = set()

        def answered():
            # SYN-ACKs, and answers to data: all but RSTs, which tell of no connection.
            seen.update((target, sport, at) for _, at, target, sport, flags in self.wire.answers() if not flags & RST)
            return (str(way.source), 999, CONTROL) in seen
        wait_for(answered, "the wire to be empty")
        # For UDP: the servers here are threads, and read what has come in its order.
        wait_for(lambda: not select.select([self.echo[PORT].udp], [], [], 0)[0], "the guarded server to have read")
        wait_for(lambda: (str(way.source), 999) in self.echo[CONTROL].heard, "the unguarded server to have read")
        return seen

    def send_all(self, version, sources=None, target=None, link=None, tag=None, forms=None):
        """Sends every form to the guarded and the unguarded port, each from a port of its own. Returns the names of
        those that were let in at either."""
        forms = FORMS[version] if forms is None else forms
        way = Way(sources or self.fresh(version, self.other), target or self.server.ip(version))
        for at in (PORT, CONTROL):
            self.echo[at].heard.clear()
        self.gone_through()
        where = {}
        for i, form in enumerate(forms):
            for at in (PORT, CONTROL):
                sport = 1000 + 2 * i + (at == CONTROL)
                where[(sport, at)] = form
                for packet in form.packets(way, sport, at):
                    self.wire.send(packet, link, tag)
        answers = {(sport, at) for target, sport, at in self.gone_through() if target == str(way.source)}
        answers |= {(port, at) for at in (PORT, CONTROL) for _, port in list(self.echo[at].heard)}
        return [{form.name for (sport, at), form in where.items() if at == which and (sport, at) in answers}
                for which in (PORT, CONTROL)]

    def settings(self, notrack, lax, tracked):
        text = ""
        ports = f"{{ {PORT}, {CONTROL} }}"
        if notrack:
            text += f"""table inet raw {{
                chain in {{ type filter hook prerouting priority raw; th dport {ports} notrack; }}
                chain out {{ type filter hook output priority raw; th sport {ports} notrack; }}
                }}\n"""
        if tracked:
            text += "table inet watch { chain watch { type filter hook input priority 0; ct state new,established counter; }\n}\n"
        if text:
            self.nft(text)
        for name in ("all", "eth0"):
            for variable, value in (("route_localnet", 1), ("accept_source_route", 1), ("rp_filter", 0)):
                self.sysctl(f"net.ipv4.conf.{name}.{variable}", value if lax else 0)
            self.sysctl(f"net.ipv6.conf.{name}.accept_source_route", 1 if lax else 0)
        for name, value, usual in (("tcp_syncookies", 2, 1), ("icmp_echo_ignore_broadcasts", 0, 1), ("tcp_fastopen", 0x603, 1)):
            self.sysctl(f"net.ipv4.{name}", value if lax else usual)
        for name, value, usual in (("tcp_loose", 1, 0), ("tcp_be_liberal", 1, 0)):
            self.sysctl(f"net.netfilter.nf_conntrack_{name}", value if lax else usual)

    def test_no_form_gets_in(self):
        self.assertGreaterEqual(len({f.name for f in FORMS[4] + FORMS[6]}), 60)
        for notrack, lax, tracked in itertools.product((False, True), repeat=3):
            for table in ("raw", "watch"):
                self.server.run(["nft", "delete", "table", "inet", table], check=False)
            self.settings(notrack, lax, tracked)
            for version in (4, 6):
                with self.subTest(policy=self.POLICY, notrack=notrack, lax=lax, tracked=tracked, version=version):
                    guarded, control = self.send_all(version)
                    self.assertEqual(guarded, set(), "let in")
                    wanting = {f.name for f in FORMS[version] if f.expected == ALWAYS} - control
                    never = {f.name for f in FORMS[version] if f.expected == NEVER} & control
                    self.assertEqual((wanting, never), (set(), set()), "(do not work at all, work unexpectedly)")
        self.assertEqual(self.echo[PORT].came, [])

    def test_odd_addresses(self):
        """Sources and targets that no honest packet has."""
        link_local = self.server.run(["ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"]).stdout.split()[3].split("/")[0]
        plain = [f for f in FORMS[4] if f.name in ("SYN", "UDP", "SYN with data", "ACK", "SYN|ACK")]
        everybody = b"\xff" * 6
        for lax, tracked in itertools.product((False, True), repeat=2):
            for table in ("raw", "watch"):
                self.server.run(["nft", "delete", "table", "inet", table], check=False)
            self.settings(False, lax, tracked)
            for version, source, target, link in (
                    (4, "10.77.1.255", None, None), (4, "255.255.255.255", None, None), (4, "0.0.0.0", None, None),
                    (4, "127.0.0.1", None, None), (4, "127.9.9.9", None, None), (4, self.server.ip4, None, None),
                    (4, "224.0.0.1", None, None), (4, None, "10.77.1.255", everybody), (4, None, "255.255.255.255", everybody),
                    (4, None, "10.77.1.0", everybody), (4, None, "224.0.0.1", b"\1\0\x5e\0\0\1"), (4, None, "127.0.0.1", None),
                    (4, "127.0.0.1", "127.0.0.1", None), (4, None, None, everybody), (6, "::1", None, None), (6, "::", None, None),
                    (6, "ff02::1", None, None), (6, "::ffff:10.0.0.1", None, None), (6, self.server.ip6, None, None),
                    (6, "fe80::1", None, None), (6, "fe80::1", link_local, None), (6, None, "ff02::1", b"\x33\x33\0\0\0\1"),
                    (6, "fe80::1", "ff02::1", b"\x33\x33\0\0\0\1"), (6, None, "::1", None), (6, None, None, everybody)):
                with self.subTest(policy=self.POLICY, lax=lax, tracked=tracked, source=source, target=target, link=link):
                    self.assertEqual(self.send_all(version, source, target, link, forms=plain)[0], set())
            for version in (4, 6):
                with self.subTest(tag="of priority", version=version):
                    guarded, control = self.send_all(version, tag=0x2000, forms=plain)
                    self.assertEqual((guarded, control >= {"SYN", "UDP"}), (set(), True))


class FormsReset(Forms):
    POLICY = "reset"


if __name__ == "__main__":
    unittest.main()
