/** Whether what repeats itself does so for long: `script/test --soak`. */
export const SOAKS = process.env.NSPAWN_RUNNER_SOAK === "1";
