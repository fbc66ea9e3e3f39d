/** A process that stands for GitLab Runner: whose machines they are, and which dies when told to. */

export interface Owner extends AsyncDisposable {
  readonly pid: number;
  /** By SIGKILL; idempotent. */
  end(): Promise<unknown>;
}

export function openOwner(): Owner {
  const owner = Bun.spawn(["sleep", "infinity"], { stdin: "ignore" });
  const end = (): Promise<unknown> => {
    owner.kill("SIGKILL");
    return owner.exited;
  };
  return { pid: owner.pid, end, [Symbol.asyncDispose]: async () => void (await end()) };
}
