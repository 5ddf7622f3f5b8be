"""A router that loses one packet of twenty, both ways, and what that may do to many knocks (chronoknock-protocol(7),
CLIENT)."""

import math
import re

from case import PORT

LOSS = 0.05
KNOCKS = 60
ROUNDS = 5      # at the most, while something has not been answered
_NEVER = 1e-6   # so seldom may the test fail with a program that keeps to the page


def most_failures(ports):
    """The most knocks that do not open, of so many packets each: more come less than once in a million times."""
    fails = 1 - (1 - LOSS ** ROUNDS) ** ports
    above, most = 1.0, -1
    while above > _NEVER:
        most += 1
        above -= math.comb(KNOCKS, most) * fails ** most * (1 - fails) ** (KNOCKS - most)
    return most


def lose(lab):
    """What passes the lab's router gets lost now and then, but for the door's own connections."""
    lab.router_rules(f"""tcp dport {PORT} accept
        tcp sport {PORT} accept
        meta l4proto {{ tcp, udp, icmp, ipv6-icmp }} numgen random mod 100 < {round(100 * LOSS)} counter drop""")


def lost(lab):
    """How many packets that were, and loses no more."""
    counted = lab.router.run(["nft", "list", "table", "inet", "lab"]).stdout
    lab.router_rules("accept")
    return int(re.search(r"packets (\d+) ", counted).group(1))
