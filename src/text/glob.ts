/** Patterns for names with slashes: of projects, branches, images. Pure. */

/**
 * Whether the pattern stands for the whole of `text`: `*` for any characters but a slash, `**` for any,
 * `?` for one that is no slash, everything else for itself. The time it takes grows with the product of
 * both lengths, whatever they are: the text is a stranger's.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  /** Where in the text the part of the pattern that was read so far may end. */
  let ends = [true, ...Array.from(text, () => false)];
  for (const [token] of pattern.matchAll(/\*\*+|./gsu)) {
    ends = token.startsWith("*")
      ? afterStar(ends, text, token === "*")
      : afterOne(ends, text, (character) =>
          token === "?" ? character !== "/" : character === token,
        );
  }
  return ends.at(-1) === true;
}

function afterStar(ends: readonly boolean[], text: string, stopsAtSlash: boolean): boolean[] {
  const characters = Array.from(text);
  let open = false;
  return ends.map((end, index) => {
    if (stopsAtSlash && characters[index - 1] === "/") open = false;
    open ||= end;
    return open;
  });
}

function afterOne(
  ends: readonly boolean[],
  text: string,
  fits: (character: string) => boolean,
): boolean[] {
  return [
    false,
    ...Array.from(text, (character, index) => ends[index] === true && fits(character)),
  ];
}
