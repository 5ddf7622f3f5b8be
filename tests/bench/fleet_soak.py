#!/usr/bin/env python3
"""A fleet of three under random faults of its cluster of three: sudo tests/bench/fleet_soak.py [SEED [ROUNDS [KNOCKS]]]

2,000 knocks under 100 faults by default. It ends with status 1 where a token was taken twice, a grant left open, or the
hosts disagreed 5 s after a healing."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))

from fleetsoak import Soak  # noqa: E402


def main():
    seed, rounds, knocks = [int(a) for a in sys.argv[1:]] + [1, 100, 20][len(sys.argv) - 1:]
    soak = Soak(seed, say=lambda text: print(text, flush=True))
    try:
        soak.run(rounds, knocks)
    finally:
        soak.close()


if __name__ == "__main__":
    main()
