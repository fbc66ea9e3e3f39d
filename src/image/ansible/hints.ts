/** What to do about a playbook that failed, by the words of those who know only half of it. Pure. */

const HINTS: readonly (readonly [words: RegExp, hint: string])[] = [
  [
    /sudo: (?:command )?not found|sudo: No such file/,
    'The image has no sudo. Leave "become_method" out, and it is su; or add sudo to nspawn_runner_packages.',
  ],
  [
    /\bsu: (?:command )?not found/,
    "The image has no su: add the package that has it (util-linux) to nspawn_runner_packages.",
  ],
  [
    /temporary files? Ansible needs to create when becoming an unprivileged user/,
    "Add acl to nspawn_runner_packages.",
  ],
  [
    /Read-only file system|\[Errno 30\]/,
    'What a task does on the host that builds can write to "/tmp" alone, which is not the host\'s.',
  ],
  [
    /no vault secrets|Decryption failed/i,
    "Name a file with the password in an ansible.cfg beside the definition: vault_password_file.",
  ],
];

export const hintsFor = (words: string): string[] =>
  HINTS.flatMap(([pattern, hint]) => (pattern.test(words) ? [hint] : []));
