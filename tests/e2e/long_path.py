"""A wire that takes its time: frames between two interfaces of this namespace, each held back for so long.

    python3 long_path.py INTERFACE INTERFACE MILLISECONDS
"""

import collections
import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
_SIOCETHTOOL, _ETHTOOL_STXCSUM = 0x8946, 0x17  # linux/sockios.h, linux/ethtool.h


def write_checksums(interface):
    """Has the kernel itself put checksums into what it sends by an interface of this namespace: nobody else on this
    wire does."""
    off = (ctypes.c_uint32 * 2)(_ETHTOOL_STXCSUM, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), ctypes.addressof(off)))


def main(first, second, milliseconds):
    ends = []
    for name in (first, second):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        s.bind((name, ETH_P_ALL))
        ends.append(s)
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    held = collections.deque()  # (when, to whom, frame), in order: all are held alike
    os.nice(-15)  # a busy machine is not to make the path longer
    print("ready", flush=True)
    while True:
        timeout = max(0, held[0][0] - time.monotonic()) if held else None
        for s in select.select(ends, [], [], timeout)[0]:
            frame, (_, _, kind, *_) = s.recvfrom(65536)
            if kind != socket.PACKET_OUTGOING:
                held.append((time.monotonic() + milliseconds / 1000, other[s], frame))
        while held and held[0][0] <= time.monotonic():
            _, to, frame = held.popleft()
            to.send(frame)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
