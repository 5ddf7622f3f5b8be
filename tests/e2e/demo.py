"""The main job, shown: a web server behind a guarded port, a knock, and what an eavesdropper gets out of it.

    demo.py [--image IMAGE] PROGRAM    (etc/quickstart.sh and docker/try.sh call it)

With --image the server is run by podman from that image.
"""

import argparse
import http.client
import os
import pathlib
import subprocess
import sys
import time

from lab import CLOCK_ERROR, Lab, start_http, wait_for

_PORT = 8080
_OPEN_FOR = 3
_WINDOW = 4  # replayed within 2 windows, what was heard would still be fresh, were it not burnt


class Failed(Exception):
    pass


def say(text):
    print(text, flush=True)


def show(what, got, wanted):
    say(f"  {'ok ' if got == wanted else 'BAD'}  {what}: {got}")
    if got != wanted:
        raise Failed(f"{what}: {got}, and {wanted} was expected")


def page(connection):
    connection.request("GET", "/index.html")
    return connection.getresponse().read().decode().strip()


def container(image, lab):
    """How podman runs the server as docker/compose.yaml would: what comes before its arguments."""
    name = f"chronoknock-demo-{os.getpid()}"
    return name, ["podman", "--runtime", "runc", "run", "--rm", "--no-healthcheck", "--name", name, "--network", "host",
                  "--cap-drop", "all", "--cap-add", "NET_ADMIN,NET_RAW,SETUID,SETGID,SETPCAP,CHOWN", "--security-opt", "no-new-privileges",
                  "--read-only", "--tmpfs", "/run/chronoknock:mode=0755", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
                  "--volume", f"{lab.folder}:{lab.folder}",
                  "--volume", f"{lab.folder}/server/chronoknock.ini:/etc/chronoknock/chronoknock.ini:ro", image]


def privileges(name):
    """The users and the capabilities of a container's processes: the server first, then its helper."""
    names = {12: "NET_ADMIN", 13: "NET_RAW"}
    top = subprocess.run(["podman", "--runtime", "runc", "inspect", "--format", "{{.State.Pid}}", name], check=True,
                         capture_output=True, text=True).stdout.strip()
    found = []
    for pid in [top, *pathlib.Path(f"/proc/{top}/task/{top}/children").read_text(encoding="ascii").split()]:
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines())
        held = int(status["CapEff"], 16) | int(status["CapPrm"], 16) | int(status["CapAmb"], 16)
        user = int(status["Uid"].split()[1])
        found.append((f"user {user}" if user else "root") + ": " +
                     " ".join(names.get(n, f"capability {n}") for n in range(64) if held >> n & 1))
    return "; ".join(found)


def demo(lab, launcher, name):
    server, laptop, stranger = lab.host("server"), lab.host("laptop"), lab.host("stranger")
    say(f"""
A server ({server.ip4}) with a web server on port {_PORT}, a laptop ({laptop.ip4}) with the key,
a stranger ({stranger.ip4}) who sees every packet between them.""")
    start_http(server, _PORT)
    show("the stranger's connection, no guard yet", stranger.door(server.ip4, _PORT), "open")

    say("\n1. chronoknock guards the port.")
    key = lab.folder / "laptop.key"
    laptop.run([lab.program, "keygen", "--out", key, "--granularity", _WINDOW])
    guard = lab.chronoknock(server, services={"web": f"ports = tcp/{_PORT}\nopen_for = {_OPEN_FOR}"},
                            keys={"laptop": (key, "web")}, launcher=launcher)
    show("the laptop's connection", laptop.door(server.ip4, _PORT), "silent")
    show("the stranger's connection", stranger.door(server.ip4, _PORT), "silent")
    if name:  # it finds the control socket by the configuration
        health = subprocess.run(["podman", "--runtime", "runc", "exec", name, "chronoknock", "status"], capture_output=True, text=True)
        show("what the image's health check asks", health.stderr or "answered", "answered")
        show("who runs in it, and what each may", privileges(name), "user 70123: NET_ADMIN; root: NET_ADMIN NET_RAW")

    say(f"\n2. The laptop knocks. (A server that never ran before takes knocks of windows that begin from now on:"
        f" {_WINDOW} s at most.)")
    lab.next_window(_WINDOW, after=time.time() + CLOCK_ERROR)
    ear = lab.sniffer(server)
    say(f"  $ chronoknock knock {server.ip4} web --key laptop.key --time-server none")
    laptop.knock(server, key, "web")
    knocked = time.monotonic()
    laptop.wait_open(server.ip4, _PORT, seconds=2)
    heard = [p for p in ear.syns(laptop.ip4, server.ip4) if p.port != _PORT]
    connection = http.client.HTTPConnection(server.ip4, _PORT, timeout=5)
    connection.sock = laptop.connect(server.ip4, _PORT)
    show("the laptop's page", page(connection), "behind the door")
    show("the stranger's connection", stranger.door(server.ip4, _PORT), "silent")

    say(f"\n3. After {_OPEN_FOR} s the door is shut again; what is connected stays connected.")
    laptop.wait_shut(server.ip4, _PORT, seconds=_OPEN_FOR + 4)
    say(f"       shut {time.monotonic() - knocked:.0f} s after the knock")
    show("a new connection of the laptop", laptop.door(server.ip4, _PORT), "silent")
    show("another page over the old connection", page(connection), "behind the door")

    say(f"\n4. The stranger sends the {len(heard)} SYNs it heard again, in the laptop's name, byte for byte.")
    lab.sender(stranger).send(heard)
    wait_for(lambda: "replay" in guard.log(), "the server to log the replay", 5)
    show("the laptop's address, after the replay", laptop.door(server.ip4, _PORT), "silent")
    show("the stranger's connection", stranger.door(server.ip4, _PORT), "silent")

    say("\n5. A new window, a new knock.")
    laptop.knock(server, key, "web")
    laptop.wait_open(server.ip4, _PORT, seconds=2)
    show("the laptop's connection", laptop.door(server.ip4, _PORT), "open")

    say("\nWhat the server logged:")
    for line in guard.log().splitlines():
        say("  | " + line)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--image")
    options.add_argument("program")
    given = options.parse_args()
    name, launcher = None, None
    try:
        with Lab(given.program) as lab:
            if given.image:
                lab.folder.chmod(0o711)  # the image's user has to get at the record in it
                name, launcher = container(given.image, lab)
            demo(lab, launcher, name)
    except (Failed, AssertionError) as e:
        sys.exit(f"\nIt does not work: {e}")
    finally:
        if name:
            subprocess.run(["podman", "rm", "--force", "--ignore", name], check=False, capture_output=True)
    say("\nAll of it worked. Nothing is left behind: the namespaces are gone.")


if __name__ == "__main__":
    main()
