import type { CreateStep } from "./creator.ts";

/** Fails with a sentence of its own where the host's is older, as `COMMAND --version` tells it. */
export const requireVersion = (tool: {
  readonly command: string;
  readonly version: string;
}): CreateStep => ({
  kind: "run",
  argv: ["bash", "-c", REQUIRE, "require-version", tool.command, tool.version],
});

const REQUIRE = `version=$("$1" --version | grep --only-matching --max-count=1 "[0-9][0-9.]*" | head -n 1)
oldest=$(printf "%s\\n" "$2" "$version" | sort --version-sort | head -n 1)
[ "$oldest" = "$2" ] && exit
echo "This host's $1 is of version $version. Before $2 it has flaws that images of strangers can use: install a newer one." >&2
exit 1`;
