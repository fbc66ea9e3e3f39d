/** Sizes and ages as people write and read them. */

const FACTORS: Readonly<Record<string, number>> = {
  "": 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Bytes of "512", "512M", "2G" (powers of 1024, as systemd reads sizes), or nothing. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,12})([KMGT]?)$/.exec(text);
  const bytes = Number(match?.[1]) * (FACTORS[match?.[2] ?? "?"] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** "4G", "1536M": what `parseSize` reads, where it comes out even; else "3.9G". */
export function formatLimit(bytes: number): string {
  if (bytes === 0) return "0";
  const units = Object.entries(FACTORS).filter(([, factor]) => bytes >= factor);
  const even = units.findLast(([, factor]) => bytes % factor === 0 && bytes / factor < 10_000);
  const [unit, factor] = even ?? units.at(-1) ?? ["", 1];
  return `${even === undefined ? (bytes / factor).toFixed(1) : bytes / factor}${unit}`;
}

/** "340 MB": three digits at most, decimal units as `ls` and disks are sold. */
export function formatSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 9.95 && unit > 0 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** "3 days": the largest unit that fits. */
export function formatAge(ms: number): string {
  const steps: readonly (readonly [string, number])[] = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
    ["second", 1000],
  ];
  for (const [unit, length] of steps) {
    const count = Math.floor(ms / length);
    if (count >= 1) return `${count} ${unit}${count === 1 ? "" : "s"}`;
  }
  return "0 seconds";
}
