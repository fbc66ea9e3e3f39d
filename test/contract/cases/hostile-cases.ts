/** Jobs that are odd, huge or mean. */
import type { JobCase } from "./job-case.ts";

const NASTY = `a"b'c$(touch /tmp/hacked)\n\u001b[31m; \`touch /tmp/hacked\`\r\n#{1}%n\\`;
const LONG = 100_000;
const NEVER_ENDS = "(while sleep 1; do echo late; done) &";
const NOISE = 100_000_000;
const HUGE = 5_000_000;

export const HOSTILE_CASES: readonly JobCase[] = [
  {
    name: "forged and nasty variables reach the script, and nothing else",
    everyStorage: true,
    wish: {
      image: "nosystemd",
      variables: {
        NASTY,
        LONG: "x".repeat(LONG),
        CI_JOB_IMAGE: "../../etc",
        CI_JOB_ID: NASTY,
        CI_PROJECT_ID: NASTY,
        CI_JOB_TIMEOUT: "-1",
        CI_JOB_SERVICES: NASTY,
        NSPAWN_RUNNER_MACHINE: "other",
        NSPAWN_RUNNER_CONFIG: "/nowhere",
        BUILD_FAILURE_EXIT_CODE: "77",
        BUILD_EXIT_CODE_FILE: "/tmp/hacked",
        JOB_RESPONSE_FILE: "/tmp/hacked",
        TMPDIR: "/nowhere",
        PATH: "/usr/bin:/bin",
      },
      moreVariables: [{ key: "RAW", value: NASTY, raw: true }],
      script: ["echo leng''th ${#RAW} ${#LONG}", "ls /tmp", "hostname", "exit 7"],
    },
    status: "script_failure",
    exitCode: 7,
    // Bytes and characters are one here: the value is ASCII.
    has: [`length ${NASTY.length} ${LONG}`, /^job-\d+-\w+$/m],
    hasNot: [/^hacked$/m],
  },
  ...["../x", "/etc", "-rf", "a".repeat(300), "a\nb"].map(
    (image): JobCase => ({
      name: `the image ${JSON.stringify(image).slice(0, 12)} is refused as the author's fault`,
      wish: { image, script: ["true"] },
      status: "script_failure",
      has: ["cannot be the name of an image"],
    }),
  ),
  {
    name: "a background process that is left with the output does not hold the job",
    everyStorage: true,
    wish: { image: "nosystemd", script: [`${NEVER_ENDS} echo en''d`] },
    status: "success",
    has: [/^end$/m],
  },
  {
    // Linux takes no string of more than 128 KiB (execve(2), MAX_ARG_STRLEN): not even cleanup runs.
    name: "a variable too large for a process keeps the driver from being called at all",
    wish: { script: ["true"], variables: { HUGE: "x".repeat(200_000) } },
    status: "system_failure",
    has: ["failed to start command"],
    hasNot: ["Machine of image"],
    failedPreparations: 3,
  },
  {
    name: "a script of 5 MB runs",
    wish: { image: "nosystemd", script: [`echo beg''in\n# ${"x".repeat(HUGE)}\necho en''d`] },
    status: "success",
    has: [/^end$/m],
  },
  {
    name: "100 MB of output, more than a log may hold, do not stop the job",
    wish: {
      image: "nosystemd",
      script: [`head -c ${NOISE} /dev/zero | tr "\\0" y`, "exit 3"],
      afterScript: ["true"],
    },
    status: "script_failure",
    exitCode: 3,
  },
];
