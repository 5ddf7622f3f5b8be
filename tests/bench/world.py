"""What the benchmarks have in common: one server host and one client host with a router between them, the daemons to
be measured, the floods, and how CPU time and memory are read.

Floods are put on the server's wire from the router's end of it, with a hardware address that no host has; the server host
drops them right after capture has seen them. So they cost the machine least, and a daemon as much as ever.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import pathlib
import re
import secrets
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from lab import CLOCK_ERROR, Lab, wait_for  # noqa: E402

DOOR = 80                # outside of the pool of knock ports: trying it is no knock
POOL = "1024-65535"
GRANULARITY = 5
NET = "10.96.0.0/12"     # the client host's addresses
FIRST_SOURCE = (10 << 24) + (96 << 16)


def say(text):
    print(text, file=sys.stderr, flush=True)


def dotted(number):
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def expand(secret, info, size):
    """HKDF-Expand (RFC 5869) by SHA-256, for no more than one block."""
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()[:size]


class Key:
    """A key of the default kind, hmac-sha256 with 16 ports, or a plain digest; makes sequences by itself, which is
    quicker than to ask the program for each."""

    def __init__(self, lab, name, function="hmac-sha256", **fields):
        self.secret = secrets.token_bytes(64)
        self.plain = None if function.startswith("hmac-") else function
        self.file = lab.key(name, function=function, secret=self.secret.hex(), granularity=GRANULARITY, ports=POOL,
                            **fields)
        first, last = map(int, POOL.split("-"))
        self._first, self._size = first, last - first + 1

    def _ports(self, data):
        words = [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]
        return [self._first + (w * self._size >> 16) for w in words]

    def sequence(self, source, t0):
        ip, when = bytes(map(int, source.split("."))), t0.to_bytes(8, "big")
        if self.plain:
            return self._ports(hashlib.new(self.plain, ip + when + self.secret).digest())
        return [self.selector(t0)] + self._ports(
            expand(self.secret, b"chronoknock/1\0\0\0sequence\0\4" + ip + when, 30))

    def selector(self, t0, service=""):
        info = b"chronoknock/1\0\0" + service.encode() + b"\0selector\0" + t0.to_bytes(8, "big")
        return self._ports(expand(self.secret, info, 2))[0]


def window():
    """The window that has begun for certain."""
    now = int(time.time() - CLOCK_ERROR)
    return now - now % GRANULARITY


class World:
    def __init__(self, tools):
        self.tools = tools
        self.lab = Lab(tools["chronoknock"])
        self.server, self.client = self.lab.host("server"), self.lab.host("client")
        self.client.add_addresses(NET)
        link = json.loads(self.server.run(["ip", "-json", "link", "show", "eth0"]).stdout)
        self.mac = link[0]["address"]
        self.server.run(["nft", "-f", "-"], stdin="""table inet flood {
            chain pre {
            type filter hook prerouting priority -300
            ether saddr 02:00:00:00:00:01 counter drop
            }
            }
            """)
        for sysctl in ("net.ipv4.tcp_max_syn_backlog", "net.core.somaxconn"):
            self.server.sysctl(sysctl, 4096)
        self._next_source = FIRST_SOURCE + 1
        self._listen()

    def _listen(self):
        door = self.server.socket()
        door.bind(("0.0.0.0", DOOR))
        door.listen(4096)

        def answer():
            while True:
                door.accept()[0].close()
        threading.Thread(target=answer, daemon=True).start()

    def close(self):
        self.lab.close()

    def sources(self, count):
        """So many addresses of the client's that have not been used."""
        first, self._next_source = self._next_source, self._next_source + count
        return [dotted(first + i) for i in range(count)]

    # Daemons

    def chronoknock(self, keys=1, function="hmac-sha256", wait=True, sections=None, open_for=300):
        return Door(self, keys, function, wait, sections or {}, open_for)

    def opener(self):
        return Opener(self)

    def knockd(self, keys=1):
        return Knockd(self, keys)

    def fwknopd(self, keys=1):
        return Fwknopd(self, keys)

    # Traffic

    def probe(self, lines, *options, limit=2):
        """Knocks by probe.cpp; microseconds from the last packet to the open door, None where it stayed shut."""
        done = self.client.run([self.tools["probe"], "--target", self.server.ip4, "--door", DOOR, "--limit", limit,
                                *options], stdin="".join(line + "\n" for line in lines), timeout=600)
        self.burst_took = done.stderr
        said = [line.split()[1] for line in done.stdout.splitlines()]
        return [None if word == "shut" else float(word) for word in said]

    def flood(self, seconds=3600.0, **options):
        """Starts a flood at the server."""
        argv = [self.tools["flood"], "--interface", "server", "--mac", self.mac, "--destination", self.server.ip4,
                "--seconds", seconds]
        for name, value in options.items():
            argv += ["--" + name.replace("_", "-"), *([] if value is True else [value])]
        return Flood(self.lab.router, argv)

    def flooded(self):
        """Packets that floods have brought to the server so far."""
        return int(re.search(r"packets (\d+)", self.server.run(["nft", "list", "table", "inet", "flood"]).stdout)[1])

    @contextlib.contextmanager
    def flooding(self, **options):
        """A flood while the block runs, from when it has begun in earnest; `rate` is what it made of it."""
        before = self.flooded()
        flood = self.flood(**options)
        try:
            wait_for(lambda: self.flooded() > before + 2000, "the flood to begin")
            before, begin = self.flooded(), time.monotonic()
            yield flood
            flood.rate = (self.flooded() - before) / (time.monotonic() - begin)
        finally:
            flood.kill()

    def count(self, mode, seconds, **options):
        """A flood at the bare counter. Gives (microseconds of CPU a packet, lost share, packets a second)."""
        log = self.server.home / f"count-{mode}-{time.monotonic_ns()}"
        counter = self.server.spawn([self.tools["count"], "eth0", mode], log=log)
        counter.wait_for_text("ready")
        flood = self.flood(seconds, **options)
        sent, rate = flood.wait()
        time.sleep(0.1)  # what is in the ring
        counter.stop()
        words = counter.text().split()
        seen, dropped = (int(words[words.index(w) + 1]) for w in ("seen", "dropped"))
        return float(words[words.index("us") - 1]), dropped / max(1, seen + dropped), rate


class Flood:
    def __init__(self, namespace, argv):
        self.log = namespace.home / f"flood-{time.monotonic_ns()}"
        self.process = namespace.spawn(argv, log=self.log)

    def wait(self):
        """(packets sent, packets a second), once it is over."""
        if self.process.stop(0, 3600) != 0:
            raise AssertionError(self.process.text())
        words = self.process.text().split()
        return int(words[1]), float(words[-3])

    def kill(self):
        self.process.kill()


def cpu_seconds(pid):
    """CPU time of a process and its children that have ended: scheduler's nanoseconds for itself."""
    own = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        own += int((task / "schedstat").read_text().split()[0])
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return own / 1e9 + ended


def resident_mib(pid, field="VmRSS"):
    return int(re.search(rf"{field}:\s*(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


class Daemon:
    """What is done with each of them alike."""

    process = None

    @property
    def pid(self):
        return self.process.pid

    def resident(self, field="VmRSS"):
        return resident_mib(self.pid, field)

    def cpu_per_packet(self, seconds, **flood):
        """(microseconds of CPU a packet sent, packets a second, share of one processor)."""
        before, begin = cpu_seconds(self.pid), time.monotonic()
        sent, rate = self.world.flood(seconds, **flood).wait()
        time.sleep(0.3)  # what is in the ring is part of the cost
        used = cpu_seconds(self.pid) - before
        return used * 1e6 / sent, rate, used / (time.monotonic() - begin)

    def stop(self):
        self.process.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Door(Daemon):
    """chronoknock's server."""

    def __init__(self, world, keys, function, wait, sections, open_for):
        self.world = world
        start = world.lab.folder / f"set{time.monotonic_ns()}"
        start.mkdir()
        self.keys = [Key(world.lab, f"{start.name}/k{i}", function) for i in range(keys)]
        for file in world.server.home.glob("chronoknock/state.db*"):
            file.unlink()
        begin = time.monotonic()
        self.server = world.lab.chronoknock(
            world.server, services={"web": f"ports = tcp/{DOOR}\nopen_for = {open_for}"}, sections=sections,
            keys={f"k{i}": (k.file, "web") for i, k in enumerate(self.keys)})
        self.start_took = time.monotonic() - begin
        self.process = self.server.process
        self.first = window() + (GRANULARITY if wait else 0)
        if wait:  # windows older than the (empty) state file are worthless
            self.first = world.lab.next_window(GRANULARITY, after=time.time() + CLOCK_ERROR)

    def status(self):
        return self.server.status()

    def lines(self, count=None, key=None, sources=None, shuffle=None):
        """Knocks for the present window, from addresses that have not knocked yet."""
        key = key or self.keys[-1]
        t0 = window()
        lines = []
        for source in sources or self.world.sources(count):
            ports = key.sequence(source, t0)
            if shuffle:
                shuffle(ports)
            lines.append(f"{source} tcp {' '.join(map(str, ports))}")
        return lines

    def knock(self, count, *options, batch=25, limit=2):
        """Microseconds from knock to open, one address after the other."""
        found = []
        while len(found) < count:
            found += self.world.probe(self.lines(min(batch, count - len(found))), *options, limit=limit)
        return found

    def losses(self):
        packets = self.status()["packets"]
        return packets["seen"], packets["dropped_by_kernel"]

    def cpu_and_losses(self, seconds, **flood):
        seen, dropped = self.losses()
        cost, rate, share = self.cpu_per_packet(seconds, **flood)
        seen_after, dropped_after = self.losses()
        lost = (dropped_after - dropped) / max(1, dropped_after - dropped + seen_after - seen)
        return cost, lost, rate, share

    def stop(self):
        super().stop()
        self.world.server.run(["nft", "delete", "table", "inet", "chronoknock"], check=False)


class Opener(Daemon):
    """The floor: opens to whoever sends 16 SYNs into the pool, whatever they are."""

    def __init__(self, world):
        self.world = world
        self.process = world.server.spawn([world.tools["opener"], 16, POOL, DOOR])
        self.process.wait_for_text("ready")

    def knock(self, count, limit=2):
        random = secrets.SystemRandom()
        return self.world.probe([f"{source} tcp {' '.join(map(str, random.sample(range(1024, 65536), 16)))}"
                                 for source in self.world.sources(count)], limit=limit)

    def stop(self):
        super().stop()
        self.world.server.run(["nft", "delete", "table", "inet", "chronoknock"], check=False)


class Peer(Daemon):
    """knockd or fwknopd, with iptables: shut to all but whom its daemon lets in."""

    def __init__(self, world, name):
        self.world = world
        self.folder = world.server.home / f"{name}-{time.monotonic_ns()}"
        self.folder.mkdir(mode=0o700)
        for rule in (["-F"], ["-X"], ["-A", "INPUT", "-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "ACCEPT"],
                     ["-A", "INPUT", "-p", "tcp", "--dport", DOOR, "-j", "DROP"]):
            world.server.run(["iptables", "-w", *rule])

    def knock(self, count, *options, limit=2):
        return self.world.probe(self.lines(count), *options, limit=limit)

    def stop(self):
        self.process.kill()  # knockd, asked to end, first works off what it has captured
        for chain in ("-F", "-X"):
            self.world.server.run(["iptables", "-w", chain])


class Knockd(Peer):
    def __init__(self, world, keys):
        super().__init__(world, "knockd")
        random = secrets.SystemRandom()
        self.sequences = [random.sample(range(1024, 65536), 16) for _ in range(keys)]
        config = self.folder / "knockd.conf"
        with config.open("w", encoding="ascii") as out:
            out.write(f"[options]\n logfile = {self.folder}/log\n")
            for i, sequence in enumerate(self.sequences):
                out.write(f"""[door{i}]
 sequence = {','.join(map(str, sequence))}
 seq_timeout = 10
 tcpflags = syn
 start_command = /usr/sbin/iptables -w -I INPUT -s %IP% -p tcp --dport {DOOR} -j ACCEPT
""")
        begin = time.monotonic()
        self.process = world.server.spawn([tool("knockd"), "-4", "-i", "eth0", "-c", config, "-p",
                                           self.folder / "pid"], log=self.folder / "out")
        # It does not say when it is ready: a knock that opens does.
        wait_for(lambda: self.knock(1, limit=0.3)[0] is not None, "knockd to open", 120)
        self.start_took = time.monotonic() - begin

    def lines(self, count=None, sources=None, shuffle=None):
        lines = []
        for source in sources or self.world.sources(count):
            ports = list(self.sequences[-1])
            if shuffle:
                shuffle(ports)
            lines.append(f"{source} tcp {' '.join(map(str, ports))}")
        return lines


class Fwknopd(Peer):
    PORT = 62201

    def __init__(self, world, keys):
        super().__init__(world, "fwknopd")
        self.keys = [[base64.b64encode(secrets.token_bytes(n)).decode() for n in (32, 64)] for _ in range(keys)]
        access, config = self.folder / "access.conf", self.folder / "fwknopd.conf"
        access.write_text("".join(f"""SOURCE ANY
KEY_BASE64 {key}
HMAC_KEY_BASE64 {mac}
OPEN_PORTS tcp/{DOOR}
FW_ACCESS_TIMEOUT 300
""" for key, mac in self.keys), encoding="ascii")
        config.write_text(f"""PCAP_INTF eth0;
PCAP_FILTER udp port {self.PORT};
FWKNOP_RUN_DIR {self.folder};
FWKNOP_CONF_DIR {self.folder};
ENABLE_DIGEST_PERSISTENCE Y;
""", encoding="ascii")
        for file in (access, config):
            file.chmod(0o600)
        begin = time.monotonic()
        self.process = world.server.spawn(
            [tool("fwknopd"), "-f", "-c", config, "-a", access, "-r", self.folder, "-p", self.folder / "pid",
             "-d", self.folder / "digest"], log=self.folder / "out")
        wait_for(lambda: self.knock(1, limit=0.3)[0] is not None, "fwknopd to open", 120)
        self.start_took = time.monotonic() - begin

    def lines(self, count=None, sources=None):
        """Packets made by fwknop itself, to be sent by the prober."""
        key, mac = self.keys[-1]
        lines = []
        for source in sources or self.world.sources(count):
            file = self.folder / "packet"
            file.unlink(missing_ok=True)
            self.world.client.run([tool("fwknop"), "--no-rc-file", "--no-save-args", "--test", "-A",
                                   f"tcp/{DOOR}", "-a", source, "-D", self.world.server.ip4, "--key-base64-rijndael",
                                   key, "--key-base64-hmac", mac, "--use-hmac", "-B", file])
            lines.append(f"{source} udp {self.PORT} {file.read_text(encoding='ascii').strip()}")
        return lines


def tool(name):
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not found:
        raise FileNotFoundError(f"{name} is needed: apt-get install knockd fwknop-server fwknop-client iptables")
    return found
