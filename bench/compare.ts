/**
 * The stages of a job beside what a user would take instead, in one run, in turns: the bare
 * systemd-nspawn command, and Docker with the same root file system. Prints medians and ratios.
 * Runs inside a lab (`script/bench`); machines are noisy, so compare within one run only.
 */
import { writeFileSync } from "node:fs";

const ROUNDS = Number(process.env.ROUNDS ?? 9);
const ROOT = "/fs/btrfs/root";

interface Contender {
  readonly name: string;
  /** Each takes the round's number and throws when it fails. */
  readonly start: (round: number) => void;
  readonly step: (round: number) => void;
  readonly end: (round: number) => void;
}

function must(...argv: string[]): void {
  mustIn(environment, argv);
}

function mustIn(env: Record<string, string>, argv: readonly string[]): void {
  const result = Bun.spawnSync([...argv], { stdout: "pipe", stderr: "pipe", env });
  if (result.exitCode !== 0) throw new Error(`${argv.join(" ")}: ${result.stderr}${result.stdout}`);
}

const environment = { PATH: process.env.PATH ?? "", NSPAWN_RUNNER_CONFIG: "/tmp/bench.toml" };
writeFileSync("/tmp/bench.toml", `root_directory = "${ROOT}"\n`);
writeFileSync("/tmp/bench-true", "#!/bin/bash\ntrue\n");

/** As GitLab Runner calls the stages. */
const ours = (image: string): Contender => {
  const stage =
    (...words: string[]) =>
    (round: number): void =>
      mustIn({ ...environment, NSPAWN_RUNNER_MACHINE: `bench-${image}-${round}` }, [
        "nspawn-runner",
        ...words,
      ]);
  return {
    name: `nspawn-runner, ${image === "trixie" ? "booted" : "no init"}`,
    start: stage("prepare", image),
    step: stage("run", "/tmp/bench-true", "build_script"),
    end: stage("cleanup"),
  };
};

/**
 * As one would write it by hand: a snapshot, booted as a transient unit, entered by systemd-run.
 * systemd 257 refuses the name of a machine that was killed, so no two have one name.
 */
const bare = (): Contender => {
  const machine = (round: number): string => `bare-${process.pid}-${round}`;
  return {
    name: "bare systemd-nspawn, booted",
    start: (round) => {
      const name = machine(round);
      must("btrfs", "subvolume", "snapshot", `${ROOT}/trixie`, `${ROOT}/${name}`);
      const nspawn = `systemd-nspawn --quiet --keep-unit --boot --machine=${name} --directory=${ROOT}/${name} --private-users=pick --private-users-ownership=map --link-journal=no --notify-ready=yes --settings=no`;
      must(
        "systemd-run",
        "--quiet",
        "--collect",
        `--unit=${name}`,
        "--service-type=notify",
        "--property=Delegate=yes",
        ...nspawn.split(" "),
      );
    },
    step: (round) =>
      must("systemd-run", "--quiet", "--wait", "--pipe", `--machine=${machine(round)}`, "true"),
    end: (round) => {
      must("systemctl", "kill", "--signal=KILL", `${machine(round)}.service`);
      must("systemctl", "stop", `${machine(round)}.service`);
      must("btrfs", "subvolume", "delete", `${ROOT}/${machine(round)}`);
    },
  };
};

/** Boots nothing: the same files, and a process that sleeps. */
const docker: Contender = {
  name: "docker, boots nothing",
  start: (round) =>
    must(
      "docker",
      "run",
      "-d",
      "--network=host",
      `--name=bench${round}`,
      "bench",
      "sleep",
      "infinity",
    ),
  step: (round) => must("docker", "exec", `bench${round}`, "/bin/true"),
  end: (round) => must("docker", "rm", "-f", `bench${round}`),
};

const contenders: Contender[] = [ours("trixie"), ours("nosystemd"), bare()];
if (Bun.which("docker") !== null && Bun.spawnSync(["docker", "info"]).exitCode === 0)
  contenders.push(docker);
else console.error("Docker does not run here; it is left out.");

type Phase = "start" | "step" | "end";
const PHASES: readonly Phase[] = ["start", "step", "end"];
const times = new Map<string, number[]>();

// Round 0 warms up. Within a round each takes its turn, so that all meet the same weather.
for (let round = 0; round <= ROUNDS; round += 1) {
  for (const contender of contenders) {
    for (const phase of PHASES) {
      const startedAt = performance.now();
      contender[phase](round);
      const ms = performance.now() - startedAt;
      const key = `${contender.name}/${phase}`;
      if (round > 0) times.set(key, [...(times.get(key) ?? []), ms]);
    }
  }
}

function median(contender: Contender, phase: Phase): number {
  const sorted = (times.get(`${contender.name}/${phase}`) ?? []).toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const [booted] = contenders;
if (booted === undefined) throw new Error("nothing to compare");
console.log(`Median of ${ROUNDS} rounds in ms; in brackets: nspawn-runner booted / this one.\n`);
for (const contender of contenders) {
  const cells = PHASES.map((phase) => {
    const ms = median(contender, phase);
    return `${phase} ${ms.toFixed(0).padStart(5)} (${(median(booted, phase) / ms).toFixed(2)})`;
  });
  console.log(`${contender.name.padEnd(28)}  ${cells.join("   ")}`);
}
