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
  ownWords: {
    ms: 5000,
    what: "who reads our own words, where stdout or stderr is a full pipe that somebody made non-blocking",
    late: "the rest of them is dropped",
  },
  watcherRestart: {
    ms: 3000,
    what: "an owner's watching unit that was killed, and that systemd starts again after a second",
    late: "the machine is not prepared, with what systemd said",
  },
  cleanup: {
    ms: 1000,
    what: "the end of a cleanup that may be why the preparation of its machine has failed",
    late: "the preparation's own failure is told",
  },
  agentTakes: {
    ms: 20_000,
    what: "the agent of a machine that is to begin a script",
    late: "it is not run, the request is withdrawn, and the step is a system failure that names the agent",
  },
  withdrawal: {
    ms: 500,
    what: "the certainty that nobody begins a script whose request was withdrawn",
    late: "the step ends as if its agent had taken it and fallen silent",
  },
  scriptAfterTerm: {
    ms: 600,
    what: "the end of a script that was cancelled (SIGTERM to its session)",
    late: "its session gets SIGKILL",
  },
  agentAfterKill: {
    ms: 1000,
    what: "the agent's word that a cancelled script has ended, after SIGKILL",
    late: "the machine is ended, and with it the script",
  },
  outputEnd: {
    ms: 5000,
    what: "more of the output of a script that has ended, and whose last byte has not come",
    late: "what has come is taken for the whole",
  },
  outputAfterCancel: {
    ms: 200,
    what: "the output of a script that has ended, once we were told to end",
    late: "the rest is dropped",
  },
  machineEnd: {
    ms: 5000,
    what: "the end of a machine whose agent has gone, such as one that shuts down",
    late: "the agent is taken for ended by the job",
  },
  endNote: {
    ms: 800,
    what: "what systemd says of the end of a machine",
    late: "the step's error does not tell why the machine has ended",
  },
  shutDown: {
    ms: 60_000,
    what: "the orderly end of a machine in which an image was changed",
    late: "it is ended as it is, and the build's log says so",
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
    late: "it is tried again later, which the journal says",
  },
  diskCount: {
    ms: 15_000,
    what: "the count of what one machine has written, where the disk is nearly full",
    late: "it counts as far as it has come",
  },
  diskReturns: {
    ms: 60_000,
    what: "the space of a machine that was ended because it had filled the disk",
    late: "10 s later the machine that has then written most is looked for",
  },
  givingWay: {
    ms: 3000,
    what: "the end of what is being prepared, by the deleter, which stands still meanwhile",
    late: "it works for a quarter of that time, and then gives way again",
  },
  draftDeletion: {
    ms: 60_000,
    what: "the deletion of a failed build's draft, which frees the disk",
    late: "the command ends as it would have, and the draft is deleted behind it",
  },
  treeLock: {
    ms: 600_000,
    what: "the lock of an image's trees, held while a machine is cloned or a tree is exchanged",
    late: "what wanted it fails, and names the process that has it",
  },
  changeLock: {
    ms: 86_400_000,
    what: "another command that builds the same image or installs the same packages",
    late: "what waits for it fails, and names the process that has the lock",
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
  pipeline: {
    ms: 30_000,
    what: "the end of the parser of a `.gitlab-ci.yml`",
    late: "its sandbox is stopped, and the error says that rules may loop",
  },
  build: {
    ms: 86_400_000,
    what: "a command that makes an image: a creator, a playbook, a person's shell",
    late: "it is killed, and the image stays as it was",
  },
} as const satisfies Record<string, Wait>;
