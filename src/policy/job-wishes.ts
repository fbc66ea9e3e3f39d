/** What a job asks for by its variables: less than its limits, or up to the administrator's maximum. Pure. */
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { formatLimit, parseSize } from "../text/sizes.ts";

/** Variables of a job. */
export const WISH_VARIABLES = {
  memory: "NSPAWN_MEMORY",
  cpus: "NSPAWN_CPUS",
  disk: "NSPAWN_DISK",
} as const;

type WishName = keyof typeof WISH_VARIABLES;

/** Bytes, processors and bytes; absent where the job does not ask. */
export type JobWishes = { readonly [Name in WishName]?: number | undefined };

export const NO_WISHES: JobWishes = {};

const SIZE_MIN = 32 * 2 ** 20;
const CPUS_MIN = 0.1;
const CPUS_MAX = 1024;

/** Of variables by their names. Throws a job error for what is no amount. */
export function parseJobWishes(variable: (name: string) => string | undefined): JobWishes {
  const read = (
    name: WishName,
    parse: (text: string) => number | undefined,
    shape: string,
  ): number | undefined => {
    const text = variable(WISH_VARIABLES[name]);
    if (text === undefined || text === "") return undefined;
    const amount = parse(text);
    if (amount !== undefined) return amount;
    throw new RunnerError({
      kind: "job",
      message: `"${escapeUntrusted(text, 40)}" in ${WISH_VARIABLES[name]} is not ${shape}.`,
    });
  };
  const size = 'a size of 32M or more, such as "512M" or "4G"';
  return {
    memory: read("memory", parseAmount, size),
    cpus: read("cpus", parseCpus, `a number from ${CPUS_MIN} to ${CPUS_MAX}, such as "1.5"`),
    disk: read("disk", parseAmount, size),
  };
}

function parseAmount(text: string): number | undefined {
  const bytes = parseSize(text);
  return bytes !== undefined && bytes >= SIZE_MIN ? bytes : undefined;
}

function parseCpus(text: string): number | undefined {
  const count = /^\d{1,4}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
  return count >= CPUS_MIN && count <= CPUS_MAX ? count : undefined;
}

interface Limit {
  /** No limit when absent. */
  readonly value: number | undefined;
  readonly by: string;
}

/**
 * The limit of a job that asks for `wish`. Throws a job error when that is more than it may have: the
 * larger of what it has unasked and the maximum.
 */
export function limitWithin(
  name: WishName,
  wish: number | undefined,
  { usual, max }: { readonly usual: Limit; readonly max: Limit },
): Limit {
  if (wish === undefined) return usual;
  const asked = { value: wish, by: WISH_VARIABLES[name] };
  if (usual.value === undefined) return asked;
  const most = (max.value ?? 0) > usual.value ? max : usual;
  const ceiling = most.value ?? usual.value;
  if (wish <= ceiling) return asked;
  const isSize = name !== "cpus";
  const show = isSize ? formatLimit : String;
  // As the variable can be written.
  const writable = isSize ? `${Math.floor(ceiling / 2 ** 20)}M` : String(ceiling);
  throw new RunnerError({
    kind: "job",
    message: `The job asks for ${show(wish)} by ${WISH_VARIABLES[name]}; it may have ${show(ceiling)} at most, by ${most.by}.`,
    hints: [`Set ${WISH_VARIABLES[name]} to ${writable} or less, or leave it out.`],
  });
}
