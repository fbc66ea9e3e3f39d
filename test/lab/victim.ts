/** A directory of the host that nothing a job, an image or an archive does may change. */
import { command, later, mustBash, uniqueName } from "./harness.ts";

/** `look` says all that can be seen of it, and of what is in it. */
export async function openVictim() {
  const path = `/var/tmp/${uniqueName()}`;
  later(() => command("rm", "-rf", path));
  await mustBash('mkdir -p "$1/sub"; echo mine >"$1/file"; echo mine >"$1/sub/file"', path);
  const look = () =>
    mustBash(
      `cd "$1"; find . -printf '%P %y %m %U %n %s %l %T@\\n' | sort; cat file sub/file`,
      path,
    );
  return { path, before: await look(), look };
}
