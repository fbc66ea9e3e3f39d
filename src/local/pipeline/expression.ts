/**
 * The `if:` of a rule, as GitLab reads it (docs.gitlab.com, "CI/CD variable expressions", and
 * lib/gitlab/ci/pipeline/expression of its source, release 18). A stranger wrote it: nothing of it
 * is run, and its patterns are RE2's, whose time is linear in the text. Pure.
 */
import { RE2JS } from "re2js";
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";

type Variables = Readonly<Record<string, string>>;

type Value = string | boolean | undefined;

type Node =
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "pattern"; readonly pattern: string }
  | {
      readonly kind: "operation";
      readonly operator: Operator;
      readonly left: Node;
      readonly right: Node;
    };

type Operator = "||" | "&&" | "==" | "!=" | "=~" | "!~";

/** Loosest first. */
const PRECEDENCE: readonly (readonly Operator[])[] = [["||"], ["&&"], ["==", "!=", "=~", "!~"]];

/** GitLab's own limit. */
const TOKENS_MAX = 100;

/** Whether the rule's condition holds. Throws a usage error when it is no expression. */
export function isTrue(expression: string, variables: Variables): boolean {
  const node = parse(expression);
  try {
    return isPresent(evaluate(node, variables));
  } catch (error) {
    // As with GitLab: a pattern that comes by a variable, and is none, makes the whole of it false.
    if (error instanceof NoPattern) return false;
    throw error;
  }
}

class NoPattern extends Error {}

/** Ruby's: an empty text, or one of blanks, is not present. */
const isPresent = (value: Value): boolean =>
  typeof value === "string" ? value.trim() !== "" : value === true;

/** Ruby's: an empty text is true to `&&` and `||`. */
const isTruthy = (value: Value): boolean => value !== undefined && value !== false;

function evaluate(node: Node, variables: Variables): Value {
  switch (node.kind) {
    case "value":
      return node.value;
    case "variable":
      return variables[node.name];
    case "pattern":
      return node.pattern;
    case "operation":
      return operate(node, variables);
  }
}

function operate(node: Extract<Node, { kind: "operation" }>, variables: Variables): Value {
  const left = evaluate(node.left, variables);
  const right = (): Value => evaluate(node.right, variables);
  switch (node.operator) {
    case "||":
      return isTruthy(left) ? left : right();
    case "&&":
      return isTruthy(left) ? right() : left;
    case "==":
      return left === right();
    case "!=":
      return left !== right();
    case "=~":
      return matches(left, right()) ?? false;
    case "!~":
      return !(matches(left, right()) ?? false);
  }
}

function matches(text: Value, pattern: Value): boolean | undefined {
  if (!isTruthy(pattern)) return undefined;
  return compile(String(pattern))
    .matcher(String(text ?? ""))
    .find();
}

function compile(pattern: string): RE2JS {
  const [, body, flags = ""] = /^\/(.*)\/([ismU]*)$/s.exec(pattern) ?? [];
  if (body === undefined) throw new NoPattern();
  try {
    return RE2JS.compile(flags === "" ? body : `(?${flags})${body}`);
  } catch {
    throw new NoPattern();
  }
}

type Token = Node | { readonly kind: "operator"; readonly operator: Operator | "(" | ")" };

const TOKENS: readonly (readonly [RegExp, (found: RegExpExecArray) => Token])[] = [
  [/[()]/y, ([text]) => ({ kind: "operator", operator: text as "(" | ")" })],
  [/\$(\w+)/y, ([, name = ""]) => ({ kind: "variable", name })],
  [/"(.*?)"|'(.*?)'/y, ([, one, two]) => ({ kind: "value", value: one ?? two ?? "" })],
  [
    /\/(?:[^/\\]|\\.)+\/[ismU]*/y,
    ([text]) => ({ kind: "pattern", pattern: text.replaceAll("\\/", "/") }),
  ],
  [/null\b/y, () => ({ kind: "value", value: undefined })],
  [/(true|false)\b/y, ([text]) => ({ kind: "value", value: text === "true" })],
  [/\|\||&&|==|!=|=~|!~/y, ([text]) => ({ kind: "operator", operator: text as Operator })],
];

function tokenize(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  const blank = /\s*/y;
  for (let at = 0; ; ) {
    blank.lastIndex = at;
    at += blank.exec(expression)?.[0].length ?? 0;
    if (at >= expression.length) return tokens;
    const token = tokenAt(expression, at);
    if (token === undefined || tokens.length >= TOKENS_MAX) throw notUnderstood(expression);
    tokens.push(token.token);
    at = token.end;
  }
}

function tokenAt(text: string, at: number): { token: Token; end: number } | undefined {
  for (const [pattern, make] of TOKENS) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) return { token: make(found), end: pattern.lastIndex };
  }
  return undefined;
}

function parse(expression: string): Node {
  const tokens = tokenize(expression);
  let at = 0;
  const isNext = (operators: readonly string[]): boolean => {
    const token = tokens[at];
    return token?.kind === "operator" && operators.includes(token.operator);
  };
  const parseLevel = (level: number): Node => {
    const operators = PRECEDENCE[level];
    if (operators === undefined) return parseOperand();
    let left = parseLevel(level + 1);
    while (isNext(operators)) {
      const { operator } = tokens[at] as { operator: Operator };
      at += 1;
      left = { kind: "operation", operator, left, right: parseLevel(level + 1) };
    }
    return left;
  };
  const parseOperand = (): Node => {
    const token = tokens[at];
    at += 1;
    if (token === undefined) throw notUnderstood(expression);
    if (token.kind !== "operator") return token;
    if (token.operator !== "(") throw notUnderstood(expression);
    const inner = parseLevel(0);
    if (!isNext([")"])) throw notUnderstood(expression);
    at += 1;
    return inner;
  };
  const node = parseLevel(0);
  if (at < tokens.length) throw notUnderstood(expression);
  return node;
}

const notUnderstood = (expression: string): RunnerError =>
  new RunnerError({
    kind: "usage",
    message: `The rule "${escapeUntrusted(expression, 120)}" is not an expression that GitLab knows.`,
    hints: ['Compare variables, as in "if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH".'],
  });
