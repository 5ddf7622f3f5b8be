"""Debian's DNS servers in the lab: nsd, authoritative, and unbound, a resolver."""

import socket
import struct

from netns import wait_for
from services import _tool

QUESTION = struct.pack("!HHHHHH", 1, 0x0100, 1, 0, 0, 0)


def _answers(host, address):
    with host.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        try:
            s.sendto(QUESTION + b"\2ns\7example\3org\0\0\1\0\1", (address, 53))
            return len(s.recv(512)) > 12
        except OSError:
            return False


def start_nsd(host, zones):
    """An authoritative server for zones (name -> records) on a host; returns once it answers."""
    folder = host.home / "nsd"
    folder.mkdir(exist_ok=True)
    text = f"""
server:
    port: 53
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/pid"
    xfrdfile: "{folder}/xfrd"
    zonelistfile: "{folder}/zones"
    server-count: 1
remote-control:
    control-enable: no
"""
    for name, records in zones.items():
        (folder / name).write_text(f"$ORIGIN {name}.\n$TTL 300\n@ SOA ns admin 1 300 300 300 300\n@ NS ns\n{records}\n",
                                   encoding="ascii")
        text += f'zone:\n    name: "{name}"\n    zonefile: "{name}"\n'
    config = folder / "nsd.conf"
    config.write_text(text, encoding="ascii")
    process = host.spawn([_tool("nsd"), "-d", "-c", config], log=folder / "log")
    wait_for(lambda: _answers(host, "127.0.0.1"), f"nsd to answer; it said:\n{process.text()}")
    return process


def start_unbound(host, zone, authority):
    """A resolver on a host that finds a zone at an address, and what is delegated below it by itself."""
    folder = host.home / "unbound"
    folder.mkdir(exist_ok=True)
    config = folder / "unbound.conf"
    config.write_text(f"""
server:
    interface: 0.0.0.0
    interface: ::0
    interface-automatic: yes
    access-control: 0.0.0.0/0 allow
    access-control: ::/0 allow
    module-config: "iterator"
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: "{folder}/pid"
    use-syslog: no
    verbosity: 1
    num-threads: 1
    use-caps-for-id: yes
remote-control:
    control-enable: no
stub-zone:
    name: "{zone}"
    stub-addr: {authority}
""", encoding="ascii")
    process = host.spawn([_tool("unbound"), "-d", "-c", config], log=folder / "log")
    wait_for(lambda: _answers(host, "127.0.0.1"), f"unbound to answer; it said:\n{process.text()}")
    return process
