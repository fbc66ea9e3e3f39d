/** Names that the parts of the network room share. Pure. */

/** What machines' interfaces on the host begin with. Firewall rules know machines by it. */
export const INTERFACE_PREFIX = "nsr-";
/** The interface inside a machine: systemd's own name for it. */
export const INTERFACE_INSIDE = "host0";

export const INTERFACES_DIRECTORY = "/sys/class/net";
/** Gone after a reboot, like the machines themselves. */
export const PAIRS_DIRECTORY = "/run/nspawn-runner/address-pairs";
/** What the firewall's table was, when we last made it. */
export const FIREWALL_STATE = "/run/nspawn-runner/firewall.json";
export const FORWARDING_SWITCH = "/proc/sys/net/ipv4/ip_forward";
/** What machines may reach otherwise than all others, by their interfaces. */
export const RULES_DIRECTORY = "/run/nspawn-runner/network-rules";
/** How many connections the kernel tracks; there once it does. */
export const CONNECTION_TABLE_SIZE = "/proc/sys/net/netfilter/nf_conntrack_max";
