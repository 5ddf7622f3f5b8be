"""What the state file lacks is never opened for: burning that failed, and a file put back to what it was."""

import shutil
import sqlite3
import time
import unittest

from case import PORT, LabTest
from lab import wait_for

WINDOW = 12  # long enough for a restart within the window of what was heard


class State(LabTest):
    def setUp(self):
        super().setUp()
        names = ("alice", "bob", "carol")
        self.alice, self.bob, self.carol = (self.key(name, granularity=WINDOW) for name in names)
        self.keys = {name: (getattr(self, name), "web") for name in names}

    def guarded(self, **options):
        self.door = self.guard(None, keys=self.keys, open_for=5, wait=False, **options)
        self.first_window(WINDOW)
        return self.door

    def heard_knock(self):
        """Knocks, and gives what an eavesdropper has of it, opened or not."""
        ear = self.lab.sniffer(self.server)
        self.client.knock(self.server, self.alice, "web", "--rounds", 1)
        return [p for p in ear.syns(target=self.server.ip4) if p.port != PORT]

    def assert_worthless(self, heard, seen_as):
        before = self.door.log().count(seen_as)
        self.lab.sender(self.other).send(heard)
        self.door.wait_log(seen_as, count=before + 1)
        self.assert_shut(self.client)

    def bob_need_not_wait(self):
        self.other.knock(self.server, self.bob, "web")
        self.door.wait_log("key bob opens web")  # it may be open yet by a knock of carol's
        self.assert_opens(self.other)

    def snapshot(self, name):
        folder = self.door.folder / name
        folder.mkdir()
        for file in self.door.folder.glob("state.db*"):
            shutil.copy2(file, folder)
        return folder

    def put_back(self, folder, names="state.db*"):
        for file in self.door.folder.glob("state.db*"):
            if (folder / file.name).exists() or file.name.endswith(("-wal", "-shm")):
                file.unlink()
        for file in folder.glob(names):
            shutil.copy2(file, self.door.folder)

    # A database that another process holds is the easiest that cannot be written to. The first knock needs it not: what
    # it burns stands in a mark beside it.

    def held(self):
        holder = sqlite3.connect(self.door.state, isolation_level=None)
        holder.execute("begin immediate")
        return holder

    def failing_knock(self):
        holder = self.held()
        self.all_seen(self.carol)
        heard = self.heard_knock()
        self.door.wait_log("not opened")
        return holder, heard

    def test_a_knock_that_opened_before_it_was_in_the_database_is_burnt_after_a_kill(self):
        self.guarded()
        holder = self.held()
        heard = self.capture_knock(self.alice)
        self.door.sigkill()
        with sqlite3.connect(f"file:{self.door.state}?mode=ro", uri=True) as db:
            self.assertEqual(db.execute("select count(*) from burnt").fetchone()[0], 0)
        holder.close()
        self.client.wait_shut(self.server.ip4, PORT)
        self.door.start()
        self.assert_worthless(heard, "a replay")
        self.bob_need_not_wait()

    def test_a_knock_that_could_not_be_burnt_is_burnt_at_a_restart_which_costs_nobody_a_wait(self):
        self.guarded()
        holder, heard = self.failing_knock()
        self.door.sigkill()
        holder.close()
        self.door.start()
        self.assert_shut(self.client)
        self.assert_worthless(heard, "a replay")
        self.bob_need_not_wait()

    def test_it_is_burnt_as_soon_as_it_can_be_and_a_restart_then_costs_nobody_a_wait(self):
        self.guarded()
        holder, heard = self.failing_knock()
        holder.close()

        def burnt():
            with sqlite3.connect(f"file:{self.door.state}?mode=ro", uri=True) as db:
                return db.execute("select count(*) from burnt").fetchone()[0] == 2
        wait_for(burnt, "both knocks to be burnt")
        self.door.sigkill()
        self.door.start()
        self.assert_worthless(heard, "a replay")
        self.bob_need_not_wait()

    def test_a_state_file_that_is_held_for_a_moment_stops_neither_the_server_nor_the_knock(self):
        self.guarded()
        opens = f"opens web for 5s to {self.client.ip4}"
        for _ in range(3):
            before, seen = len(self.door.log()), self.door.status()["packets"]["syns"]
            holder = sqlite3.connect(self.door.state, isolation_level=None)
            holder.execute("begin exclusive")
            self.all_seen(self.carol)
            begin = time.monotonic()
            heard = self.heard_knock()
            wait_for(lambda: self.door.status()["packets"]["syns"] >= seen + len(heard), "the server to answer")
            told = self.door.log()[before:]
            holder.close()
            if time.monotonic() - begin < 1.5:  # the server waits for 2 s
                break
            self.lab.next_window(WINDOW)
        self.assertNotIn("not opened", told)
        self.assertNotIn(opens, told)
        wait_for(lambda: opens in self.door.log()[before:], "the door to open")
        self.assertNotIn("not opened", self.door.log()[before:])

    def test_a_state_file_put_back(self):
        """Alone, and with all that lies beside it."""
        for names in ("state.db*", "state.db"):
            with self.subTest(names=names):
                door = self.guarded() if not self.guards else self.door
                if names == "state.db":
                    self.lab.next_window(WINDOW)
                earlier = self.snapshot("all" if names.endswith("*") else "one")
                heard = self.capture_knock(self.alice)
                self.client.wait_shut(self.server.ip4, PORT)
                door.sigkill()
                self.put_back(earlier, names)
                door.start()
                self.assert_worthless(heard, "began before")

    def test_sigkill_alone_costs_nobody_a_wait(self):
        self.guarded()
        self.capture_knock(self.alice)
        self.door.sigkill()
        self.door.start()
        self.other.knock(self.server, self.alice, "web")
        self.assert_opens(self.other)


if __name__ == "__main__":
    unittest.main()
