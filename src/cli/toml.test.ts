import { expect, test } from "bun:test";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { tomlAction } from "./toml.ts";

/** What is printed, and what is said beside it. */
async function toml(
  options: { readonly token?: string; readonly tokenFile?: string },
  environment: Readonly<Record<string, string>> = {},
) {
  const { host, printed, said } = openComputer().start({ environment });
  host.files.writeText("/token", "glrt-of-file\n", 0o600);
  await tomlAction({ host, version: "0" }, undefined, options);
  return { token: /^token = "(.*)"$/m.exec(printed.join(""))?.[1], said: said.join("\n") };
}

test("the token comes from a file or a variable, and is not warned of", async () => {
  expect(await toml({ tokenFile: "/token" })).toEqual({ token: "glrt-of-file", said: "" });
  const environment = { NSPAWN_RUNNER_TOKEN: "glrt-of-variable" };
  expect(await toml({}, environment)).toEqual({ token: "glrt-of-variable", said: "" });
  expect(await toml({})).toEqual({ token: "glrt-REPLACE-ME", said: "" });
  expect(toml({ tokenFile: "/none" })).rejects.toThrow('There is no file "/none".');
});

test("a token on the command line works, with a warning that does not hold it", async () => {
  const { token, said } = await toml({ token: "glrt-of-argument" });
  expect(token).toBe("glrt-of-argument");
  expect(said).toContain("use --token-file");
  expect(said).not.toContain("glrt-of-argument");
});
