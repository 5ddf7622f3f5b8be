"""The rig of the crash test: what is killed, when, and what must be so between two lives."""

import collections
import ctypes
import ipaddress
import os
import pathlib
import random
import re
import signal
import socket
import struct
import time

from case import PORT, LabTest
from crash import Judge, Knock, Record, Traffic, Tries, Watcher
from crash_tokens import OLDER_RECORD, WINDOW, all_kinds, window_ends
from lab import wait_for
from packets import Sender
from services import faketime_env

SEED = int(os.environ.get("CRASH_SEED", random.randrange(10**6)))
OPEN_FOR = 1
_TOLERANCE = 0.1      # a grant's last SYN-ACK comes no later than this after OPEN_FOR
_LATENCY = 2.0        # from a knock's last SYN to the grant, on a busy machine
_BUSY = max(3.0, os.getloadavg()[0] / os.cpu_count())  # the next two are for a machine with little else to do
_OWNER_WITHIN = 15.0  # from a server that answers to the owner inside: his next windows, and the knocks
_NFT_OUTLIVES = 10.0  # an nft that the kill left ends by itself within this
_OWNERS_WINDOW = 1
_SECTIONS = {"knock": "tracked = 4096"}  # a start is quick: most of it is memory
_PR_SET_CHILD_SUBREAPER = 36
_STATUS = b'{"operation": "status"}'


def _children(pid):
    """(pid, name, state) of a process's children."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = stat.read_text().split(" (", 1)
        except OSError:
            continue
        name, rest = rest.rsplit(") ", 1)
        state, parent = rest.split()[:2]
        if int(parent) == pid:
            found.append((int(number), name, state))
    return found


def _doing(pid):
    """Where a process is, for people."""
    at = pathlib.Path(f"/proc/{pid}")
    return (at / "stat").read_text().split()[1:3], (at / "stack").read_text().split("\n")[:4]


class Rig(LabTest):
    """A server in its network, all who knock at it, and its deaths and starts; the tests say how many."""

    def setUp(self):
        super().setUp()
        # What the server leaves behind becomes ours: so we see it.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self.chance = random.Random(SEED)
        self.story = collections.Counter()
        self.late_by = 0  # sabotage: grants that last so many milliseconds longer than the judge knows

    def begin(self):
        self.stranger, self.attacker, self.phone = map(self.lab.host, ("stranger", "attacker", "phone"))
        self.client.add_addresses("10.78.0.0/16", "fd78::/64")
        self.phone.add_addresses("10.79.0.0/16", "fd79::/64")
        self.server.sysctl("net.ipv4.tcp_synack_retries", 0)  # a SYN-ACK is the answer to a SYN just come, then
        self.owners = self.key("alice", granularity=_OWNERS_WINDOW)
        self.tokens, self.next_kinds = all_kinds(self.lab, self.client), []
        self.door = self.guard(None, services=self.services(), keys=self.keys(), sections=_SECTIONS, wait=False,
                               start=False)
        self.door.start(env=faketime_env(f"-{OLDER_RECORD}s"))
        self.door.stop()
        begin = time.monotonic()
        self.door.start(wait=False)
        wait_for(self.answers, "the server to answer", 20 * _BUSY)
        self.start_took = time.monotonic() - begin
        self.first_window(WINDOW)

        self.judge = Judge(OPEN_FOR, _TOLERANCE, _LATENCY)
        self.judge.regulars.update({self.other.ip(v): 0 for v in (4, 6)})
        self.record = Record(self.door.state)
        self.ear = self.lab.sniffer(self.phone)
        self.sender = self.lab.keep(Sender(self.client))
        self.watcher = Watcher(self.lab.router, "server", self.judge)
        self.traffic = Traffic(self.server, self.client, self.stranger, self.attacker)
        self.tries = Tries(self.stranger, self.server, self.judge)
        for thread in (self.watcher, self.traffic, self.tries):
            thread.start()
            self.addCleanup(thread.stop)
        self.dead, self.not_before, self.walking = [], 0.0, []
        self.worst_owner, self.worst_start, self.number = 0.0, self.start_took, 0

    def services(self, extra=0):
        """The one that matters, and one that a reload changes."""
        return {"web": f"ports = tcp/{PORT}\nopen_for = {1000 * OPEN_FOR + self.late_by}ms",
                f"extra{extra}": f"ports = tcp/{9000 + extra}"}

    def keys(self):
        return {"alice": (self.owners, "web"), **{name: (kind.server_key, "web") for name, kind in self.tokens.items()}}

    # Knocks

    def token(self, net, versions=(4, 6)):
        """A knock from an address that has not been used, of one family or the other: (address, target)."""
        self.number += 1
        version = self.chance.choice(versions)
        base = f"10.{net}.0.0" if version == 4 else f"fd{net}::"
        return str(ipaddress.ip_address(base) + self.number), self.server.ip(version)

    def enter(self, knock):
        knock.not_before = self.not_before
        self.judge.knocks[knock.source] = knock
        return knock

    def make(self, count):
        """So many knocks by `chronoknock sequence`, to be sent."""
        made = []
        for _ in range(count):
            if not self.next_kinds:  # each as often as the others
                self.next_kinds = self.chance.sample(list(self.tokens), len(self.tokens))
            kind = self.tokens[self.next_kinds.pop()]
            made.append(kind.make(*self.token(78, kind.versions)))
        return made

    def send(self, knocks):
        for knock in knocks:
            self.enter(knock)
            self.sender.send(knock.packets)
        for knock in knocks:
            self.traffic.add(knock)
        self.story["knocks by hand"] += len(knocks)

    def walk(self):
        """The real client begins to knock, from an address of its own."""
        source, target = self.token(79)
        now = int(time.time())
        knock = self.enter(Knock(source, target, window_ends(now)))
        argv = self.phone.knock_argv(target, self.tokens["bob"].key, "web", "--source", source, "--no-wait")
        self.walking.append((knock, self.phone.spawn(argv, log=self.phone.home / f"knock-{self.number}")))
        self.story["knocks by the client"] += 1

    def walked(self):
        """What the clients sent is known to the replayer now."""
        for _, process in self.walking:
            process.stop(0)
        heard = collections.defaultdict(dict)
        for packet in self.ear.syns():
            heard[packet.source].setdefault(packet.port, packet)
        for knock, _ in self.walking:
            self.assertTrue(heard[knock.source], "no SYN of a client was heard")
            knock.knocks_at(list(heard[knock.source]))
            knock.packets = list(heard[knock.source].values())  # as they came, source ports and all
            self.traffic.add(knock)
        self.walking.clear()

    # Kills

    def kill(self):
        self.door.process.stop(signal.SIGKILL)
        self.not_before = float("inf")
        self.dead.append([time.time(), None])
        self.story["kills"] += 1

    def after_a_knock(self):
        knocks = self.make(self.chance.randint(1, 3))
        self.send(knocks)
        until = time.monotonic() + self.chance.uniform(0, 0.003)
        while time.monotonic() < until:
            pass
        self.kill()

    def amid_knocks(self):
        self.walk()
        self.send(self.make(2))
        time.sleep(self.chance.uniform(0, 0.4))
        self.kill()

    def at_random(self):
        self.send(self.make(2))
        time.sleep(self.chance.uniform(0, 1.5))
        self.kill()

    def in_reload(self):
        knocks = self.make(1)
        self.door.write(self.services(self.chance.randrange(50)), self.keys(), _SECTIONS)
        self.door.reload()
        time.sleep(self.chance.uniform(0, self.start_took))
        self.send(knocks)
        time.sleep(self.chance.uniform(0, 0.01))
        self.kill()

    def amid_nft(self):
        """While nft runs, in a reload or a start."""
        pid = self.door.process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
        until = time.monotonic() + 5
        while not children.read_text() and self.door.process.alive() and time.monotonic() < until:
            pass
        time.sleep(self.chance.choice((0, self.chance.uniform(0, 0.01))))
        self.kill()

    def amid_the_nft_of_a_reload(self):
        self.send(self.make(1))
        self.door.write(self.services(self.chance.randrange(50)), self.keys(), _SECTIONS)
        self.door.reload()
        self.amid_nft()

    def while_stopping(self):
        knocks = self.make(1)
        self.send(knocks)
        self.door.process.send(signal.SIGTERM)
        time.sleep(self.chance.uniform(0, 0.02))
        self.kill()

    def in_start(self):
        knocks = self.make(1)
        self.start(wait=False)
        if self.chance.random() < 0.3:
            self.send(knocks)
            return self.amid_nft()
        time.sleep(self.chance.uniform(0, self.start_took))
        self.send(knocks)
        time.sleep(self.chance.uniform(0, self.start_took))
        return self.kill()

    def stop(self):
        self.send(self.make(1))
        self.assertEqual(self.door.stop(), 0)
        self.not_before = float("inf")
        self.dead.append([time.time(), None])

    # Between lives

    def look_around(self):
        """What a dead server left."""
        orphans = [pid for pid, name, _ in _children(os.getpid()) if name == "nft"]
        self.story["nft left running"] += len(orphans)
        for pid in orphans:
            wait_for(lambda pid=pid: os.waitpid(pid, os.WNOHANG)[0], f"nft {pid}, an orphan, to end",
                     _NFT_OUTLIVES * _BUSY)
        self.judge.wrong += self.record.check()

    def start(self, wait=True):
        now = time.time()
        for interval in self.dead:
            interval[1] = interval[1] or now
        self.not_before = now
        for knock in self.judge.knocks.values():
            if knock.not_before == float("inf"):
                knock.not_before = now
        begin = time.monotonic()
        self.door.start(wait=False)
        if wait:
            try:
                wait_for(self.answers, "the server to answer", 20 * _BUSY)
            except AssertionError as e:
                server = self.door.process.pid
                raise AssertionError(f"{e}: {[_doing(p) for p in (server, *(c[0] for c in _children(server)))]}") from e
            self.worst_start = max(self.worst_start, time.monotonic() - begin)
            zombies = [c for c in _children(self.door.process.pid) if c[1] == "nft"]
            self.assertEqual(zombies, [], "nft, after the start")

    def answers(self):
        """The server says its status. (To run `status` costs more than to start the server.)"""
        self.assertTrue(self.door.process.alive(), "the server ended")
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(1)
            try:
                control.connect(str(self.door.control))
                control.sendall(struct.pack(">I", len(_STATUS)) + _STATUS)
                return control.recv(1)
            except OSError:
                return False

    def owner_gets_in(self):
        """Real client, fixed address: whoever has a key is let in, soon, whatever happened."""
        begin = time.monotonic()
        version = self.chance.choice((4, 6))
        granted = f" to {self.other.ip(version)}, window"
        before = self.door.log().count(granted)
        # The client itself looks: on a busy machine the grant may be over before we come to it. A server that may lack
        # a burnt knock takes no window that began before, so he may have to knock again; and while the grant of his last
        # visit lasts no knock is needed.
        while True:
            done = self.other.knock(self.server.ip(version), self.owners, "web", "--wait", PORT, "--wait-limit", "500ms",
                                    check=False)
            if done.returncode == 0 and "no knock was needed" not in done.stdout:
                break
            self.story["knocks of the owner in vain"] += 1
            self.assertLess(time.monotonic() - begin, _OWNER_WITHIN * _BUSY, dict(self.story))
        self.door.wait_log(granted, _OWNER_WITHIN * _BUSY, before + 1)
        took = time.monotonic() - begin
        self.worst_owner = max(self.worst_owner, took)
        self.assertLess(took, _OWNER_WITHIN * _BUSY, dict(self.story))

    # The run

    def run_through(self, kills, between=lambda: None):
        """between: what is done to a dead server, to see the checks fail."""
        kinds = [self.after_a_knock, self.amid_knocks, self.at_random, self.in_reload,
                 self.amid_the_nft_of_a_reload, self.while_stopping]
        while self.story["kills"] < kills:
            if self.chance.random() < 0.1:
                self.stop()
            else:
                self.chance.choice(kinds)()
            self.look_around()
            between()
            if self.chance.random() < 0.15:
                self.send(self.make(1))
                time.sleep(self.chance.uniform(0, 1.5 * OPEN_FOR))
            while self.story["kills"] < kills and self.chance.random() < 0.3:
                self.in_start()
                self.look_around()
            self.start()
            self.walked()
            self.owner_gets_in()
            self.assertEqual(self.judge.wrong, [], dict(self.story))

        # All that was knocked is replayed until it is worth nothing any more.
        last = max(knock.over for knock in self.judge.knocks.values())
        wait_for(lambda: time.time() > last or self.judge.wrong, "the end of all windows", 30)

    def end(self):
        self.tries.stop()
        self.traffic.stop()
        missed = self.watcher.stop()
        self.door.stop()
        self.judge.wrong += self.record.check()
        self.assertEqual(missed, 0, "packets that the watcher missed")

    def judge_the_log(self):
        """No (key, address, window) opens twice, over all lives, and no one-time password for two addresses."""
        opened = re.findall(r"key (\w+) opens .* to (\S+), (.+?)(?: \(|: not opened)", self.door.log())
        tokens = [(key, "" if "password" in token else who, token) for key, who, token in opened]
        twice = [o for o, times in collections.Counter(tokens).items() if times > 1]
        self.assertEqual(twice, [], "opened twice, says the log")
        return opened
