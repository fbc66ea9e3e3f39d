import { expect, test } from "bun:test";
import { expandImageWords } from "./image-words.ts";

test.each([
  ["image list --json", "chroot-list --json"],
  ["image update trixie", "chroot-maintenance trixie"],
  ["image updat trixie", "chroot-updat trixie"],
  ["image", "--help"],
  ["image --help", "--help"],
  ["run image list", "run image list"],
  ["image toString", "chroot-toString"],
])("%j means %j", (words, meant) => {
  expect(expandImageWords(words.split(" ")).join(" ")).toBe(meant);
});
