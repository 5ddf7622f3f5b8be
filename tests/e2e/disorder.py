"""A router that mixes up the order of what a client sends."""

import random
import socket
import threading

from packets import Sender
from ways import whole

_ETH_P_ALL, _SOL_PACKET, _PACKET_IGNORE_OUTGOING = 3, 263, 23
_QUIET = 0.03  # seconds without a packet end a round: rounds have 100 ms between them


class Mixer(threading.Thread):
    """Holds back each round of packets between two hosts on the lab's router, and sends it on in another order.

    What is for the `spared` TCP port passes as it is. mixed: packets that left out of turn."""

    def __init__(self, lab, client, server, spared):
        super().__init__(daemon=True)
        self._targets = {socket.inet_pton(socket.AF_INET, server.ip4), socket.inet_pton(socket.AF_INET6, server.ip6)}
        self._spared = spared.to_bytes(2, "big")
        self._sender, self._over, self.mixed = Sender(lab.router), False, 0
        self._socket = lab.router.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._socket.bind((client.name, _ETH_P_ALL))
        self._socket.settimeout(_QUIET)
        lab.router_rules(f'iifname "{client.name}" tcp dport != {spared} drop\n'
                         f'iifname "{client.name}" meta l4proto != tcp drop')
        self.start()

    def run(self):
        held = []
        while not self._over:
            try:
                packet = self._socket.recv(65535)
            except TimeoutError:
                self._send_on(held)
                held = []
                continue
            v4 = packet[0] >> 4 == 4
            at = (packet[0] & 15) * 4 if v4 else 40
            tcp = packet[9 if v4 else 6] == socket.IPPROTO_TCP
            target = packet[16:20] if v4 else packet[24:40]
            if target in self._targets and not (tcp and packet[at + 2:at + 4] == self._spared):
                held.append(whole(packet))

    def _send_on(self, held):
        order = random.sample(range(len(held)), len(held))
        self.mixed += sum(i != place for place, i in enumerate(order))
        self._sender.send(held[i] for i in order)

    def close(self):
        self._over = True
        self.join()
        self._sender.close()
        self._socket.close()
