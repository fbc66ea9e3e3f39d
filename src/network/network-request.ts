/** What a machine may have for a network: the administrator's choice. */
import type { AddressRange } from "../text/address.ts";
import type { NetworkTarget } from "./network-target.ts";

/** Nothing but these, besides what is opened; where it is none of them, nothing else at all. */
export type Allowed = "everything" | readonly NetworkTarget[];

export type NetworkRequest =
  /** The host's own, which needs nothing of us; or only loopback. */
  | { readonly kind: "host" | "none" }
  /** One of its own, that reaches the outside through the host and nothing else. */
  | {
      readonly kind: "private";
      /** Addresses of machines are taken from it, two for each. */
      readonly range: AddressRange;
      /** Name servers to use instead of the host's own. */
      readonly resolvers: readonly string[];
      readonly allow: Allowed;
      /** Never reached, whatever `allow` says. */
      readonly deny: readonly NetworkTarget[];
      /** Reached also on this host itself: the GitLab that the jobs come from. */
      readonly open: readonly NetworkTarget[];
    };
