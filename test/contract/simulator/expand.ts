/** Variables in values, as GitLab Runner puts them in: Go's os.Expand, once, over all of them. Pure. */

/** Stand for one character after the dollar; only a dollar has a value. */
const SPECIAL = "*#$@!?0123456789-";

/**
 * `${…}` holds any name but an empty one, `$…` a word or one special character. A dollar with
 * nothing of that behind it stays; a brace that is not closed goes, with its dollar.
 */
const REFERENCE = /\$(?:\{([^}]+)\}|(\{\}?)|([*#$@!?\-0-9])|([A-Za-z_]\w*))/g;

export function expand(text: string, lookUp: (name: string) => string | undefined): string {
  return text.replaceAll(
    REFERENCE,
    (_, braced?: string, broken?: string, special?: string, word?: string) => {
      if (broken !== undefined) return "";
      const name = braced ?? special ?? word ?? "";
      if (name === "$") return "$";
      return SPECIAL.includes(name) ? "" : (lookUp(name) ?? "");
    },
  );
}
