/** A command that is stopped, and goes on, with all that it has started, as somebody says. */

/** How often it is asked whether to stand still: a preparation takes ten times as long. */
export const LOOK_MS = 10;

/**
 * Asks until the end, which is to be told by disposing of it. The command has to lead a process group.
 * Who dies over it leaves it stopped: it belongs into a unit, whose end is that of all in it.
 */
export function standStill(group: number, isToStand: () => boolean): Disposable {
  let standing = false;
  const look = (): void => {
    if (isToStand() === standing) return;
    standing = !standing;
    signal(group, standing ? "SIGSTOP" : "SIGCONT");
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      if (standing) signal(group, "SIGCONT");
    },
  };
}

function signal(group: number, name: "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(-group, name);
  } catch (error) {
    const gone = error instanceof Error && "code" in error && error.code === "ESRCH";
    if (!gone) throw error;
  }
}
