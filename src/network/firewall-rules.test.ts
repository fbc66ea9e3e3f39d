import { expect, test } from "bun:test";
import {
  adviseFirewalld,
  findForwardDrops,
  formatDockerRules,
  hasDockerRules,
} from "./firewall-rules.ts";

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

test("our rules in Docker's chain are known again", () => {
  expect(hasDockerRules(formatDockerRules("eth0"))).toBe(true);
  expect(hasDockerRules("table ip filter {\n\tchain DOCKER-USER {\n\t}\n}\n")).toBe(false);
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
