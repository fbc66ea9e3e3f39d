import { expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { formatRepositories, repository } from "./rpm-repository.ts";

test("whatever is accepted stays within its own lines, and keys are parted by blanks alone", () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[a-z:/ \n[\]=%#;]{1,12}$/));
  fc.assert(
    fc.property(text, fc.array(text, { maxLength: 3 }), (url, keys) => {
      const parsed = v.safeParse(repository, { name: "a", url, keys, signed: keys.length > 0 });
      if (!parsed.success) return;
      const lines = formatRepositories([parsed.output], "/defs").trimEnd().split("\n");
      expect(lines.slice(0, 3)).toEqual(["[a]", "name=a", `baseurl=${url}`]);
      expect(lines).toHaveLength(keys.length > 0 ? 7 : 6);
      const addresses = lines[6]?.slice("gpgkey=".length).split(" ") ?? [];
      expect(addresses).toHaveLength(keys.length);
      for (const address of addresses) expect(address).toMatch(/^[a-z][a-z0-9+.-]*:\/\/\S*$/);
    }),
    { numRuns: 1000 },
  );
});
