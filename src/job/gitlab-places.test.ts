import { expect, test } from "bun:test";
import { configOf, placeOfUrl, urlsOfRunners } from "./gitlab-places.ts";

test.each([
  ["https://gitlab-ci-token:secret@gitlab.test/group/project.git", "gitlab.test:443"],
  ["http://192.0.2.1:8080/", "192.0.2.1:8080"],
  ["ssh://git@gitlab.test/x", "gitlab.test:22"],
  ["file:///etc/passwd", undefined],
  ["group/project.git", undefined],
  ["", undefined],
])("%s is at %p", (url, place) => {
  expect(placeOfUrl(url)).toBe(place);
});

test.each([
  [["gitlab-runner", "run"], undefined],
  [["gitlab-runner", "run", "--config", "/c.toml"], "/c.toml"],
  [["gitlab-runner", "run", "-c", "/c.toml"], "/c.toml"],
  [["gitlab-runner", "run", "--config=/c.toml"], "/c.toml"],
])("%p has its configuration in %p", (words, path) => {
  expect(configOf(words)).toBe(path);
});

test("all urls of a GitLab Runner's configuration count", () => {
  expect(
    urlsOfRunners({
      runners: [{ url: "https://a.test" }, { clone_url: "http://b.test", token: 1 }],
    }),
  ).toEqual(["https://a.test", "http://b.test"]);
  expect(urlsOfRunners({})).toEqual([]);
  expect(() => urlsOfRunners({ runners: "x" })).toThrow();
});
