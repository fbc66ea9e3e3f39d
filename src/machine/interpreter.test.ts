import { expect, test } from "bun:test";
import { parseInterpreter } from "./interpreter.ts";

test.each([
  ["no line", "echo hello\n", ["sh"]],
  ["an empty script", "", ["sh"]],
  ["GitLab's own", "#!/usr/bin/env bash\n\ntrap", ["bash"]],
  ["bash by its path", "#!/bin/bash\n", ["bash"]],
  ["one argument", "#!/bin/bash -e\n", ["bash", "-e"]],
  ["blanks around", "#! /bin/sh\t-eu \n", ["/bin/sh", "-eu"]],
  ["one argument that holds blanks", "#!/bin/sh -e -u\n", ["/bin/sh", "-e -u"]],
  ["a program in PATH", "#!/usr/bin/env pwsh\n", ["pwsh"]],
  ["words that env splits", "#!/usr/bin/env -S bash -e -u\n", ["bash", "-e", "-u"]],
  ["the same without a blank", "#!/usr/bin/env -Spython3 -I\n", ["python3", "-I"]],
  ["quotes, which are for env", '#!/usr/bin/env -S sh -c "x"\n', ["/usr/bin/env", '-S sh -c "x"']],
  ["variables, which are for env", "#!/usr/bin/env -S A=1 sh\n", ["/usr/bin/env", "-S A=1 sh"]],
  ["a name with blanks, which env looks for", "#!/usr/bin/env a b\n", ["/usr/bin/env", "a b"]],
  ["an option of env", "#!/usr/bin/env -i\n", ["/usr/bin/env", "-i"]],
  ["env alone", "#!/usr/bin/env\n", ["/usr/bin/env"]],
  ["bytes that are no text", "#!/bin/\x80\n", ["sh"]],
  ["a carriage return", "#!/bin/sh\r\n", ["sh"]],
])("%s", (_title, start, words) => expect(parseInterpreter(start)).toEqual(words));
