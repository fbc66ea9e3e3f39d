/**
 * What a person gives `ansible-playbook` for one run: `chroot-maintenance NAME -- --tags web -v`. Only
 * what lets the run be one of this image, in its machine. Pure.
 */
import { resolve } from "node:path";
import { RunnerError } from "../../text/errors.ts";

export interface PlaybookWords {
  readonly words: readonly string[];
  /** Whether the image comes out otherwise than by its definition alone. */
  readonly changes: boolean;
}

export const NO_WORDS: PlaybookWords = { words: [], changes: false };

const WITH_VALUE = ["--extra-vars", "-e", "--tags", "-t", "--skip-tags"];
const PLAIN = /^(?:--diff|-D|--verbose|-v{1,6})$/;

/** Throws a usage error. A file of variables (`@FILE`) is looked for where the person is. */
export function parsePlaybookWords(
  given: readonly string[],
  workingDirectory: string,
): PlaybookWords {
  const words: string[] = [];
  let changes = false;
  for (let index = 0; index < given.length; index += 1) {
    const word = given[index] ?? "";
    if (PLAIN.test(word)) {
      words.push(word);
      continue;
    }
    const [option = "", ...rest] = word.split("=");
    if (!WITH_VALUE.includes(option)) throw refused(word);
    let value = rest.length > 0 ? rest.join("=") : undefined;
    if (value === undefined) {
      index += 1;
      value = given[index];
    }
    if (value === undefined) throw usage(`"${option}" needs a value.`);
    if (value.includes("ansible_connection")) throw usage(CONNECTION);
    const isFile = ["--extra-vars", "-e"].includes(option) && value.startsWith("@");
    words.push(option, isFile ? `@${resolve(workingDirectory, value.slice(1))}` : value);
    changes = true;
  }
  return { words, changes };
}

const CONNECTION =
  'By "ansible_connection" tasks would run on the host that builds, not in the image.';

const refused = (word: string): RunnerError =>
  usage(
    `"${word}" is not passed on to ansible-playbook.`,
    "These are: --tags, --skip-tags, --extra-vars, --diff and -v.",
  );

const usage = (message: string, ...hints: string[]): RunnerError =>
  new RunnerError({ kind: "usage", message, hints });
