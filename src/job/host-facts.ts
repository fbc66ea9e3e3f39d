/** What the driver has to know about the host it runs on. */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";

const CGROUP2_MAGIC = 0x63677270; // statfs(2), CGROUP2_SUPER_MAGIC

/** Throws one sentence about the first thing that is missing to run machines. */
export async function requireUsableHost(host: Host): Promise<void> {
  const fault = await probeHost(host);
  if (fault === undefined) return;
  throw new RunnerError({ kind: "system", message: fault.message, hints: [fault.hint] });
}

async function probeHost(host: Host): Promise<{ message: string; hint: string } | undefined> {
  if (host.userId !== 0) {
    return {
      message: "Machines can only be started by root.",
      hint: 'Let gitlab-runner run as root: its service must not have "User=".',
    };
  }
  if (host.files.probe("/run/systemd/system") === undefined) {
    return {
      message: "This host was not booted with systemd, which supervises the machines.",
      hint: "Run nspawn-runner on a host, or in a container, whose PID 1 is systemd.",
    };
  }
  if (host.files.probe("/usr/bin/systemd-nspawn") === undefined) {
    return {
      message: 'This host has no "systemd-nspawn".',
      hint: "Install it: apt-get install systemd-container (dnf: systemd-container; Arch has it).",
    };
  }
  if (host.files.probeFileSystem("/sys/fs/cgroup").magic !== CGROUP2_MAGIC) {
    return {
      message: "This host has no unified cgroup hierarchy (cgroup v2).",
      hint: "Boot it without systemd.unified_cgroup_hierarchy=0.",
    };
  }
  return undefined;
}

/**
 * The host's `gitlab-runner`: machines need it for cache and artifacts. Nothing when there is none;
 * throws when there is none where the administrator said: jobs would be green without their artifacts.
 */
export function findGitlabRunner(
  host: Pick<Host, "files" | "environment">,
  configured: string | undefined,
): string | undefined {
  const candidates =
    configured === undefined
      ? (host.environment.PATH ?? "").split(":").map((directory) => `${directory}/gitlab-runner`)
      : [configured];
  for (const path of candidates.filter((candidate) => candidate.startsWith("/"))) {
    if (host.files.probe(path) === undefined) continue;
    const real = host.files.realPath(path);
    if (host.files.probe(real)?.kind === "file") return real;
  }
  if (configured === undefined) return undefined;
  throw new RunnerError({
    kind: "system",
    message: `There is no program "${configured}", which gitlab_runner names.`,
    hints: [
      "Set gitlab_runner to where it is, an absolute path, or leave it out: PATH is searched.",
    ],
  });
}
