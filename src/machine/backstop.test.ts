import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { BACKSTOP, ensureBackstop } from "./backstop.ts";

test("packaging has the same", () => {
  const unit = readFileSync(`${import.meta.dir}/../../packaging/nspawn_runner.slice`, "utf8");
  expect(unit.slice(unit.indexOf("[Slice]\n") + "[Slice]\n".length)).toBe(
    `${BACKSTOP.join("\n")}\n`,
  );
});

test.each([
  ["is set once, where nobody has", "FragmentPath=\nDropInPaths=\n", 1],
  ["is a unit file's to say", "FragmentPath=/etc/systemd/system/nspawn_runner.slice\n", 0],
  ["is a drop-in's to say", "FragmentPath=\nDropInPaths=/etc/x.conf\n", 0],
])("it %s", async (_title, stdout, times) => {
  const calls: string[] = [];
  const { host } = openComputer({
    commands: [
      [["systemctl", "show"], () => ({ exitCode: 0, stdout })],
      [
        ["systemctl", "set-property"],
        ({ argv }) => {
          calls.push(argv.join(" "));
          return { exitCode: 0 };
        },
      ],
    ],
  }).start();
  for (let call = 0; call < 3; call += 1) await ensureBackstop(host);
  const set = "systemctl set-property --runtime nspawn_runner.slice MemoryMax=90% TasksMax=70%";
  expect(calls).toEqual(Array.from({ length: times }, () => set));
});
