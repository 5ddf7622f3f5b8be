"""A home behind a masquerading router, and STUN servers outside, true ones and others."""

import ipaddress
import shutil
import socket
import struct
import threading
import time

from lab import Host
from netns import wait_for

COOKIE = 0x2112A442
_SUCCESS, _ERROR = 0x0101, 0x0111
_MAPPED, _XOR_MAPPED = 0x0001, 0x0020


def public_address(host, ip4):
    """Gives a host of the lab an address that the Internet carries, and returns it."""
    host.run(["ip", "addr", "add", f"{ip4}/32", "dev", "eth0"])
    host.lab.router.run(["ip", "route", "add", f"{ip4}/32", "via", host.ip4])
    return ip4


class Home:
    """A router that masquerades, with one public address, and a laptop in the private network behind it."""

    public, private = "203.0.113.2", "192.168.7.2"

    def __init__(self, lab):
        self.gateway = lab.host("home")
        lab.router.run(["ip", "addr", "add", "203.0.113.1/24", "dev", "home"])
        self.gateway.run(["ip", "-batch", "-"], stdin=f"""
            addr flush dev eth0 scope global
            addr add {self.public}/24 dev eth0
            route replace default via 203.0.113.1""")
        self.laptop = Host(lab, "laptop", len(lab.hosts) + 1)
        lab.hosts.append(self.laptop)
        self.laptop.ip4 = self.private
        self.gateway.run(["ip", "link", "add", "inside", "type", "veth", "peer", "name", "eth0",
                          "netns", self.laptop.path])
        self.gateway.run(["ip", "-batch", "-"], stdin="""
            link set inside up
            addr add 192.168.7.1/24 dev inside""")
        self.laptop.run(["ip", "-batch", "-"], stdin=f"""
            link set eth0 up
            addr add {self.private}/24 dev eth0
            route add default via 192.168.7.1""")
        self.gateway.sysctl("net.ipv4.ip_forward", 1)
        self.gateway.run(["nft", "-f", "-"], stdin="""
            table ip nat { chain out { type nat hook postrouting priority 100;
                oifname eth0 masquerade
            }
            }""")
        wait_for(lambda: self.laptop.door("203.0.113.1", 1, seconds=0.05) == "refused", "the wire to the laptop")


def start_coturn(host, ip, port=3478):
    """coturn as a STUN server, without TURN. Returns once it answers."""
    tool = shutil.which("turnserver") or "/usr/bin/turnserver"
    folder = host.home / "coturn"
    folder.mkdir()
    process = host.spawn([tool, "-n", "--stun-only", "--no-cli", "--no-tls", "--no-dtls", "--listening-ip", ip,
                          "--listening-port", port, "--pidfile", folder / "pid", "--userdb", folder / "db",
                          "--log-file", "stdout", "--simple-log"], log=folder / "log")

    def answers():
        with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            try:
                s.sendto(struct.pack("!HHI", 1, 0, COOKIE) + b"are you up?!", (ip, port))
                return s.recv(512)
            except OSError:
                return None
    wait_for(answers, f"coturn to answer; it said:\n{process.text()}")
    return process


class StunServer:
    """A STUN server that says what it is told to. address: what it says ("": the truth, None: nothing at all);
    old: by MAPPED-ADDRESS alone, as RFC 3489 has it; refuses: an error instead; deaf: so many requests get no answer;
    late: seconds until an answer. asked: the time of each request."""

    def __init__(self, host, ip, port=3478, address="", old=False, refuses=None, deaf=0, late=0):
        self.address, self.old, self.refuses, self.deaf, self.late = address, old, refuses, deaf, late
        self.asked, self._over = [], threading.Event()
        self._socket = host.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ip, port))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                request, client = self._socket.recvfrom(2048)
            except OSError:
                return
            if not request:
                return
            self.asked.append(time.time())
            if self.address is None or len(self.asked) <= self.deaf:
                continue
            if self._over.wait(self.late):
                return
            self._socket.sendto(self._answer(request, client), client)

    def _answer(self, request, client):
        ip = int(ipaddress.ip_address(self.address or client[0]))
        kind = _SUCCESS
        if self.refuses:
            kind, body = _ERROR, struct.pack("!HHHBB4s", 0x0009, 8, 0, self.refuses // 100, self.refuses % 100, b"busy")
        elif self.old:
            body = struct.pack("!HHBBHI", _MAPPED, 8, 0, 1, client[1], ip)
        else:
            body = struct.pack("!HHBBHI", _XOR_MAPPED, 8, 0, 1, client[1] ^ COOKIE >> 16, ip ^ COOKIE)
        return struct.pack("!HH", kind, len(body)) + request[4:20] + body

    def close(self):
        self._over.set()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread, even of a datagram socket
        except OSError:
            pass
        self._socket.close()
        self._thread.join(5)
