/**
 * The part of GitLab that GitLab Runner talks to, on an address of this host: it hands out jobs, takes their logs,
 * ends and artifacts, and serves their repository. As strict as GitLab where a runner could be
 * wrong: tokens are checked, and a log's pieces must follow one another.
 * The interface is GitLab Runner's `network/gitlab.go` (release 19.4).
 */
import { networkInterfaces } from "node:os";
import type { JobResponse } from "../simulator/job-response.ts";
import { openApi } from "./api.ts";
import { makeCertificate } from "./certificate.ts";
import { serveGit } from "./git-backend.ts";
import { type JobDesk, openJobDesk, type SubmittedJob } from "./job-desk.ts";
import { makeRepositories } from "./repositories.ts";

export interface Coordinator extends AsyncDisposable {
  readonly url: string;
  /** For the runner's `tls-ca-file`; only with TLS. */
  readonly certificateFile: string | undefined;
  readonly repository: { readonly url: string; readonly sha: string };
  submit(runnerToken: string, job: JobResponse): SubmittedJob;
  artifactsOf(id: number): readonly Uint8Array[];
}

/** The loopback of the host is not there in a machine with a network of its own. */
function hostAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found = all.find(({ family, internal }) => family === "IPv4" && !internal);
  if (found === undefined) throw new Error("This host has no address but its loopback's.");
  return found.address;
}

const IDLE_SECONDS = 60;

export function openCoordinator(options: { readonly tls: boolean }): Coordinator {
  const desk = openJobDesk();
  const repositories = makeRepositories();
  const address = hostAddress();
  const certificate = options.tls ? makeCertificate(address) : undefined;
  const server = Bun.serve({
    hostname: address,
    port: 0,
    idleTimeout: IDLE_SECONDS,
    ...(certificate === undefined ? {} : { tls: { cert: certificate.cert, key: certificate.key } }),
    routes: openApi(desk),
    fetch: (request) => answerGit(request, { desk, root: repositories.root }),
  });
  const url = `${options.tls ? "https" : "http"}://${address}:${server.port}`;
  return {
    url,
    certificateFile: certificate?.certFile,
    repository: { url: `${url}/group/project.git`, sha: repositories.sha },
    submit: desk.submit,
    artifactsOf: desk.artifactsOf,
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
      repositories[Symbol.dispose]();
      certificate?.[Symbol.dispose]();
    },
  };
}

/** A job reads with its own token, while it runs. */
async function answerGit(
  request: Request,
  site: { readonly desk: JobDesk; readonly root: string },
): Promise<Response> {
  if (!new URL(request.url).pathname.startsWith("/group/")) {
    return new Response(null, { status: 404 });
  }
  const [scheme, words = ""] = (request.headers.get("authorization") ?? "").split(" ");
  const [user, token = ""] = Buffer.from(words, "base64").toString().split(":");
  if (scheme !== "Basic" || user !== "gitlab-ci-token" || !site.desk.isLive(token)) {
    const headers = { "WWW-Authenticate": 'Basic realm="GitLab"' };
    return new Response(null, { status: 401, headers });
  }
  return serveGit(request, site.root);
}
