import assert from "node:assert/strict";
import { test } from "node:test";
import { LimbeckError } from "../../base/errors.ts";
import type { Direction } from "../types.ts";
import { translationFailed } from "./engine.ts";
import { english, fakeEngine, never, segment } from "./fakes.test.support.ts";
import { translateSegment, translateSegments } from "./guard.ts";
import { placeholderForms } from "./placeholders.ts";

const words: Readonly<Record<string, string>> = {
  "I edited ⟦0⟧ and ⟦1⟧.": "Edité ⟦0⟧ y ⟦1⟧.",
  "I edited": "Edité",
  and: "y",
  "Done.": "Hecho.",
};
const dictionary = (texts: readonly string[]): readonly string[] => texts.map((text) => words[text] ?? text);

/** What a voice gets when a segment is answered with `answer`. */
async function outcome(marked: string, answer: string, direction: Direction = english): Promise<string> {
  const engine = fakeEngine((texts) => texts.map(() => answer), direction);
  const { text, language, translated, reason } = await translateSegment(engine, segment(marked), never);
  assert.equal(language, translated ? direction.target : direction.source);
  assert.equal(reason === undefined, translated);
  if (!translated) assert.equal(text, segment(marked).text);
  return translated ? text : `untranslated: ${reason}`;
}

test("a segment is translated around its verbatim parts, and tells where they are", async () => {
  const engine = fakeEngine(dictionary);
  assert.deepEqual(await translateSegment(engine, segment("I edited «a.ts» and «lib_b»."), never), {
    text: "Edité a.ts y lib_b.",
    language: "es",
    translated: true,
    verbatim: [
      [6, 10],
      [13, 18],
    ],
  });
});

test("segments that wait together are one call, and only those that lost a part are tried again, in pieces", async () => {
  const engine = fakeEngine((texts) =>
    dictionary(texts).map((text) => text.replace("Edité ⟦0⟧ y ⟦1⟧", "Edité ⟦1⟧")),
  );
  const all = [segment("Done."), segment("«main.rs»"), segment("I edited «a.ts» and «b.ts».")];
  const texts = (await translateSegments(engine, all, never)).map(({ text, translated }) => ({
    text,
    translated,
  }));
  assert.deepEqual(texts, [
    { text: "Hecho.", translated: true },
    { text: "main.rs", translated: true },
    { text: "Edité a.ts y b.ts.", translated: true },
  ]);
  assert.deepEqual(engine.calls, [
    ["Done.", "I edited ⟦0⟧ and ⟦1⟧."],
    ["I edited", "and"],
  ]);
});

test("an engine's failure leaves the segment in its own language, with the reason", async () => {
  const failing = fakeEngine(() => Promise.reject(translationFailed("fake", "the model is gone")));
  assert.deepEqual(await translateSegment(failing, segment("I edited «a.ts»."), never), {
    text: "I edited a.ts.",
    language: "en",
    translated: false,
    reason: "fake: the model is gone",
    verbatim: [[9, 13]],
  });
  const crashing = fakeEngine(() => Promise.reject(new TypeError("x is not a function")));
  assert.equal(
    (await translateSegment(crashing, segment("Done."), never)).reason,
    "fake: x is not a function",
  );
  const miscounting = fakeEngine(() => []);
  assert.equal(
    (await translateSegment(miscounting, segment("Done."), never)).reason,
    "fake: expected 1 texts, got 0",
  );
});

test("only an interruption is an error", async () => {
  const stop = new AbortController();
  const engine = fakeEngine(() => {
    stop.abort();
    throw new Error("stopped");
  });
  const isCancelled = (error: unknown): boolean =>
    error instanceof LimbeckError && error.code === "cancelled";
  await assert.rejects(translateSegment(engine, segment("Done."), stop.signal), isCancelled);
  await assert.rejects(translateSegment(engine, segment("Done."), stop.signal), isCancelled);
  assert.equal(engine.calls.length, 1);
});

test("what is no translation is not spoken as one", async () => {
  const long = "I will now look at the failing test and find out what is wrong.";
  assert.equal(await outcome("Done.", "Hecho."), "Hecho.");
  assert.equal(await outcome("Done.", ""), "untranslated: the translation is empty");
  assert.equal(await outcome("Done.", "…"), "untranslated: the translation is empty");
  assert.equal(await outcome("Done.", "done"), "untranslated: the text came back untranslated");
  assert.equal(
    await outcome("Done.", "hecho ".repeat(3) + "muy bien ".repeat(6)),
    "untranslated: the translation has 57 letters for 4",
  );
  assert.equal(await outcome(long, "Sí."), "untranslated: the translation has 2 letters for 49");
  assert.equal(
    await outcome(long, "Ahora la la la la la la prueba."),
    'untranslated: the translation repeats "la"',
  );
  assert.equal(await outcome("Done.", "Hecho QX0."), "untranslated: a placeholder was left over");
  assert.equal(await outcome(long, long), "untranslated: the text came back untranslated");
});

test("another script is asked for where the language has one", async () => {
  const japanese = { source: "en", target: "ja" };
  assert.equal(
    await outcome("The test passed.", "テストに合格しました。", japanese),
    "テストに合格しました。",
  );
  assert.equal(
    await outcome("The test passed.", "The tests passed.", japanese),
    "untranslated: no letter of ja came back",
  );
});

test("names and numbers alone are the same in every language, and no engine is asked", async () => {
  const engine = fakeEngine(() => assert.fail("was asked"));
  for (const marked of ["«main.rs»", "«42»", "OK.", "«a.ts», «b.ts»!", "…"]) {
    const { text, language, translated } = await translateSegment(engine, segment(marked), never);
    assert.deepEqual(
      { text, language, translated },
      { text: segment(marked).text, language: "es", translated: true },
    );
  }
});

test("a text that looks like a placeholder is translated in pieces, and kept", async () => {
  const engine = fakeEngine((texts) => texts.map((text) => text.replace("Write ⟦0⟧ for", "Escribe ⟦0⟧ por")));
  const { text, translated } = await translateSegment(engine, segment("Write ⟦0⟧ for «x»."), never);
  assert.deepEqual({ text, translated }, { text: "Escribe ⟦0⟧ por x.", translated: true });
});

test("plain numbers go along where the engine keeps them", async () => {
  const engine = fakeEngine(
    (texts) => texts.map((text) => text.replace("tests failed", "pruebas fallaron")),
    english,
    placeholderForms.names,
  );
  const { text, verbatim } = await translateSegment(engine, segment("«3» tests failed"), never);
  assert.deepEqual({ text, verbatim }, { text: "3 pruebas fallaron", verbatim: [[0, 1]] });
  assert.deepEqual(engine.calls, [["3 tests failed"]]);
});
