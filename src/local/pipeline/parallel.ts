/** The jobs that one with `parallel` stands for, with GitLab's names and values. Pure. */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";

type Matrix = readonly Readonly<Record<string, readonly string[]>>[];
export type Parallel = number | { readonly matrix: Matrix };

export interface Copy {
  readonly name: string;
  readonly variables: Readonly<Record<string, string>>;
  /** `CI_NODE_INDEX`; nothing when there is one alone. */
  readonly index: number | undefined;
  readonly total: number;
  /** What of the variables comes of the matrix. */
  readonly matrix: Readonly<Record<string, string>> | undefined;
}

/** GitLab's own limit for one job. */
const COPIES_MAX = 200;

/** docs.gitlab.com, "parallel": names are "job 1/3", or "job: [a, b]". */
export function copiesOf(name: string, parallel: Parallel | undefined): readonly Copy[] {
  if (parallel === undefined) {
    return [{ name, variables: {}, index: undefined, total: 1, matrix: undefined }];
  }
  if (typeof parallel === "number") {
    check(name, parallel);
    return Array.from({ length: parallel }, (_, index) => ({
      name: `${name} ${index + 1}/${parallel}`,
      variables: {},
      index: index + 1,
      total: parallel,
      matrix: undefined,
    }));
  }
  check(
    name,
    parallel.matrix.reduce((sum, entry) => sum + sizeOf(entry), 0),
  );
  const combined = parallel.matrix.flatMap(combinations);
  return combined.map((matrix, index) => ({
    name: `${name}: [${Object.values(matrix).join(", ")}]`,
    variables: matrix,
    index: index + 1,
    total: combined.length,
    matrix,
  }));
}

const sizeOf = (entry: Matrix[number]): number =>
  Object.values(entry).reduce((product, values) => product * values.length, 1);

function check(name: string, count: number): void {
  if (count <= COPIES_MAX) return;
  throw new RunnerError({
    kind: "usage",
    message: `The job "${escapeUntrusted(name, 80)}" is ${count} jobs by "parallel"; GitLab takes ${COPIES_MAX}.`,
  });
}

/** The last variable changes first. */
export function combinations(entry: Matrix[number]): readonly Readonly<Record<string, string>>[] {
  return Object.entries(entry).reduce<readonly Readonly<Record<string, string>>[]>(
    (before, [key, values]) =>
      before.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
}
