/**
 * What declared images cost: a maintenance with nothing to do, the moment of publishing, and a job
 * with packages of its own beside one without. On btrfs, in a lab (`script/bench`).
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const ROUNDS = Number(process.env.ROUNDS ?? 9);
const ROOT = "/fs/btrfs/root";
const DEFINITIONS = "/tmp/bench-definitions";
const IMAGES = 20;
const environment = {
  PATH: process.env.PATH ?? "",
  NSPAWN_RUNNER_CONFIG: "/tmp/bench-images.toml",
};

function must(...argv: string[]): string {
  const result = Bun.spawnSync(argv, { stdout: "pipe", stderr: "pipe", env: environment });
  if (result.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${result.stderr}${result.stdout}`);
  return result.stdout.toString();
}

function time(action: () => unknown): number {
  const startedAt = performance.now();
  action();
  return performance.now() - startedAt;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Milliseconds from the note "Publishing" to the note "Published" in the newest log of an image. */
function publishMs(image: string): number {
  const logs = readdirSync(`${ROOT}/.logs`).filter((name) => name.startsWith(`${image}_`));
  const text = readFileSync(`${ROOT}/.logs/${logs.sort().at(-1)}`, "utf8");
  const at = (what: string): number =>
    Date.parse(new RegExp(`^# (\\S+) ${what}$`, "m").exec(text)?.[1] ?? "");
  return at("Published") - at("Publishing");
}

rmSync(DEFINITIONS, { recursive: true, force: true });
mkdirSync(DEFINITIONS);
writeFileSync(
  environment.NSPAWN_RUNNER_CONFIG,
  `root_directory = "${ROOT}"\ndefinitions_directory = "${DEFINITIONS}"\n`,
);
const define = (name: string, create: string, more = ""): void =>
  writeFileSync(
    `${DEFINITIONS}/${name}.yaml`,
    `- hosts: all\n  vars:\n    nspawn_runner_create: ${create}\n    nspawn_runner_upgrade: false\n${more}`,
  );

for (let index = 0; index < IMAGES; index += 1) define(`bench-${index}`, "{from: nobash}");
must("nspawn-runner", "chroot-create");
const idle = Array.from({ length: ROUNDS }, () =>
  time(() => must("nspawn-runner", "chroot-maintenance", "--json")),
);
console.log(`Maintenance of ${IMAGES} images with nothing to do: ${median(idle).toFixed(0)} ms.`);

define("bench-full", "{from: trixie}");
must("nspawn-runner", "chroot-create", "bench-full");
const published = Array.from({ length: ROUNDS }, () => {
  must("nspawn-runner", "chroot-maintenance", "--force", "--json", "bench-full");
  return publishMs("bench-full");
});
console.log(`Publishing a generation of an image with 350 MB: ${median(published).toFixed(0)} ms.`);

const prepare = (round: number, ...more: string[]): number => {
  const name = `bench-p-${round}-${more.length}`;
  const ms = time(() => must("nspawn-runner", "prepare", "--id", name, "trixie", ...more));
  must("nspawn-runner", "cleanup", "--id", name);
  return ms;
};
const first = prepare(-1, "--packages", "hello");
// In turns, so that both meet the same weather; the first of each warms up.
const pairs = Array.from({ length: ROUNDS + 1 }, (_, round) => ({
  plain: prepare(round),
  extended: prepare(round, "--packages", "hello"),
})).slice(1);
const plain = median(pairs.map((pair) => pair.plain));
const extended = median(pairs.map((pair) => pair.extended));
console.log(
  `A job with packages: the first ${first.toFixed(0)} ms, later ones ${extended.toFixed(0)} ms, ` +
    `${(extended / plain).toFixed(2)} of one without (${plain.toFixed(0)} ms).`,
);
