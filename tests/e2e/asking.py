"""What the tests of commands that ask the running daemon have in common."""

import json

from case import LabTest


class AskingTest(LabTest):
    def ask(self, guard, command, *args, status=0, config=False, user=None, **options):
        """Runs a command on the server's host; gives what it printed, or, if it is to fail, its one line."""
        where = ["--config", guard.config] if config else ["--control", guard.control]
        argv = [self.lab.program, command, *args, *where]
        if user:
            argv = ["setpriv", *user, "--", *argv]
        done = self.server.run(argv, check=False, **options)
        self.assertEqual(done.returncode, status, (argv, done.stdout, done.stderr))
        if status == 0:
            self.assertEqual(done.stderr, "", argv)
            return done.stdout
        self.assertRegex(done.stderr, r"\Achronoknock: [^\n]+\n\Z")
        return done.stderr

    def ask_json(self, guard, command, *args, **options):
        return json.loads(self.ask(guard, command, *args, "--json", **options))

    def knocks(self, key, host=None, target=None, *options):
        """Knocks, and waits until the door is open."""
        host = host or self.client
        host.knock(target or self.server, key, "web", *options)
        self.assert_opens(host, target)
