"""SYNs by hand: built, captured and sent again, as an attacker would."""

import errno
import ipaddress
import random
import socket
import struct
import time

_ETH_P_ALL = 3
_SO_RCVBUFFORCE = 33
_SO_SNDBUFFORCE = 32
_IPPROTO_RAW = socket.IPPROTO_RAW


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _with_checksum(packet):
    """The IP packet with its TCP checksum made good (the kernel leaves it to the interface)."""
    if packet[0] >> 4 == 4:
        at = (packet[0] & 15) * 4
        addresses = packet[12:20]
    else:
        at = 40
        addresses = packet[8:40]
    tcp = packet[at:at + 16] + b"\0\0" + packet[at + 18:]
    pseudo = addresses + struct.pack("!II", len(tcp), socket.IPPROTO_TCP)
    return packet[:at] + tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]


def syn(source, target, port, source_port=None, sequence=None, flags=0x02):
    """An IP packet with a bare SYN (or other flags) in it."""
    source, target = ipaddress.ip_address(source), ipaddress.ip_address(target)
    tcp = struct.pack("!HHIIBBHHH", source_port or random.randrange(1024, 65536), port,
                      random.getrandbits(32) if sequence is None else sequence, 0, 5 << 4, flags, 64240, 0, 0)
    if source.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), random.getrandbits(16), 0x4000, 64,
                           socket.IPPROTO_TCP, 0) + source.packed + target.packed
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    else:
        head = struct.pack("!IHBB", 6 << 28, len(tcp), socket.IPPROTO_TCP, 64) + source.packed + target.packed
    return _with_checksum(head + tcp)


class Captured:
    """One TCP packet as it went over the wire."""

    def __init__(self, packet):
        self.packet = packet
        version = packet[0] >> 4
        at = (packet[0] & 15) * 4 if version == 4 else 40
        span = (12, 16, 20) if version == 4 else (8, 24, 40)
        self.source = str(ipaddress.ip_address(packet[span[0]:span[1]]))
        self.target = str(ipaddress.ip_address(packet[span[1]:span[2]]))
        self.source_port, self.port, self.sequence = struct.unpack("!HHI", packet[at:at + 8])
        self.flags = packet[at + 13]

    @property
    def is_syn(self):
        return self.flags & 0x12 == 0x02


class Sniffer:
    """Sees the TCP packets that pass an interface of a namespace, from its making on."""

    def __init__(self, namespace, interface):
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 26)
        self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setblocking(False)

    def packets(self):
        """The TCP packets seen since the last call."""
        return [Captured(packet) for packet in self.raw()
                if (packet[9] if packet[0] >> 4 == 4 else packet[6]) == socket.IPPROTO_TCP]

    def raw(self, target=None):
        """All IP packets seen since the last call, or those to an address, as bytes."""
        wanted = target and ipaddress.ip_address(target).packed
        seen = []
        while True:
            try:
                packet = self._socket.recv(65535)
            except BlockingIOError:
                return seen
            except OSError as e:
                if e.errno == errno.ENETDOWN:  # said once when the interface goes; it may come back
                    continue
                raise
            if packet[0] >> 4 not in (4, 6):
                continue
            if wanted in (None, packet[16:20] if packet[0] >> 4 == 4 else packet[24:40]):
                seen.append(packet)

    def syns(self, source=None, target=None):
        """The SYNs seen since the last call, those from and to an address if it is given."""
        return [p for p in self.packets()
                if p.is_syn and source in (None, p.source) and target in (None, p.target)]

    def close(self):
        self._socket.close()


class Sender:
    """Sends whole IP packets from a namespace, whatever they claim to be."""

    def __init__(self, namespace):
        self._sockets = {}
        for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            raw = namespace.socket(family, socket.SOCK_RAW, _IPPROTO_RAW)
            raw.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, 1 << 24)
            self._sockets[version] = raw

    def send(self, packets, rate=None):
        """Sends packets (bytes or Captured), so many a second if told; returns how many."""
        start, sent = time.monotonic(), 0
        for packet in packets:
            data = _with_checksum(packet.packet) if isinstance(packet, Captured) else packet
            version = data[0] >> 4
            target = socket.inet_ntop(socket.AF_INET, data[16:20]) if version == 4 \
                else socket.inet_ntop(socket.AF_INET6, data[24:40])
            self._sockets[version].sendto(data, (target, 0))
            sent += 1
            if rate:
                behind = start + sent / rate - time.monotonic()
                if behind > 0:
                    time.sleep(behind)
        return sent

    def close(self):
        for raw in self._sockets.values():
            raw.close()
