/** A place that a machine may or may not reach. */
import type { AddressRange } from "../text/address.ts";

export interface NetworkTarget {
  /** Addresses, or a name whose addresses are looked up by the host and followed as they change. */
  readonly to:
    | { readonly kind: "range"; readonly range: AddressRange }
    | { readonly kind: "name"; readonly name: string };
  /** Every port and protocol when absent. */
  readonly port?: number | undefined;
}
