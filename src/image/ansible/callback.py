# Tells the driver what a playbook has done: how much, on which hosts, and which plays were for nobody.
import json
import os

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: nspawn_runner
type: notification
short_description: What a playbook has done, for nspawn-runner
description: Writes it into a file.
author: nspawn-runner
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "nspawn_runner"
    # Also where an ansible.cfg names those that are.
    CALLBACK_NEEDS_ENABLED = False
    CALLBACK_NEEDS_WHITELIST = False

    def __init__(self):
        super().__init__()
        self.play = ""
        self.unmatched = []

    def v2_playbook_on_play_start(self, play):
        self.play = play.get_name()

    def v2_playbook_on_no_hosts_matched(self):
        self.unmatched.append(self.play)

    def v2_playbook_on_stats(self, stats):
        hosts = sorted(stats.processed)
        count = lambda name: sum(stats.summarize(host)[name] for host in hosts)
        names = {"ok": "ok", "changed": "changed", "failed": "failures", "skipped": "skipped"}
        result = {name: count(key) for name, key in names.items()}
        result.update(hosts=hosts, unmatched=self.unmatched)
        with open(os.environ["NSPAWN_RUNNER_RESULT"], "w") as file:
            json.dump(result, file)
