"""The server's clock beside chronyd's: error and stated bound, on a LAN and on a WAN."""

import heapq
import itertools
import random
import select
import socket
import threading
import time

import table as t
from table import median
from world import say, tool
from lab import start_chronyd  # world knows where the lab is

SERVERS = 5
WAY, JITTER = 0.005, 0.005  # of a WAN, seconds each way: the least, and the mean of what comes on top
POLLING = {  # name: (our [time], chrony's options of a server)
    "polling each 16 s": ("interval = 16", "minpoll 4 maxpoll 4"),
    "as it comes": ("", ""),
}


class Wan:
    """On the router, an address for each server; what comes there and goes back is held for a random while, each way
    and each packet by itself."""

    NET = "10.78.0"

    def __init__(self, router, servers):
        self._router, self._servers = router, {}
        self.addresses = [f"{self.NET}.{i + 1}" for i in range(len(servers))]
        for address, server in zip(self.addresses, servers):
            router.run(["ip", "addr", "add", address, "dev", "lo"])
            front = router.socket(socket.AF_INET, socket.SOCK_DGRAM)
            front.bind((address, 123))
            self._servers[front] = (server.ip4, 123)
        self._asked = {}  # socket towards a server: (front, client, when)
        self._held, self._number = [], itertools.count()
        self._end, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _hold(self, send):
        heapq.heappush(self._held, (time.monotonic() + WAY + random.expovariate(1 / JITTER), next(self._number), send))

    def _ask(self, request, front, client):
        back = self._router.socket(socket.AF_INET, socket.SOCK_DGRAM)
        back.connect(self._servers[front])
        self._asked[back] = (front, client, time.monotonic())
        back.send(request)

    def _answer(self, back):
        front, client, _ = self._asked.pop(back)
        try:
            reply = back.recv(2048)
            self._hold(lambda: front.sendto(reply, client))
        except OSError:
            pass  # the server is gone: a lost packet
        back.close()

    def _run(self):
        while True:
            wait = max(0, self._held[0][0] - time.monotonic()) if self._held else 1
            for ready in select.select([self._end, *self._servers, *self._asked], [], [], wait)[0]:
                if ready is self._end:
                    return
                if ready in self._asked:
                    self._answer(ready)
                else:
                    request, client = ready.recvfrom(2048)
                    self._hold(lambda r=request, f=ready, c=client: self._ask(r, f, c))
            now = time.monotonic()
            while self._held and self._held[0][0] <= now:
                heapq.heappop(self._held)[2]()
            for back in [b for b, (_, _, since) in self._asked.items() if now > since + 5]:
                self._asked.pop(back)
                back.close()

    def close(self):
        self._wake.close()
        self._thread.join()
        for s in (self._end, *self._servers, *self._asked):
            s.close()


class Ours:
    """The server, with no more to do than to keep its clock."""

    FIRST_FIX = "time: first fix"

    def __init__(self, world, host, addresses, options):
        key = world.lab.key(host.name)
        self._server = world.lab.chronoknock(
            host, services={"web": "ports = tcp/80"}, keys={"alice": (key, "web")}, start=False,
            sections={"time": f"servers = {', '.join(addresses)}\n{options}"})
        self._first = time.monotonic()
        self.process = self._server.start(wait=False).process

    def first_fix(self):
        self.process.wait_for_text(self.FIRST_FIX, 30)
        return time.monotonic() - self._first

    def sample(self):
        """(what its time is off by, its bound), seconds."""
        said = self._server.status()["time"]
        return abs(said["offset"]), said["error"]


class Chrony:
    """chronyd -x: it keeps a time of its own and leaves the system clock alone."""

    def __init__(self, _, host, addresses, options):
        self._host, folder = host, host.home / "chrony"
        folder.mkdir(mode=0o700)
        config, self._socket = folder / "conf", folder / "sock"
        config.write_text("".join(f"server {a} iburst {options}\n" for a in addresses)
                          + f"port 0\ncmdport 0\nbindcmdaddress {self._socket}\npidfile {folder}/pid\n", "ascii")
        self._first = time.monotonic()
        self.process = host.spawn([tool("chronyd"), "-d", "-x", "-u", "root", "-f", config], log=folder / "log")

    def first_fix(self):
        self.process.wait_for_text("Selected source", 30)
        return time.monotonic() - self._first

    def sample(self):
        """(what its time is off by, its bound): chronyc(1) calls the sum of root dispersion and half the root delay the
        bound, beside what the system clock is off by, which is its error here."""
        fields = self._host.run([tool("chronyc"), "-h", self._socket, "-c", "tracking"]).stdout.split(",")
        return abs(float(fields[4])), float(fields[10]) / 2 + float(fields[11])


class Pair:
    """Both programs on hosts of their own, asking the same servers in the same way."""

    def __init__(self, world, name, addresses, polling):
        self.name, (ours, theirs) = name, POLLING[polling]
        number = len(world.lab.hosts)
        self.sides = [kind(world, world.lab.host(f"{kind.__name__.lower()}{number + i}"), addresses, options)
                      for i, (kind, options) in enumerate(((Ours, ours), (Chrony, theirs)))]
        self.fixes = [side.first_fix() for side in self.sides]
        self.samples = [[], []]

    def sample(self):
        for side, samples in zip(self.sides, self.samples):
            samples.append(side.sample())

    def figures(self, table):
        (error, bound), (their_error, their_bound) = ([median(column) for column in zip(*s)] for s in self.samples)
        table.add(f"clock, {self.name}: error, median", 1e6 * error, t.micro, "chronyd -x", 1e6 * their_error)
        table.add("  stated bound, median", 1e6 * bound, t.micro, "chronyd -x", 1e6 * their_bound, "<= 2.5",
                  bound <= 2.5 * their_bound)
        outside = [sum(e > b for e, b in samples) / len(samples) for samples in self.samples]
        table.add("  truth outside of the bound", outside[0], t.share, "chronyd -x", outside[1], "0", outside[0] == 0)
        table.add("  start to first fix", 1e6 * self.fixes[0], t.micro, "chronyd -x, iburst", 1e6 * self.fixes[1],
                  "< 1 s", self.fixes[0] < 1)


def clock(world, table, quick):
    """its error and bound beside chronyd's -x at the same five servers, LAN and WAN"""
    length = 120 if quick else 600
    servers = [world.lab.host(f"ntp{i}") for i in range(SERVERS)]
    for server in servers:
        start_chronyd(server)
    wan = Wan(world.lab.router, servers)
    try:
        pairs = []
        for polling in POLLING:
            for net, addresses in (("LAN", [s.ip4 for s in servers]), ("WAN", wan.addresses)):
                pairs.append(Pair(world, f"{net}, {polling}", addresses, polling))
        say(f"clock: {length} s, four pairs at once")
        begin = time.monotonic()
        for second in range(length // 2, length):
            time.sleep(max(0, begin + second - time.monotonic()))
            for pair in pairs:
                pair.sample()
    finally:
        wan.close()
    for pair in pairs:
        pair.figures(table)
    table.note(f"clock: the truth is this host's clock, which the servers serve; WAN: {WAY * 1e3:g} ms and an "
               f"exponential {JITTER * 1e3:g} ms each way; chrony's bound: root delay / 2 + root dispersion")
