/** `toml [IMAGE]`. */
import type { Host } from "../host/host.ts";
import { tomlSnippet } from "../job/toml-snippet.ts";
import { RunnerError } from "../text/errors.ts";
import { parseImageName } from "../text/names.ts";
import type { Action } from "./context.ts";

/** As it is found in PATH, where it is a link, say to the release that is current: it may move on. */
function installedDriver(host: Host): readonly string[] {
  const [program, ...words] = host.driver;
  const found = host.processes.which("nspawn-runner");
  const isOurs = found !== undefined && host.files.realPath(found) === program;
  return isOurs ? [found, ...words] : host.driver;
}

interface TokenOptions {
  readonly token?: string;
  readonly tokenFile?: string;
}

const TOKEN_VARIABLE = "NSPAWN_RUNNER_TOKEN";
const TOKEN_MAX_BYTES = 4096;

/** Arguments are everybody's to read (/proc/PID/cmdline); files and environments are not. */
function readToken(host: Host, { token, tokenFile }: TokenOptions): string | undefined {
  if (token !== undefined) {
    host.log.warn(
      `The token is on a command line, where every user of this host can read it: use --token-file, or $${TOKEN_VARIABLE}.`,
    );
    return token;
  }
  if (tokenFile === undefined) return host.environment[TOKEN_VARIABLE];
  if (host.files.probe(tokenFile) === undefined) {
    throw new RunnerError({ kind: "usage", message: `There is no file "${tokenFile}".` });
  }
  return host.files.readText(tokenFile, TOKEN_MAX_BYTES).trim();
}

export const tomlAction: Action<
  [string | undefined, TokenOptions & { readonly url?: string }]
> = async ({ host }, image, options) => {
  host.print(
    tomlSnippet({
      driver: installedDriver(host),
      image: image === undefined ? undefined : parseImageName(image),
      url: options.url,
      token: readToken(host, options),
    }),
  );
  return "success";
};
