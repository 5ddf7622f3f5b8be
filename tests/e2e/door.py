"""What the tests of the guarded door have in common: one lab for a whole class, an address of its own for every test
in it, servers that count who came in, and sockets that behave as a stranger's would.
"""

import contextlib
import selectors
import socket
import struct
import threading
import time
import unittest

from lab import CLOCK_ERROR, Lab, wait_for

PORT = 8080           # guarded
CONTROL = 8090        # never guarded: what works there and not at the door was stopped by the guard
POOL = "10000-60000"  # without those two
WINDOW = 2
RESET_ME = b"reset me"  # said to an Echo, it does
OURS = ["nft", "list", "table", "inet", "chronoknock"]
_TCP_REPAIR, _TCP_REPAIR_QUEUE, _TCP_QUEUE_SEQ = 19, 20, 21


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Echo:
    """A server inside this process on one TCP and UDP port of a host, over both families. It sends back what it gets
    and remembers who came: `came` (address, port) of each accepted connection, `heard` those of each datagram."""

    def __init__(self, host, port=PORT):
        self.host, self.port = host, port
        self.came, self.heard, self.open = [], [], {}
        self._selector = selectors.DefaultSelector()
        self._tcp = host.socket(socket.AF_INET6, socket.SOCK_STREAM)
        self.udp = host.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        for s in (self._tcp, self.udp):
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.setblocking(False)
            s.bind(("::", port))
        self._tcp.listen(4096)
        self._ended = False
        for s in (self._tcp, self.udp):
            self._selector.register(s, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @staticmethod
    def _plain(peer):
        return (peer[0].removeprefix("::ffff:"), peer[1])

    def _run(self):
        while not self._ended:
            for key, _ in self._selector.select(0.05):
                with contextlib.suppress(OSError):
                    self._serve(key.fileobj)

    def _serve(self, s):
        if s is self._tcp:
            connection, peer = s.accept()
            connection.setblocking(False)
            self.open[self._plain(peer)] = connection
            self.came.append(self._plain(peer))
            self._selector.register(connection, selectors.EVENT_READ)
        elif s is self.udp:
            data, peer = s.recvfrom(65535)
            self.heard.append(self._plain(peer))
            s.sendto(data, peer)
        else:
            try:
                data = s.recv(65535)
            except ConnectionError:
                data = b""
            if data and data != RESET_ME:
                s.send(data)
            else:
                self._selector.unregister(s)
                (reset if data else socket.socket.close)(s)

    def hang_up(self, address, port):
        """The server's FIN first, on one connection."""
        connection = self.open[(address, port)]
        self._selector.unregister(connection)
        connection.close()

    def say(self, address, port, data):
        self.open[(address, port)].send(data)

    def close(self):
        self._ended = True
        self._thread.join()
        for s in (self._tcp, self.udp, *self.open.values()):
            s.close()
        self._selector.close()


def dial(host, target, port, source="", source_port=0, seconds=3.0):
    """Connects from an address and port of one's choice, again and again if one likes. Raises as connect() does."""
    s = host.socket(family_of(target), socket.SOCK_STREAM)
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((source, source_port))
        s.settimeout(seconds)
        s.connect((target, port))
    except BaseException:
        s.close()
        raise
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def gets_in(*args, seconds=0.3, **options):
    """Whether a connection opens; it is reset at once."""
    try:
        reset(dial(*args, seconds=seconds, **options))
        return True
    except OSError:
        return False


def reset(s):
    """Closes by RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def vanish(s):
    """The connection's end is gone and nobody is told, as after a power failure."""
    s.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    s.close()


def next_expected(s):
    """The sequence number that a connection's end expects next."""
    s.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, 1)
    s.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR_QUEUE, 1)
    number = s.getsockopt(socket.IPPROTO_TCP, _TCP_QUEUE_SEQ)
    s.setsockopt(socket.IPPROTO_TCP, _TCP_REPAIR, -1)
    return number & 0xFFFFFFFF


def echoes(s, word=b"still here", seconds=10.0):
    """Whether a connection (or a connected UDP socket) still carries bytes both ways."""
    s.settimeout(seconds)
    got = b""
    try:
        s.sendall(word)
        while len(got) < len(word):
            some = s.recv(4096)
            if not some:
                return False
            got += some
    except OSError:
        return False
    return got == word


def datagrams(host, target, port, source="", source_port=0):
    """A connected UDP socket."""
    s = host.socket(family_of(target), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((source, source_port))
    s.connect((target, port))
    return s


class DoorTest(unittest.TestCase):
    """One lab and one server for all the tests of a class. Every test comes from addresses of its own (`fresh`), so
    that nothing one of them has earned or lost is another's."""

    SERVICES = {"web": (PORT, "open_for = 1")}  # name: TCP port (there is an Echo on each), more of its section
    ALSO = {}  # name: text of its section
    SECTIONS = {}
    START = True  # whether the guard stands before the first test

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.server, cls.client, cls.other = (cls.lab.host(n) for n in ("server", "client", "other"))
        for host in (cls.client, cls.other):
            host.add_addresses(f"10.{88 + host.number}.0.0/16", f"fd88:{host.number}::/112")
        cls._used = 0
        cls.key = cls.lab.key("alice", granularity=WINDOW, ports=POOL)
        cls.echo = {port: Echo(cls.server, port) for port in {PORT, CONTROL, *(p for p, _ in cls.SERVICES.values())}}
        for echo in cls.echo.values():
            cls.addClassCleanup(echo.close)
        if cls.START:
            cls.start_guard()

    @classmethod
    def start_guard(cls, sections=None):
        services = {name: f"ports = tcp/{port}\n{more}" for name, (port, more) in cls.SERVICES.items()}
        services.update(cls.ALSO)
        cls.guard = cls.lab.chronoknock(cls.server, services=services, sections=sections or cls.SECTIONS,
                                        keys={"alice": (cls.key, ", ".join(services))})
        cls.lab.next_window(WINDOW, after=time.time() + CLOCK_ERROR)

    def shortDescription(self):
        return None

    @classmethod
    def fresh(cls, version, host=None):
        """An address of a client that no test has used."""
        host = host or cls.client
        cls._used += 1
        return f"10.{88 + host.number}.{cls._used // 250}.{cls._used % 250 + 1}" if version == 4 else f"fd88:{host.number}::{cls._used:x}"

    @classmethod
    def knock(cls, source, service="web", target=None, host=None):
        target = target or cls.server.ip(6 if ":" in source else 4)
        (host or cls.client).knock(target, cls.key, service, "--source", source)

    def let_in(self, way, source, service="web"):
        """Knocks, and tries a way in until it gives something. When some tries have failed he knocks again: a machine with
        other work to do may let a short grant go by between a knock and them."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            self.knock(source, service)
            tries, again = 0, time.monotonic() + 1.5
            while tries < 3 or time.monotonic() < again:
                if got := way():
                    return got
                tries += 1
        raise AssertionError(f"{source} knocked and was not let in\n{self.guard.log()}")

    def admit(self, source, service="web", target=None, source_port=0):
        """Knocks on the server, and is in: the first connection after it to the target, on one source port."""
        target = target or self.server.ip(6 if ":" in source else 4)

        def dialled():
            with contextlib.suppress(OSError):
                return dial(self.client, target, self.SERVICES[service][0], source, source_port, seconds=0.8)
            return None
        return self.let_in(dialled, source, service)

    def shut_to(self, source, port=PORT, target=None, seconds=8.0):
        """Waits until a grant has ended."""
        target = target or self.server.ip(6 if ":" in source else 4)
        wait_for(lambda: not gets_in(self.client, target, port, source), f"port {port} to shut to {source}", seconds)

    def guarded(self, seconds=20.0):
        """Waits until the guard stands again."""
        def stands():
            said = self.server.run(OURS, check=False)
            return said.returncode == 0 and str(PORT) in said.stdout and "dormant" not in said.stdout
        wait_for(stands, "the guard to stand", seconds)

    def nft(self, text, host=None):
        (host or self.server).run(["nft", "-f", "-"], stdin=text)

    def foreign(self, table, text, host=None):
        """Another table beside ours, until the test ends."""
        self.nft(f"table inet {table} {{\n{text}\n}}\n", host)
        self.addCleanup(lambda: (host or self.server).run(["nft", "delete", "table", "inet", table], check=False))

    def sysctl(self, name, value, host=None):
        """Set until the test ends."""
        host = host or self.server
        with host.inside(), open("/proc/sys/" + name.replace(".", "/"), encoding="ascii") as f:
            before = f.read().strip()
        host.sysctl(name, value)
        self.addCleanup(host.sysctl, name, before)
