/**
 * Whose a machine is: a process, with which it ends. Of a job that is the GitLab Runner which asked
 * for it, whether that is a service or not, and however many programs are in between; of a build, the
 * command that builds. What ends the machines of one that is gone: `owner-watch.ts`, and `gc`.
 */
import * as v from "valibot";
import type { Host, ProcessFacts } from "../host/host.ts";

/** A process id alone is used again; with the process's start (proc_pid_stat(5)) it is not. */
export const ownerSchema = v.object({ pid: v.number(), startTicks: v.number() });

export type Owner = v.InferOutput<typeof ownerSchema>;

/** Names the process whose machines a stage prepares, where that is not a GitLab Runner. */
export const OWNER_VARIABLE = "NSPAWN_RUNNER_OWNER";

/** GitLab Runner's program, whatever follows in its name: `gitlab-runner-19`. */
const RUNNER = /^gitlab-runner/;

type ProcessesHost = Pick<Host, "environment" | "processId"> & {
  readonly processes: Pick<Host["processes"], "probe">;
};

/** Whose the machine of a stage is; nobody's when a person has called it. */
export function findOwner(host: ProcessesHost): Owner | undefined {
  const named = host.environment[OWNER_VARIABLE];
  if (named !== undefined) return ownerOf(host.processes.probe(Number(named)));
  for (const ancestor of ancestors(host))
    if (RUNNER.test(ancestor.command)) return ownerOf(ancestor);
  return undefined;
}

/** Our own process, for machines that must not outlive us. */
export function ownProcess(host: ProcessesHost): Owner | undefined {
  return ownerOf(host.processes.probe(host.processId));
}

export function isSameOwner(one: Owner | undefined, other: Owner): boolean {
  return one?.pid === other.pid && one.startTicks === other.startTicks;
}

export function ownerIsGone(host: ProcessesHost, owner: Owner | undefined): boolean {
  return owner !== undefined && host.processes.probe(owner.pid)?.startTicks !== owner.startTicks;
}

/** From our parent up. One that dies meanwhile ends the line: who is orphaned has no runner any more. */
function* ancestors(host: ProcessesHost): Generator<ProcessFacts> {
  let process = host.processes.probe(host.processId);
  while (process !== undefined && process.parent > 0) {
    process = host.processes.probe(process.parent);
    if (process !== undefined) yield process;
  }
}

function ownerOf(process: ProcessFacts | undefined): Owner | undefined {
  return process === undefined ? undefined : { pid: process.id, startTicks: process.startTicks };
}
