/** A self-signed certificate for one address, made anew for each use. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";

export interface Certificate extends Disposable {
  readonly cert: string;
  readonly key: string;
  /** The file for the runner's `tls-ca-file`. */
  readonly certFile: string;
}

export function makeCertificate(address: string): Certificate {
  const directory = mkdtempSync("/tmp/nspawn-runner-certificate-");
  const certFile = `${directory}/cert.pem`;
  const keyFile = `${directory}/key.pem`;
  const { exitCode, stderr } = Bun.spawnSync([
    "openssl",
    "req",
    "-x509",
    "-newkey=ec",
    "-pkeyopt=ec_paramgen_curve:prime256v1",
    "-noenc",
    "-days=1",
    `-subj=/CN=${address}`,
    `-addext=subjectAltName=IP:${address}`,
    `-keyout=${keyFile}`,
    `-out=${certFile}`,
  ]);
  if (exitCode !== 0) throw new Error(`openssl ended with ${exitCode}: ${stderr}`);
  return {
    cert: readFileSync(certFile, "utf8"),
    key: readFileSync(keyFile, "utf8"),
    certFile,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
