/** `toml`: the `[[runners]]` section for GitLab Runner's own configuration. Pure. */
import { stringify } from "smol-toml";

export interface SnippetFacts {
  readonly driver: readonly string[];
  readonly image: string | undefined;
  readonly url: string | undefined;
  readonly token: string | undefined;
}

const PLACEHOLDER_URL = "https://gitlab.example.com/";
const PLACEHOLDER_TOKEN = "glrt-REPLACE-ME";
/** An image that is declared and missing is built first; one that is there takes under a second. */
const PREPARE_TIMEOUT_SECONDS = 3600;
const QUICK_TIMEOUT_SECONDS = 60;
const CLEANUP_TIMEOUT_SECONDS = 120;
/** From SIGTERM to SIGKILL of a call of ours, which answers within a second. */
const KILL_TIMEOUT_SECONDS = 30;

/** TOML text, ready to paste into GitLab Runner's config.toml (release 17 to 19). */
export function tomlSnippet(facts: SnippetFacts): string {
  const [program = "", ...words] = facts.driver;
  const choice = facts.image === undefined ? [] : ["--default-image", facts.image];
  const stage = (name: string, more: readonly string[] = []): Record<string, unknown> => ({
    [`${name}_exec`]: program,
    [`${name}_args`]: [...words, name, ...more],
  });
  return stringify({
    runners: [
      {
        name: "nspawn-runner",
        url: facts.url ?? PLACEHOLDER_URL,
        token: facts.token ?? PLACEHOLDER_TOKEN,
        executor: "custom",
        shell: "bash",
        custom_build_dir: { enabled: true },
        custom: {
          ...stage("config", choice),
          config_exec_timeout: QUICK_TIMEOUT_SECONDS,
          ...stage("prepare", choice),
          prepare_exec_timeout: PREPARE_TIMEOUT_SECONDS,
          ...stage("run"),
          ...stage("cleanup"),
          cleanup_exec_timeout: CLEANUP_TIMEOUT_SECONDS,
          graceful_kill_timeout: KILL_TIMEOUT_SECONDS,
          force_kill_timeout: KILL_TIMEOUT_SECONDS,
        },
      },
    ],
  });
}
