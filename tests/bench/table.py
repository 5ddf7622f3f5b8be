"""The one table that a run prints."""

import statistics


class Table:
    HEAD = ("what", "chronoknock", "beside", "its figure", "ratio", "goal", "met")

    def __init__(self):
        self.rows = []
        self.notes = []

    def add(self, what, value, show=str, beside=None, other=None, goal=None, met=None, ratio=None):
        """A figure of ours, beside a peer's or the floor's; `show` writes both. ratio: ours to theirs, unless told.
        met: whether the goal is, or a word for that."""
        if ratio is None:
            ratio = f"{value / other:.3g}" if other and value is not None else ""
        self.rows.append((what, "-" if value is None else show(value), beside or "",
                          "" if other is None else show(other), ratio, goal or "",
                          "" if met is None else met if isinstance(met, str) else "yes" if met else "NO"))

    def note(self, text):
        self.notes.append(text)

    def text(self):
        rows = [self.HEAD, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.HEAD))]
        lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths)) + " |" for row in rows]
        lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
        return "\n".join(lines + [""] + [f"- {n}" for n in self.notes])


def micro(value):
    """Microseconds, for people."""
    return f"{value / 1e6:.2f} s" if value >= 1e6 else f"{value / 1e3:.2f} ms" if value >= 1e3 else f"{value:.3g} us"


def fine(value):
    return f"{value:.3f} us"


def share(value):
    return f"{100 * value:.4g} %"


def seconds(value):
    return f"{value:.3g} s"


def mib(value):
    return f"{value:.1f} MiB"


def number(value):
    return f"{value:,.0f}"


def opened(found):
    """Share of the knocks that opened."""
    return sum(1 for f in found if f is not None) / len(found)


def median(found):
    good = [f for f in found if f is not None]
    return statistics.median(good) if good else None


def p99(found):
    """A knock that failed counts as one that took for ever; None then."""
    ordered = sorted(float("inf") if f is None else f for f in found)
    worst = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return None if worst == float("inf") else worst
