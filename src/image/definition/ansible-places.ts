/** Where Ansible finds what is beside a playbook, as its configuration has it. Pure. */
import { resolve } from "node:path";
import type { Configuration } from "../ansible/configuration.ts";
import { IMAGE_GROUP, inventoryName } from "./host-pattern.ts";

/** Where Ansible looks besides, where nobody says otherwise. */
const USUAL_PATHS = {
  roles: "~/.ansible/roles:/usr/share/ansible/roles:/etc/ansible/roles",
  collections: "~/.ansible/collections:/usr/share/ansible/collections",
};

/** What is used without being named. */
const PLUGINS: readonly string[] = [
  ...["library", "module_utils", "doc_fragments"],
  ...["action", "become", "cache", "callback", "cliconf", "connection", "filter", "inventory"].map(
    (kind) => `${kind}_plugins`,
  ),
  ...["lookup", "shell", "strategy", "terminal", "test", "vars"].map((kind) => `${kind}_plugins`),
];
const FILES: readonly string[] = ["ansible.cfg", "requirements.yml", "requirements.yaml"];
const VARIABLES: readonly string[] = ["", ".yml", ".yaml", ".json"];

/** Relative to the playbook's directory. */
export function usedUnnamed(image: string): readonly string[] {
  const groups = ["all", IMAGE_GROUP].map((group) => `group_vars/${group}`);
  const variables = [...groups, `host_vars/${inventoryName(image)}`];
  return [
    ...FILES,
    ...PLUGINS,
    ...variables.flatMap((path) => VARIABLES.map((ending) => path + ending)),
  ];
}

/** The same for Ansible itself, where requirements are installed first: there galaxy puts them. */
export function searchPaths(
  directory: string,
  configuration: Configuration | undefined,
  installed: string,
): { readonly ANSIBLE_ROLES_PATH: string; readonly ANSIBLE_COLLECTIONS_PATH: string } {
  const roles = configuration?.get("defaults.roles_path");
  const collections = configuration?.get("defaults.collections_path", "defaults.collections_paths");
  const usual = (name: "roles" | "collections") => `${directory}/${name}:${USUAL_PATHS[name]}`;
  return {
    ANSIBLE_ROLES_PATH: `${installed}/roles:${roles ?? usual("roles")}`,
    ANSIBLE_COLLECTIONS_PATH: `${installed}/collections:${collections ?? usual("collections")}`,
  };
}

/** Directories that hold roles, the first first. */
export function rolePaths(
  directory: string,
  configuration: Configuration | undefined,
  home: string,
): readonly string[] {
  const said = configuration?.get("defaults.roles_path") ?? USUAL_PATHS.roles;
  return [`${directory}/roles`, ...splitPaths(said, directory, home)];
}

/** Directories that hold `ansible_collections`. */
export function collectionPaths(
  directory: string,
  configuration: Configuration | undefined,
  home: string,
): readonly string[] {
  const said =
    configuration?.get("defaults.collections_path", "defaults.collections_paths") ??
    USUAL_PATHS.collections;
  return [`${directory}/collections`, ...splitPaths(said, directory, home)];
}

const splitPaths = (text: string, directory: string, home: string): string[] =>
  text
    .split(":")
    .map((path) => path.trim())
    .filter((path) => path !== "")
    .map((path) => resolve(directory, path.replace(/^~(?=\/|$)/, home)));
