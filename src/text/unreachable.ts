/** The `default` of a `switch` over all members of a union: `tsc` names the one that is missing. */
export function unreachable(value: never): never {
  throw new Error(`no case for ${JSON.stringify(value)}`);
}
