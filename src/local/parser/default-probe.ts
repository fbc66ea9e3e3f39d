/**
 * What `default:` says of keywords that the parser does not hand down to jobs (gitlab-ci-local 4.75
 * knows six). It does where a job asks by `inherit: default: [...]`: a job of ours asks for the rest,
 * in the file that the parser merges last, and tells us what it got. Pure.
 */

const KEYWORDS = ["hooks", "id_tokens", "identity", "interruptible", "retry", "tags", "timeout"];

export const DEFAULT_PROBE = {
  name: "nspawn-runner:default",
  /** Where it stands in the clone. */
  file: ".gitlab-ci-local.yml",
  text: JSON.stringify({
    "nspawn-runner:default": {
      stage: ".pre",
      script: ["true"],
      rules: [{ when: "always" }],
      inherit: { default: KEYWORDS, variables: false },
    },
  }),
} as const;

/** A job with what it inherits of the probe, unless it says otherwise itself. */
export function inheritDefault(job: unknown, probe: unknown): unknown {
  if (!isRecord(job) || !isRecord(probe)) return job;
  const { default: wanted = true } = isRecord(job.inherit) ? job.inherit : {};
  const inherited = KEYWORDS.filter((keyword) =>
    Array.isArray(wanted) ? wanted.includes(keyword) : wanted === true,
  );
  const values = inherited.flatMap((keyword) =>
    probe[keyword] === undefined ? [] : [[keyword, probe[keyword]]],
  );
  return { ...Object.fromEntries(values), ...job };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
