/** The variable of `job_env` by which the later stages know their machine. */
export const MACHINE_VARIABLE = "NSPAWN_RUNNER_MACHINE";
