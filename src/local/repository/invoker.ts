/**
 * Who called us: the person behind sudo. Machines need root, checkouts have an owner: git is asked
 * as that person, and what is left belongs to them.
 */
import type { Host } from "../../host/host.ts";

export interface Invoker {
  /** The words that run a command as them; none when they are who we are. */
  readonly words: readonly string[];
  /** What a command of theirs finds in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Who owns what they leave, when it is not us. */
  readonly ids: Ids | undefined;
}

interface Ids {
  readonly userId: number;
  readonly groupId: number;
}

/** sudo(8), "Environment": `SUDO_UID` and `SUDO_GID`. They mean something to root alone. Pure. */
export function parseSudoIds(facts: {
  readonly userId: number;
  readonly environment: Readonly<Record<string, string>>;
}): Ids | undefined {
  const { SUDO_UID: user = "", SUDO_GID: group = "" } = facts.environment;
  const number = /^(0|[1-9]\d{0,9})$/;
  if (facts.userId !== 0 || !number.test(user) || !number.test(group)) return undefined;
  return user === "0" ? undefined : { userId: Number(user), groupId: Number(group) };
}

export async function findInvoker(host: Host): Promise<Invoker> {
  const configuration = gitConfiguration(host.environment);
  const ids = parseSudoIds(host);
  if (ids === undefined) return { words: [], environment: configuration, ids };
  const person = await host.processes.run(["getent", "passwd", String(ids.userId)]);
  const home = person.stdout.trimEnd().split(":")[5];
  const groups = await host.processes.run(["id", "-G", String(ids.userId)]);
  return {
    words: setpriv(ids, groups.exitCode === 0 ? groups.stdout.trim().split(" ") : []),
    // Root's own home is closed to them, and git takes a closed one for an error.
    environment: { ...configuration, HOME: home === undefined || home === "" ? "/" : home },
    ids,
  };
}

/** Pure. For good: no way back to root by saved ids, capabilities, or setuid files. */
function setpriv(ids: Ids, groups: readonly string[]): readonly string[] {
  return [
    "setpriv",
    `--reuid=${ids.userId}`,
    `--regid=${ids.groupId}`,
    groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
    "--",
  ];
}

/** git(1): configuration by environment, which who set it wants to be heard. Pure. */
function gitConfiguration(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => /^GIT_CONFIG(_|$)/.test(name)),
  );
}
