/** The hidden command that takes artifacts, as words. Apart, since every command line is parsed by it. */
export const RECEIVE_ARTIFACTS = "internal-receive-artifacts";
