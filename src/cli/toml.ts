/** `toml [IMAGE]`. */
import { tomlSnippet } from "../job/toml-snippet.ts";
import { parseImageName } from "../text/names.ts";
import type { Action } from "./context.ts";

export const tomlAction: Action<[string | undefined, { url?: string; token?: string }]> = async (
  { host },
  image,
  options,
) => {
  host.print(
    tomlSnippet({
      driver: host.driver,
      image: image === undefined ? undefined : parseImageName(image),
      url: options.url,
      token: options.token,
    }),
  );
  return "success";
};
