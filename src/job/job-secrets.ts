/**
 * What GitLab itself takes for secrets of a job: what it would mask in the job's log. Nobody may read
 * them in a log of ours. Pure, and never throws: what is of another shape is no secret of the job.
 */
import * as v from "valibot";

/** GitLab masks nothing shorter (docs.gitlab.com, "Mask a CI/CD variable"). */
const LENGTH_MIN = 8;
const COUNT_MAX = 1000;

const secret = v.pipe(v.string(), v.minLength(LENGTH_MIN));
const list = v.fallback(v.array(v.unknown()), []);
const lists = v.fallback(v.object({ variables: list, credentials: list, dependencies: list }), {
  variables: [],
  credentials: [],
  dependencies: [],
});
const schemas = {
  job: v.object({ token: secret }),
  variable: v.object({ masked: v.literal(true), value: secret }),
  credential: v.object({ password: secret }),
} as const;

/** Each once, the longest first, so that none hides a part of another. */
export function parseJobSecrets(job: unknown): readonly string[] {
  const { variables, credentials, dependencies } = v.parse(lists, job);
  const found = [
    ...[job, ...dependencies].map((one) => v.is(schemas.job, one) && one.token),
    ...variables.map((one) => v.is(schemas.variable, one) && one.value),
    ...credentials.map((one) => v.is(schemas.credential, one) && one.password),
  ].filter((one) => one !== false);
  return [...new Set(found)].sort((one, other) => other.length - one.length).slice(0, COUNT_MAX);
}
