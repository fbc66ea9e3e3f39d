/**
 * What lab tests share: the driver as a user calls it, on each storage, with everything cleaned up
 * behind it. Runs only inside a lab (`script/lab`), where the fixtures are.
 */
import { afterEach, expect } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";

export interface Place {
  readonly kind: "btrfs" | "reflink" | "overlay" | "tmpfs";
  readonly root: string;
}

export const PLACES: readonly Place[] = [
  { kind: "btrfs", root: "/fs/btrfs/root" },
  { kind: "reflink", root: "/fs/xfs/root" },
  { kind: "overlay", root: "/fs/ext4/root" },
  { kind: "tmpfs", root: "/fs/ext4/root" },
];

if (!existsSync("/fs/btrfs/root")) {
  throw new Error('These tests run inside a lab: "script/test", or "script/lab run bun test …".');
}

const DRIVER = "nspawn-runner";
/** Where this file keeps configurations and scripts. */
export const scratch = mkdtempSync("/tmp/nspawn-runner-test-");
const undo: (() => unknown)[] = [];
let counter = 0;

/** Registers a clean-up on the line after a creation; the last one runs first. */
export function later(action: () => unknown): void {
  undo.push(action);
}

/** To be called in each test file: hooks belong to the file that registers them. */
export function cleanUpAfterEach(): void {
  afterEach(async () => {
    const failures: unknown[] = [];
    for (let action = undo.pop(); action !== undefined; action = undo.pop()) {
      try {
        await action();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

export interface Started {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  /** Resolves when stdout or stderr holds the text; fails when it ends without. */
  awaitOutput(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

type Environment = Readonly<Record<string, string>>;

/** Starts any command with a plain environment and no stdin. */
export function start(argv: readonly string[], environment: Environment = {}): Started {
  const startedAt = performance.now();
  const child = Bun.spawn([...argv], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "", HOME: "/root", ...environment },
  });
  const seen = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  const read = async (stream: "stdout" | "stderr", label: "latin1" | "utf-8"): Promise<void> => {
    const decoder = new TextDecoder(label);
    for await (const chunk of child[stream]) {
      seen[stream] += decoder.decode(chunk, { stream: true });
      for (const wake of waiting) wake();
    }
  };
  // A script's output is bytes; messages of ours are text.
  const reading = [read("stdout", "latin1"), read("stderr", "utf-8")];
  const ended = (async (): Promise<Ended> => {
    await Promise.all(reading);
    const code = await child.exited;
    for (const wake of waiting) wake();
    return { code, ...seen, ms: performance.now() - startedAt };
  })();
  return {
    pid: child.pid,
    ended,
    awaitOutput: (text) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = (): void => {
        if (seen.stdout.includes(text) || seen.stderr.includes(text)) resolve();
        else if (child.exitCode !== null)
          reject(new Error(`ended without "${text}": ${seen.stdout}${seen.stderr}`));
      };
      waiting.add(look);
      look();
      return promise.finally(() => waiting.delete(look));
    },
    kill: (signal) => child.kill(signal),
  };
}

export const command = (...argv: string[]): Promise<Ended> => start(argv).ended;

/** What it has printed. Fails the test when it fails. */
export async function must(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await command(...argv);
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr}${stdout}`);
  return stdout;
}

/** A script of the test's own that has to succeed; the words are its `$1` and following. */
export const mustBash = (script: string, ...words: string[]): Promise<string> =>
  must("bash", "-euc", script, "sh", ...words);

/** Where this lab's own packages come from. */
export async function findMirror(): Promise<string> {
  const find = "grep -rhoE 'https?://[^ ]+' /etc/apt/sources.list /etc/apt/sources.list.d";
  return (await mustBash(`${find} | head -n 1`)).trim();
}

export interface Runner {
  readonly place: Place;
  readonly environment: Environment;
  call(...argv: string[]): Promise<Ended>;
  start(...argv: string[]): Started;
  /** Prepares a machine that is cleaned up after the test. Fails the test when it does not come. */
  machine(image: string): Promise<Machine>;
}

export interface Machine {
  readonly name: string;
  readonly unit: string;
  run(script: string): Promise<Ended>;
  start(script: string): Started;
}

/** The driver with a configuration of its own. */
export function openRunner(place: Place, more = ""): Runner {
  counter += 1;
  const path = `${scratch}/config-${counter}.toml`;
  writeFileSync(
    path,
    `root_directory = ${JSON.stringify(place.root)}\nstorage = "${place.kind}"\n${more}`,
  );
  const environment = { NSPAWN_RUNNER_CONFIG: path };
  const runner: Runner = {
    place,
    environment,
    call: (...argv) => start([DRIVER, ...argv], environment).ended,
    start: (...argv) => start([DRIVER, ...argv], environment),
    machine: async (image) => {
      const name = uniqueName();
      const prepared = runner.call("prepare", "--id", name, image);
      later(async () => {
        await runner.call("cleanup", "--id", name);
        expectNothingLeft(place, name);
      });
      const { code, stderr } = await prepared;
      if (code !== 0) throw new Error(`prepare ended with ${code}: ${stderr}`);
      return {
        name,
        unit: unitOf(name),
        run: (script) => runner.call("run", "--id", name, scriptFile(script)),
        start: (script) => runner.start("run", "--id", name, scriptFile(script)),
      };
    },
  };
  return runner;
}

export function uniqueName(): string {
  counter += 1;
  return `test-${process.pid}-${counter}`;
}

export const unitOf = (name: string): string => `nspawn-runner-${escaped(name)}.service`;

/** Where its limits are. */
export const sliceOf = (name: string): string => `nspawn_runner-${escaped(name)}.slice`;

/** A script as GitLab Runner would hand it over; bash unless it says otherwise itself. */
export function scriptFile(text: string): string {
  counter += 1;
  const path = `${scratch}/script-${counter}`;
  writeFileSync(path, text.startsWith("#!") ? text : `#!/usr/bin/env bash\n${text}`, {
    mode: 0o700,
  });
  return path;
}

/** Nothing of a machine is on the host: no clone, no state, no ids, no addresses, no unit. */
export function expectNothingLeft(place: Place, name: string): void {
  const clones = `${place.root}/.machines`;
  expect(existsSync(clones) ? readdirSync(clones) : []).not.toContain(name);
  expect(existsSync(`/run/nspawn-runner/machines/${name}`)).toBe(false);
  for (const kind of ["id-ranges", "address-pairs"]) {
    const directory = `/run/nspawn-runner/${kind}`;
    const held = existsSync(directory) ? readdirSync(directory) : [];
    expect(held.map((entry) => readlinkSync(`${directory}/${entry}`))).not.toContain(name);
  }
  awaitUnitsGone(() => listUnits().includes(escaped(name)));
  expect(listUnits()).not.toContain(escaped(name));
}

/** What a unit's own end has asked of systemd may be in its queue yet, with nothing left to do. */
export function awaitUnitsGone(areThere: () => boolean): void {
  const until = performance.now() + 10_000;
  while (areThere() && performance.now() < until);
}

const escaped = (name: string): string => name.replaceAll("-", "\\x2d");

const listUnits = (): string =>
  Bun.spawnSync([
    ...["systemctl", "list-units", "--all", "--plain", "--no-legend", "nspawn*"],
  ]).stdout.toString();

/** Resolves when no unit deletes any more: while one does, it has files of its own in /run. */
export async function awaitDeleters(): Promise<void> {
  const units = ["--all", "--plain", "--no-legend", "nspawn-runner-trash-*"];
  for (const until = performance.now() + 20_000; performance.now() < until; ) {
    if ((await command("systemctl", "list-units", ...units)).stdout === "") return;
  }
  throw new Error("there is still a unit that deletes");
}

process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
