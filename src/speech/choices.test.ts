import assert from "node:assert/strict";
import { test } from "node:test";
import { streamFormatChoices, translatorChoices } from "./choices.ts";
import { streamFormats } from "./parse/parser.ts";
import { translatorEngines } from "./translate/translators.ts";

test("options take the names that the code behind them has", () => {
  assert.deepEqual(streamFormatChoices, streamFormats);
  assert.deepEqual(translatorChoices, translatorEngines);
});
