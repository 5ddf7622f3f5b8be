"""How fast: knock to open, CPU per packet, keys, derivation."""

import json
import subprocess
import time

import table as t
from table import median, opened, p99
from world import GRANULARITY

# Seconds for 1,000,000 sequences, as the paper's Table 1 has them; only what could be looked up.
_PAPER = {("sha256", 512): 3.765}


def table1(world, table, quick):
    """the paper's Table 1: 1,000,000 sequences, beside the low-level call and naive OpenSSL"""
    count = 100_000 if quick else 1_000_000
    done = subprocess.run([world.tools["table1"], str(count)], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        r = json.loads(line)
        what = f"{count:,} sequences, {r['digest']}, {r['bits']} bits"
        table.add(what, r["deriver"], t.seconds, "low-level call", r["floor"], "<= 1.15",
                  r["deriver"] / r["floor"] <= 1.15)
        table.add(what, r["deriver"], t.seconds, "naive OpenSSL", r["naive"])
        paper = _PAPER.get((r["digest"], r["bits"]))
        if paper:
            table.add(what, r["deriver"] * 1e6 / count, t.seconds, "paper, per 1,000,000", paper)


def _flooded(door, knocks, **flood):
    """Knocks while a flood goes on. Gives (found, lost share, packets a second)."""
    before = door.losses()
    with door.world.flooding(**flood) as running:
        found = door.knock(knocks)
    seen, dropped = (a - b for a, b in zip(door.losses(), before))
    return found, dropped / max(1, dropped + seen), running.rate


def open(world, table, quick):  # noqa: A001 (it is the part's name)
    """knock to open: quiet and flooded, 1 and 10,000 keys; knockd and fwknop"""
    knocks = 25 if quick else 200
    figures = {}
    for keys in (1, 1_000 if quick else 10_000):
        with world.chronoknock(keys) as door:
            quiet = door.knock(knocks)
            flooded, lost, rate = _flooded(door, knocks, sources=0)
            figures[keys] = quiet
            name = f"knock to open, {keys:,} key{'s' if keys > 1 else ''}"
            for how, found, goal in (("quiet", quiet, 500), (f"{rate:,.0f} SYNs/s", flooded, 5000)):
                table.add(f"{name}, {how}, median", median(found), t.micro, goal=f"< {t.micro(goal)}",
                          met=median(found) is not None and median(found) < goal)
                table.add(f"{name}, {how}, p99", p99(found), t.micro)
                table.add(f"{name}, {how}, opened", opened(found), t.share)
            table.add(f"{name}: SYNs lost in that flood", lost, t.share)
    with world.opener() as floor:
        found = floor.knock(knocks)
        for how, of, goal in (("median", median, 300), ("p99", p99, None)):
            table.add(f"knock to open, 1 key, quiet, {how}", of(figures[1]), t.micro, "bare capture, 16 SYNs, a grant",
                      of(found), goal and f"<= {t.micro(goal)}", goal and of(figures[1]) <= goal)
    for peer in (world.knockd, world.fwknopd):
        with peer() as daemon:
            found = daemon.knock(10 if quick else 100)
            name = type(daemon).__name__.lower()
            for how, of in (("median", median), ("p99", p99)):
                table.add(f"knock to open, 1 key, quiet, {how}", of(figures[1]), t.micro, name, of(found))


def cpu(world, table, quick):
    """CPU per flood packet, beside the bare counter and the peers"""
    length = 2 if quick else 6
    floors = {mode: world.count(mode, length, sources=0) for mode in ("buffered", "pause", "immediate")}
    with world.chronoknock() as door:
        cost, lost, rate, busy = door.cpu_and_losses(length, sources=0)
        aimed, aimed_lost, _, _ = door.cpu_and_losses(length, source="11.0.0.1", sources=4096)
        slow, _, _, _ = door.cpu_and_losses(length, sources=0, rate=50_000)
    what = f"CPU a SYN, random sources, {rate:,.0f}/s"
    table.add(f"share of a processor, {rate:,.0f} SYNs/s", busy, t.share)
    for mode, (floor, _, _) in floors.items():
        goal = ("<= 0.3 us", cost <= 0.3) if mode == "buffered" else (None, None)
        table.add(what, cost, t.fine, f"bare counter, {mode}", floor, *goal)
    table.add("SYNs lost in capture in it", lost, t.share, "bare counter, buffered", floors["buffered"][1],
              "none more", lost <= floors["buffered"][1] + 1e-6)
    table.add("CPU a SYN, 4,096 sources in turn", aimed, t.fine)
    table.add("SYNs lost in capture in it", aimed_lost, t.share)
    floor = world.count("buffered", length, sources=0, rate=50_000)[0]
    table.add("CPU a SYN, random sources, 50,000/s", slow, t.fine, "bare counter, buffered", floor)

    with world.knockd() as knockd:
        first = knockd.sequences[0][0]
        theirs, _, _ = knockd.cpu_per_packet(length, sources=0, ports=first, rate=50_000)
    table.add("CPU a SYN, random sources, 50,000/s", slow, t.fine, "knockd, at its first port", theirs)
    with world.fwknopd() as fwknopd:
        theirs, _, _ = fwknopd.cpu_per_packet(length, sources=0, ports=fwknopd.PORT, udp=200, rate=2_000)
    table.add("CPU a SYN, random sources, 50,000/s", slow, t.fine, "fwknopd, garbage, 2,000/s", theirs)


def keys(world, table, quick):
    """1 to 10,000 keys: start, memory, CPU per flood packet, knock to open; plain digests and their limit"""
    length = 2 if quick else 6
    knocks = 10 if quick else 100
    one = {}
    for count in (1, 100, 1_000 if quick else 10_000):
        with world.chronoknock(count) as door:
            resident = door.resident()
            found = door.knock(knocks)
            aimed, lost, _, _ = door.cpu_and_losses(length, source="11.0.0.1", sources=4096)
            figures = {
                "start": (door.start_took, t.seconds, None),
                "memory": (resident, t.mib, None),
                "CPU a SYN, random sources": (door.cpu_and_losses(length, sources=0)[0], t.fine, 1.5),
                "CPU a SYN, 4,096 sources in turn": (aimed, t.fine, 1.5),
                "SYNs lost in that": (lost, t.share, None),
                "knock to open, median": (median(found), t.micro, None)}
            one = one or figures
            for what, (value, show, most) in figures.items():
                if count == 1:
                    table.add(f"1 key: {what}", value, show)
                    continue
                met = None if most is None else value / one[what][0] < most
                table.add(f"{count:,} keys: {what}", value, show, "1 key", one[what][0],
                          f"< {most} times" if most else None, met)

    for count in (1, 100):
        with world.chronoknock(count, "sha256") as door:
            name = f"{count} plain sha256 key{'s' if count > 1 else ''}"
            friend = world.sources(1)
            first = world.probe(door.lines(sources=friend))
            cost, _, _, _ = door.cpu_and_losses(length, sources=0)
            before, begin = door.status()["matching"], time.monotonic()
            aimed, _, _, busy = door.cpu_and_losses(length, source="11.0.0.1", sources=4096)
            after, took = door.status()["matching"], time.monotonic() - begin
            with world.flooding(source="11.0.0.1", sources=4096):
                # The friend's next knock, from an address that the server knows.
                world.lab.next_window(GRANULARITY)
                known = world.probe(door.lines(sources=friend), limit=5)
                strangers = door.knock(knocks, limit=1)
        table.add(f"{name}: CPU a SYN, random sources", cost, t.fine, "1 hmac key",
                  one["CPU a SYN, random sources"][0])
        table.add(f"{name}: CPU a SYN, 4,096 sources in turn", aimed, t.fine)
        table.add(f"{name}: sequences hashed a second in it",
                  (after["derivations"] - before["derivations"]) / took, t.number, "limit", 100_000)
        table.add(f"{name}: share of a processor in it", busy, t.share)
        table.add(f"{name}: a known address knocks in it", known[0], t.micro, "quiet", first[0], "opens",
                  known[0] is not None)
        table.add(f"{name}: new addresses that get in in it", opened(strangers), t.share)

    # knockd with 1,000 sequences of 16 ports takes 11 GB and minutes to start.
    for peer, many in ((world.knockd, 300), (world.fwknopd, 1_000)):
        for count in (1, 50 if quick else many):
            with peer(count) as daemon:
                name = f"{type(daemon).__name__.lower()}, {count:,} key{'s' if count > 1 else ''}"
                if peer == world.knockd:
                    aim = {"ports": daemon.sequences[0][0], "rate": 20_000}
                else:
                    aim = {"ports": daemon.PORT, "udp": 200, "rate": 2_000 if count == 1 else 100}
                table.add("1 key: CPU a SYN, random sources", one["CPU a SYN, random sources"][0], t.fine, name,
                          daemon.cpu_per_packet(length, sources=0, **aim)[0])
                table.add("1 key: start", one["start"][0], t.seconds, name, daemon.start_took)
                table.add("1 key: memory", one["memory"][0], t.mib, f"{name}, peak", daemon.resident("VmHWM"))
