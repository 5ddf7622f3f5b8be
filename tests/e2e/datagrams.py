"""UDP by hand: what passes a host, captured and sent again, as an attacker would."""

import errno
import ipaddress
import random
import socket
import struct

from packets import checksum

_ETH_P_ALL = 3


def udp(source, target, port, source_port, payload=b""):
    """An IP packet with a UDP datagram in it."""
    source, target = ipaddress.ip_address(source), ipaddress.ip_address(target)
    length = 8 + len(payload)
    pseudo = source.packed + target.packed + struct.pack("!II", length, socket.IPPROTO_UDP)
    head = struct.pack("!HHH", source_port, port, length)
    segment = head + struct.pack("!H", checksum(pseudo + head + b"\0\0" + payload) or 0xFFFF) + payload
    if source.version == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, random.getrandbits(16), 0x4000, 64,
                         socket.IPPROTO_UDP, 0) + source.packed + target.packed
        return ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + segment
    return struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + source.packed + target.packed + segment


class Datagram:
    """One UDP datagram as it went over the wire."""

    def __init__(self, packet):
        v4 = packet[0] >> 4 == 4
        at = (packet[0] & 15) * 4 if v4 else 40
        first, middle, last = (12, 16, 20) if v4 else (8, 24, 40)
        self.source = str(ipaddress.ip_address(packet[first:middle]))
        self.target = str(ipaddress.ip_address(packet[middle:last]))
        self.source_port, self.port, length = struct.unpack_from("!HHH", packet, at)
        self.payload = packet[at + 8:at + length]

    def again(self, source=None):
        """The same, from another address if told."""
        return udp(source or self.source, self.target, self.port, self.source_port, self.payload)


class UdpSniffer:
    """Sees the UDP datagrams that pass an interface of a namespace, from its making on."""

    def __init__(self, namespace, interface):
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._socket.bind((interface, _ETH_P_ALL))
        self._socket.setblocking(False)

    def datagrams(self, source=None, target=None):
        """Those seen since the last call, from and to an address if it is given."""
        seen = []
        while True:
            try:
                packet = self._socket.recv(65535)
            except BlockingIOError:
                return seen
            except OSError as e:
                if e.errno == errno.ENETDOWN:
                    continue
                raise
            protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
            if packet[0] >> 4 in (4, 6) and protocol == socket.IPPROTO_UDP:
                d = Datagram(packet)
                if source in (None, d.source) and target in (None, d.target):
                    seen.append(d)

    def close(self):
        self._socket.close()
