/** Lengths of time as GitLab takes them: "1h 30m", "90 minutes", "3600". Pure. */

const SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/** Nothing when it is none. A number alone is seconds. */
export function parseDurationSeconds(text: string): number | undefined {
  const words = text
    .trim()
    .toLowerCase()
    .replace(/\band\b|,/g, " ");
  const parts = [...words.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]*)/g)];
  const rest = words.replace(/(\d+(?:\.\d+)?)\s*([a-z]*)/g, "").trim();
  if (parts.length === 0 || rest !== "") return undefined;
  let seconds = 0;
  for (const [, amount, unit = ""] of parts) {
    const each = unit === "" ? 1 : unitSeconds(unit);
    if (each === undefined) return undefined;
    seconds += Number(amount) * each;
  }
  return Math.ceil(seconds);
}

/** "month" and "min" begin with the same letter, as do "second" and "sec". */
function unitSeconds(unit: string): number | undefined {
  if (/^mo(n(th)?s?)?$/.test(unit)) return 2_629_746;
  if (!/^(s(ec(ond)?s?)?|m(in(ute)?s?)?|h((ou)?rs?)?|d(ays?)?|w(eeks?)?)$/.test(unit))
    return undefined;
  return SECONDS[unit.charAt(0)];
}
