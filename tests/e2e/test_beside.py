"""Beside a firewall that is there already: its rules are as they would be without us, ours guard, whichever was there
first, and after its reload."""

import re
import shutil
import sys
import unittest

from case import PORT, LabTest
from lab import start_http
from netns import Namespace

THEIRS_OPEN = 8091  # let in by their rules, and none of our business
THEIRS_SHUT = 8090  # shut by their rules


def without_counters(text):
    return "\n".join(re.sub(r"\[\d+:\d+\]", "", line) for line in text.splitlines() if not line.startswith("#"))


class Nftables:
    """nftables.service: the rules of a file, which begins with flushing whatever there is."""

    RULES = f"""flush ruleset
table inet filter {{
    chain input {{
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} accept
        tcp dport {{ {PORT}, {THEIRS_OPEN} }} accept
    }}
}}
"""

    def __init__(self, host):
        self.host = host
        self.file = host.home / "nftables.conf"
        self.file.write_text(self.RULES, encoding="ascii")

    def start(self):
        self.host.run(["nft", "-f", self.file])

    reload = start

    def restart(self):
        self.host.run(["nft", "flush", "ruleset"])
        self.start()


class Iptables:
    """A set of rules as iptables-save writes them; loading it replaces all tables in it."""

    def __init__(self, host, variant):
        self.host, self.variant = host, variant

    def rules(self, version):
        icmp = "-A INPUT -p icmpv6 -j ACCEPT\n" if version == 6 else ""
        return f"""*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
{icmp}-A INPUT -p tcp -m multiport --dports {PORT},{THEIRS_OPEN} -j ACCEPT
COMMIT
"""

    def start(self):
        for version, tables in ((4, "iptables"), (6, "ip6tables")):
            self.host.run([f"{tables}-{self.variant}-restore"], stdin=self.rules(version))

    reload = start

    def restart(self):
        for tables in ("iptables", "ip6tables"):
            for words in (["-P", "INPUT", "ACCEPT"], ["-F"], ["-X"]):
                self.host.run([f"{tables}-{self.variant}", *words])
        self.start()


class Ufw:
    """ufw with a configuration of the host's own."""

    PLACES = ("/etc/ufw", "/etc/default/ufw")

    def __init__(self, host):
        self.host = host
        for place in self.PLACES:
            copy = host.home / place.strip("/").replace("/", "-")
            shutil.copytree(place, copy) if place == "/etc/ufw" else shutil.copy(place, copy)
        for words in (["allow", f"{PORT}/tcp"], ["allow", f"{THEIRS_OPEN}/tcp"]):
            self.run(*words)

    def run(self, *words):
        binds = " && ".join(f"mount --bind {self.host.home}/{place.strip('/').replace('/', '-')} {place}"
                            for place in self.PLACES)
        return self.host.run(["unshare", "-m", "sh", "-c", f'{binds} && exec ufw "$@"', "ufw", *words])

    def start(self):
        self.run("--force", "enable")

    def reload(self):
        self.run("reload")

    def restart(self):
        self.run("disable")
        self.start()


class Firewalld:
    """firewalld with a configuration and a bus of the host's own."""

    def __init__(self, host):
        self.host = host
        self.folder = host.home / "firewalld"
        (self.folder / "zones").mkdir(parents=True)
        (self.folder / "zones/public.xml").write_text(f"""<?xml version="1.0" encoding="utf-8"?>
<zone><short>Public</short><port port="{PORT}" protocol="tcp"/><port port="{THEIRS_OPEN}" protocol="tcp"/></zone>
""", encoding="ascii")
        shutil.copy("/etc/firewalld/firewalld.conf", self.folder)
        bus = self.folder / "bus"
        (self.folder / "bus.conf").write_text(f"""<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={bus}</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow receive_sender="*" eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
""", encoding="ascii")
        self.env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"}
        host.spawn(["dbus-daemon", "--nofork", "--config-file", self.folder / "bus.conf"])
        host.lab_wait(bus.exists, "the bus")
        self.process = None

    def command(self, *words, check=True):
        return self.host.run(["firewall-cmd", *words], env=self.env, check=check)

    def start(self):
        self.process = self.host.spawn(
            ["firewalld", "--nofork", "--nopid", "--system-config", self.folder, "--log-file", self.folder / "log"],
            env=self.env)
        self.host.lab_wait(lambda: self.command("--state", check=False).stdout.strip() == "running", "firewalld", 30)

    def reload(self):
        self.command("--reload")

    def restart(self):
        self.process.stop()
        self.start()


class Docker(Iptables):
    """The rules of dockerd for a container that has port 80 published as PORT."""

    def __init__(self, host):
        super().__init__(host, "nft")
        self.inside = Namespace()
        host.run(["ip", "link", "add", "docker0", "type", "veth", "peer", "name", "eth0", "netns", self.inside.path])
        host.run(["ip", "addr", "add", "172.17.0.1/16", "dev", "docker0"])
        host.run(["ip", "link", "set", "docker0", "up"])
        for words in ("link set lo up", "addr add 172.17.0.2/16 dev eth0", "link set eth0 up",
                      "route add default via 172.17.0.1"):
            self.inside.run(["ip", *words.split()])
        host.sysctl("net.ipv4.ip_forward", 1)
        self.inside.spawn([sys.executable, "-m", "http.server", "80"], host.home / "container.log")

    def close(self):
        self.inside.close()

    def rules(self, version):
        if version == 6:
            return super().rules(6)
        return super().rules(4).replace("COMMIT\n", "").replace(f"{PORT},", "") + f""":DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.17.0.2/32 -d 172.17.0.2/32 -p tcp -m tcp --dport 80 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
-A DOCKER ! -i docker0 -p tcp -m tcp --dport {PORT} -j DNAT --to-destination 172.17.0.2:80
COMMIT
"""


class Beside:
    versions = (4, 6)

    def theirs(self, host):
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        self.alice = self.key()
        for host in (self.server, self.other):
            host.lab_wait = self.wait_for
        self.set_up_doors()
        self.firewall = self.theirs(self.server)

    def set_up_doors(self):
        for port in (PORT, THEIRS_OPEN, THEIRS_SHUT):
            self.web = start_http(self.server, port)

    def rules_of(self, host):
        """All rules there are but ours."""
        tables = [line.split()[1:] for line in host.run(["nft", "list", "tables"]).stdout.splitlines()]
        text = [host.run(["nft", "-s", "list", "table", *t]).stdout for t in tables if t[1] != "chronoknock"]
        return without_counters("\n".join(text + [host.run([f"{t}-legacy-save"]).stdout
                                                  for t in ("iptables", "ip6tables")]))

    def assert_theirs_works(self):
        for version in self.versions:
            self.assert_opens(self.client, self.server.ip(version), THEIRS_OPEN)
            try:
                met = self.client.door(self.server.ip(version), THEIRS_SHUT)
            except OSError as e:  # ICMP: prohibited
                met = str(e)
            self.assertNotEqual(met, "open")

    def assert_ours_works(self):
        """Strangers are kept out, and whoever has knocked is let in: the client has."""
        for version in self.versions:
            self.assert_shut(self.other, self.server.ip(version))
            self.assert_opens(self.client, self.server.ip(version))

    def through_all(self, guard, start_theirs):
        start_theirs()
        for version in self.versions:
            self.client.wait_shut(self.server.ip(version), PORT)
            self.client.knock(self.server.ip(version), self.alice, "web")
        self.assert_theirs_works()
        self.assert_ours_works()
        alone = self.alone
        for change in (self.firewall.reload, self.firewall.restart):
            with self.subTest(change=change.__name__):
                change()
                self.other.wait_shut(self.server.ip4, PORT)
                self.assert_ours_works()
                self.assert_theirs_works()
                self.assertEqual(self.rules_of(self.server), alone)
        self.assertEqual(guard.stop(), 0)
        self.assertEqual(self.rules_of(self.server), alone)
        self.assert_opens(self.other)  # their rules let it in

    SECTIONS = {"firewall": "on_stop = remove"}

    def test_theirs_first(self):
        self.firewall.start()
        self.alone = self.rules_of(self.server)
        guard = self.small_guard(self.alice, sections=self.SECTIONS, open_for=300)
        self.through_all(guard, lambda: None)

    def test_ours_first(self):
        self.firewall.start()
        self.alone = self.rules_of(self.server)
        self.stop_theirs()
        guard = self.small_guard(self.alice, sections=self.SECTIONS, open_for=300)
        self.through_all(guard, self.firewall.start)

    def stop_theirs(self):
        self.server.run(["nft", "flush", "ruleset"])


class BesideNftablesService(Beside, LabTest):
    def theirs(self, host):
        return Nftables(host)


class BesideIptablesNft(Beside, LabTest):
    def theirs(self, host):
        return Iptables(host, "nft")


class BesideIptablesLegacy(Beside, LabTest):
    def theirs(self, host):
        return Iptables(host, "legacy")

    def stop_theirs(self):
        for tables in ("iptables-legacy", "ip6tables-legacy"):
            for words in (["-P", "INPUT", "ACCEPT"], ["-P", "FORWARD", "ACCEPT"], ["-F"], ["-X"]):
                self.server.run([tables, *words])


class BesideUfw(Beside, LabTest):
    def theirs(self, host):
        return Ufw(host)

    def stop_theirs(self):
        self.firewall.run("disable")
        super().stop_theirs()


class BesideFirewalld(Beside, LabTest):
    def theirs(self, host):
        return Firewalld(host)

    def stop_theirs(self):
        self.firewall.process.stop()
        super().stop_theirs()


class BesideDocker(Beside, LabTest):
    versions = (4,)  # what is published is IPv4

    def theirs(self, host):
        docker = Docker(host)
        self.addCleanup(docker.close)
        return docker

    def set_up_doors(self):
        self.web = None
        for port in (THEIRS_OPEN, THEIRS_SHUT):
            start_http(self.server, port)


if __name__ == "__main__":
    unittest.main()
