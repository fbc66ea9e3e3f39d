/** The registry of creators, and the schema of `nspawn_runner_create`. */
import * as v from "valibot";
import { nearestName } from "../../text/nearest.ts";
import { apk } from "./apk.ts";
import { command } from "./command.ts";
import type { Creator } from "./creator.ts";
import { debootstrap } from "./debootstrap.ts";
import { directory } from "./directory.ts";
import { dnf } from "./dnf.ts";
import { from } from "./from.ts";
import { mkosi } from "./mkosi.ts";
import { mmdebstrap } from "./mmdebstrap.ts";
import { oci } from "./oci.ts";
import { ADDRESS } from "./options.ts";
import { pacstrap } from "./pacstrap.ts";
import { tar } from "./tar.ts";
import { zypper } from "./zypper.ts";

export const CREATORS = {
  mmdebstrap,
  debootstrap,
  dnf,
  zypper,
  pacstrap,
  apk,
  mkosi,
  oci,
  tar,
  directory,
  from,
  command,
} satisfies Record<string, Creator<unknown>>;

export type CreatorKind = keyof typeof CREATORS;

/** How an image is created: plain data, made by `createSchema` alone. */
export interface CreateRequest {
  readonly kind: CreatorKind;
  /** What the creator's own schema made of the options. */
  readonly options: unknown;
}

export const creatorOf = (request: CreateRequest): Creator<unknown> => CREATORS[request.kind];

const kinds = Object.keys(CREATORS);
const isKind = (text: string): text is CreatorKind => kinds.includes(text);

/**
 * `nspawn_runner_create`: the name of a creator, `{name: options}`, or a command of the shell.
 * Chosen by what is there, so that an error is about the creator that was meant.
 */
export const createSchema: v.GenericSchema<unknown, CreateRequest> = v.lazy((input) => {
  if (typeof input === "string") return ofText(input);
  const keys = typeof input === "object" && input !== null ? Object.keys(input) : [];
  const [key, ...others] = keys;
  if (key === undefined || Array.isArray(input)) return refused(`must name a creator: ${KNOWN}`);
  if (others.length > 0) {
    return refused(`must name one creator, not ${keys.length}: ${keys.slice(0, 5).join(", ")}`);
  }
  if (!isKind(key)) return refused(`is no creator${suggestion(key)}`, key);
  return v.pipe(
    v.strictObject({ [key]: CREATORS[key].schema }),
    v.transform((object): CreateRequest => ({ kind: key, options: object[key] })),
  );
});

const KNOWN = kinds.join(", ");

function ofText(text: string): v.GenericSchema<unknown, CreateRequest> {
  if (isKind(text)) {
    const { schema } = CREATORS[text];
    return v.pipe(
      v.unknown(),
      v.transform((): unknown => ({})),
      schema,
      v.transform((options): CreateRequest => ({ kind: text, options })),
    );
  }
  if (ADDRESS.test(text) && !/\s/.test(text)) {
    return refused('is an address: write "oci: ADDRESS", or "tar:" with "source" and "sha256"');
  }
  if (!/[\s/]/.test(text)) {
    return refused(`must name a creator, or be a command${suggestion(text)}`);
  }
  return v.pipe(
    CREATORS.command.schema,
    v.transform((options): CreateRequest => ({ kind: "command", options })),
  );
}

function suggestion(text: string): string {
  const near = nearestName(text, kinds);
  return `${near === undefined ? "" : `; did you mean "${near}"?`} (creators: ${KNOWN})`;
}

/** Fails with a message, about one key of the input where it is told. */
const refused = (message: string, key?: string): v.GenericSchema<unknown, CreateRequest> =>
  v.pipe(
    v.unknown(),
    v.rawTransform(({ dataset, addIssue, NEVER }): CreateRequest => {
      const { value } = dataset;
      addIssue(
        key === undefined
          ? { message }
          : {
              message,
              path: [{ type: "unknown", origin: "key", input: value, key, value: undefined }],
            },
      );
      return NEVER;
    }),
  );

/**
 * The same as a plain union, for the JSON Schema that editors complete and check definitions with.
 * It never parses anything: its errors would be about all creators at once. To be converted with
 * `typeMode: "input"` and `ignoreActions: ["check", "partial_check"]`, which JSON Schema cannot say.
 */
export const createInputSchema: v.GenericSchema = v.pipe(
  v.union([
    v.pipe(v.picklist(kinds), v.title("a creator"), v.description("A creator, by its name alone")),
    v.pipe(
      v.string(),
      v.regex(/[\s/]/),
      v.title(command.title),
      v.description("Text for bash -euo pipefail; $1 is the directory to fill"),
    ),
    ...Object.entries(CREATORS).map(([kind, { title, schema }]) =>
      v.pipe(v.strictObject({ [kind]: v.pipe(schema, v.description(title)) }), v.title(title)),
    ),
  ]),
  v.description("How the root file system is created"),
);
