"""What the guard costs everybody else: an unguarded port of a host with it, beside that of a host without."""

import pair
import table as t
from world import cpu_seconds

# A host that tracks connections, as most firewalls have it do.
_TRACKING = """table inet filter {
    chain input {
        type filter hook input priority filter; policy accept;
        ct state established,related accept
        ct state invalid drop
    }
}
"""
_ELSEWHERE, _IN_POOL = 443, 8080  # a port outside of the pool of knock ports, and one in it

_MEASURES = (("served", "connections", _ELSEWHERE), ("alone", "connections", _ELSEWHERE),
             ("served", "connections", _IN_POOL),
             ("served", "requests", _ELSEWHERE), ("alone", "requests", _ELSEWHERE))


class _Hosts:
    """A guarded and a bare host, each on a wire of its own to the same client, without a router between."""

    def __init__(self, world, tracking):
        self.world, lab = world, world.lab
        kind = "t" if tracking else "u"
        self.hosts = [lab.host(f"{kind}guarded"), lab.host(f"{kind}bare")]
        self.addresses = []
        for host in self.hosts:
            net, wire = f"10.98.{host.number}", f"by{host.number}"
            world.client.run(["ip", "link", "add", wire, "type", "veth", "peer", "name", "lan", "netns", host.path])
            for end, name, last in ((host, "lan", 1), (world.client, wire, 2)):
                end.run(["ip", "-batch", "-"], stdin=f"link set {name} up\naddr add {net}.{last}/24 dev {name}\n")
            self.addresses.append(f"{net}.1")
            if tracking:
                host.run(["nft", "-f", "-"], stdin=_TRACKING)
                # Entries of connections that are over fill no table.
                for state in ("close", "time_wait"):
                    host.sysctl(f"net.netfilter.nf_conntrack_tcp_timeout_{state}", 1)
        self.guard = lab.chronoknock(self.hosts[0], services={"web": "ports = tcp/22"},
                                     keys={"alice": (lab.key(f"{kind}alice"), "web")})

    def measure(self, way, mode, port, rounds, milliseconds):
        """[(microseconds guarded, microseconds bare), ...] and the CPU time of the server, a connection or request."""
        before = cpu_seconds(self.guard.process.pid)
        argv = [self.world.tools["bystanders"], way, mode, port, rounds, milliseconds, self.world.client.path]
        for host, address in zip(self.hosts, self.addresses):
            argv += [host.path, address]
        said = self.world.client.run(argv, timeout=600).stdout
        pairs = [tuple(map(float, line.split())) for line in said.splitlines()]
        number = sum(milliseconds * 1e3 / guarded for guarded, _ in pairs)
        return pairs, (cpu_seconds(self.guard.process.pid) - before) * 1e6 / number

    def tracked(self):
        """Connections that the kernel of the guarded host has an entry of, one to it being open."""
        with self.hosts[0].inside():
            try:
                with open("/proc/sys/net/netfilter/nf_conntrack_count", encoding="ascii") as count:
                    return int(count.read())
            except FileNotFoundError:
                return 0


def bystanders(world, table, quick):
    """new connections and requests a second to an unguarded port, with and without the guard"""
    rounds, milliseconds = (100, 5) if quick else (1000, 5)
    for tracking, name in ((True, "tracks connections"), (False, "tracks none")):
        hosts = _Hosts(world, tracking)
        for way, mode, port in _MEASURES:
            pairs, daemon = hosts.measure(way, mode, port, rounds, milliseconds)
            ratio, (low, high) = pair.ratio_of(pairs), pair.interval_of(pairs)
            guarded, bare = (sorted(values)[(len(pairs) - 1) // 4] for values in zip(*pairs))
            what = f"{'new ' if mode == 'connections' else ''}{mode} a second, unguarded port, host {name}"
            goal, met = None, None
            if port == _IN_POOL:
                what = "  the same, and the port is one of the knock ports"
            elif way == "alone":
                what = "  the same, both ends in one process: nothing but the kernel's work"
            else:
                goal = ">= 0.98"
                met = ("yes" if 1 / high >= 0.98 else "NO" if 1 / low < 0.98 else
                       "unsure" if 1 / ratio < 0.98 else "likely")
            table.add(what, 1e6 / guarded, t.number, "no guard", 1e6 / bare, goal, met,
                      ratio=f"{1 / ratio:.3f} ({1 / high:.3f} to {1 / low:.3f})")
            if port == _IN_POOL:
                table.add("  CPU of our server for each of these, on another processor", daemon, t.fine)
        if not tracking:
            table.add("  connections that the kernel tracks there after that", hosts.tracked(), t.number, goal="none",
                      met=hosts.tracked() == 0)
        hosts.guard.process.stop()
