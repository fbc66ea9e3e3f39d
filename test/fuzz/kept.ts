/** Inputs that were once too much for a door, by its name: tried first, each time. */
export const KEPT: Readonly<Record<string, readonly string[]>> = {
  // It was taken for JSON, and a machine that had failed became a fault of ours.
  "a line of the journal": ['\0{"MESSAGE":"x"}', "null", '{"MESSAGE":"cut o'],
  // Numbers of fewer digits than the kernel writes.
  "the host's routes": ["\neth0\tx\t0\t0\t0\t0\t0\t0\n"],
  // Lists passed for objects.
  "a job response": ["[]"],
};
