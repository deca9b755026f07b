// The viewer's modules, and their tests.
import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: {globals: globals.browser},
    rules: {
      eqeqeq: "error",
      "max-lines-per-function": ["error", {max: 50}], // a screen
      "no-var": "error",
      "prefer-const": "error",
    },
  },
  {files: ["tests/**"], languageOptions: {globals: globals.node}, rules: {"max-lines-per-function": "off"}},
];
