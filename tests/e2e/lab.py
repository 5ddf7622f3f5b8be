"""The network lab: hosts in namespaces of their own, each on its own wire to one router between them.

    with Lab() as lab:
        server, client = lab.host("server"), lab.host("client")
        key = lab.key("alice", granularity=2)
        door = lab.chronoknock(server, services={"ssh": "ports = tcp/22"}, keys={"alice": (key, "ssh")})
        client.knock(server, key)

What passes between hosts passes the router, where it can be seen (`lab.sniffer`), dropped or
changed (`lab.router_rules`). Everything ends with the lab. Needs root and Debian's tools.
"""

import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import types

from netns import Namespace, Process, wait_for  # noqa: F401  (for those who import the lab)
from packets import Captured, Sender, Sniffer, syn  # noqa: F401
from services import Chronoknock, start_chronyd, start_http, start_sshd  # noqa: F401

CLOCK_ERROR = 0.5  # what a system clock is trusted to, by both ends
_DEFAULT_PROGRAM = pathlib.Path(__file__).parents[2] / "build/app/chronoknock"


class Host(Namespace):
    """A machine of the lab, with one interface eth0 and a default route to the router."""

    def __init__(self, lab, name, number):
        super().__init__()
        self.lab, self.name, self.number = lab, name, number
        self.ip4, self.ip6 = f"10.77.{number}.2", f"fd77:{number}::2"
        self.home = lab.folder / name
        self.home.mkdir()
        # What a program keeps for its user stays apart from other hosts' and from the real one's.
        self.env = {"HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state"),
                    "XDG_CONFIG_HOME": str(self.home / "config"), "XDG_CACHE_HOME": str(self.home / "cache")}
        for variable in ("net.ipv6.conf.default.accept_dad", "net.ipv4.conf.all.rp_filter",
                         "net.ipv4.conf.default.rp_filter"):
            self.sysctl(variable, 0)
        self.run(["ip", "link", "set", "lo", "up"])

    def ip(self, version):
        return {4: self.ip4, 6: self.ip6}[version]

    def run(self, argv, env=None, **options):
        return super().run(argv, env={**self.env, **(env or {})}, **options)

    def spawn(self, argv, log=None, env=None, **options):
        log = log or self.home / f"{pathlib.Path(argv[0]).name}.log"
        return super().spawn(argv, log, env={**self.env, **(env or {})}, **options)

    def add_addresses(self, net4=None, net6=None):
        """Makes every address of a network this host's own, and routed to it."""
        for version, net, own in (("-4", net4, self.ip4), ("-6", net6, self.ip6)):
            if net:
                self.run(["ip", version, "route", "add", "local", net, "dev", "lo"])
                self.sysctl("net.ipv6.ip_nonlocal_bind", 1)
                self.lab.router.run(["ip", version, "route", "add", net, "via", own])

    def connect(self, target, port, source=None, seconds=5.0):
        """Connects by TCP as any client would. Returns the socket; raises TimeoutError, ConnectionError."""
        with self.inside():
            return socket.create_connection((target, port), timeout=seconds,
                                            source_address=(source, 0) if source else None)

    def door(self, target, port, source=None, seconds=0.5):
        """What one try to connect meets: "open", "silent" (no answer in time) or "refused"."""
        try:
            self.connect(target, port, source, seconds).close()
            return "open"
        except TimeoutError:
            return "silent"
        except ConnectionRefusedError:
            return "refused"

    def wait_open(self, target, port, source=None, seconds=5.0):
        wait_for(lambda: self.door(target, port, source, 0.2) == "open",
                 f"{target} port {port} to open to {source or self.name}", seconds)

    def wait_shut(self, target, port, source=None, seconds=15.0):
        # Not without a pause: a busy sshd that cannot keep up with the tries looks like a shut door.
        wait_for(lambda: self.door(target, port, source, 0.4) != "open",
                 f"{target} port {port} to shut to {source or self.name}", seconds, every=0.1)

    def knock_argv(self, target, key, service="", *options, time_server="none"):
        address = target if isinstance(target, str) else target.ip4
        return [self.lab.program, "knock", address, *([service] if service else []), "--key", key,
                "--time-server", time_server, *options]

    def knock(self, target, key, service="", *options, time_server="none", check=True, env=None):
        """Runs the real client to its end. target: a Host (its IPv4 address) or an address."""
        return self.run(self.knock_argv(target, key, service, *options, time_server=time_server),
                        check=check, env=env)


class Lab:
    def __init__(self, program=None):
        if os.geteuid() != 0:
            raise PermissionError("the lab makes network namespaces: run it as root")
        self.program = str(program or os.environ.get("CHRONOKNOCK", _DEFAULT_PROGRAM))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chronoknock-lab-"))
        self.hosts = []
        self._open = []
        self.router = None
        self.router = Host(self, "router", 0)
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        # A wire that was down for a moment carries IPv6 again, as it does IPv4.
        for scope in ("all", "default"):
            self.router.sysctl(f"net.ipv6.conf.{scope}.keep_addr_on_down", 1)

    def host(self, name):
        """A new machine, wired to the router by the router's interface `name`."""
        host = Host(self, name, len(self.hosts) + 1)
        self.hosts.append(host)
        self.wire(host)
        return host

    def wire(self, host):
        """Plugs a host in (again)."""
        n = host.number
        self.router.run(["ip", "link", "add", host.name, "type", "veth", "peer", "name", "eth0",
                         "netns", host.path])
        host.run(["ip", "link", "set", "eth0", "up"])
        self.router.run(["ip", "-batch", "-"], stdin=f"""
            link set {host.name} up
            addr add 10.77.{n}.1/24 dev {host.name}
            addr add fd77:{n}::1/64 dev {host.name} nodad""")
        host.run(["ip", "-batch", "-"], stdin=f"""
            addr add {host.ip4}/24 dev eth0
            addr add {host.ip6}/64 dev eth0 nodad
            route add default via 10.77.{n}.1
            route add ::/0 via fd77:{n}::1""")
        self.wait_wire(host)

    def wait_wire(self, host):
        """Waits until a host's wire carries both families: the kernel takes its time, and what is sent before is
        lost."""
        n = host.number
        for a, b in ((self.router, host.ip6), (host, f"fd77:{n}::1"), (self.router, host.ip4)):
            wait_for(lambda a=a, b=b: a.door(b, 1, seconds=0.05) == "refused", f"the wire to {host.name}")

    def sniffer(self, host):
        """Sees what passes the router to and from a host, as an eavesdropper on the way would."""
        return self.keep(Sniffer(self.router, host.name))

    def sender(self, host):
        return self.keep(Sender(host))

    def router_rules(self, rules):
        """nft rules for packets that the router forwards; each call replaces the last ones."""
        self.router.run(["nft", "-f", "-"], stdin=f"""
            add table inet lab
            delete table inet lab
            table inet lab {{ chain forward {{ type filter hook forward priority 0;
                {rules}
            }}
            }}""")

    def key(self, name, **fields):
        """Writes a key file, the same for both ends, and returns its path."""
        path = self.folder / f"{name}.key"
        fields.setdefault("granularity", 2)
        fields.setdefault("secret", secrets.token_hex(64))
        path.write_text("".join(f"{k} = {v}\n" for k, v in fields.items()), encoding="ascii")
        path.chmod(0o600)
        return path

    def chronoknock(self, host, **options):
        """Starts the real server on a host and waits until it answers. See services.Chronoknock."""
        return Chronoknock(self, host, **options)

    def until(self, unix_time):
        """Waits until the system clock has reached a time."""
        wait_for(lambda: time.time() >= unix_time, f"the clock to reach {unix_time}", 60)

    def next_window(self, granularity, after=None):
        """Waits until the first window that begins after a time (now) is the present one to everybody, and returns its
        beginning. A system clock is trusted to half a second: until then a client still takes the window before."""
        after = time.time() if after is None else after
        start = int(after - after % granularity) + granularity
        self.until(start + CLOCK_ERROR + 0.05)
        return start

    def keep(self, thing):
        """Closes it with the lab."""
        self._open.append(thing)
        return thing

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for thing in self._open:
            thing.close()
        for host in reversed(self.hosts):
            host.close()
        self.router.close()
        shutil.rmtree(self.folder, ignore_errors=True)
