/** What GitLab Runner does to a log on its way: masks, limits, traces. */
import type { JobCase } from "./job-case.ts";

const ONLY = { only: "gitlab-runner" } as const;
const PRINTED = ["MASKED_KEY", "MASKED_KEY_OTHER", "CLEARTEXT_KEY", "URL_PARAMETER", "TOKENS"];

export const LOG_CASES: readonly JobCase[] = [
  {
    ...ONLY,
    name: "secrets are masked, in what the driver says as well",
    wish: {
      image: "nosystemd",
      variables: {
        CLEARTEXT_KEY: "CLEARTEXT_VALUE",
        URL_PARAMETER: "https://example.com/?x-amz-credential=foobar",
        TOKENS: "glpat-abcdef mytoken:ghijklmno foobar-pqrstuvwxyz",
      },
      moreVariables: [
        { key: "MASKED_KEY", value: "MASKED_VALUE", masked: true },
        { key: "MASKED_KEY_OTHER", value: "MASKED_VALUE_OTHER", masked: true },
        { key: "MASK_OF_DRIVER", value: "ended by SIGKILL", masked: true },
        { key: "MASK_OF_ERROR", value: "Job failed: exit status 137", masked: true },
      ],
      features: { token_mask_prefixes: ["glpat-", "mytoken:", "foobar-"] },
      script: [...PRINTED.map((key) => `echo "${key}=$${key}"`), "kill -KILL $$"],
    },
    status: "script_failure",
    exitCode: 137,
    has: [
      "MASKED_KEY=[MASKED]",
      /^MASKED_KEY_OTHER=\[MASKED\]$/m,
      "CLEARTEXT_KEY=CLEARTEXT_VALUE",
      "x-amz-credential=[MASKED]",
      "glpat-[MASKED]",
      "mytoken:[MASKED]",
      "foobar-[MASKED]",
      "The script was [MASKED] (exit status 137)",
      "ERROR: [MASKED]",
    ],
    hasNot: ["MASKED_VALUE", "glpat-abcdef", "ghijklmno", "pqrstuvwxyz", "credential=foobar"],
  },
  {
    ...ONLY,
    name: "no debug trace unless asked for",
    wish: { image: "nosystemd", script: ["echo Hello World"] },
    status: "success",
    hasNot: [/[^$] echo Hello World/],
  },
  {
    ...ONLY,
    name: "a debug trace shows every command",
    wish: {
      image: "nosystemd",
      variables: { CI_DEBUG_TRACE: "true" },
      script: ["echo Hello World"],
    },
    status: "success",
    has: [/[^$] echo Hello World/],
  },
  {
    ...ONLY,
    name: "a command of several lines is shown by its first",
    wish: { image: "nosystemd", script: ["echo Hello\necho World"] },
    status: "success",
    has: [/^\$ echo Hello # collapsed multi-line command$/m, /^Hello\nWorld$/m],
  },
  {
    ...ONLY,
    name: "a raw variable keeps its dollars",
    wish: {
      image: "nosystemd",
      moreVariables: [{ key: "RAW", value: "$VARIABLE$WITH$DOLLARS$$", raw: true }],
      script: ["echo $RAW"],
    },
    status: "success",
    has: [/^\$VARIABLE\$WITH\$DOLLARS\$\$$/m],
  },
  ...[
    { code: 0, status: "success" as const },
    { code: 1, status: "script_failure" as const },
  ].map(
    ({ code, status }): JobCase => ({
      ...ONLY,
      name: `a log over its limit goes on to exit ${code}`,
      wish: { image: "nosystemd", script: ["seq 1 2000", `exit ${code}`] },
      runnerSettings: { output_limit: 2 },
      status,
      has: [
        "Job's log exceeded limit of 2048 bytes.",
        "Job execution will continue but no more output will be collected.",
      ],
      hasNot: [/^2000$/m],
    }),
  ),
  {
    ...ONLY,
    name: "a cache is written, and not found by the next machine",
    wish: {
      image: "nosystemd",
      script: ["test ! -e cached", "mkdir cached; echo x > cached/file"],
      cache: [{ key: "key", paths: ["cached"] }],
    },
    status: "success",
    has: ["Checking cache for key", "Cache file does not exist", "Created cache"],
  },
  {
    ...ONLY,
    name: "the facts of the job come from the response file, not from its variables",
    wish: {
      image: "nosystemd",
      variables: { CI_JOB_ID: "1", CI_JOB_IMAGE: "nobash" },
      script: ["echo mach''ine $(hostname) $BASH_VERSION"],
    },
    status: "success",
    has: [/^machine job-\d{2,}-\w+ \d/m, 'Machine of image "nosystemd"'],
  },
];
