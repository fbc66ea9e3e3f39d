/** How an image that lacks would be made here: one line. Pure. */
import { isImageName } from "../text/names.ts";

const DEBIAN = /^(?:debian:)?(bullseye|bookworm|trixie|forky|sid)(?:-slim)?$/;
const FEDORA = /^fedora:(\d+)$/;

/** A definition of that name; nothing for what can be no image's name. */
export function definitionLine(name: string): string | undefined {
  if (!isImageName(name)) return undefined;
  const create = creatorOf(name);
  return `- {hosts: all, vars: {nspawn_runner_create: ${create}}}`;
}

function creatorOf(name: string): string {
  const [, suite] = DEBIAN.exec(name) ?? [];
  if (suite !== undefined) return `{mmdebstrap: ${suite}}`;
  const [, release] = FEDORA.exec(name) ?? [];
  if (release !== undefined) return `{dnf: "${release}"}`;
  // As Docker would take the name.
  return `{oci: "docker.io/library/${name}"}`;
}

export function imageHints(name: string | undefined): readonly string[] {
  if (name === undefined) {
    return ["Name an image: by --image, or default_image in config.toml."];
  }
  const line = definitionLine(name);
  return line === undefined
    ? ["Choose another by --image: names of registries are none here."]
    : [
        `If it lacks, choose another by --image, or make it, once: echo '${line}' > /etc/nspawn-runner/${name}.yaml`,
      ];
}
