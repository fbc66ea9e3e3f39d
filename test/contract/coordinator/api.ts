/** What GitLab answers GitLab Runner: `/api/v4`, as far as a job needs it. */
import type { DeskEntry, FinalReport, JobDesk } from "./job-desk.ts";

const LONG_POLL_MS = 20_000;
/** The shortest that the header can say; the runner's own is three seconds. */
const UPDATE_SECONDS = "1";

/** Routes for `Bun.serve`. */
export function openApi(desk: JobDesk) {
  return {
    "/api/v4/runners/verify": { POST: verifyRunner },
    "/api/v4/runners/router/discovery": { GET: () => new Response(null, { status: 501 }) },
    "/api/v4/jobs/request": { POST: (request: Request) => requestJob(desk, request) },
    "/api/v4/jobs/:id": {
      PUT: (request: JobRequest) => withJob(desk, request, (entry) => updateJob(entry, request)),
    },
    "/api/v4/jobs/:id/trace": {
      PATCH: (request: JobRequest) => withJob(desk, request, (entry) => appendLog(entry, request)),
    },
    "/api/v4/jobs/:id/artifacts": {
      POST: (request: JobRequest) =>
        withJob(desk, request, (entry) => storeArtifacts(entry, request)),
      GET: (request: JobRequest) => withJob(desk, request, async (entry) => loadArtifacts(entry)),
    },
  };
}

type JobRequest = Bun.BunRequest<"/api/v4/jobs/:id">;

async function verifyRunner(request: Request): Promise<Response> {
  const { token } = parseObject(await request.json());
  return Response.json({ id: 1, token, token_expires_at: null });
}

async function requestJob(desk: JobDesk, request: Request): Promise<Response> {
  const { token } = parseObject(await request.json());
  if (typeof token !== "string") return forbidden();
  const late = AbortSignal.any([AbortSignal.timeout(LONG_POLL_MS), request.signal]);
  const job = await desk.take(token, late);
  return job === undefined
    ? new Response(null, { status: 204 })
    : Response.json(job, { status: 201 });
}

async function withJob(
  desk: JobDesk,
  request: JobRequest,
  answer: (entry: DeskEntry) => Promise<Response>,
): Promise<Response> {
  const entry = desk.find(Number(request.params.id), request.headers.get("job-token"));
  return entry === undefined ? forbidden() : answer(entry);
}

const forbidden = (): Response => Response.json({ message: "403 Forbidden" }, { status: 403 });

async function updateJob(entry: DeskEntry, request: Request): Promise<Response> {
  const { state, failure_reason, exit_code } = parseObject(await request.json());
  if (state === "success" || state === "failed") {
    const report: FinalReport = {
      state,
      failureReason: String(failure_reason ?? ""),
      exitCode: Number(exit_code ?? 0),
    };
    entry.end(report);
  }
  return Response.json(null, { headers: jobHeaders(entry) });
}

/** A piece must begin where the last one ended: else 416, and the runner sends it again. */
async function appendLog(entry: DeskEntry, request: Request): Promise<Response> {
  const piece = new Uint8Array(await request.arrayBuffer());
  const begun = entry.log.bytes().length;
  const from = Number(/^(\d+)-\d+$/.exec(request.headers.get("content-range") ?? "")?.[1]);
  if (from !== begun) {
    return new Response(null, {
      status: 416,
      headers: { ...jobHeaders(entry), Range: `0-${begun}` },
    });
  }
  entry.log.write(piece);
  const range = `0-${begun + piece.length}`;
  return new Response(null, { status: 202, headers: { ...jobHeaders(entry), Range: range } });
}

function jobHeaders(entry: DeskEntry): Record<string, string> {
  return { "Job-Status": entry.status(), "X-GitLab-Trace-Update-Interval": UPDATE_SECONDS };
}

async function storeArtifacts(entry: DeskEntry, request: Request): Promise<Response> {
  const file = (await request.formData()).get("file");
  if (!(file instanceof Blob)) return new Response(null, { status: 400 });
  entry.artifacts.push(new Uint8Array(await file.arrayBuffer()));
  return Response.json({ message: "201 Created" }, { status: 201 });
}

function loadArtifacts(entry: DeskEntry): Response {
  const [archive] = entry.artifacts;
  if (archive === undefined) return new Response(null, { status: 404 });
  return new Response(archive.slice(), { headers: { "Content-Type": "application/zip" } });
}

/** Nothing of a body that is not an object is of use. */
function parseObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
