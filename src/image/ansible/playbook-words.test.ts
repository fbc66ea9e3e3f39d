import { expect, test } from "bun:test";
import { parsePlaybookWords } from "./playbook-words.ts";

test.each([
  ["", "", false],
  ["-v --diff", "-v --diff", false],
  ["-vvv -D", "-vvv -D", false],
  ["--tags web,db", "--tags web,db", true],
  ["--tags=web -v", "--tags web -v", true],
  ["-t web --skip-tags slow", "-t web --skip-tags slow", true],
  ["-e a=b", "-e a=b", true],
  ["--extra-vars=a=b=c", "--extra-vars a=b=c", true],
  ["-e @words.yml", "-e @/home/me/words.yml", true],
  ["-e @/words.yml", "-e @/words.yml", true],
])("%j is %j", (given, words, changes) => {
  const found = parsePlaybookWords(given.split(" ").filter(Boolean), "/home/me");
  expect({ ...found, words: found.words.join(" ") }).toEqual({ words, changes });
});

test.each([
  ["--check", '"--check" is not passed on'],
  ["-c local", '"-c" is not passed on'],
  ["--connection=local", '"--connection=local" is not passed on'],
  ["-i hosts", '"-i" is not passed on'],
  ["--limit x", '"--limit" is not passed on'],
  ["other.yml", '"other.yml" is not passed on'],
  ["-e", '"-e" needs a value.'],
  ["-e ansible_connection=local", 'By "ansible_connection" tasks would run on the host'],
])("%j is refused", (given, message) => {
  expect(() => parsePlaybookWords(given.split(" "), "/")).toThrow(message);
});
