const WHOLE = process.env.NSPAWN_RUNNER_TEST_VM === "whole";

/** All of them by `script/test --vm`; else the first, for a machine takes long to boot in a VM. */
export const chosen = <T>(all: readonly T[]): readonly T[] => (WHOLE ? all : all.slice(0, 1));
