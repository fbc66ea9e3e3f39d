/** What an administrator lets a machine do beyond what every machine may. */

export interface Loosening {
  /** Containers inside: rootless podman, buildah, nspawn. */
  readonly nesting: boolean;
  /** Device nodes of the host, by their paths. */
  readonly devices: readonly string[];
  /** Such as "CAP_SYS_PTRACE". */
  readonly capabilities: readonly string[];
  readonly binds: readonly HostBind[];
  /** System calls, or groups of them as "@mount" (systemd.exec(5)). */
  readonly systemCalls: readonly string[];
}

/** Files of the host in the machine. */
export interface HostBind {
  readonly source: string;
  readonly target: string;
  readonly writable: boolean;
}

export const NO_LOOSENING: Loosening = {
  nesting: false,
  devices: [],
  capabilities: [],
  binds: [],
  systemCalls: [],
};

/** For file systems and networks of containers without privileges: fuse-overlayfs, slirp4netns, pasta. */
export const NESTING_DEVICES: readonly string[] = ["/dev/fuse", "/dev/net/tun"];
