/**
 * The root file system of an OCI image, from a registry or a file. What else an image says (Env,
 * User, Entrypoint, WorkingDir, …) is not taken over: a job's scripts run in a machine, as its
 * definition says.
 */
import * as v from "valibot";
import { type Creator, UNPACKING } from "./creator.ts";
import { byForm, flag, hostPath, line, strictOptions, word } from "./options.ts";
import { requireVersion } from "./require-version.ts";

const image = v.pipe(
  line("docker://registry.example.org/debian:trixie", "The image: a reference, or oci:PATH:TAG"),
  v.check(
    (text) => /^[^@]*(@sha(256|512):[0-9a-f]+)?$/.test(text),
    'must not hold a "@" but that of a digest: names and passwords belong into an auth file (containers-auth.json(5))',
  ),
);

const options = strictOptions("oci", {
  image,
  architecture: v.optional(
    word(/^[a-z0-9]+$/, "arm64", "The architecture, as OCI names it; the host's when absent"),
  ),
  auth_file: v.optional(
    line(
      "/etc/nspawn-runner/auth.json",
      "File with passwords of registries (containers-auth.json(5)); the usual places when absent",
    ),
  ),
  tls_verify: flag(true, "Whether the registry must speak TLS, with a certificate that is trusted"),
});

type Options = v.InferOutput<typeof options>;

export const oci: Creator<Options> = {
  title: "the root file system of an OCI (Docker) image",
  schema: byForm<Options>([
    v.pipe(
      image,
      v.transform((text): Options => ({ image: text, tls_verify: true })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [
    { command: "skopeo", debian: "skopeo" },
    { command: "umoci", debian: "umoci" },
  ],
  // A digest names one content forever.
  rolling: (chosen) => localPath(chosen.image) === undefined && !chosen.image.includes("@"),
  installsPackages: () => false,
  inputs: (chosen, { directory }) => {
    const path = localPath(chosen.image);
    return path === undefined ? [] : [hostPath(directory, path)];
  },
  parent: () => undefined,
  plan: (chosen, { work, directory }) => [
    requireVersion(UMOCI),
    {
      kind: "run",
      argv: [
        "skopeo",
        ...(chosen.architecture === undefined ? [] : [`--override-arch=${chosen.architecture}`]),
        "copy",
        // umoci 0.4 reads no other compression.
        "--dest-compress-format=gzip",
        ...(chosen.auth_file === undefined
          ? []
          : [`--src-authfile=${hostPath(directory, chosen.auth_file)}`]),
        ...(chosen.tls_verify ? [] : ["--src-tls-verify=false"]),
        reference(chosen.image, directory),
        `oci:${work}/oci:image`,
      ],
    },
    {
      kind: "unpack",
      tool: "umoci",
      argv: ["umoci", "raw", "unpack", "--image", `${UNPACKING.work}/oci:image`, UNPACKING.tree],
    },
  ],
};

/** Before, a layer could replace the root by a link, and the next one write through it (CVE-2021-29136). */
const UMOCI = { command: "umoci", version: "0.4.7" };

const LOCAL = /^(oci|oci-archive|docker-archive|dir):([^:]+)(:.*)?$/;

const localPath = (text: string): string | undefined => LOCAL.exec(text)?.[2];

/** As containers-transports(5) writes it: with a transport, and paths that are absolute. */
function reference(text: string, directory: string): string {
  const [, transport, path, tag = ""] = LOCAL.exec(text) ?? [];
  if (transport !== undefined && path !== undefined) {
    return `${transport}:${hostPath(directory, path)}${tag}`;
  }
  return text.startsWith("docker://") ? text : `docker://${text}`;
}
