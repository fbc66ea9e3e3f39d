/**
 * The unit of a shell script that watches something of ours for hours and days, and calls our program when
 * there is something to do. Pure.
 */
export interface Watcher {
  readonly unit: string;
  readonly slice: string;
  readonly description: string;
  /** Besides those of all, as systemd-run(1) takes them. */
  readonly properties?: readonly string[];
  /** Where its script is. */
  readonly script: string;
  readonly words: readonly string[];
}

/** The command that starts it. */
export function watcherCommand(watcher: Watcher): string[] {
  const { unit, slice, description, properties = [], script, words } = watcher;
  return [
    "systemd-run",
    "--quiet",
    `--unit=${unit}`,
    `--slice=${slice}`,
    ...[
      `Description=${description}`,
      "SyslogIdentifier=nspawn-runner",
      // Killed, or short of memory, it comes back; told to end, it does not.
      "Restart=on-failure",
      "RestartSec=1s",
      "CollectMode=inactive-or-failed",
      ...properties,
    ].map((property) => `--property=${property}`),
    "--",
    "/bin/sh",
    script,
    ...words,
  ];
}
