import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("a copy of another image, which is its parent", () => {
  expect(planOf({ from: "trixie" })).toBe("copy the image trixie");
  expect(planOf({ from: { image: "debian-12" } })).toBe("copy the image debian-12");
  expect(factsOf({ from: "trixie" })).toMatchObject({
    parent: "trixie",
    rolling: false,
    tools: "",
  });
});

test.each(["../x", "", "trixie.v", 5])("%p is no image", (name) => {
  expect(faultsOf({ from: name })).toMatch(/^create\.from must be the name of an image$|must hold/);
});
