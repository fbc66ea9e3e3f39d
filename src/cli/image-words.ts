/** The second way of saying the commands of images: `image list` is `chroot-list`. Pure. */

const SHORT = {
  create: "chroot-create",
  update: "chroot-maintenance",
  login: "chroot-login",
  list: "chroot-list",
  lint: "chroot-lint",
  rollback: "chroot-rollback",
  pin: "chroot-pin",
  remove: "chroot-remove",
  diff: "chroot-diff",
} as const;

const isShort = (word: string | undefined): word is keyof typeof SHORT =>
  word !== undefined && Object.hasOwn(SHORT, word);

/** `image WORD …` becomes the command that it means; everything else stays as it is. */
export function expandImageWords(argv: readonly string[]): readonly string[] {
  const [first, word, ...rest] = argv;
  if (first !== "image") return argv;
  if (isShort(word)) return [SHORT[word], ...rest];
  // A help that lists them, or an error that names the nearest.
  if (word === undefined || word.startsWith("-")) return ["--help"];
  return [`chroot-${word}`, ...rest];
}

export const IMAGE_WORDS_HELP = `
Commands of images can be said shorter: ${Object.entries(SHORT)
  .map(([word, command]) => `"image ${word}" is ${command}`)
  .join(", ")}.`;
