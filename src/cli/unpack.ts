/** `internal-unpack FILE`: what a service begins with in which an archive is unpacked. */
import { unpack } from "../image/build/unpack.ts";
import type { Action } from "./context.ts";

export const unpackAction: Action<[string]> = async ({ host }, path) => unpack(host, path);
