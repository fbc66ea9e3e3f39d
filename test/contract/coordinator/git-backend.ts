/** Git over smart HTTP, by git's own CGI program: git-http-backend(1). */

/** Answers one request for a repository under `root`. */
export async function serveGit(request: Request, root: string): Promise<Response> {
  const url = new URL(request.url);
  const child = Bun.spawn(["git", "http-backend"], {
    stdin: new Uint8Array(await request.arrayBuffer()),
    stdout: "pipe",
    stderr: "inherit",
    env: {
      PATH: process.env.PATH ?? "",
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GATEWAY_INTERFACE: "CGI/1.1",
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers.get("content-type") ?? "",
      HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
      GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
    },
  });
  return parseCgiResponse(new Uint8Array(await new Response(child.stdout).arrayBuffer()));
}

/** A CGI program's output (RFC 3875): header lines, an empty line, the body. Pure. */
export function parseCgiResponse(bytes: Uint8Array): Response {
  const end = Buffer.from(bytes).indexOf("\r\n\r\n");
  if (end === -1) return new Response("The CGI program answered nothing.", { status: 502 });
  const headers = new Headers();
  let status = 200;
  for (const line of Buffer.from(bytes.subarray(0, end)).toString("latin1").split("\r\n")) {
    const [name = "", value = ""] = line.split(/:\s*(.*)/s, 2);
    if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
    else headers.append(name, value);
  }
  return new Response(bytes.slice(end + 4), { status, headers });
}
