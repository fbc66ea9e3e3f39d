/** What an image says of itself at the end of its build: the answer of `describe` in `tools.sh`. Pure. */
import type { MachineUser } from "../../machine/machine-settings.ts";

export interface Description {
  readonly packages: Readonly<Record<string, string>>;
  readonly user: MachineUser | undefined;
  /** Commands that GitLab Runner's scripts call and that are not there. */
  readonly missing: readonly string[];
}

/** Lines that are none of these are passed over: the image's own tools wrote them. */
export function parseDescription(text: string): Description {
  const packages: Record<string, string> = {};
  const missing: string[] = [];
  let user: MachineUser | undefined;
  for (const line of text.split("\n")) {
    const [kind, ...words] = line.split(" ");
    const [first = "", second = "", third = "", fourth = ""] = words;
    if (kind === "package" && words.length === 2) packages[first] = second;
    if (kind === "missing" && words.length === 1) missing.push(first);
    if (
      kind === "user" &&
      words.length === 4 &&
      /^\d{1,5}$/.test(second) &&
      /^\d{1,5}$/.test(third)
    ) {
      user = { name: first, uid: Number(second), gid: Number(third), home: fourth };
    }
  }
  return { packages, user, missing };
}

const WANTED_FOR: Readonly<Record<string, string>> = {
  git: "jobs cannot fetch their sources",
  "git-lfs": "jobs of projects with LFS objects fail",
  bash: 'GitLab Runner\'s scripts are run by "sh"',
  "ca-certificates": "no server's certificate is trusted",
};

/** One sentence about each thing that jobs will miss. */
export function explainMissing(missing: readonly string[]): string[] {
  return missing.flatMap((name) => {
    const effect = WANTED_FOR[name];
    return effect === undefined ? [] : [`It has no ${name}: ${effect}.`];
  });
}
