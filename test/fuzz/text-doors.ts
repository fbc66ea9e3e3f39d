/** The doors that take a text of somebody else's and give a value: what each is fed, and what it may throw. */
import { readFileSync } from "node:fs";
import * as v from "valibot";
import { parseConfig } from "../../src/config/config.ts";
import { parseLocks } from "../../src/host/lock-holder.ts";
import { parseMountPoints } from "../../src/host/mount-table.ts";
import { parseProcessStat } from "../../src/host/process-facts.ts";
import { parseDescription } from "../../src/image/build/description.ts";
import { checkDefinition } from "../../src/image/definition/check-definition.ts";
import { parseSyntaxFault } from "../../src/image/definition/check-syntax.ts";
import { MANIFEST } from "../../src/image/generations/manifest.ts";
import { EXTENDED_USE } from "../../src/image/packages/extended-use.ts";
import { parsePackageRequest } from "../../src/image/packages/package-request.ts";
import { TREE_RECORD } from "../../src/image/tree-id.ts";
import { parseJobRequest } from "../../src/job/job-request.ts";
import { parseLibraries } from "../../src/local/parser/needed-libraries.ts";
import { parsePipeline } from "../../src/local/pipeline/declared-pipeline.ts";
import { parseInterpreter } from "../../src/machine/interpreter.ts";
import { MACHINE_END, MACHINE_STATE } from "../../src/machine/machine-state.ts";
import { machineOfUnit } from "../../src/machine/machine-units.ts";
import { formatEntry } from "../../src/machine/unit-journal.ts";
import { findForwardDrops, planDockerRules } from "../../src/network/firewall-rules.ts";
import { chooseResolvers } from "../../src/network/resolvers.ts";
import { parseRoutes } from "../../src/network/routes.ts";
import { parseRecord, type RecordKind } from "../../src/record/record.ts";
import { parseRange } from "../../src/text/address.ts";
import { parseImageName, parseMachineName, unescapeUnitName } from "../../src/text/names.ts";
import { parseSize } from "../../src/text/sizes.ts";

export interface TextDoor {
  readonly name: string;
  readonly samples: readonly string[];
  /** Its answer is nobody's concern here: it comes, in time, or the door says what is wrong. */
  readonly take: (text: string) => unknown;
  /** Not even a `RunnerError`: what it cannot use it passes over, or says so in its answer. */
  readonly neverThrows?: true;
  /** Beside a `RunnerError`: what the door's only caller turns into one. */
  readonly mayThrow?: (error: unknown) => boolean;
}

const sample = (name: string): string =>
  readFileSync(`${import.meta.dir}/../samples/0.1.0/${name}`, "utf8");
const example = (name: string): string =>
  readFileSync(`${import.meta.dir}/../../examples/images/${name}.yaml`, "utf8");

const JOB = JSON.stringify({
  id: 4711,
  token: "glcbt-secret",
  job_info: { id: 4711, name: "test", project_id: 17, stage: "test" },
  runner_info: { timeout: 3600, runner_session_url: null },
  variables: [{ key: "CI_JOB_ID", value: "4711", public: true, masked: false, file: false }],
  image: { name: "trixie", entrypoint: null, executor_opts: {}, pull_policy: [], ports: [] },
  services: [{ name: "postgres:17", alias: "db", command: ["postgres"], entrypoint: [""] }],
  artifacts: [{ name: "x", paths: ["out/"], when: "always", expire_in: "1 week" }],
  cache: [{ key: "main", paths: ["target/"], policy: "pull-push", untracked: false }],
  dependencies: [{ id: 1, name: "build", artifacts_file: { filename: "a.zip", size: 7 } }],
});

const CONFIG = `root_directory = "/images"
default_image = "trixie"
storage = "overlay"
network = "private"
network_range = "10.213.0.0/16"
network_resolvers = ["192.0.2.53"]
boot_timeout = 60
build_memory = "2G"
build_cpus = 1.5
job_packages = true
network_deny = ["10.0.0.0/8", "metadata.example:80"]
job_memory_max = "8G"

[[rule]]
name = "kernel"
projects = ["group/**", 17]
protected = true
images = ["deploy-*"]
network_allow = ["registry.example:443"]
devices = ["/dev/kvm"]
binds = ["/srv/cache:/cache:rw"]
capabilities = ["CAP_SYS_PTRACE"]
memory = "16G"

[[rule]]
users = [7]
refuse = "not here"
`;

const DEFINITION_FILE = {
  name: parseImageName("trixie"),
  path: "trixie.yaml",
  realPath: "/srv/trixie.yaml",
  directory: "/srv",
};

/** Record files are never a reason to throw. */
const record = <Value>(
  name: string,
  kind: RecordKind<Value>,
  samples: readonly string[],
): TextDoor => ({ name, samples, take: (text) => parseRecord(kind, text), neverThrows: true });

const isJsonFault = (error: unknown): boolean =>
  error instanceof v.ValiError ||
  (error instanceof Error && /^it is (not JSON|a list)$/.test(error.message));

export const TEXT_DOORS: readonly TextDoor[] = [
  // `readJobRequest` says of whatever it throws that the job cannot be understood.
  { name: "a job response", samples: [JOB], take: parseJobRequest, mayThrow: isJsonFault },
  {
    name: "the configuration",
    samples: [CONFIG],
    take: (text) => parseConfig(text, "/config.toml"),
  },
  {
    name: "a definition",
    samples: ["trixie", "alpine", "python", "fedora", "noble", "cpp", "sid", "arch"].map(example),
    take: (text) => checkDefinition(text, DEFINITION_FILE),
  },
  {
    name: "an OCI reference in a definition",
    samples: ["docker://registry.example:5000/a/b@sha256:00", "oci:layouts/x:tag", "debian:trixie"],
    take: (text) =>
      checkDefinition(
        `- hosts: all\n  vars:\n    nspawn_runner_create: {oci: ${JSON.stringify(text)}}\n`,
        DEFINITION_FILE,
      ),
  },
  record("a machine's state", MACHINE_STATE, [sample("state.json")]),
  record("a machine's end", MACHINE_END, [sample("end.json")]),
  record("a manifest", MANIFEST, [sample("manifest.json"), sample("extended.json")]),
  record("the use of added packages", EXTENDED_USE, [sample("extended.use")]),
  record("a tree's name", TREE_RECORD, ['{"format":1,"tree":"debian","mark":"1:0a0b"}']),
  {
    name: "packages that a job names",
    samples: ["cmake g++", "libpq-dev,python3.12\n", "texlive-lang.+"],
    take: parsePackageRequest,
  },
  {
    name: "what an image says of itself",
    samples: ["package bash 5.2\npackage __proto__ 1\nuser ci 1000 1000 /home/ci\nmissing git\n"],
    take: parseDescription,
    neverThrows: true,
  },
  { name: "an image's name", samples: ["trixie", "python:3.12", "x_y+z@1"], take: parseImageName },
  { name: "a machine's name", samples: ["job-17-abcdef"], take: parseMachineName },
  {
    name: "a unit's name",
    samples: ["nspawn-runner-job\\x2d17.service", "nspawn_runner-job\\x2d17.slice"],
    take: (text) => [machineOfUnit(text), unescapeUnitName(text)],
    neverThrows: true,
  },
  {
    name: "the first line of a script",
    samples: ["#!/usr/bin/env -S bash -e\n", "#!/bin/sh\n", "#!python3 -u"],
    take: parseInterpreter,
    neverThrows: true,
  },
  {
    name: "a line of the journal",
    samples: [
      '{"MESSAGE":"x","SYSLOG_IDENTIFIER":"nspawn-runner-console"}',
      '{"MESSAGE":[104,233,27]}',
      '{"MESSAGE":null}',
    ],
    take: formatEntry,
    neverThrows: true,
  },
  {
    name: "the host's routes",
    samples: [
      "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\neth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\nnsr-1\t0000D50A\t00000000\t0001\t0\t0\t0\tFEFFFFFF\t0\t0\t0\n",
    ],
    take: parseRoutes,
    neverThrows: true,
  },
  {
    name: "the host's resolvers",
    samples: [
      "nameserver 192.0.2.53\nsearch example.org\noptions edns0\n",
      "nameserver 198.51.100.1\n",
    ],
    take: (text) => chooseResolvers([text, text], []),
  },
  {
    name: "what nft lists",
    samples: [
      'table ip filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n\tchain DOCKER-USER {\n\t\tiifname "nsr-*" counter accept comment "nspawn-runner"\n\t}\n}\n',
    ],
    take: (text) => [findForwardDrops(text), planDockerRules("eth0", text)],
    neverThrows: true,
  },
  {
    name: "the host's mounts",
    samples: ["36 35 98:0 /a /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw\n"],
    take: (text) => parseMountPoints(Buffer.from(text)),
    neverThrows: true,
  },
  {
    name: "the host's locks",
    samples: [
      "1: FLOCK  ADVISORY  WRITE 17 00:1a:4711 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 18 00:1a:4711 0 EOF\n",
    ],
    take: (text) => parseLocks(text, 4711),
    neverThrows: true,
  },
  {
    name: "a process of the host",
    samples: [
      "17 (gitlab-runner) S 1 17 17 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 1700 1 2 3 4",
      "17 (a ) S (b) R 1 17 17 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 1700 1 2 3 4",
    ],
    take: parseProcessStat,
    neverThrows: true,
  },
  {
    name: "what ldd prints",
    samples: [
      "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x1)\n",
    ],
    take: parseLibraries,
    neverThrows: true,
  },
  {
    name: "what Ansible says",
    samples: [
      "[ERROR]: conflicting action\nOrigin: /srv/trixie.yaml:3:5\n",
      "ERROR! no action\nThe error appears to be in '/srv/trixie.yaml': line 3, column 5\n",
    ],
    take: (text) => parseSyntaxFault(text, DEFINITION_FILE),
    neverThrows: true,
  },
  {
    name: "a pipeline",
    samples: [
      '{"variables":{"A":"b"},"test":{"script":["make"],"image":{"name":"trixie"},"services":[{"name":"x"}],"artifacts":{"paths":["out"]}}}',
    ],
    // Its only caller takes what is JSON.
    take: (text) => parsePipeline(JSON.parse(text)),
    mayThrow: (error) => error instanceof SyntaxError,
  },
  {
    name: "a range of addresses",
    samples: ["10.213.0.0/16"],
    take: parseRange,
    neverThrows: true,
  },
  { name: "a size", samples: ["512M", "1G"], take: parseSize, neverThrows: true },
];
