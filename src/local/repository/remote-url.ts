/** Which project of which server a work tree belongs to, by the URL of its origin. Pure. */

export interface Project {
  readonly protocol: "https" | "http";
  readonly host: string;
  /** Of the web server. */
  readonly port: string;
  /** Group, sub-groups and name. */
  readonly path: string;
}

/** Where there is no origin that could be GitLab's. */
export const localProject = (directory: string): Project => ({
  protocol: "https",
  host: "localhost",
  port: "443",
  path: `local/${baseName(directory).replace(/[^A-Za-z0-9._-]/g, "-") || "project"}`,
});

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** A path of a project: what a directory, a slug and a URL can be made of. */
const PATH = /^[A-Za-z0-9_.-]+(\/[A-Za-z0-9_.-]+)+$/;
const HOST = /^[A-Za-z0-9.-]+$/;

/** Passwords in it are dropped. Nothing when it names no project of a server. */
export function parseRemoteUrl(url: string): Project | undefined {
  const web = /^(https?):\/\/(?:[^/@]*@)?([^/:]+)(?::(\d+))?\/(.+)$/.exec(url);
  // With SSH, the web server is at its usual place, as far as one can tell.
  const ssh =
    /^ssh:\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?\/(.+)$/.exec(url) ??
    /^(?:[^/@:]+@)?([^/:]+):(?!\/\/)(.+)$/.exec(url);
  const host = web?.[2] ?? ssh?.[1] ?? "";
  const path = (web?.[4] ?? ssh?.[2] ?? "").replace(/^\/+|\/+$/g, "").replace(/\.git$/, "");
  if (!HOST.test(host) || !PATH.test(path) || path.split("/").includes("..")) return undefined;
  const protocol = web?.[1] === "http" ? "http" : "https";
  return { protocol, host, port: web?.[3] ?? (protocol === "http" ? "80" : "443"), path };
}
