"""A grant beside a big ruleset of others."""

import table as t

RULES, ELEMENTS = 10_000, 100_000


def others():
    """A table that is not ours, with so many rules and elements."""
    def address(i):
        return f"11.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}"
    rules = "\n".join(f"ip saddr {address(i)} tcp dport {1024 + i % 60000} accept" for i in range(RULES))
    elements = ",".join(address(i) for i in range(ELEMENTS))
    return f"""table inet others {{
        set many {{ type ipv4_addr; elements = {{ {elements} }}
        }}
        chain rules {{
            ip saddr @many accept
            {rules}
        }}
    }}
    """


def backends(world, table, quick):
    """one grant, in nftables, nft-set and ipset, beside 10,000 rules and 100,000 elements of others"""
    count = 500 if quick else 5_000
    host = world.server
    host.run(["nft", "-f", "-"], stdin="""table inet mine {
        set web4 { type ipv4_addr; flags timeout; }
        chain input { type filter hook input priority 0; ip saddr @web4 tcp dport 80 accept
        }
    }
    """)
    ways = {"nftables": ["nftables"], "nft-set": ["nft-set", "inet mine", "web4"]}
    if host.run(["ipset", "create", "web4", "hash:ip", "timeout", "0"], check=False).returncode == 0:
        ways["ipset"] = ["ipset", "web4"]

    def measure(way):
        return tuple(map(float, host.run([world.tools["grant"], count, *way]).stdout.split()))
    alone = {name: measure(way) for name, way in ways.items()}
    host.run(["nft", "-f", "-"], stdin=others())
    for name, way in ways.items():
        median, p99 = measure(way)
        goal = "< 60 us" if name != "ipset" else None
        table.add(f"a grant in {name} beside {RULES:,} rules, {ELEMENTS:,} elements, median", median, t.micro,
                  "beside none", alone[name][0], goal, median < 60 if goal else None)
        table.add("  99th percentile", p99, t.micro, "beside none", alone[name][1])
