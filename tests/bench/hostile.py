"""How surely: knocks through loss, disorder, noise in the knocker's name, and floods aimed at the daemon."""

import random
import re

import table as t
from table import opened
from world import DOOR, GRANULARITY, dotted, window

_AT_ONCE = 64


def _lose(world, percent, silent=False):
    """The router loses packets both ways, but none from or to the door, which only tells who got in."""
    # Not "th dport != ... th sport != ...": nft 1.0.6 makes one comparison of the two, and means another thing.
    world.lab.router_rules(
        f"meta l4proto {{ tcp, udp }} th dport {DOOR} accept\nmeta l4proto {{ tcp, udp }} th sport {DOOR} accept\n"
        f"meta l4proto {{ tcp, udp }} numgen random mod 100 < {percent} counter drop\n"
        + ("tcp flags & rst == rst drop\n" if silent else ""))


def _clients(world, door, count):
    """So many real clients, each from an address of its own, some at a time. Gives (share granted, mean SYNs)."""
    before, syns = door.status()["knocks"]["granted"], 0
    sources = world.sources(count)
    for at in range(0, count, _AT_ONCE):
        running = []
        for i, source in enumerate(sources[at:at + _AT_ONCE]):
            home = world.client.home / f"home{i}"
            running.append(world.client.spawn(
                world.client.knock_argv(world.server, door.keys[-1].file, "", "--source", source),
                log=world.client.home / f"knock-{source}", env={"XDG_STATE_HOME": home}))
        for process in running:
            if process.stop(0, 30) != 0:
                raise AssertionError(process.text())
            syns += int(re.search(r"(\d+) SYNs", process.text())[1])
            process.log.unlink()
        world.client.processes.clear()
    return (door.status()["knocks"]["granted"] - before) / count, syns / count


def loss(world, table, quick):
    """success at 1, 5 and 20 % loss, by the real client, and SYNs a knock costs"""
    goals = {1: 0.999, 5: 0.999, 20: 0.99}
    knocks = 128 if quick else 2048
    ours = {}
    with world.chronoknock() as door:
        for percent, silent in ((0, False), (1, False), (5, False), (20, False), (5, True), (20, True)):
            _lose(world, percent, silent)
            ours[percent, silent] = _clients(world, door, knocks)
    for (percent, silent), (got_in, syns) in ours.items():
        goal = goals.get(percent)
        what = f"knock succeeds at {percent} % loss" + (", host that never answers" if silent else "")
        table.add(what, got_in, t.share, goal=goal and f">= {t.share(goal)}",
                  met=None if goal is None else got_in >= goal)
        table.add(f"SYNs a knock costs at {percent} % loss" + (", host that never answers" if silent else ""), syns,
                  lambda v: f"{v:.1f}")
    for peer, knocks, pause in ((world.knockd, 200, 5_000), (world.fwknopd, 100, 200_000)):
        for percent in (1, 5, 20):
            with peer() as daemon:  # anew: fwknopd slows down with each rule that it has made
                lines = daemon.lines(30 if quick else knocks)
                _lose(world, percent)
                found = world.probe(lines, "--burst", "--pause", pause, limit=5)
                name = f"{type(daemon).__name__.lower()}, no retry"
                table.add(f"knock succeeds at {percent} % loss", ours[percent, False][0], t.share, name, opened(found))
            world.lab.router_rules("")


def disorder(world, table, quick):
    """success with the SYNs of a knock shuffled, repeated, and with a stranger between"""
    knocks = 20 if quick else 200

    def swap(ports):
        ports[4], ports[5] = ports[5], ports[4]

    def foreign(ports):
        ports.insert(8, ports[2])

    def twice(ports):
        ports[:] = [p for p in ports for _ in range(2)]
        random.shuffle(ports)

    forms = {"shuffled": random.shuffle, "two swapped": swap, "a SYN of it once more amid": foreign,
             "doubled and shuffled": twice}
    ours, theirs = {}, {}
    with world.chronoknock() as door:
        for name, change in forms.items():
            ours[name] = opened(world.probe(door.lines(knocks, shuffle=change), "--burst", limit=2))
    with world.knockd() as knockd:
        for name, change in forms.items():
            theirs[name] = opened(world.probe(knockd.lines(knocks // 2, shuffle=change), "--burst", "--pause", 5_000,
                                              limit=2))
    for name, got_in in ours.items():
        table.add(f"knock succeeds, SYNs {name}", got_in, t.share, "knockd", theirs[name], "all", got_in == 1)


def noise(world, table, quick):
    """success while 10,000 packets a second come in the knocker's name"""
    groups, together = (4, 5) if quick else (40, 5)
    kinds = ("random ports", "ports of earlier knocks")
    ours = {kind: [] for kind in kinds}

    def under(daemon, flood, sources, **options):
        lines = daemon.lines(sources=sources)
        with world.flooding(source=sources[0], sources=len(sources), rate=10_000 * len(sources), **flood):
            return world.probe(lines, **options)

    with world.chronoknock() as door:
        for _ in range(groups):
            ours[kinds[0]] += under(door, {}, world.sources(together))
            sources = world.sources(together)
            t0 = window()
            earlier = {p for s in sources for back in (1, 2, 3)
                       for p in door.keys[0].sequence(s, t0 - back * GRANULARITY)}
            ports = ",".join(map(str, {*earlier, door.keys[0].selector(t0)}))
            ours[kinds[1]] += under(door, {"ports": ports}, sources)
    groups = 2 if quick else 4
    theirs = {kind: [] for kind in kinds}
    with world.knockd() as knockd:
        for kind, flood in zip(kinds, ({}, {"ports": ",".join(map(str, knockd.sequences[0]))})):
            for _ in range(groups):
                theirs[kind] += under(knockd, flood, world.sources(together), limit=1)
    with world.fwknopd() as fwknopd:
        garbage = []
        for _ in range(groups):
            garbage += under(fwknopd, {"ports": fwknopd.PORT, "udp": 200}, world.sources(together), limit=1)
    for kind in kinds:
        got_in = opened(ours[kind])
        table.add(f"knock succeeds in noise of its own address, {kind}", got_in, t.share, "knockd",
                  opened(theirs[kind]), ">= 99 %", got_in >= 0.99)
    table.add(f"knock succeeds in noise of its own address, {kinds[1]}", got_in, t.share, "fwknopd, garbage packets",
              opened(garbage))


def aimed(world, table, quick):
    """success during 50,000 packets a second aimed at the daemon"""
    rate, knocks = 50_000, 20 if quick else 200
    floods = {"random addresses": {"sources": 0}, "4,096 addresses": {"source": "11.0.0.1", "sources": 4096},
              "4,096 addresses, at the selector": {"source": "11.0.0.1", "sources": 4096, "ports": None}}
    ours = {}
    with world.chronoknock() as door:
        for name, flood in floods.items():
            if "ports" in flood:
                first = window()
                flood["ports"] = ",".join(str(door.keys[0].selector(first + i * GRANULARITY)) for i in range(-1, 4))
            with world.flooding(rate=rate, **flood):
                ours[name] = opened(door.knock(knocks))
    tries = 5 if quick else 10
    theirs = []
    with world.knockd() as knockd:
        with world.flooding(rate=rate, sources=0, ports=knockd.sequences[0][0]):
            theirs.append(("knockd, at its first port", opened(knockd.knock(tries))))
    with world.fwknopd() as fwknopd:
        lines = fwknopd.lines(2 * tries)
        for rate, part in ((5_000, lines[:tries]), (50_000, lines[tries:])):
            with world.flooding(rate=rate, sources=0, ports=fwknopd.PORT, udp=200):
                theirs.append((f"fwknopd, {rate:,} garbage packets/s", opened(world.probe(part))))
    for name, got_in in ours.items():
        table.add(f"knock succeeds in 50,000 SYNs/s, {name}", got_in, t.share, goal=">= 99 %", met=got_in >= 0.99)
    for name, got_in in theirs:
        table.add("knock succeeds in 50,000 SYNs/s, random addresses", ours["random addresses"], t.share, name, got_in)


def selectors(world, table, quick):
    """first-time knocks while spoofed addresses hit live selectors of one key, at rising rates"""
    rates = (254_000,) if quick else (100_000, 254_000, 500_000, 0)
    knocks = 5 if quick else 20
    with world.chronoknock() as door:
        for name, each, timely in (("10 live selectors of one key", 10, False), ("16 ports, 2 of them timely", 16, True)):
            for rate in rates:
                now = window()
                live = {door.keys[0].selector(now + i * GRANULARITY, service)
                        for i in range(*((0, 1) if timely else (-2, 3))) for service in ("", "web")}
                others = set()
                while len(live | others) < each:
                    others.add(random.randrange(1024, 65536))
                ports = ",".join(map(str, sorted(live | others)))
                first = random.randrange(11 << 24, 90 << 24)
                seen, lost = door.losses()
                with world.flooding(rate=rate, source=dotted(first), sources=1 << 24, each=each, ports=ports,
                                    in_order=True) as flood:
                    found = world.probe(door.lines(knocks), limit=1)  # one round each, where the client sends five
                seen, lost = (after - before for after, before in zip(door.losses(), (seen, lost)))
                table.add(f"first-time knocks let in, {name}, {flood.rate:,.0f}/s", opened(found), t.share,
                          goal="all", met=opened(found) == 1)
                table.add("  SYNs lost in capture in it", lost / max(1, seen + lost), t.share)
