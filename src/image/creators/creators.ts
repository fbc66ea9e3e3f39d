/** The registry of creators, and the schema of `nspawn_runner_create`. */
import * as v from "valibot";
import type { Creator } from "./creator.ts";
import { mmdebstrap } from "./mmdebstrap.ts";

export const CREATORS = { mmdebstrap } satisfies Record<string, Creator<unknown>>;

export type CreatorKind = keyof typeof CREATORS;

/** How an image is created: plain data, made by `createSchema` alone. */
export interface CreateRequest {
  readonly kind: CreatorKind;
  /** What the creator's own schema made of the options. */
  readonly options: unknown;
}

export const creatorOf = (request: CreateRequest): Creator<unknown> => CREATORS[request.kind];

const kinds = Object.keys(CREATORS);
const isKind = (text: string | undefined): text is CreatorKind =>
  text !== undefined && kinds.includes(text);

/**
 * `nspawn_runner_create`: the name of a creator, or `{name: options}`. Chosen by what is there, so
 * that an error is about the creator that was meant.
 */
export const createSchema: v.GenericSchema<unknown, CreateRequest> = v.lazy((input) => {
  const kind = typeof input === "string" ? input : onlyKey(input);
  if (!isKind(kind)) {
    return v.pipe(
      v.unknown(),
      v.check(() => false, `must name a creator: ${kinds.join(", ")}`),
      v.transform((): CreateRequest => ({ kind: "mmdebstrap", options: undefined })),
    );
  }
  const { schema } = CREATORS[kind];
  const options =
    typeof input === "string"
      ? v.pipe(
          v.string(),
          v.transform((): unknown => ({})),
          schema,
        )
      : v.pipe(
          v.strictObject({ [kind]: schema }),
          v.transform((object) => object[kind]),
        );
  return v.pipe(
    options,
    v.transform((value): CreateRequest => ({ kind, options: value })),
  );
});

function onlyKey(input: unknown): string | undefined {
  const keys = typeof input === "object" && input !== null ? Object.keys(input) : [];
  return keys.length === 1 ? keys[0] : undefined;
}
