/** What jobs inherit of `default:`: docs.gitlab.com, "default" and "inherit:default". Pure. */

const KEYWORDS = [
  "after_script",
  "artifacts",
  "before_script",
  "cache",
  "hooks",
  "id_tokens",
  "identity",
  "image",
  "interruptible",
  "retry",
  "services",
  "tags",
  "timeout",
];

/** docs.gitlab.com, "Deprecated keywords": so it was written before there was `default:`. */
export const DEFAULTS_AT_THE_TOP = ["after_script", "before_script", "cache", "image", "services"];

/** What the top of a file says by default, by keyword. */
export function defaultsOf(top: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const atTheTop = DEFAULTS_AT_THE_TOP.flatMap((keyword) =>
    isSaid(top[keyword]) ? [[keyword, top[keyword]]] : [],
  );
  return { ...(isRecord(top.default) ? top.default : {}), ...Object.fromEntries(atTheTop) };
}

/** A job with what it inherits, unless it says otherwise itself. */
export function inheritDefaults(
  job: unknown,
  defaults: Readonly<Record<string, unknown>>,
): unknown {
  if (!isRecord(job)) return job;
  const { default: wanted } = isRecord(job.inherit) ? job.inherit : {};
  const inherited = KEYWORDS.filter((keyword) =>
    Array.isArray(wanted) ? wanted.includes(keyword) : wanted !== false,
  );
  const values = inherited.flatMap((keyword) =>
    isSaid(defaults[keyword]) && !isSaid(job[keyword]) ? [[keyword, defaults[keyword]]] : [],
  );
  return { ...job, ...Object.fromEntries(values) };
}

const isSaid = (value: unknown): boolean => value !== undefined && value !== null;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
