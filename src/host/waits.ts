/**
 * Every bound of a wait that the project has: nothing is waited for longer. `script/docs` prints the
 * table into docs/reliability.md. Pure.
 */

export interface Wait {
  readonly ms: number;
  /** What is waited for, as half a sentence. */
  readonly what: string;
  /** What happens when it does not come in time. */
  readonly late: string;
}

export const WAITS = {
  command: {
    ms: 60_000,
    what: "the end of a command of the host that names no bound of its own",
    late: "it is killed, and the error names it and the time",
  },
  afterTerm: {
    ms: 500,
    what: "the end of a command that was asked to end (SIGTERM)",
    late: "it is killed (SIGKILL)",
  },
  managerRestart: {
    ms: 10_000,
    what: "systemd to answer again that cut off one of our commands, as while it starts itself anew",
    late: "the command is tried for the second time all the same, and has failed with that",
  },
  copy: {
    ms: 3_600_000,
    what: "a copy of a tree",
    late: "the copy is killed and removed",
  },
  machineDeath: {
    ms: 5_000,
    what: "the end of a machine's processes, once they are killed and its unit is stopped",
    late: "nothing of the machine is let go of, and the error says that it lives",
  },
  deletion: {
    ms: 86_400_000,
    what: "the deletion of a tree that nobody uses any more, by the unit that does nothing else",
    late: "the tree is set aside, and `gc` names it",
  },
  writeToDisk: {
    ms: 600_000,
    what: "what was written to reach the disk (sync)",
    late: "what was to be published is not",
  },
  job: {
    ms: 90_000_000,
    what: "a stage of a job that `exec` runs",
    late: "it is killed, and the job has failed",
  },
  build: {
    ms: 86_400_000,
    what: "a command that makes an image: a creator, a playbook, a person's shell",
    late: "it is killed, and the image stays as it was",
  },
} as const satisfies Record<string, Wait>;
