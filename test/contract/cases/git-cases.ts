/** Where a job's sources come from: GitLab Runner's own cases for a custom executor. */
import type { Rig } from "../rig/rig.ts";
import type { JobWish } from "../simulator/make-job.ts";
import type { JobCase } from "./job-case.ts";

const ONLY = { only: "gitlab-runner", status: "success" } as const;
const HOOKS = {
  pre_get_sources_script: "echo pre-cl''one",
  post_get_sources_script: "echo post-cl''one",
};
const FRESH = "Created fresh repository";
const UNTRACKED = "echo x > untracked";

type Variables = Readonly<Record<string, string>>;

/** A job on the repository; `trixie` has git and git-lfs. */
const cloned =
  (variables: Variables, script: readonly string[]) =>
  ({ repository }: Pick<Rig, "repository">): JobWish => ({ repository, variables, script });

export const GIT_CASES: readonly JobCase[] = [
  {
    name: "a repository is cloned into the machine",
    everyStorage: true,
    wish: cloned({ GIT_STRATEGY: "clone" }, ["cat greeting"]),
    status: "success",
    has: [/^hello from the repository$/m],
  },
  ...["clone", "fetch"].map(
    (strategy): JobCase => ({
      ...ONLY,
      name: `git strategy ${strategy}, with the runner's hooks`,
      wish: cloned({ GIT_STRATEGY: strategy }, ["cat greeting", "pwd"]),
      runnerSettings: HOOKS,
      has: [
        FRESH,
        /Checking out [a-f0-9]+ as/,
        /^pre-clone$/m,
        /^post-clone$/m,
        /^hello from the repository$/m,
        /^\/builds\/group\/project$/m,
      ],
    }),
  ),
  {
    ...ONLY,
    name: "git strategy clone without a checkout",
    wish: cloned({ GIT_STRATEGY: "clone", GIT_CHECKOUT: "false" }, ["test ! -e greeting"]),
    has: [FRESH, "Skipping Git checkout"],
  },
  {
    ...ONLY,
    name: "git strategy none leaves submodules out",
    wish: cloned({ GIT_STRATEGY: "none", GIT_SUBMODULE_STRATEGY: "recursive" }, ["pwd"]),
    has: ["Skipping Git repository setup", "Skipping Git submodules setup"],
    hasNot: [FRESH, "Fetching changes", "Updating/initializing submodules"],
  },
  {
    ...ONLY,
    name: "git strategy empty makes an empty directory",
    wish: cloned({ GIT_STRATEGY: "empty", GIT_SUBMODULE_STRATEGY: "recursive" }, [
      "pwd",
      'test -z "$(ls -A)"',
    ]),
    has: [
      "Skipping Git repository setup and creating an empty build directory",
      "Skipping Git submodules setup",
      /^\/builds\/group\/project-empty$/m,
    ],
    hasNot: [FRESH, "Updating/initializing submodules"],
  },
  {
    ...ONLY,
    name: "submodules, one level",
    wish: cloned({ GIT_STRATEGY: "clone", GIT_SUBMODULE_STRATEGY: "normal" }, [
      "cat lib/lib-file",
      "test ! -e lib/leaf/leaf-file",
    ]),
    has: ["Updating/initializing submodules", /^lib$/m],
  },
  {
    ...ONLY,
    name: "submodules, all of them",
    wish: cloned({ GIT_STRATEGY: "clone", GIT_SUBMODULE_STRATEGY: "recursive" }, [
      "cat lib/leaf/leaf-file",
    ]),
    has: ["Updating/initializing submodules recursively", /^leaf$/m],
  },
  {
    ...ONLY,
    name: "a custom clone path",
    wish: cloned({ GIT_STRATEGY: "clone", GIT_CLONE_PATH: "$CI_BUILDS_DIR/custom/place" }, [
      "pwd",
      "cat greeting",
    ]),
    has: [/^\/builds\/custom\/place$/m, /^hello from the repository$/m],
  },
  {
    ...ONLY,
    name: "a custom clone path outside of the builds directory is refused",
    wish: cloned({ GIT_STRATEGY: "clone", GIT_CLONE_PATH: "/root/elsewhere" }, ["pwd"]),
    status: "script_failure",
    has: ["the GIT_CLONE_PATH"],
  },
  {
    ...ONLY,
    name: "clean-up of a clone",
    wish: cloned({ GIT_STRATEGY: "clone", FF_ENABLE_JOB_CLEANUP: "true" }, [UNTRACKED]),
    has: ["Cleaning up project directory and file based variables"],
  },
  ...["normal", "recursive"].map(
    (submodules): JobCase => ({
      ...ONLY,
      name: `clean-up after a fetch, submodules ${submodules}`,
      wish: cloned(
        {
          GIT_STRATEGY: "fetch",
          GIT_SUBMODULE_STRATEGY: submodules,
          FF_ENABLE_JOB_CLEANUP: "true",
        },
        [UNTRACKED, "cd lib", "echo x > untracked-in-lib"],
      ),
      has: ["Removing untracked", "Removing untracked-in-lib"],
    }),
  ),
];
