/** `toml [IMAGE]`. */
import type { Host } from "../host/host.ts";
import { tomlSnippet } from "../job/toml-snippet.ts";
import { parseImageName } from "../text/names.ts";
import type { Action } from "./context.ts";

/** As it is found in PATH, where it is a link, say to the release that is current: it may move on. */
function installedDriver(host: Host): readonly string[] {
  const [program, ...words] = host.driver;
  const found = host.processes.which("nspawn-runner");
  const isOurs = found !== undefined && host.files.realPath(found) === program;
  return isOurs ? [found, ...words] : host.driver;
}

export const tomlAction: Action<[string | undefined, { url?: string; token?: string }]> = async (
  { host },
  image,
  options,
) => {
  host.print(
    tomlSnippet({
      driver: installedDriver(host),
      image: image === undefined ? undefined : parseImageName(image),
      url: options.url,
      token: options.token,
    }),
  );
  return "success";
};
