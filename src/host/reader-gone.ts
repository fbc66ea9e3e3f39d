/**
 * Whether a write failed because nobody reads any more: a pipe whose reader has gone (EPIPE), or a
 * terminal that was closed (EIO). That is no error of ours: nobody wants what we have to say. Pure.
 */
export const isReaderGone = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "EPIPE" || error.code === "EIO");
