/** An image that begins as another one of ours. */
import * as v from "valibot";
import { isImageName } from "../../text/names.ts";
import type { Creator } from "./creator.ts";
import { byForm, strictOptions } from "./options.ts";

const image = v.pipe(
  v.string("must be the name of an image"),
  v.check(isImageName, "must be the name of an image"),
  v.description("The image whose current generation is copied"),
);

const options = strictOptions("from", { image });

type Options = v.InferOutput<typeof options>;

export const from: Creator<Options> = {
  title: "a copy of another image",
  schema: byForm<Options>([
    v.pipe(
      image,
      v.transform((text): Options => ({ image: text })),
    ),
    options,
  ]),
  version: 1,
  tools: () => [],
  // When the other image changes, this one is made anew for that reason.
  rolling: () => false,
  installsPackages: () => false,
  inputs: () => [],
  parent: (chosen) => chosen.image,
  plan: (chosen) => [{ kind: "copy-image", image: chosen.image }],
};
