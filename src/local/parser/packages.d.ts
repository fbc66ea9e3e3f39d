declare module "gitlab-ci-local/dist/index.js";
