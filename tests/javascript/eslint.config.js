// The rules of the pages' scripts. Run from the repository's root: `make lint`.

import js from "@eslint/js";
import globals from "globals";

const rules = {
  ...js.configs.recommended.rules,
  "array-callback-return": "error",
  "consistent-return": "error",
  "eqeqeq": "error",
  "max-lines": ["error", 300],
  "no-constructor-return": "error",
  "no-eval": "error",
  "no-implied-eval": "error",
  "no-promise-executor-return": "error",
  "no-self-compare": "error",
  "no-shadow": "error",
  "no-unused-expressions": ["error", { allowTernary: true, allowShortCircuit: true }],
  "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
  "no-var": "error",
  "object-shorthand": "error",
  "prefer-const": "error",
  "prefer-template": "error",
  "require-atomic-updates": "off",
};

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  { files: ["static/js/*.js", "maintenance_page/*.js", "ospi_supervisor/**/static/**/*.js"], languageOptions: { globals: globals.browser }, rules },
  { files: ["tests/javascript/*.js"], languageOptions: { globals: globals.node }, rules },
];
