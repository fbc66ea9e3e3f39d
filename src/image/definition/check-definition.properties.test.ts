/** Properties of the parser of definitions: it never throws, and places are in the file. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { parseImageName } from "../../text/names.ts";
import { checkDefinition } from "./check-definition.ts";
import { variableNames } from "./variables.ts";

const file = {
  name: parseImageName("trixie"),
  path: "trixie.yaml",
  realPath: "/srv/trixie.yaml",
  directory: "/srv",
};

/** Texts that come near to YAML: the parser's corners are reached by its own signs. */
const fragments = fc.array(
  fc.oneof(
    fc.constantFrom(
      ..."-:?,[]{}#&*!|>'\"%@`~<=\\".split(""),
      ..."\n \t\r".split(""),
      ...[
        "\n  ",
        "\n    ",
        "- ",
        ": ",
        "<<: ",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "!!set ",
        "!!omap ",
      ],
      ...[
        "!!binary ",
        "!!int ",
        "!vault ",
        "!unsafe ",
        "&a ",
        "*a",
        "{{ x }}",
        "yes",
        "1:30",
        "08",
      ],
      ...["- hosts: all\n", "  vars:\n", "    ", "  tasks:\n", "2026-01-01", "__proto__: ", "null"],
      ...variableNames.map((name) => `    ${name}: `),
      ...["memory: ", "suite: ", "count: ", "mmdebstrap: "],
    ),
    fc.string({ unit: "binary", maxLength: 6 }),
  ),
  { maxLength: 40 },
);

const texts = fc.oneof(
  fc.string({ unit: "binary" }),
  fragments.map((parts) => parts.join("")),
  fragments.map((parts) => `- hosts: all\n  vars:\n    ${parts.join("")}`),
);

function checkPlaces(text: string): void {
  const checked = checkDefinition(text, file);
  const findings = checked.kind === "valid" ? checked.definition.warnings : checked.faults;
  if (checked.kind === "faulty") expect(findings.length).toBeGreaterThan(0);
  const lines = text.split("\n");
  for (const { line, column, message } of findings) {
    expect(line).toBeWithin(1, lines.length + 1);
    expect(column).toBeWithin(1, (lines[line - 1]?.length ?? 0) + 2);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that none is there is the point
    expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(message).not.toBe("");
  }
}

test("whatever the text, there is a definition or faults that lie in it", () => {
  fc.assert(fc.property(texts, checkPlaces), {
    numRuns: 2000,
    // The library's own counter of lines misses one here.
    examples: [["- hosts: all\n  vars:\n    ---\n\u0000\n    suite: "]],
  });
});

test("whatever a variable holds, too", () => {
  const values = fc.dictionary(fc.constantFrom(...variableNames), fc.anything({ maxDepth: 4 }));
  fc.assert(
    fc.property(values, (vars) => {
      checkPlaces(stringify([{ hosts: "all", vars: JSON.parse(JSON.stringify(vars)) }]));
    }),
    { numRuns: 500 },
  );
});

const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const text = fc.string({ unit: "grapheme-composite" }).filter((one) => !/\{\{|\{%|\0/.test(one));
const definitions = fc.record(
  {
    nspawn_runner_chroot_suite: word,
    nspawn_runner_packages: fc.uniqueArray(word),
    nspawn_runner_user: word,
    nspawn_runner_environment: fc.dictionary(fc.stringMatching(/^[A-Z][A-Z0-9_]{0,8}$/), text),
    nspawn_runner_enable: fc.array(word.map((name) => `${name}.service`)),
    nspawn_runner_mask: fc.array(word.map((name) => `${name}.timer`)),
    nspawn_runner_ready: word.map((name) => `${name}.target`),
    nspawn_runner_limits: fc.record(
      {
        memory: fc.integer({ min: 32, max: 9999 }).map((size) => `${size}M`),
        cpus: fc.integer({ min: 1, max: 64 }),
        tasks: fc.integer({ min: 16, max: 9999 }),
      },
      { requiredKeys: [] },
    ),
    nspawn_runner_test: text.filter((one) => one.trim() !== ""),
    nspawn_runner_refresh: fc.constantFrom("daily", "weekly", "never"),
    nspawn_runner_upgrade: fc.boolean(),
    nspawn_runner_maint_recreate: fc.boolean(),
    nspawn_runner_keep: fc.record({
      count: fc.integer({ min: 0, max: 99 }),
      days: fc.integer({ min: 1, max: 999 }),
    }),
  },
  { requiredKeys: [] },
);

test("a definition that is written as YAML is read as it was meant", () => {
  fc.assert(
    fc.property(definitions, (vars) => {
      const written = stringify([{ hosts: "all", vars }], { version: "1.1" });
      const checked = checkDefinition(written, file);
      if (checked.kind !== "valid") throw new Error(JSON.stringify(checked.faults));
      const { definition } = checked;
      const { settings, create } = definition;
      const suite = vars.nspawn_runner_chroot_suite;
      expect(create).toMatchObject({ options: suite === undefined ? {} : { suite } });
      expect(definition.packages).toEqual(vars.nspawn_runner_packages ?? []);
      expect(definition.enabledUnits).toEqual(vars.nspawn_runner_enable ?? []);
      expect(definition.maskedUnits).toEqual(vars.nspawn_runner_mask ?? []);
      expect(definition.test).toBe(vars.nspawn_runner_test);
      expect(definition.refresh).toBe(vars.nspawn_runner_refresh ?? "daily");
      expect(definition.upgrade).toBe(vars.nspawn_runner_upgrade ?? true);
      expect(definition.recreate).toBe(vars.nspawn_runner_maint_recreate ?? false);
      expect(definition.keep).toEqual(vars.nspawn_runner_keep ?? { count: 3, days: 30 });
      expect(settings.user).toBe(vars.nspawn_runner_user);
      expect(settings.readyTarget).toBe(vars.nspawn_runner_ready);
      expect(settings.environment).toEqual(vars.nspawn_runner_environment ?? {});
      const { memory, ...rest } = vars.nspawn_runner_limits ?? {};
      const bytes =
        memory === undefined ? {} : { memoryBytes: Number.parseInt(memory, 10) * 2 ** 20 };
      expect(settings.limits).toEqual({ ...rest, ...bytes });
    }),
    { numRuns: 500 },
  );
});
