import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { segment } from "./fakes.test.support.ts";
import {
  cutAtVerbatim,
  join,
  type PlaceholderForm,
  placeholderForms,
  protect,
  restore,
} from "./placeholders.ts";

const forms = Object.entries(placeholderForms);

test("any verbatim parts come back exactly, in whatever order they return", () => {
  const kept = fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" });
  const words = fc.stringMatching(/^[a-zé ,.]{0,10}$/);
  for (const [name, form] of forms) {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(words, kept), { maxLength: 12 }),
        words,
        fc.infiniteStream(fc.nat()),
        (pairs, last, draws) => {
          // A placeholder that is letters needs a space around it, as a word in a sentence has.
          const parts = pairs.map(([text, part]) => ({ text: `${text} `, part }));
          const verbatim: [number, number][] = [];
          let text = "";
          for (const { text: before, part } of parts) {
            text += before;
            verbatim.push([text.length, text.length + part.length]);
            text += `${part} `;
          }
          text += last;
          const cut = cutAtVerbatim({ text, verbatim });
          assert.deepEqual(
            cut.kept,
            parts.map(({ part }) => part),
          );
          assert.equal(join(cut.around, cut.kept).text, text);
          const sent = protect(cut, form)!;
          const same = restore(sent.text, sent, form);
          assert.deepEqual(same, { text, verbatim }, name);
          // Placeholders in another order: as many, each whole.
          const order = sent.kept.map((_, i) => i).sort(() => ((draws.next().value as number) % 3) - 1);
          let next = 0;
          const mixed = sent.text.replace(form.pattern, () => form.write(order[next++]!));
          const restored = restore(mixed, sent, form);
          assert.ok("text" in restored);
          const back = cutAtVerbatim(restored).kept.filter((part) => !sent.numbers.includes(part));
          const expected = order.map((i) => sent.kept[i]!).filter((part) => !sent.numbers.includes(part));
          assert.deepEqual(back, expected);
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  }
});

const cut = cutAtVerbatim(segment("I edited «a.ts» and «b.ts» in «3» minutes."));

test("what is lost, doubled, made up or grown together with a word is told", () => {
  const reasonOf = (text: string, form: PlaceholderForm): string | undefined => {
    const restored = restore(text, protect(cut, form)!, form);
    return "reason" in restored ? restored.reason : undefined;
  };
  const { brackets, bracketsAndNumbers, names } = placeholderForms;
  assert.equal(protect(cut, brackets)!.text, "I edited ⟦0⟧ and ⟦1⟧ in ⟦2⟧ minutes.");
  assert.equal(protect(cut, bracketsAndNumbers)!.text, "I edited ⟦0⟧ and ⟦1⟧ in 3 minutes.");
  assert.equal(reasonOf("Edité ⟦0⟧ y ⟦1⟧ en ⟦2⟧ minutos.", brackets), undefined);
  assert.equal(reasonOf("Edité ⟦0⟧ en ⟦2⟧ minutos.", brackets), '"b.ts" was lost');
  assert.equal(reasonOf("Edité ⟦0⟧ y ⟦1⟧ y ⟦0⟧ en ⟦2⟧.", brackets), '"a.ts" came back twice');
  assert.equal(reasonOf("Edité ⟦0⟧ y ⟦1⟧ en ⟦2⟧ y ⟦3⟧.", brackets), "a placeholder was made up: ⟦3⟧");
  assert.equal(reasonOf("Edité ⟦0⟧ y ⟦1⟧ en tres minutos.", bracketsAndNumbers), '"3" was lost');
  assert.equal(reasonOf("Edité ⟦0⟧ y ⟦1⟧ en 13 minutos.", bracketsAndNumbers), '"3" was lost');
  assert.equal(reasonOf("Edité QX0s y QX1 en 3 minutos.", names), '"a.ts" was lost');
});

test("numbers that went along are marked among the others, in order", () => {
  const form = placeholderForms.names;
  const counted = cutAtVerbatim(segment("«3» of «14» tests in «a.ts» failed «3» times."));
  const sent = protect(counted, form)!;
  assert.deepEqual(sent, {
    text: "3 of 14 tests in QX0 failed 3 times.",
    kept: ["a.ts"],
    numbers: ["3", "14", "3"],
  });
  assert.deepEqual(restore("3 de 14 pruebas en QX0 fallaron 3 veces.", sent, form), {
    text: "3 de 14 pruebas en a.ts fallaron 3 veces.",
    verbatim: [
      [0, 1],
      [5, 7],
      [19, 23],
      [33, 34],
    ],
  });
  assert.deepEqual(restore("3 de 14 pruebas en QX0 fallaron.", sent, form), { reason: '"3" was lost' });
});

test("a text that holds what looks like a placeholder is not protected with it", () => {
  assert.equal(protect(cutAtVerbatim(segment("Write ⟦0⟧ for «x».")), placeholderForms.brackets), undefined);
  assert.notEqual(protect(cutAtVerbatim(segment("Write ⟦0⟧ for «x».")), placeholderForms.names), undefined);
});

test("verbatim parts that overlap or leave the text are our own bug", () => {
  for (const verbatim of [
    [
      [0, 3],
      [2, 4],
    ],
    [[3, 9]],
    [[2, 2]],
  ] as [number, number][][]) {
    assert.throws(() => cutAtVerbatim({ text: "abcdef", verbatim }), { code: "internal" });
  }
});
