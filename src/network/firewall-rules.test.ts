import { describe, expect, test } from "bun:test";
import { adviseFirewalld, findForwardDrops, planDockerRules } from "./firewall-rules.ts";

// What nftables 1.1.3 lists on a host with Docker, ufw's policy, and a table of ours.
const LISTED = `table ip nat {
	chain DOCKER {
	}
}
table ip filter {
	chain DOCKER-USER {
	}
	chain FORWARD {
		type filter hook forward priority filter; policy drop;
	}
	chain INPUT {
		type filter hook input priority filter; policy drop;
	}
}
table inet nspawn_runner {
	chain to_machines {
		type filter hook forward priority filter; policy accept;
	}
}
table inet mine {
	chain other {
		type filter hook forward priority filter + 10; policy drop;
	}
}
`;

test("chains that drop what they forward are found, with their tables", () => {
  expect(findForwardDrops(LISTED)).toEqual(["ip filter FORWARD", "inet mine other"]);
  expect(findForwardDrops("")).toEqual([]);
});

describe("our rules in Docker's chain", () => {
  // As nftables 1.1.3 lists them with "-a".
  const back = `		oifname "nsr-*" ct state established,related counter packets 0 bytes 0 accept comment "nspawn-runner" # handle 12`;
  const out = (uplink: string, handle = 11): string =>
    `		iifname "nsr-*" oifname "${uplink}" counter packets 3 bytes 180 accept comment "nspawn-runner" # handle ${handle}`;
  const chain = (...rules: string[]): string =>
    `table ip filter {\n\tchain DOCKER-USER { # handle 3\n${rules.map((rule) => `${rule}\n`).join("")}\t}\n}\n`;
  const made = planDockerRules("eth0", chain());

  test("are made once, and known again", () => {
    expect(made).toMatchInlineSnapshot(`
      "insert rule ip filter DOCKER-USER iifname "nsr-*" oifname "eth0" counter accept comment "nspawn-runner"
      insert rule ip filter DOCKER-USER oifname "nsr-*" ct state established,related counter accept comment "nspawn-runner"
      "
    `);
    expect(planDockerRules("eth0", chain(back, out("eth0")))).toBe("");
    const foreign = `		iifname "nsr-*" oifname "eth0" counter packets 3 bytes 180 accept # handle 5`;
    expect(planDockerRules("eth0", chain(foreign))).toBe(made);
  });

  test.each([
    ["of an uplink that is no more", [back, out("wlan0")], [12, 11]],
    ["one of both", [out("eth0")], [11]],
    ["made by two at once", [back, out("eth0"), out("eth0", 13)], [12, 11, 13]],
  ] as const)("%s are made anew", (_title, rules, handles) => {
    const deleted = handles.map((handle) => `delete rule ip filter DOCKER-USER handle ${handle}\n`);
    expect(planDockerRules("eth0", chain(...rules))).toBe(deleted.join("") + made);
  });
});

test("firewalld is told of until it knows machines' interfaces", () => {
  expect(adviseFirewalld("")).toBeUndefined();
  const table = "table inet firewalld {\n\tchain filter_FORWARD {\n\t\treject\n\t}\n";
  expect(adviseFirewalld(table)).toContain("--add-interface=nsr-+");
  expect(adviseFirewalld(`${table}\tiifname "nsr-*" goto FWD_trusted\n}`)).toBeUndefined();
});

test("what drops IPv6 alone is nothing to machines", () => {
  const ufw =
    "table ip6 filter {\n\tchain FORWARD {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";
  expect(findForwardDrops(ufw)).toEqual([]);
});
