/** Our units inside a machine that boots: the agent, and the wait for a network of its own. Pure. */
import { CONTROL_INSIDE } from "./machine-paths.ts";

/** Inside a machine: a directory of the control directory, which holds these units. */
export const UNITS_INSIDE = `${CONTROL_INSIDE}/units`;
export const AGENT_UNIT = "nspawn-runner-agent.service";

export const NETWORK_UNIT = "nspawn-runner-network.service";

/**
 * Inside a machine that boots, with a network of its own: what comes after network.target waits
 * until the host has set the network up (systemd.special(7): a provider is before that target, and
 * wants it).
 */
export const NETWORK_UNIT_TEXT = `[Unit]
Description=Waits for the network, which the host sets up
DefaultDependencies=no
Wants=network.target
Before=network.target network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'read -r _ <${CONTROL_INSIDE}/network'
`;

const READY_TARGET = "multi-user.target";

/** The agent's unit inside a machine that boots. */
export function agentUnitText(readyTarget = READY_TARGET): string {
  const wants = readyTarget === READY_TARGET ? "" : `Wants=${readyTarget}\n`;
  return `[Unit]
Description=Runs the steps of the job
DefaultDependencies=no
After=${readyTarget}
${wants}IgnoreOnIsolate=yes
StartLimitIntervalSec=0

[Service]
ExecStart=/bin/sh ${CONTROL_INSIDE}/agent
Restart=always
RestartSec=100ms
KillMode=process
IgnoreSIGPIPE=no
OOMPolicy=continue
Delegate=yes
TasksMax=infinity
StandardInput=null
`;
}
