"""How much: addresses, replays, clients at once, live grants."""

import table as t
from table import median, opened
from world import wait_for


def memory(world, table, quick):
    """resident memory before and after a flood of 10,000,000 addresses, and knocks during it"""
    count = 1_000_000 if quick else 10_000_000
    knocks = 10 if quick else 100
    with world.chronoknock() as door:
        door.knock(5)
        before = door.resident()
        flood = world.flood(count=count, source="16.0.0.1", sources=count)
        found = door.knock(knocks)
        during = flood.process.alive()
        sent, rate = flood.wait()
        after = door.resident()
        status = door.status()
    what = f"memory after {sent:,} addresses"
    table.add(what, after, t.mib, "before", before, "flat (1 %)", after < 1.01 * before)
    table.add("  of it for addresses, as stated at the start", status["memory"]["bytes"] / 2**20, t.mib)
    table.add("knock succeeds in it" + ("" if during else " (it ended before the knocks did)"), opened(found), t.share,
              goal="all", met=opened(found) == 1)
    table.note(f"memory: {rate:,.0f} SYNs a second, each from an address of its own")


def replay(world, table, quick):
    """a captured knock sent again and again at full speed: CPU, log lines, no effect"""
    length = 2 if quick else 6
    floor, _, _ = world.count("buffered", length, sources=0)
    with world.chronoknock() as door:
        stranger, _, _, _ = door.cpu_and_losses(length, sources=0)
        line = door.lines(1)
        source, _, *ports = line[0].split()
        first = world.probe(line)
        before, log = door.status(), len(door.server.log().splitlines())
        cost, lost, rate, _ = door.cpu_and_losses(length, source=source, ports=",".join(ports))
        after = door.status()
        lines = len(door.server.log().splitlines()) - log
    table.add(f"CPU a SYN of a replayed knock, {rate:,.0f}/s", cost, t.fine, "a stranger's SYN", stranger)
    table.add(f"CPU a SYN of a replayed knock, {rate:,.0f}/s", cost, t.fine, "bare counter, buffered", floor)
    table.add("  SYNs lost in capture in it", lost, t.share)
    granted = [s["knocks"]["granted"] for s in (before, after)]
    table.add(f"  log lines in {length} s", lines, t.number, goal="<= 2", met=lines <= 2)
    table.add("  grants earned by it", granted[1] - granted[0], t.number, goal="none",
              met=granted[0] == granted[1] and first[0] is not None)


def many(world, table, quick):
    """1,000 clients knock within one second"""
    clients = 1000
    with world.chronoknock() as door:
        found = world.probe(door.lines(clients), "--burst", limit=5)
        took = float(world.burst_took.split()[-2])
    table.add(f"{clients:,} clients knock within {took:.2f} s: let in", opened(found), t.share, goal="all",
              met=opened(found) == 1 and took <= 1)
    few = 30 if quick else 100
    for peer in (world.knockd, world.fwknopd):
        with peer() as daemon:
            theirs = world.probe(daemon.lines(few), "--burst", limit=10)
            took = float(world.burst_took.split()[-2])
        table.add(f"{clients:,} clients at once: let in", opened(found), t.share,
                  f"{type(daemon).__name__.lower()}, {few} in {took:.2f} s", opened(theirs))


def grants(world, table, quick):
    """100,000 live grants, and the time of the next one"""
    count, at_once = (5_000, 1_000) if quick else (100_000, 2_000)
    knocks = 25 if quick else 200
    # A key opens 1,024 times in a window: each batch has keys of its own.
    shares = -(-at_once // 1000)
    with world.chronoknock(keys=1 + shares * (count // at_once), open_for=3600) as door:
        none = door.knock(knocks)
        granted = door.status()["knocks"]["granted"]
        for at in range(0, count, at_once):
            keys = door.keys[at // at_once * shares:][:shares]
            world.probe([line for key in keys for line in door.lines(at_once // shares, key=key)], "--send-only")
            wanted = granted + at + at_once
            wait_for(lambda: door.status()["knocks"]["granted"] >= wanted, f"{wanted} grants", 10, 0.05)
        live = door.status()["grants"]["live"]
        some = door.knock(knocks)
        resident = door.resident()
    table.add(f"knock to open beside {live:,} live grants, median", median(some), t.micro, "beside none", median(none),
              "<= 1.5", median(some) <= 1.5 * median(none))
    table.add(f"memory with {live:,} live grants", resident, t.mib)
