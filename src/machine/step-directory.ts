/** What the host and the agent have in common for one step, in the machine's control directory. */
import type { AnswerFifo, Host } from "../host/host.ts";
import type { MachineName } from "../text/names.ts";
import { parseInterpreter } from "./interpreter.ts";
import { CONTROL_INSIDE, machinePaths } from "./machine-paths.ts";

export interface StepDirectory extends Disposable {
  readonly id: string;
  readonly output: string;
  /** Held open by the host until it has read the whole output: its end tells the agent. */
  readonly ack: string;
  /** Where the agent answers to the nth time that it is asked, and to that alone. */
  openAnswers(ask: number): AnswerFifo;
  /** From now on nobody can take the request of that time any more. */
  withdraw(ask: number): void;
}

export interface StepScript {
  readonly name: MachineName;
  readonly idShift: number;
  /** Who runs the script, by its id inside the machine. */
  readonly uid: number;
  readonly script: string;
}

const LINES_OF_SHEBANG_BYTES = 256;

/** All of it or nothing: what a full disk leaves half made is removed. So is all of it in the end. */
export function makeStepDirectory(host: Host, request: StepScript): StepDirectory {
  const id = host.randomName(12);
  const directory = `${machinePaths(request.name).steps}/${id}`;
  const root = request.idShift;
  const user = request.idShift + request.uid;
  const file = `script${extensionOf(request.script)}`;
  const step: StepDirectory = {
    id,
    output: `${directory}/output`,
    ack: `${directory}/ack`,
    openAnswers: (ask) => {
      host.files.makeFifo(`${directory}/result-${ask}`, { mode: 0o600, ownerId: root });
      return host.fifos.openAnswers(`${directory}/result-${ask}`);
    },
    withdraw: (ask) => host.files.remove(`${directory}/result-${ask}`),
    [Symbol.dispose]: () => host.files.remove(directory),
  };
  using undo = new DisposableStack();
  undo.use(step);
  host.files.createDirectory(directory, 0o755);
  host.files.copy(request.script, `${directory}/${file}`, 0o500);
  host.files.setOwner(`${directory}/${file}`, user);
  const words = [
    ...parseInterpreter(host.files.readStart(request.script, LINES_OF_SHEBANG_BYTES)),
    `${CONTROL_INSIDE}/steps/${id}/${file}`,
  ];
  host.files.writeText(`${directory}/command`, `${words.join("\n")}\n`);
  // As /dev/stdout and /dev/stderr a script opens it again, by whatever user.
  host.files.makeFifo(step.output, { mode: 0o622, ownerId: user });
  host.files.makeFifo(step.ack, { mode: 0o600, ownerId: root });
  undo.move();
  return step;
}

/** Of a script whose shell wants one, such as pwsh. Nothing else of its name is taken over. Pure. */
function extensionOf(script: string): string {
  return /\.[A-Za-z0-9]{1,16}$/.exec(script)?.[0] ?? "";
}
