/** A registry that lies: of each lie nothing becomes an image, and nobody else is asked for it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import * as v from "valibot";
import { createSchema, creatorOf } from "../../../src/image/creators/creators.ts";
import { SOAKS } from "../../soak/soaks.ts";
import { cleanUpAfterEach, later } from "../harness.ts";
import { runSteps } from "../run-steps.ts";
import { shell } from "../tiny-repositories.ts";

const BASE = "/fs/btrfs/registry";
beforeAll(async () => {
  mkdirSync(BASE, { mode: 0o700 });
  await shell(
    `command -v umoci >/dev/null && command -v skopeo >/dev/null && exit
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends umoci skopeo >/dev/null`,
  );
}, 120_000);
afterAll(() => rmSync(BASE, { recursive: true }));
cleanUpAfterEach();

const OCI = "application/vnd.oci.image";
const [MANIFEST, INDEX, LAYER] = [
  `${OCI}.manifest.v1+json`,
  `${OCI}.index.v1+json`,
  `${OCI}.layer.v1.tar+gzip`,
];
const ARCHITECTURE = process.arch === "x64" ? "amd64" : "arm64";

const digestOf = (bytes: Uint8Array | string): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(bytes).digest("hex")}`;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [more: string]: unknown;
}

/** What a registry has, by digest or tag; a URL is where it sends for it. */
class Content {
  readonly blobs = new Map<string, Uint8Array | string>();
  readonly redirects = new Map<string, string>();

  add(mediaType: string, bytes: Uint8Array | string, more: object = {}): Descriptor {
    const digest = digestOf(bytes);
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: Buffer.byteLength(bytes), ...more };
  }

  /** Of these layers; what it is called besides is up to the caller. */
  image(layers: readonly Descriptor[], config = this.config(layers.length)): Descriptor {
    const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers };
    return this.add(MANIFEST, JSON.stringify(manifest), {
      platform: { os: "linux", architecture: ARCHITECTURE },
    });
  }

  config(count: number): Descriptor {
    const diffs = Array.from({ length: count }, () => digestOf(this.plain));
    const text = {
      architecture: ARCHITECTURE,
      os: "linux",
      rootfs: { type: "layers", diff_ids: diffs },
    };
    return this.add(`${OCI}.config.v1+json`, JSON.stringify(text));
  }

  layer(): Descriptor {
    return this.add(LAYER, Bun.gzipSync(Buffer.from(this.plain)));
  }

  /** An archive of one file "etc". */
  readonly plain: Uint8Array;
  constructor(plain: Uint8Array) {
    this.plain = plain;
  }
}

async function plainLayer(): Promise<Uint8Array> {
  const path = `${BASE}/layer.tar`;
  await shell(
    'mkdir -p "$1.d/etc"; echo ID=x >"$1.d/etc/os-release"; tar -C "$1.d" -cf "$1" .',
    path,
  );
  return await Bun.file(path).bytes();
}

/** Serves it by the distribution API; the tag `x` is `named`. What it was asked for. */
function serve(content: Content, named: Descriptor) {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      const { pathname } = new URL(url);
      asked.push(pathname);
      if (pathname === "/v2/") return new Response("{}");
      const [, kind, name = ""] = /^\/v2\/tiny\/(manifests|blobs)\/(.+)$/.exec(pathname) ?? [];
      const digest = name === "x" ? named.digest : name;
      const elsewhere = content.redirects.get(digest);
      if (elsewhere !== undefined)
        return new Response("", { status: 307, headers: { location: elsewhere } });
      const bytes = content.blobs.get(digest);
      if (bytes === undefined) return new Response("{}", { status: 404 });
      const isIndex = kind === "manifests" && /"manifests"/.test(Buffer.from(bytes).toString());
      const type = kind === "blobs" ? "application/octet-stream" : isIndex ? INDEX : MANIFEST;
      return new Response(bytes, { headers: { "content-type": type } });
    },
  });
  later(() => server.stop(true));
  return { address: `127.0.0.1:${server.port}`, asked };
}

async function create(content: Content, named: Descriptor, reference = ":x") {
  const { address } = serve(content, named);
  const image = `docker://${address}/tiny${reference}`;
  const request = v.parse(createSchema, { oci: { image, tls_verify: false } });
  const creator = creatorOf(request);
  return runSteps(BASE, (context) =>
    creator.plan(request.options, { ...context, packages: [], directory: BASE, name: "x" }),
  );
}

/** Whoever asks it is heard. */
function elsewhere(): { readonly url: string; readonly asked: string[] } {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      asked.push(url);
      return new Response("secret");
    },
  });
  later(() => server.stop(true));
  return { url: `http://127.0.0.1:${server.port}/latest/meta-data/`, asked };
}

test("an honest one is believed", async () => {
  const content = new Content(await plainLayer());
  const { failed, log, tree } = await create(content, content.image([content.layer()]));
  expect({ failed, log: failed && log }).toEqual({ failed: undefined, log: undefined });
  expect(await shell('cat "$1/etc/os-release"', tree)).toBe("ID=x\n");
});

type Lie = (content: Content) => Descriptor;
const LIES: readonly (readonly [string, Lie])[] = [
  [
    "a layer of another digest",
    (content) => {
      const layer = content.layer();
      content.blobs.set(layer.digest, Bun.gzipSync(Buffer.from("another")));
      return content.image([layer]);
    },
  ],
  ["a layer of another size", (content) => content.image([{ ...content.layer(), size: 7 }])],
  [
    "a configuration of another digest",
    (content) => {
      const config = content.config(1);
      content.blobs.set(config.digest, "{}");
      return content.image([content.layer()], config);
    },
  ],
  [
    "a layer that is another than the configuration says",
    (content) => content.image([content.add(LAYER, Bun.gzipSync(Buffer.alloc(10_240)))]),
  ],
  [
    "an index whose image has another digest",
    (content) => {
      const image = content.image([content.layer()]);
      const index = { schemaVersion: 2, mediaType: INDEX, manifests: [image] };
      content.blobs.set(image.digest, JSON.stringify({ schemaVersion: 2, lies: true }));
      return content.add(INDEX, JSON.stringify(index));
    },
  ],
  [
    "an index that is in itself",
    (content) => {
      const platform = { os: "linux", architecture: ARCHITECTURE };
      const digest = `sha256:${"a".repeat(64)}`;
      const own = { mediaType: INDEX, digest, size: 300, platform };
      content.blobs.set(
        digest,
        JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [own] }),
      );
      return { ...own, digest };
    },
  ],
  [
    "an index of other architectures alone",
    (content) => {
      const image = {
        ...content.image([content.layer()]),
        platform: { os: "linux", architecture: "s390x" },
      };
      return content.add(
        INDEX,
        JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [image] }),
      );
    },
  ],
  [
    "a layer that is a file of the host",
    (content) => {
      const layer = content.layer();
      content.redirects.set(layer.digest, "file:///etc/hostname");
      return content.image([layer]);
    },
  ],
  [
    "a manifest that goes round in a circle",
    (content) => {
      const image = content.image([content.layer()]);
      content.redirects.set(image.digest, "/v2/tiny/manifests/x");
      return image;
    },
  ],
];

test.each(LIES)("%s is refused, and makes no tree", async (_title, lie) => {
  const content = new Content(await plainLayer());
  const { failed, tree } = await create(content, lie(content));
  expect(failed).toMatch(/skopeo|umoci/);
  expect(await shell('[ ! -e "$1/etc" ] && echo nothing', tree)).toBe("nothing\n");
});

test("a manifest of another digest than the definition names is refused", async () => {
  const content = new Content(await plainLayer());
  const image = content.image([content.layer()]);
  content.blobs.set(image.digest, `${content.blobs.get(image.digest)} `);
  const { failed } = await create(content, image, `@${image.digest}`);
  expect(failed).toContain("skopeo");
});

test("a layer that is said to be elsewhere is not fetched from there", async () => {
  const content = new Content(await plainLayer());
  const { url, asked } = elsewhere();
  const layer = content.layer();
  content.blobs.delete(layer.digest);
  const foreign = { ...layer, mediaType: `${OCI}.layer.nondistributable.v1.tar+gzip`, urls: [url] };
  const { failed } = await create(content, content.image([foreign]));
  expect(failed).toMatch(/skopeo|umoci/);
  expect(asked).toEqual([]);
});

test("what a redirection brings has to have the digest", async () => {
  const content = new Content(await plainLayer());
  const { url, asked } = elsewhere();
  const layer = content.layer();
  content.redirects.set(layer.digest, url);
  const { failed, log } = await create(content, content.image([layer]));
  expect(failed).toContain("skopeo");
  // Registries do send elsewhere, so it is asked; what it says comes nowhere.
  expect(asked.length).toBeGreaterThan(0);
  expect(log).not.toContain("secret");
});

/** Each costs umoci some milliseconds. */
const MANY = SOAKS ? 10_000 : 1000;

test(`${MANY} layers end, one way or the other, and leave nothing`, async () => {
  const content = new Content(await plainLayer());
  const layer = content.layer();
  const layers = Array.from({ length: MANY }, () => layer);
  const { failed, tree } = await create(content, content.image(layers));
  if (failed === undefined) expect(await shell('ls "$1"', tree)).toBe("etc\n");
}, 120_000);
