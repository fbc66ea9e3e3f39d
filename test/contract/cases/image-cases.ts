/** Images of every kind, and what a script finds in them. */
import type { JobCase } from "./job-case.ts";

export const IMAGE_CASES: readonly JobCase[] = [
  {
    name: "an image without systemd runs the job without booting",
    everyStorage: true,
    wish: { image: "nosystemd", script: ["echo ba''sh $BASH_VERSION"], afterScript: ["pwd"] },
    status: "success",
    has: [/^bash \d/m, "started in"],
  },
  {
    name: "an image without bash gets sh",
    everyStorage: true,
    wish: { image: "nobash", script: ["cat /etc/os-release", "echo ba''sh:$BASH_VERSION"] },
    status: "success",
    has: [/^ID=busybox$/m, /^bash:$/m],
  },
  {
    name: "a server of one step answers in the next",
    everyStorage: true,
    wish: {
      script: [
        "systemd-run --quiet --unit=server python3 -m http.server --bind 127.0.0.1 8104",
        "until curl -so /dev/null 127.0.0.1:8104; do sleep 0.1; done",
        "(exec python3 -m http.server --bind 127.0.0.1 8105 > /dev/null 2>&1) &",
        "until curl -so /dev/null 127.0.0.1:8105; do sleep 0.1; done",
      ],
      afterScript: [
        "for port in 8104 8105; do curl -so /dev/null -w 'co''de %{http_code}\\n' 127.0.0.1:$port; done",
      ],
    },
    status: "success",
    has: [/^code 200\ncode 200$/m],
  },
];
