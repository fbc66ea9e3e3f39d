import { describe, expect, test } from "bun:test";
import { featureWarnings, parseJobFeatures } from "./job-features.ts";

describe("what a job asks for", () => {
  test.each([
    ["nothing", {}, []],
    ["nulls, as GitLab sends them", { services: null, image: null, cache: null }, []],
    ["no entrypoint", { image: { entrypoint: [""] } }, []],
    [
      "services",
      { services: [{ name: "postgres:17" }, { name: "a\u001b[2J" }] },
      ["services (postgres:17, a\\x1b[2J)"],
    ],
    [
      "all of an image of a registry",
      {
        image: {
          entrypoint: ["/bin/sh"],
          pull_policy: ["always"],
          executor_opts: { docker: { user: "nobody", platform: "arm64" } },
        },
      },
      ["image:entrypoint", "image:docker:user", "image:docker:platform", "image:pull_policy"],
    ],
    ["things of a shape of tomorrow", { services: "x", image: { entrypoint: "y" } }, []],
  ])("%s", (_title, job, ignored) => {
    expect(parseJobFeatures(job)).toEqual({ ignored, needsGitlabRunner: false });
  });

  test.each(["cache", "artifacts", "dependencies"])("%s need a gitlab-runner", (key) => {
    const features = parseJobFeatures({ [key]: [{}] });
    expect(features.needsGitlabRunner).toBe(true);
    expect(featureWarnings(features, "/usr/bin/gitlab-runner")).toEqual([]);
    expect(featureWarnings(features, undefined)).toEqual([
      expect.stringContaining("Set gitlab_runner to where it is."),
    ]);
  });
});
