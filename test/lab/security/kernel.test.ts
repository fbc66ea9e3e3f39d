/** How much of the kernel a job can call: the same little on every ABI, less than Docker's default. */
import { describe, expect, test } from "bun:test";
import { cleanUpAfterEach, openRunner, PLACES, type Place } from "../harness.ts";
import { runBare } from "./bare.ts";
import { DENIALS } from "./dockers-denials.ts";
import { type Abi, type ProbeCall, probeScript, readAnswers } from "./probe-program.ts";

cleanUpAfterEach();

const ABIS: readonly Abi[] = ["x86-64", "x32", "i386"];
const REFUSED = ["EPERM", "ENOSYS"];

const place = (kind: Place["kind"]): Place => {
  const found = PLACES.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return found;
};

/** Booted and plain, on layers and on none. */
const MACHINES = [
  ["a machine that boots, on btrfs", place("btrfs"), "trixie"],
  ["a machine without init, on overlay", place("overlay"), "nosystemd"],
] as const;

interface Named extends ProbeCall {
  readonly name: string;
  readonly why?: string | undefined;
}

const calls: readonly Named[] = DENIALS.flatMap(({ name, native, i386, why }) =>
  ABIS.flatMap((abi) => {
    const number = abi === "i386" ? i386 : native;
    return number === undefined ? [] : [{ name: `${name} of ${abi}`, abi, number, why }];
  }),
);

const FAMILIES = Array.from({ length: 46 }, (_, family) => family);
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const TYPES = [SOCK_STREAM, SOCK_DGRAM, SOCK_RAW];
const NUMBER = { "x86-64": 41, x32: 41, i386: 359 };
const SOCKETCALL = 102;
const SYS_SOCKET = 1;
const AF_VSOCK = 40;

const byCall = (abi: Abi, family: number, type: number): Named => ({
  name: `family ${family} of ${abi}`,
  abi,
  number: NUMBER[abi],
  arguments: [family, type, 0],
});
const bySocketcall = (family: number, type: number): Named => ({
  name: `family ${family} by socketcall`,
  abi: "i386",
  number: SOCKETCALL,
  arguments: [SYS_SOCKET],
  data: [family, type, 0],
});
const sockets = FAMILIES.flatMap((family) => [
  ...ABIS.flatMap((abi) => TYPES.map((type) => byCall(abi, family, type))),
  ...TYPES.map((type) => bySocketcall(family, type)),
]);

type Run = (script: string) => Promise<{ readonly stdout: string; readonly stderr: string }>;

interface Answer extends Named {
  readonly answer: string;
}

async function probe(run: Run, asked: readonly Named[]): Promise<readonly Answer[]> {
  const ended = await run(probeScript(asked));
  const answers = readAnswers(ended.stdout);
  if (answers.length !== asked.length) throw new Error(`the probe broke off: ${ended.stderr}`);
  return asked.map((call, index) => ({ ...call, answer: answers[index] ?? "" }));
}

const isRefused = ({ answer }: Answer): boolean => REFUSED.includes(answer);
const namesOf = (answers: readonly Answer[]): string[] => [
  ...new Set(answers.map(({ name }) => name)),
];

test("nspawn by itself lets io_uring, userfaultfd and AF_VSOCK through, on i386 too", async () => {
  const passed = (await probe(runBare, calls)).filter((answer) => !isRefused(answer));
  for (const name of ["io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd"]) {
    for (const abi of ["x86-64", "i386"]) expect(namesOf(passed)).toContain(`${name} of ${abi}`);
  }
  const made = (await probe(runBare, sockets)).filter(({ answer }) => answer === "done");
  for (const by of ["of x86-64", "of i386", "by socketcall"]) {
    expect(namesOf(made)).toContain(`family ${AF_VSOCK} ${by}`);
  }
});

describe.each(MACHINES)("%s", (_title, where, image) => {
  test("denies what Docker denies, but for what has a reason; and sockets of all but five families", async () => {
    const machine = await openRunner(where, `network = "none"\n`).machine(image);
    const answers = await probe(machine.run, calls);
    const unreasoned = answers.filter((answer) => answer.why === undefined && !isRefused(answer));
    expect(namesOf(unreasoned)).toEqual([]);
    // A reason for what is denied all the same would be none.
    const needless = answers.filter(
      (answer) => answer.why !== undefined && answer.abi === "x86-64" && isRefused(answer),
    );
    expect(namesOf(needless)).toEqual([]);

    const made = (await probe(machine.run, sockets)).filter(({ answer }) => answer === "done");
    const [unix, inet, inet6, netlink, packet] = [1, 2, 10, 16, 17];
    expect(namesOf(made)).toEqual(
      [unix, inet, inet6, netlink, packet].flatMap((family) => [
        `family ${family} of x86-64`,
        `family ${family} of i386`,
      ]),
    );
  });
});
