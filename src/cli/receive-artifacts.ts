/** `internal-receive-artifacts DIRECTORY BYTES`: what `exec` starts as the person who called it. */
import { receiveArtifacts } from "../local/artifacts/receive-artifacts.ts";
import type { Action } from "./context.ts";

export const receiveArtifactsAction: Action<[string, string]> = async (
  { host },
  directory,
  maxBytes,
) => {
  await receiveArtifacts(host, { directory, maxBytes: Number(maxBytes) });
  return "success";
};
