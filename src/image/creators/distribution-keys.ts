/** Where Debian's package distribution-gpg-keys has the keys of other distributions. */
export const DISTRIBUTION_KEYS = "/usr/share/distribution-gpg-keys";
export const DISTRIBUTION_KEYS_HINT =
  "Install it: apt-get install distribution-gpg-keys; where that has no such key, give keys of your own.";
