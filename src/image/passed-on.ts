/** What of our own environment is for commands of a build: where programs are, and how the network is reached. */
import type { Host } from "../host/host.ts";

/** Each is known in small letters and in capitals. */
const PROXIES = ["http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"];

export type Environment = Readonly<Record<string, string>> & { readonly PATH: string };

export function passedOn(host: Pick<Host, "environment">): Environment {
  const names = ["HOME", ...PROXIES, ...PROXIES.map((name) => name.toUpperCase())];
  const known = names.flatMap((name) => {
    const value = host.environment[name];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    PATH: host.environment.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LC_ALL: "C.UTF-8",
    ...Object.fromEntries(known),
  };
}
