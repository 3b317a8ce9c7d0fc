import assert from "node:assert/strict";
import { test } from "node:test";
import { firstPiece } from "./first-piece.ts";

test("a long text is cut at the last place to breathe, and a comma keeps the voice up", () => {
  assert.deepEqual(
    firstPiece("The parser now reads both line ends after a restart of the server.", "en", 48),
    ["The parser now reads both line ends,", "after a restart of the server."],
  );
  assert.deepEqual(
    firstPiece("Once it was restarted, the parser handled both line ends again.", "en-GB", 30),
    ["Once it was restarted,", "the parser handled both line ends again."],
  );
  assert.deepEqual(
    firstPiece("El analizador lee los dos finales de línea después de un reinicio.", "es", 48),
    ["El analizador lee los dos finales de línea,", "después de un reinicio."],
  );
});

test("what is short, has no such place, or is in a language that is not known stays whole", () => {
  assert.equal(firstPiece("The tests pass in time.", "en", 48), undefined);
  assert.equal(
    firstPiece("Unquestionably incomprehensible misunderstandings notwithstanding everything.", "en", 48),
    undefined,
  );
  assert.equal(firstPiece("Wir lesen (was lange gedauert hat, in der Tat) alles.", "de", 40), undefined);
  assert.equal(
    firstPiece("これはとても長い文章です。 でも in the end 区切る場所がありません。", "ja", 20),
    undefined,
  );
  // Neither piece is a word or two.
  assert.equal(
    firstPiece("Look in here: everything is unquestionably incomprehensible now.", "en", 13),
    undefined,
  );
});

test("no word is lost", () => {
  const text = "It reads, in time, what the server sent before it was stopped and started again on Windows.";
  for (let most = 10; most < 90; most++) {
    const pieces = firstPiece(text, "en", most);
    if (pieces === undefined) continue;
    assert.equal(pieces.join(" ").replaceAll(",", ""), text.replaceAll(",", ""));
    assert.ok(pieces[0].length <= most + 1);
  }
});
