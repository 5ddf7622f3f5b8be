"""What the crash test sends and sees: knocks that each have an address of their own, a replayer and strangers without
pause, and a judge of every SYN-ACK that leaves the server's wire, by the kernel's time stamps."""

import collections
import pathlib
import random
import socket
import sqlite3
import struct
import tempfile
import threading
import time

from case import PORT
from lab import syn
from packets import Sender

_SOL_PACKET, _PACKET_STATISTICS, _PACKET_IGNORE_OUTGOING = 263, 6, 23
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_ETH_P_ALL = 3
_TICK = 0.02
_REPLAYED_A_TICK = 12


class Knock:
    """One token: an address that knocks once in its life, so that whatever opens to it was opened by this knock.

    ends: from then on it is worth nothing, and `over` is when all that it can have earned is over too, with time to see
    it; packets: what it sends, once that is known; stolen: gives what a thief makes of it, from his address; bearer: it
    opens for whoever sends it first, so a thief may have it only once it was used. not_before: while the server is dead,
    nothing may open."""

    def __init__(self, source, target, ends, packets=(), stolen=lambda thief: (), bearer=False):
        self.source, self.target, self.packets = source, target, list(packets)
        self._stolen, self._bearer = stolen, bearer
        # Half the looks repeat one source port: an old connection's tuple is no way in either.
        self.looks = [syn(source, target, PORT, 40000 if i % 2 else None) for i in range(16)]
        self.made = time.time()
        self.ends = ends
        self.over = (self.made + 6 if ends == float("inf") else ends) + 2.5
        self.not_before = self.made
        self.first = self.last = None  # SYN-ACKs to it

    def knocks_at(self, ports):
        """Its packets are SYNs to these ports."""
        self.packets = [syn(self.source, self.target, port) for port in ports]
        self._stolen = lambda thief: [syn(thief, self.target, port) for port in ports]
        return self

    def stolen_by(self, attacker):
        if self._bearer and not self.first:
            return ()
        return self._stolen(attacker.ip(6 if ":" in self.source else 4))


class Judge:
    """Holds each answer of the door against the knocks."""

    def __init__(self, open_for, tolerance, latency):
        self.open_for, self.tolerance, self.latency = open_for, tolerance, latency
        self.knocks = {}    # by source
        self.regulars = {}  # address of one who knocks again and again: when the server last saw a SYN of his
        self.wrong = []
        self.answers = 0

    def answered(self, who, at):
        """The door sent a SYN-ACK."""
        self.answers += 1
        knock = self.knocks.get(who)
        if knock is None:
            last = self.regulars.get(who)
            if last is None:
                self.say(f"open to a stranger: {who}")
            elif at > last + self.open_for + self.latency:
                self.say(f"open to {who} {at - last:.3f} s after his last SYN")
            return
        if knock.first is None:
            knock.first = at
            if at < knock.not_before:
                self.say(f"open to {who}, who had knocked at a dead server only")
            if at > knock.ends + self.latency:
                self.say(f"opened to {who} {at - knock.ends:.3f} s after the end of its window")
        elif at > knock.first + self.open_for + self.tolerance:
            self.say(f"open to {who} {at - knock.first:.3f} s after it was first seen open"
                     + (f", shut for {at - knock.last:.3f} s between" if at - knock.last > 0.2 else ""))
        knock.last = at

    def say(self, what):
        if what not in self.wrong and len(self.wrong) < 20:
            self.wrong.append(what)


class Watcher(threading.Thread):
    """Sees what comes from the server's wire, and tells the judge."""

    def __init__(self, router, interface, judge):
        super().__init__(daemon=True)
        self._judge, self._over, self._missed = judge, False, 0
        self._socket = router.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 26)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._socket.bind((interface, _ETH_P_ALL))
        self._socket.settimeout(0.1)

    def run(self):
        while not self._over:
            try:
                packet, ancillary, _, _ = self._socket.recvmsg(128, 64)
            except TimeoutError:
                continue
            v4 = packet[0] >> 4 == 4
            if packet[9 if v4 else 6] != socket.IPPROTO_TCP:
                continue
            at = (packet[0] & 15) * 4 if v4 else 40
            flags = packet[at + 13]
            who = socket.inet_ntop(socket.AF_INET, packet[16:20]) if v4 else \
                socket.inet_ntop(socket.AF_INET6, packet[24:40])
            stamp = next(data for _, kind, data in ancillary if kind == _SO_TIMESTAMPNS)
            seconds, nanoseconds = struct.unpack("qq", stamp)
            when = seconds + nanoseconds / 1e9
            if flags & 0x12 == 0x12 and packet[at] << 8 | packet[at + 1] == PORT:
                self._judge.answered(who, when)
            elif flags & 0x04 and who in self._judge.regulars:  # a port of the pool: so a SYN of his came
                self._judge.regulars[who] = when

    def stop(self):
        """Gives the number of packets that it missed."""
        if not self._over:
            self._over = True
            self.join()
            _, self._missed = struct.unpack("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
            self._socket.close()
        return self._missed


class Traffic(threading.Thread):
    """Looks at the door as stranger, as attacker and as each knocker, and replays what was knocked: as it was, from the
    knocker's address, and from the attacker's own. Goes on without pause, whatever happens to the server."""

    def __init__(self, server, knockers, stranger, attacker):
        super().__init__(daemon=True)
        self.live, self.replayed, self.looks = [], 0, 0
        self._new, self._over = collections.deque(), False
        self._attacker = attacker
        self._from_knockers, self._from_attacker, self._from_stranger = map(Sender, (knockers, attacker, stranger))
        self._strange = [(self._from_stranger, [syn(stranger.ip(v), server.ip(v), PORT, fixed) for v in (4, 6)])
                         for fixed in (40000, *(random.randrange(1024, 65536) for _ in range(50)))]
        self._strange += [(self._from_attacker, [syn(attacker.ip(v), server.ip(v), PORT) for v in (4, 6)])]

    def run(self):
        turn, queue, own = 0, [], []
        while not self._over:
            begin = time.monotonic()
            now = time.time()
            for sender, looks in (self._strange[turn % len(self._strange)], self._strange[0]):
                self.looks += sender.send(looks)
            live = [k for k in self.live if now < k.over]
            while self._new:
                live.append(self._new.popleft())
            self.live = live
            self._from_knockers.send(knock.looks[turn % len(knock.looks)] for knock in live)
            if not queue:
                for knock in live:
                    queue += knock.packets
                    own += knock.stolen_by(self._attacker)
            for packets in (queue, own):
                self.replayed += self._from_attacker.send(packets[:_REPLAYED_A_TICK])
                del packets[:_REPLAYED_A_TICK]
            turn += 1
            time.sleep(max(0.001, begin + _TICK - time.monotonic()))

    def add(self, knock):
        """From now on this knock is looked at and replayed."""
        self._new.append(knock)

    def stop(self):
        self._over = True
        self.join()
        for sender in (self._from_knockers, self._from_attacker, self._from_stranger):
            sender.close()


class Tries(threading.Thread):
    """A stranger's connections, one after the other in both families."""

    def __init__(self, stranger, server, judge):
        super().__init__(daemon=True)
        self._stranger, self._server, self._judge, self._over = stranger, server, judge, False
        self.made = 0

    def run(self):
        while not self._over:
            for version in (4, 6):
                self.made += 1
                if self._stranger.door(self._server.ip(version), PORT, seconds=0.05) == "open":
                    self._judge.say(f"a stranger connected over IPv{version}")

    def stop(self):
        self._over = True
        self.join()


class Record:
    """What a dead server's state file holds, looked at in a copy: its WAL must be found by the next life."""

    def __init__(self, state):
        self._state = state
        self.rows = {}  # (key, identity, who, place) -> accepted
        self.wals = 0   # times that a WAL with something in it was left

    def check(self):
        """Returns what is wrong."""
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "state.db"
            for suffix in ("", "-wal"):
                file = pathlib.Path(f"{self._state}{suffix}")
                if file.exists():
                    pathlib.Path(f"{copy}{suffix}").write_bytes(file.read_bytes())
                    self.wals += suffix == "-wal" and file.stat().st_size > 0
            db = sqlite3.connect(copy)
            try:
                whole = db.execute("pragma integrity_check").fetchone()[0]
                rows = {tuple(row[:4]): row[4] for row in
                        db.execute("select key, identity, who, place, accepted from burnt")}
            finally:
                db.close()
        wrong = [] if whole == "ok" else [f"the state file: {whole}"]
        for burnt, accepted in self.rows.items():
            if burnt not in rows:
                wrong.append(f"burnt and forgotten: {burnt[1:]}")
            elif rows[burnt] != accepted:
                wrong.append(f"burnt twice: {burnt[1:]}")
        self.rows = rows
        return wrong

    def forget(self):
        """Sabotage: what is burnt is lost, and nothing tells."""
        db = sqlite3.connect(self._state)
        db.execute("delete from burnt")
        db.commit()
        db.close()
        self.rows = {}
